// Certificates, CRLs and OCSP answers for everybody, from the database and the OCSP signer's files alone.
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "authority/ocsp_signer.hpp"
#include "authority/store.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

using namespace ca;

constexpr Duration ocsp_life = std::chrono::hours(1);
constexpr Duration ocsp_cache = std::chrono::minutes(5);
constexpr Duration crl_cache = std::chrono::minutes(5);
constexpr Duration certificate_cache = std::chrono::hours(1);

/// Changes with every rewrite of the file; the first is false when there is none.
using FileStamp = std::tuple<bool, std::int64_t, std::int64_t, std::uint64_t>;

FileStamp stamp_of(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return {};
  return {true, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ino};
}

struct LoadedSigner {
  FileStamp key_stamp, certificate_stamp;
  std::optional<Issuer> signer;
};

CaAnswer text_answer(int status, std::string text) {
  return {status, "text/plain", std::move(text) + "\n", {}, {}};
}
CaAnswer not_found() {
  return text_answer(404, "there is no such thing here");
}
CaAnswer ocsp_answer(std::string der, std::optional<Duration> max_age) {
  return {200, "application/ocsp-response", std::move(der), max_age, {}};
}

CaAnswer pem_answer(const IssuerRow* row, std::string_view rest = {}) {
  if (row == nullptr || row->certificate.empty()) return not_found();
  return {200, "application/x-pem-file", row->certificate + std::string(rest), certificate_cache, {}};
}

CaAnswer der_answer(const IssuerRow* row) {
  if (row == nullptr || row->certificate.empty()) return not_found();
  return {200, "application/pkix-cert", from_pem(row->certificate, "CERTIFICATE").value().bytes, certificate_cache, {}};
}

CaAnswer crl_answer(const IssuerRow* row) {
  if (row == nullptr || row->crl.empty()) return not_found();
  const Duration left = row->crl_next_update.value_or(Time()) - now();
  return {200,
          "application/pkix-crl",
          from_pem(row->crl, "X509 CRL").value().bytes,
          std::clamp(left, Duration::zero(), crl_cache),
          {}};
}

/// nullopt: a % without two hex digits after it.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    result += *byte;
    i += 2;
  }
  return result;
}

/// ID of "/crl/ID.crl"; nullopt: another path.
std::optional<std::string_view> id_between(std::string_view path, std::string_view head, std::string_view tail) {
  if (!path.starts_with(head) || !path.ends_with(tail) || path.size() < head.size() + tail.size()) return std::nullopt;
  return path.substr(head.size(), path.size() - head.size() - tail.size());
}

const IssuerRow* find_row(const std::vector<IssuerRow>& rows, std::string_view issuer_id) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const IssuerRow& r) { return r.issuer_id == issuer_id; });
  return found == rows.end() ? nullptr : &*found;
}

const IssuerRow* find_active(const std::vector<IssuerRow>& rows, std::string_view kind) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const IssuerRow& r) { return r.kind == kind && r.is_active(); });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

struct CaResponder::State {
  sql::Connection& db;
  std::string folder;
  std::map<std::string, Certificate, std::less<>> certificates;  // by PEM
  std::map<std::string, LoadedSigner, std::less<>> signers;      // by issuer id

  CaAnswer file(std::string_view path);
  CaAnswer ocsp(std::string_view der, bool cacheable);
  CaAnswer answer_from(const IssuerRow&, const OcspRequest&, bool cacheable);
  OcspAnswer status(const IssuerRow&, const OcspCertId&);
  const Certificate& certificate(const IssuerRow&);
  const Issuer* signer(const IssuerRow&, Time at);
  void load(LoadedSigner&, const OcspFiles&, const Certificate& issuer);
};

CaAnswer CaResponder::State::file(std::string_view path) {
  const std::vector<IssuerRow> rows = issuer_rows(db);
  const IssuerRow* active = find_active(rows, "issuing");
  if (path == "/ca.pem") return pem_answer(active);
  if (path == "/chain.pem") return pem_answer(active, active == nullptr ? "" : active->chain);
  if (path == "/root.pem") return pem_answer(find_active(rows, "root"));
  if (path == "/ca.crt") return der_answer(active);
  if (path == "/crl") return crl_answer(active);
  if (const auto id = id_between(path, "/ca/", ".crt")) return der_answer(find_row(rows, *id));
  if (const auto id = id_between(path, "/crl/", ".crl")) return crl_answer(find_row(rows, *id));
  return not_found();
}

