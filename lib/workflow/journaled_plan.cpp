#include "workflow/journaled_plan.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/genuine.hpp"
#include "workflow/key_names.hpp"

namespace ymgr {
namespace {

bool has_name(const CertificateItem& item) {
  const auto& sans = item.plan.names.sans;
  return std::ranges::find(sans, san_of_name(item.name)) != sans.end();
}

std::vector<San> as_journaled(const std::vector<San>& sans) {
  std::vector<San> read;
  for (const auto& san : sans) read.push_back(parse_san(to_string(san)));
  return read;
}

/// What the plan may call a key in transit that it makes: nobody else's.
bool names_own_key(const CertificateItem& item) {
  if (item.key_place != KeyPlace::transit || item.key_reused) return true;
  const bool own = item.key_name == key_name_for(item.name, false) || item.key_name == own_key_name(item);
  return own && (item.key_reference.empty() || item.key_reference == "transit:" + item.key_name);
}

/// Reads what is to be signed. An error ends this item, not the others of its operation.
std::optional<Error> read_request(CertificateItem& item) {
  if (item.csr.empty() || item.request) return std::nullopt;
  try {
    item.request = std::make_shared<const Csr>(parse_csr(item.csr));
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace

PlanJudge::PlanJudge(Workbench& bench, StoredOperation op)
    : bench_(bench), op_(std::move(op)), requester_(users::find(bench.db, op_.actor)) {}

std::optional<Error> PlanJudge::against_people(const CertificateItem& item) {
  const auto refusal = [&](const std::string& who, const std::string& what) {
    return Error(Code::user_disabled,
                 "the user " + printable(who) + ", " + what + " " + op_.request_id + ", is disabled",
                 "ymgr operation abandon " + shell_quote(op_.request_id) + "; or ymgr user enable " + shell_quote(who));
  };
  if (requester_ && !requester_->enabled) return refusal(op_.actor, "who began");
  // What somebody else has renewed for them serves on, as without an interruption.
  if (op_.kind == "renew" || item.owner == op_.actor) return std::nullopt;
  const auto [found, is_new] = disabled_.try_emplace(item.owner, false);
  if (is_new) {
    const auto owner = users::find(bench_.db, item.owner);
    found->second = owner && !owner->enabled;
  }
  return found->second ? std::optional(refusal(item.owner, "whose certificate is to come of")) : std::nullopt;
}

std::optional<Error> PlanJudge::forged(const CertificateItem& item, std::string value, std::string limit,
                                       const std::string& what) const {
  Violation violation{.rule = "plan",
                      .value = std::move(value),
                      .limit = std::move(limit),
                      .message = "The plan of " + printable(item.target) + " is not what ymgr plans: " + what,
                      .suggestion = "Deny or abandon it, and let it be asked for anew: ymgr operation abandon " +
                                    shell_quote(op_.request_id),
                      .flag_hint = {},
                      .name = item.target};
  try {
    throw_violation({bench_.policy.version(), {std::move(violation)}}, op_.request_id);
  } catch (const Error& error) {
    return error;
  }
}

std::optional<Error> PlanJudge::against_form(const CertificateItem& item) const {
  if (item.name != item.target) return forged(item, item.name, item.target, "it is one of " + printable(item.name));
  if (!is_id("cert", item.cert_id))
    return forged(item, item.cert_id, "an id", "its certificate would be called " + printable(item.cert_id));
  if (const auto& common = item.plan.names.common_name; common != common_name_of(item.name))
    return forged(item, common, common_name_of(item.name), "its common name is " + printable(common));
  if (op_.kind == "issue" && bench_.policy.profile(item.profile).name_is_san && !has_name(item))
    return forged(item, item.name, "a SAN", "that name is not among its SANs");
  if (!item.renew_before.empty()) parse_renew_before(item.renew_before);
  if (!names_own_key(item))
    return forged(item, item.key_reference + item.key_name, "a key of its own",
                  "its key would be " + printable(item.key_reference.empty() ? item.key_name : item.key_reference));
  return std::nullopt;
}

std::optional<Error> PlanJudge::against_replacing(CertificateItem& item) const {
  const bool renews = op_.kind == "renew";
  if (item.renewed_from.empty() && !renews)
    return item.key_reused ? forged(item, "reused", "a new key", "it has the key of another") : std::nullopt;
  const auto row = inventory::by_id(bench_.db, item.renewed_from);
  const auto differs = [&](const std::string& what) {
    return forged(item, item.renewed_from, "a certificate of it",
                  "it would replace " + printable(item.renewed_from) + ", " + what);
  };
  if (!row) return differs("which is not there");
  item.former_serial = row->serial;
  if (row->name != item.name) return differs("which is one of " + printable(row->name));
  if (!renews && item.key_reused) return differs("and use its key");
  if (!renews && requester_ && requester_->role == Role::user && row->owner != op_.actor)
    return differs("which is " + printable(row->owner) + "'s");
  if (!renews) return std::nullopt;
  require_genuine(bench_, *row);
  if (row->owner != item.owner) return differs("which is " + printable(row->owner) + "'s");
  if (row->profile != item.profile) return differs("which has the profile " + printable(row->profile));
  if (as_journaled(row->sans) != item.plan.names.sans) return differs("which has other names");
  if (item.key_reused && item.key_place == KeyPlace::transit && item.key_reference != row->key_reference)
    return differs("which has another key");
  if (item.key_reused && item.key_created_at != row->key_created_at) return differs("whose key is of another age");
  return std::nullopt;
}

std::optional<Error> PlanJudge::against(CertificateItem& item) {
  try {
    return against_all(item);
  } catch (const Error& error) {  // what can't be judged is not signed, and can be denied
    if (error.retryable() || error.code() == Code::interrupted) throw;
    return error;
  }
}

std::optional<Error> PlanJudge::against_all(CertificateItem& item) {
  if (auto error = against_people(item)) return error;
  if (auto error = read_request(item)) return error;
  if (auto error = against_form(item)) return error;
  if (auto error = against_replacing(item)) return error;
  if (!bench_.session.has_data_key() && item.place && item.place->name != item.name)
    return Error(
        Code::installation_invalid,
        "the installation " + printable(item.installation) + " of this host is not that of " + printable(item.name),
        "ymgr operation abandon " + shell_quote(op_.request_id));
  return std::nullopt;
}

}  // namespace ymgr
