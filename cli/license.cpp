#include "workflow/license.hpp"

#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/config.hpp"
#include "cli/output/or_null.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {
namespace {

constexpr Field install_fields[] = {
    {"changed", "boolean", "false: it was installed already"},
    {"state", "string", "TRIAL, VALID, EXPIRING (7 days or less), EXPIRED, INVALID; UNLIMITED: no vendor's key is set"},
    {"limited", "boolean", "no YubiKey is enrolled and no certificate issued anew; nothing else is ever limited"},
    {"reason", "string", "one sentence"},
    {"installation_id", "?string", "what licences are made for; null: there is none yet"},
    {"trial_ends_at", "?time", "30 days after the id was made; null: nothing is limited"},
    {"license_id", "?string", "of the licence that counts, or counted last"},
    {"customer", "?string", "whose it is"},
    {"issued_at", "?time", "when the vendor made it"},
    {"not_before", "?time", "from when it counts"},
    {"expires_at", "?time", "until when"},
    {"signed_by", "?string", "id of the vendor's key"},
    {"days_left", "?integer", "whole days until the licence or the trial ends"},
    {"store_answers", "boolean", "false: the secret store could not be asked"},
    {"clock_set_back", "boolean", "this host's clock is behind what is recorded: the later time counts"},
    {"vendor_keys", "array of string", "ids of the keys in the configuration"}};
constexpr Example status_examples[] = {{"ymgr license status", "what the licence allows"},
                                       {"ymgr license status --json --fields state,days_left", "for a monitor"}};

LicensePorts ports_of(Invocation& call, std::vector<license::VendorKey> keys) {
  Wiring& wiring = call.wiring();
  return {wiring.database(), wiring.session(), wiring.stores(), wiring.head_signer(), std::move(keys)};
}

LicensePorts checking_ports(Invocation& call) {
  return ports_of(call, call.wiring().config().vendor_keys());
}

/// Of the licence, else of the trial.
Json days_left(const license::Standing& standing) {
  const auto ends = standing.license ? std::optional(standing.license->expires_at) : standing.trial_ends;
  if (!ends) return {};
  const auto left = std::chrono::floor<std::chrono::days>(*ends - standing.at).count();
  return std::max<std::int64_t>(left, 0);
}

Json json_of(const LicenseReport& report, const std::vector<license::VendorKey>& keys) {
  const auto& standing = report.standing;
  const auto license = standing.license.value_or(license::License());
  const auto of_license = [&](Time at) { return standing.license ? Json(format_time(at)) : Json(); };
  Json ids = Json::array();
  for (const auto& key : keys) ids.push(key.id());
  return Json::object({{"state", to_string(standing.state)},
                       {"limited", standing.refuses()},
                       {"reason", standing.reason},
                       {"installation_id", or_null(report.installation_id)},
                       {"trial_ends_at", or_null(standing.trial_ends)},
                       {"license_id", or_null(license.license_id)},
                       {"customer", or_null(license.customer)},
                       {"issued_at", of_license(license.issued_at)},
                       {"not_before", of_license(license.not_before)},
                       {"expires_at", of_license(license.expires_at)},
                       {"signed_by", or_null(standing.signed_by)},
                       {"days_left", days_left(standing)},
                       {"store_answers", standing.store_answers},
                       {"clock_set_back", standing.clock_set_back},
                       {"vendor_keys", std::move(ids)}});
}

std::string text_of(const Json& json) {
  const bool limited = json.at("limited").boolean();
  std::string text = json.at("state").text() + ": " + json.at("reason").text() + "\n" +
                     format_pairs({{"installation", json.text_or("installation_id", "none yet: ymgr license id")},
                                   {"licence", json.text_or("license_id", "")},
                                   {"customer", json.text_or("customer", "")},
                                   {"from", json.text_or("not_before", "")},
                                   {"until", json.text_or("expires_at", "")},
                                   {"trial until", json.text_or("trial_ends_at", "")}});
  if (limited) text += "no YubiKey is enrolled and no certificate issued anew; everything else goes on\n";
  if (json.at("clock_set_back").boolean()) text += "the clock of this host is behind what is recorded\n";
  return text;
}

Result run_status(Invocation& call) {
  const auto ports = checking_ports(call);
  Result result{.json = json_of(license_report(ports), ports.keys)};
  result.text = text_of(result.json);
  return result;
}

constexpr Argument install_arguments[] = {
    {"FILE", "licence as the vendor sent it; - is standard input", Argument::Count::one, "file"}};
constexpr Example install_examples[] = {{"ymgr license install acme.license", "after the vendor has sent it"},
                                        {"ymgr license install --dry-run acme.license", "whether it would count"}};

Result run_install(Invocation& call) {
  const auto ports = checking_ports(call);
  const auto installed =
      install_license(ports, read_input(call.text("FILE")), call.globals().dry_run ? DryRun::yes : DryRun::no);
  Result result{.json = json_of(installed.report, ports.keys)};
  result.json.set("changed", installed.changed);
  const char* what = !installed.changed       ? " is installed already\n"
                     : call.globals().dry_run ? " would be installed\n"
                                              : " is installed\n";
  result.text = "the licence " + installed.license.license_id + what + text_of(result.json);
  result.changed = installed.changed && !call.globals().dry_run;
  return result;
}

constexpr Field history_fields[] = {
    {"licenses", "array of object", "every licence that was installed, the first one first"},
    {"licenses.license_id", "string", "its id; ?: it can't be read any more"},
    {"licenses.customer", "?string", "whose it is"},
    {"licenses.issued_at", "?time", "when the vendor made it"},
    {"licenses.not_before", "?time", "from when it counts; null: the audit trail does not have it"},
    {"licenses.expires_at", "?time", "until when"},
    {"licenses.signed_by", "?string", "id of the vendor's key; null: none of those in the configuration"},
    {"licenses.installed_at", "time", "when it was installed"},
    {"licenses.installed_by", "string", "by whom"},
    {"licenses.kept", "string",
     "kept; missing: the audit trail has it, the secret store not any more; damaged: it is not as it was signed"}};
constexpr Column history_columns[] = {
    {"LICENCE", "license_id"}, {"CUSTOMER", "customer"},      {"FROM", "not_before"},
    {"UNTIL", "expires_at"},   {"INSTALLED", "installed_at"}, {"BY", "installed_by"},
    {"KEPT", "kept"},          {"ISSUED", "issued_at", true}, {"SIGNED BY", "signed_by", true}};
constexpr Example history_examples[] = {{"ymgr license history", "all licences so far"}};

Result run_history(Invocation& call) {
  Result result{.json = Json::object({{"licenses", Json::array()}}), .items = "licenses", .columns = history_columns};
  for (const auto& item : license_history(checking_ports(call)))
    result.json.find("licenses")
        ->push(Json::object({{"license_id", item.license_id},
                             {"customer", or_null(item.customer)},
                             {"issued_at", or_null(item.issued_at)},
                             {"not_before", or_null(item.not_before)},
                             {"expires_at", or_null(item.expires_at)},
                             {"signed_by", or_null(item.signed_by)},
                             {"installed_at", format_time(item.installed_at)},
                             {"installed_by", item.installed_by},
                             {"kept", item.kept}}));
  return result;
}

constexpr Field id_fields[] = {{"installation_id", "string", "what licences are made for"},
                               {"created_at", "time", "when it was made, as the id itself says"}};
constexpr Example id_examples[] = {{"ymgr license id", "for the order of a licence"}};

Result run_id(Invocation& call) {
  const auto id = require_installation_id(ports_of(call, {}));
  Result result{.json = Json::object({{"installation_id", id}, {"created_at", or_null(license::made_at(id))}})};
  result.text = id + "\n";
  return result;
}

}  // namespace

