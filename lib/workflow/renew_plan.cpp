#include "workflow/renew_plan.hpp"

#include "base/text.hpp"
#include "workflow/explain.hpp"
#include "workflow/genuine.hpp"
#include "workflow/issue.hpp"
#include "workflow/key_names.hpp"

namespace ymgr {
namespace {

void take_request(CertificateItem& item, const std::string& text) {
  if (item.key_place != KeyPlace::external)
    throw Error(Code::usage, "the key of " + item.name + " is kept here, it needs no request", "renew without --csr");
  const auto csr = parse_csr(text);
  item.csr = to_pem(csr.der, "CERTIFICATE REQUEST");
  item.request.reset();
  item.key_reused = false;
}

void take_fresh_key(CertificateItem& item, const std::optional<KeyAlgorithm>& algorithm, Time at) {
  item.key_reused = false;
  item.key_created_at = at;
  if (algorithm) item.algorithm = *algorithm;
}

/// What came from a profile of the other kind: its next key is made where keys go here.
bool leave_foreign_place(Workbench& bench, CertificateItem& item) {
  const bool foreign = (item.key_place == KeyPlace::sealed || item.key_place == KeyPlace::transit) &&
                       !bench.stores.keeps(item.key_place);
  if (foreign) item.key_place = bench.stores.usual_place();
  return foreign;
}

void name_new_key(Workbench& bench, CertificateItem& item) {
  if (item.key_place == KeyPlace::sealed || item.key_place == KeyPlace::transit)
    item.key_reference.clear();  // the former key's; this one has none before it is made
  if (item.key_place == KeyPlace::sealed) item.key_name = free_key_name(bench, item);
  // The former key keeps its name: its certificate stays revocable, and nobody is asked within the plan's transaction.
  if (item.key_place == KeyPlace::transit) item.key_name = own_key_name(item);
}

}  // namespace

CertificateItem renewal_of(const CertificateRow& row) {
  CertificateItem item;
  item.name = row.name;
  item.target = row.name;
  item.profile = row.profile;
  item.owner = row.owner;
  item.labels = row.labels;
  item.renew_before = row.renew_before;
  item.renewed_from = row.cert_id;
  item.installation = row.installation;
  item.algorithm = parse_key_algorithm(row.key_algorithm).value_or(KeyAlgorithm::ec_p256);
  item.key_created_at = row.key_created_at;
  item.key_reference = row.key_reference;
  item.key_reused = true;
  item.key_place = place_of(row.key_reference);
  item.csr = row.csr;
  item.csr_given = !row.csr.empty();
  item.plan.names.common_name = common_name_of(row.name);
  item.plan.names.sans = row.sans;
  return item;
}

void plan_item(Workbench& bench, CertificateItem& item, const RenewOptions& options, KeyChoice key,
               const CardLook* card, Time at) {
  const auto& rules = bench.policy.profile(item.profile);
  if (!options.csr.empty()) take_request(item, options.csr);
  const bool only_pkcs12 = item.place && item.place->out.empty();  // its key can't be read back for another certificate
  if (const bool moved = leave_foreign_place(bench, item);
      item.key_place != KeyPlace::external && (key == KeyChoice::fresh || only_pkcs12 || moved))
    take_fresh_key(item, options.algorithm, at);
  if (card) plan_card(bench, item, *card);
  item.policy_version = bench.policy.version();
  item.needs_approval = needs_approval(rules, to_string(bench.session.identity().role));
  plan_certificate(item, rules, options.validity.value_or(bench.policy.default_validity(rules, at)), at);
  if (!item.key_reused) name_new_key(bench, item);
  if (item.key_place == KeyPlace::file && item.place) plan_key_file(bench, item);
  if (item.place) item.host = bench.self.host;
}

void find_place(Workbench& bench, CertificateItem& item, const CertificateRow& row) {
  if (row.installation.empty() || row.host != bench.self.host) {
    if (item.key_place == KeyPlace::file)
      throw Error(Code::installation_invalid, "the key of " + row.name + " is a file of host " + row.host,
                  "renew it there");
    item.installation.clear();
    return;
  }
  item.place = installation::load(bench.installations, row.installation);
  if (!item.place)
    throw Error(Code::installation_invalid,
                "no installation file for " + row.installation + " in " + bench.installations,
                "write it again, or issue the certificate anew");
  require_own_place(bench, row, *item.place);
}

bool renewed_recently(const Workbench& bench, const CertificateRow& row, Time at) {
  return !row.renewed_from.empty() && row.issued_at + min_interval(bench.policy, row) > at;
}

void require_renewable(Workbench& bench, const CertificateRow& row, const RenewOptions& options, Time at) {
  if (row.status != CertificateStatus::active)
    throw Error(Code::certificate_state, "the certificate " + row.cert_id + " is " + std::string(to_string(row.status)),
                row.status == CertificateStatus::revoked ? "ymgr issue " + shell_quote(row.name)
                                                         : "ymgr renew " + shell_quote(row.name));
  if (!options.force && renewed_recently(bench, row, at))
    throw Error(Code::renewed_recently,
                row.name + " was renewed " + describe_distance(at, row.issued_at) + ", less than " +
                    format_duration(min_interval(bench.policy, row)),
                "wait, or renew now with --force");
}

bool needs_request(Workbench& bench, const CertificateItem& item, const RenewOptions& options) {
  return item.key_place == KeyPlace::external && options.csr.empty() &&
         (item.csr.empty() || !bench.policy.profile(item.profile).key_reuse);
}

KeyChoice choice_for(Workbench& bench, const CertificateItem& item, const CertificateRow& row,
                     const RenewOptions& options, Time at) {
  if (options.key == KeyChoice::fresh) return KeyChoice::fresh;
  if (item.key_place == KeyPlace::external) return KeyChoice::reuse;
  if (inventory::is_key_denied(bench.db, row.public_key_sha256) || bench.policy.denies_key(row.public_key_sha256)) {
    return KeyChoice::fresh;
  }
  const auto& rules = bench.policy.profile(item.profile);
  const bool too_old = rules.max_key_age && at - row.key_created_at > *rules.max_key_age;
  return rules.key_reuse && !too_old ? KeyChoice::reuse : KeyChoice::fresh;
}

}  // namespace ymgr
