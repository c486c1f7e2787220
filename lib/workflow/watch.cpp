#include "workflow/watch.hpp"

#include <algorithm>

#include "workflow/ca.hpp"
#include "workflow/license.hpp"

namespace ymgr {
namespace {

constexpr Duration day = std::chrono::hours(24);
constexpr Duration month = 30 * day;

Duration longest_life(const Policy& policy, Time at) {
  Duration longest{};
  for (const auto& [name, rules] : policy.profiles()) longest = std::max(longest, policy.default_validity(rules, at));
  return longest;
}

bool is_used(const CaInfo& ca, Time at) {
  return ca.certificate && ca.certificate->not_after > at && (ca.kind == "root" || ca.status == "active");
}

void watch_ca(const CaInfo& ca, Duration longest, std::vector<Watched>& all) {
  const bool root = ca.kind == "root";
  all.push_back({root ? "root-ca" : "issuing-ca", ca.name, ca.certificate->not_after, ca_due_at(ca, longest),
                 root ? "plan another root: it must be there before an issuing CA would outlive this one"
                      : "ymgr ca rotate, or of a team: another issuer in Vault"});
}

/// Lists that are signed daily are due when a day of theirs was missed; a root's waits for a person.
void watch_list(Workbench& bench, const CaInfo& ca, Time at, std::vector<Watched>& all) {
  const bool root = ca.kind == "root";
  if (root && !ca.crl_next_update) return;
  Watched list{"crl", ca.name, at, {}, root ? "ymgr ca crl --root" : "ymgr ca crl, or look after Vault's rebuilding"};
  if (ca.crl_next_update) {
    list.ends_at = *ca.crl_next_update;
  } else {
    list.readable = false;
    try {
      if (const auto crl = bench.authority.crl(ca.subject)) {
        list.ends_at = crl->next_update;
        list.readable = true;
      }
    } catch (const Error&) {  // nobody else can read it either
    }
  }
  list.due_at = list.ends_at - (root ? month : day);
  all.push_back(std::move(list));
}

/// A trial has no name of its own.
void watch_license(Workbench& bench, std::vector<Watched>& all) {
  const auto standing = license_standing(bench);
  if (!standing || standing->state == license::State::unlimited) return;
  const auto& license = standing->license;
  const auto ends = license ? std::optional(license->expires_at) : standing->trial_ends;
  if (!ends) return;
  all.push_back({"license", license ? license->license_id : "the trial", *ends, *ends - 7 * day,
                 "ymgr license install FILE; renewals go on without"});
}

}  // namespace

Time ca_due_at(const CaInfo& ca, Duration longest) {
  const auto& certificate = *ca.certificate;
  const Time middle = certificate.not_before + (certificate.not_after - certificate.not_before) / 2;
  return std::max(middle, certificate.not_after - (ca.kind == "root" ? 12 * month : longest + month));
}

std::vector<Watched> watch(Workbench& bench, std::vector<Watched> logins) {
  const Time at = now();
  const auto longest = longest_life(bench.policy, at);
  auto all = std::move(logins);
  for (const auto& ca : list_cas(bench.db)) {
    if (!is_used(ca, at)) continue;
    watch_ca(ca, longest, all);
    watch_list(bench, ca, at, all);
  }
  if (const auto end = bench.ca_folder.empty() ? std::nullopt : ocsp_signer_end(bench.ca_folder))
    all.push_back({"ocsp-signer", "OCSP signer", *end, *end - day, "ymgr renew --due renews it"});
  watch_license(bench, all);
  std::ranges::stable_sort(all, {}, &Watched::ends_at);
  return all;
}

}  // namespace ymgr
