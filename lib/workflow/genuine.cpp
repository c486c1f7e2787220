#include "workflow/genuine.hpp"

#include <algorithm>

#include "authority/authority.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

bool is_believed(const Workbench& bench) noexcept {
  return bench.session.has_data_key();
}

std::vector<std::string> texts_of(const std::vector<San>& sans) {
  std::vector<std::string> texts;
  for (const auto& san : sans) texts.push_back(to_string(san));
  std::ranges::sort(texts);
  return texts;
}

bool is_name_of(const Certificate& certificate, const std::string& name) {
  return certificate.common_name == name ||
         std::ranges::any_of(certificate.sans, [&](const San& san) { return san.value == name; });
}

/// What of the row is not the certificate's; empty: it is all there.
std::string difference(const CertificateRow& row, const Certificate& certificate) {
  if (certificate.serial != row.serial || certificate.issuer != row.issuer) return "serial number or issuer";
  if (certificate.not_after != row.expires_at) return "end";
  if (hex(certificate.key.sha256) != row.public_key_sha256) return "key";
  return {};
}

std::string renewed_difference(Workbench& bench, const CertificateRow& row, const Certificate& certificate) {
  if (!is_name_of(certificate, row.name) || texts_of(row.sans) != texts_of(certificate.sans)) return "names";
  for (const auto& usage : bench.policy.profile(row.profile).eku)
    if (std::ranges::find(certificate.eku, usage) == certificate.eku.end()) return "profile";
  if (!row.csr.empty() && parse_csr(row.csr).key.sha256 != certificate.key.sha256) return "request";
  return {};
}

[[noreturn]] void refuse(const CertificateRow& row, const std::string& why) {
  throw Error(Code::certificate_state,
              "the inventory's row " + row.cert_id + " (" + printable(row.name) + ") is not genuine: " + why,
              "ymgr reconcile tells what is wrong with the inventory");
}

bool is_ours(const std::vector<CaInfo>& cas, const Certificate& certificate) {
  return std::ranges::any_of(cas, [&](const CaInfo& ca) {
    if (!ca.certificate || ca.subject != certificate.issuer) return false;
    const Certificate own[] = {*ca.certificate};
    return ChainChecker({}, own).check(certificate, certificate.not_before).empty();
  });
}

Certificate read_certificate(const CertificateRow& row) {
  try {
    return parse_certificate(row.pem);
  } catch (const Error& error) {  // whatever stands there, it is the row that is wrong
    refuse(row, error.what());
  }
}

Certificate signed_one(Workbench& bench, const CertificateRow& row) {
  auto certificate = read_certificate(row);
  if (!is_ours(list_cas(bench.db), certificate)) refuse(row, "no CA of ours signed its certificate");
  if (const auto what = difference(row, certificate); !what.empty())
    refuse(row, "another " + what + " than its certificate's");
  return certificate;
}

bool is_another_user(Workbench& bench, const std::string& who) {
  bool is_user = false;
  if (who != bench.session.identity().user)
    bench.db.run("SELECT 1 FROM users WHERE name = $1 AND role = 'user'", {who},
                 [&](const sql::Row&) { is_user = true; });
  return is_user;
}

}  // namespace

void require_signed(Workbench& bench, const CertificateRow& row) {
  if (!is_believed(bench)) signed_one(bench, row);
}

std::optional<Error> against_signed(Workbench& bench, const CertificateRow& row) {
  try {
    require_signed(bench, row);
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() != Code::certificate_state) throw;
    return error;
  }
}

void require_genuine(Workbench& bench, const CertificateRow& row) {
  if (is_believed(bench)) return;
  const auto what = renewed_difference(bench, row, signed_one(bench, row));
  if (!what.empty()) refuse(row, "other " + what + " than its certificate's");
}

void require_own_place(Workbench& bench, const CertificateRow& row, const Installation& place) {
  if (is_believed(bench)) return;
  const bool other_key =
      place.with_key && !place.out.empty() && row.key_reference != "file:" + place.out + "/privkey.pem";
  if (place.name != row.name || other_key)
    throw Error(Code::installation_invalid,
                "the installation " + printable(row.installation) + " of this host is not that of " + row.cert_id +
                    " (" + printable(row.name) + ")",
                "ymgr reconcile tells what is wrong with the inventory");
}

std::optional<Error> against_place(Workbench& bench, const CertificateRow& row) {
  if (is_believed(bench)) return std::nullopt;
  const bool entered = is_another_user(bench, row.issued_by);
  if (!entered && !is_another_user(bench, row.owner)) return std::nullopt;
  const auto invalid = [](const std::string& why) {
    return Error(Code::installation_invalid, why, "ymgr reconcile tells what is wrong with the inventory");
  };
  if (entered)
    return invalid("a user, " + row.issued_by + ", entered " + row.cert_id + " (" + printable(row.name) +
                   "), and has no place on this host");
  try {
    const auto place = installation::load(bench.installations, row.installation);
    if (!place) return invalid("no installation file for " + printable(row.installation) + ", of " + row.cert_id);
    require_own_place(bench, row, *place);
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() == Code::interrupted || error.retryable()) throw;
    return error;
  }
}

}  // namespace ymgr
