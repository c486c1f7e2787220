#include "authority/ocsp_signer.hpp"

#include <algorithm>

#include "base/files.hpp"

namespace ymgr {
namespace ca {

OcspFiles ocsp_files(const std::string& folder, const IssuerRow& row) {
  const std::string stem = folder + (row.is_active() ? "/ocsp" : "/ocsp-" + row.issuer_id);
  return {stem + ".key", stem + ".pem"};
}

bool is_signer_of(const Certificate& signer, const Certificate& issuer) {
  return signer.issuer == issuer.subject && signer.authority_key_id == issuer.subject_key_id;
}

}  // namespace ca

namespace {

using namespace ca;

constexpr Duration signer_life = std::chrono::days(30);

/// A pair of this issuer in the first half of its life.
bool is_fresh(const OcspFiles& files, const Certificate& issuer, Time at) {
  const auto pem = read_file_if_there(files.certificate);
  if (!pem || !exists(files.key)) return false;
  const Certificate signer = parse_certificate(*pem);
  if (!is_signer_of(signer, issuer) || !is_pair(signer, PrivateKey::from_pem(read_secret_file(files.key))))
    return false;
  return at < signer.not_before + (signer.not_after - signer.not_before) / 2;
}

void make_signer(const OcspFiles& files, const Issuer& issuer, Time at) {
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const Certificate& above = issuer.certificate();
  const Time from = std::max(floor_seconds(at), above.not_before);
  const Time until = std::min(from + signer_life - std::chrono::seconds(1), above.not_after);
  const Der der = make_ocsp_signer(issuer, key.public_key(), new_serial(), from, until);
  // In between the two the pair does not match: the responder says tryLater, and the next run makes both anew.
  const Secret pem = key.pem();
  write_file(files.key, pem.reveal(), {0600, std::nullopt});
  write_file(files.certificate, to_pem(der, "CERTIFICATE"), {0644, std::nullopt});
}

}  // namespace

bool refresh_ocsp_signer(sql::Connection& db, const DataKey& data_key, const std::string& folder, bool force) {
  const Time at = now();
  bool renewed = false;
  make_folders(folder, 0700);
  for (const IssuerRow& row : issuer_rows(db)) {
    if (!row.is_issuing() || !row.is_live(at)) continue;
    const OcspFiles files = ocsp_files(folder, row);
    const Certificate certificate = parse_certificate(row.certificate);
    if (!force && is_fresh(files, certificate, at)) continue;
    make_signer(files, {certificate, PrivateKey::from_pkcs8(issuing_key(db, data_key, row))}, at);
    renewed = true;
  }
  return renewed;
}

}  // namespace ymgr