CaAnswer CaResponder::State::ocsp(std::string_view der, bool cacheable) {
  const Time at = now();
  for (const IssuerRow& row : issuer_rows(db)) {
    if (!row.is_issuing() || !row.is_live(at)) continue;
    OcspRequest request;
    try {
      request = parse_ocsp_request(der, certificate(row));
    } catch (const Error&) {
      return ocsp_answer(make_ocsp_error(OcspError::malformed_request), std::nullopt);
    }
    const auto& ids = request.certificates;
    if (std::any_of(ids.begin(), ids.end(), [](const OcspCertId& id) { return id.is_ours; })) {
      return answer_from(row, request, cacheable && !request.nonce);
    }
  }
  return ocsp_answer(make_ocsp_error(OcspError::unauthorized), std::nullopt);
}

CaAnswer CaResponder::State::answer_from(const IssuerRow& row, const OcspRequest& request, bool cacheable) {
  const Time at = floor_seconds(now());
  const Issuer* key = signer(row, at);
  if (key == nullptr) return ocsp_answer(make_ocsp_error(OcspError::try_later), std::nullopt);
  std::vector<OcspAnswer> answers;
  for (const OcspCertId& id : request.certificates) answers.push_back(status(row, id));
  const Time next = std::min(at + ocsp_life, key->certificate().not_after);
  const auto max_age = cacheable ? std::optional(std::min(ocsp_cache, next - at)) : std::nullopt;
  return ocsp_answer(make_ocsp_response(*key, answers, request.nonce, at, next), max_age);
}

OcspAnswer CaResponder::State::status(const IssuerRow& row, const OcspCertId& id) {
  OcspAnswer answer{id.id, OcspStatus::unknown, std::nullopt};
  if (!id.is_ours) return answer;
  db.run(
      "SELECT r.revoked_at, r.reason, r.invalidity_at FROM ca_issued c LEFT JOIN ca_revocations r "
      "ON r.issuer_id = c.issuer_id AND r.serial_number = c.serial_number "
      "WHERE c.issuer_id = $1 AND c.serial_number = $2",
      {row.issuer_id, id.serial}, [&](const sql::Row& found) {
        answer.status = OcspStatus::good;
        if (found.is_null(0)) return;
        answer.status = OcspStatus::revoked;
        RevokedEntry entry{id.serial, from_micros(found.integer(0)),
                           reason_of(found.text(1)).value_or(Reason::unspecified), std::nullopt};
        if (!found.is_null(2)) entry.invalidity_date = from_micros(found.integer(2));
        answer.revocation = std::move(entry);
      });
  return answer;
}

const Certificate& CaResponder::State::certificate(const IssuerRow& row) {
  const auto known = certificates.find(row.certificate);
  if (known != certificates.end()) return known->second;
  return certificates.emplace(row.certificate, parse_certificate(row.certificate)).first->second;
}

/// nullptr: no pair of this issuer that is valid now.
const Issuer* CaResponder::State::signer(const IssuerRow& row, Time at) {
  LoadedSigner& loaded = signers[row.issuer_id];
  load(loaded, ocsp_files(folder, row), certificate(row));
  if (!loaded.signer) return nullptr;
  const Certificate& own = loaded.signer->certificate();
  return own.not_before <= at && at <= own.not_after ? &*loaded.signer : nullptr;
}

void CaResponder::State::load(LoadedSigner& loaded, const OcspFiles& files, const Certificate& issuer) {
  const FileStamp key_stamp = stamp_of(files.key), certificate_stamp = stamp_of(files.certificate);
  if (loaded.key_stamp == key_stamp && loaded.certificate_stamp == certificate_stamp) return;
  loaded.key_stamp = key_stamp;
  loaded.certificate_stamp = certificate_stamp;
  loaded.signer.reset();
  if (auto signer = load_ocsp_signer(files, issuer))
    loaded.signer.emplace(std::move(*signer));  // else the next stamp tells
}

CaResponder::CaResponder(sql::Connection& db, std::string folder) : state_(new State{db, std::move(folder), {}, {}}) {}
CaResponder::~CaResponder() = default;

CaAnswer CaResponder::answer(std::string_view method, std::string_view path, std::string_view body) {
  const bool reads = method == "GET" || method == "HEAD";
  constexpr std::string_view ocsp_folder = "/ocsp/";
  if (path == "/ocsp" || path == ocsp_folder) {
    if (method == "POST") return state_->ocsp(body, false);
    CaAnswer refused = text_answer(405, "OCSP takes POST here, or GET of /ocsp/BASE64");
    refused.allow = "POST";
    return refused;
  }
  if (!reads) {
    CaAnswer refused = text_answer(405, "only GET is answered here");
    refused.allow = "GET, HEAD";
    return refused;
  }
  if (!path.starts_with(ocsp_folder)) return state_->file(path);
  const auto text = percent_decoded(path.substr(ocsp_folder.size()));
  const auto der = text ? from_base64(*text) : std::nullopt;
  if (!der) return ocsp_answer(make_ocsp_error(OcspError::malformed_request), std::nullopt);
  return state_->ocsp(*der, true);
}

}  // namespace ymgr