extern const Command license_status_command, license_install_command, license_history_command, license_id_command;
constinit const Command license_status_command = {
    .path = "license status",
    .summary = "show what the licence allows",
    .description =
        "A vendor who sells ymgr sets `license.vendor_key` in the configuration; without it nothing is limited. With "
        "it "
        "there are 30 days of trial, counted from the installation's id, and then a licence is needed. When licence or "
        "trial have ended, `ymgr enroll`, `ymgr issue` and `ymgr device replace` are refused with exit status 5. "
        "Everything else goes on for ever: renewal, revocation, reports, unblocking, resets, resuming what was begun, "
        "export, backup and migration.\n\n"
        "While the secret store does not answer it is TRIAL, never longer than those 30 days. A clock that was set "
        "back "
        "gains nothing: the latest time that is recorded counts.",
    .arguments = {},
    .options = {},
    .fields = std::span(install_fields).subspan(1),
    .examples = status_examples,
    .run = run_status,
};
constinit const Command license_install_command = {
    .path = "license install",
    .summary = "install a licence",
    .description =
        "For admins. The licence must be signed by one of the keys of `license.vendor_key`, be for this installation "
        "(`ymgr license id`), and be no older than one that was installed before. It goes into the secret store beside "
        "the former ones, which stay: one that begins later leaves the present one in force until then.",
    .arguments = install_arguments,
    .options = {},
    .fields = install_fields,
    .examples = install_examples,
    .run = run_install,
    .effect = Effect::changes,
};
constinit const Command license_history_command = {
    .path = "license history",
    .summary = "list the licences that were installed",
    .description =
        "From the secret store and from the audit trail, so that a licence which somebody took out of the store still "
        "shows. Whoever may not read the trail sees what the store has.",
    .arguments = {},
    .options = {},
    .fields = history_fields,
    .examples = history_examples,
    .run = run_history,
};
constinit const Command license_id_command = {
    .path = "license id",
    .summary = "print what a licence is made for",
    .description =
        "The id of this installation is made with the profile, or when a team's servers are set up, and never changes. "
        "Where it was made by an older ymgr, the first admin who asks makes it. A profile's id does not move to a "
        "team: "
        "`ymgr migrate` leaves it behind, and the team needs a licence for its own.",
    .arguments = {},
    .options = {},
    .fields = id_fields,
    .examples = id_examples,
    .run = run_id,
};

}  // namespace ymgr::cli
