#include "authority/ocsp_signer.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"

namespace ymgr {
namespace ca {
namespace {

bool is_signer_of(const Certificate& signer, const Certificate& issuer) {
  return signer.issuer == issuer.subject && signer.authority_key_id == issuer.subject_key_id;
}

}  // namespace

OcspFiles ocsp_files(const std::string& folder, const IssuerRow& row) {
  const std::string stem = folder + (row.is_active() ? "/ocsp" : "/ocsp-" + row.issuer_id);
  return {stem + ".key", stem + ".pem"};
}

std::optional<Issuer> load_ocsp_signer(const OcspFiles& files, const Certificate& issuer) {
  try {
    const auto pem = read_file_if_there(files.certificate);
    if (!pem || !exists(files.key)) return std::nullopt;
    const Certificate signer = parse_certificate(*pem);
    PrivateKey key = PrivateKey::from_pem(read_secret_file(files.key));
    if (!is_signer_of(signer, issuer) || !is_pair(signer, key)) return std::nullopt;
    return Issuer(signer, std::move(key));
  } catch (const Error&) {  // can't be used, so another is made
    return std::nullopt;
  }
}

}  // namespace ca

namespace {

using namespace ca;

constexpr Duration signer_life = std::chrono::days(30);

/// In the first half of its life.
bool is_fresh(const Certificate& signer, Time at) {
  return at < signer.not_before + (signer.not_after - signer.not_before) / 2;
}

Certificate make_signer(const OcspFiles& files, const Issuer& issuer, Time at) {
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const Certificate& above = issuer.certificate();
  const Time from = std::max(floor_seconds(at), above.not_before);
  const Time until = std::min(from + signer_life - std::chrono::seconds(1), above.not_after);
  const Der der = make_ocsp_signer(issuer, key.public_key(), new_serial(), from, until);
  // In between the two the pair does not match: the responder says tryLater, and the next run makes both anew.
  const Secret pem = key.pem();
  write_file(files.key, pem.reveal(), {0600, std::nullopt});
  write_file(files.certificate, to_pem(der, "CERTIFICATE"), {0644, std::nullopt});
  return parse_certificate(der.bytes);
}

}  // namespace

std::vector<Certificate> refresh_ocsp_signer(sql::Connection& db, const DataKey& data_key, const std::string& folder,
                                             bool force) {
  const Time at = now();
  std::vector<Certificate> made;
  const Fd lock = lock_files(folder);
  for (const IssuerRow& row : issuer_rows(db)) {
    if (!row.is_issuing() || !row.is_live(at)) continue;
    const OcspFiles files = ocsp_files(folder, row);
    const Certificate certificate = parse_certificate(row.certificate);
    const auto there = load_ocsp_signer(files, certificate);
    if (!force && there && is_fresh(there->certificate(), at)) continue;
    made.push_back(make_signer(files, {certificate, PrivateKey::from_pkcs8(issuing_key(db, data_key, row))}, at));
  }
  return made;
}

}  // namespace ymgr
