#include "cli/doctor.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/config_checks.hpp"
#include "cli/invocation.hpp"
#include "cli/notify_settings.hpp"
#include "workflow/doctor_bundle.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--check",
     .value = "ID",
     .help = "only this check; may be given many times",
     .times = Option::Times::many,
     .complete = "check"},
    {.name = "--bundle",
     .value = "FILE",
     .help = "also write a file to be sent to whoever helps, without secrets and names",
     .complete = "file"},
    {.name = "--force", .value = "", .help = "overwrite that file"},
};
constexpr Field fields[] = {
    {"checks", "array of object", "what was looked at"},
    {"checks.id", "string", "name of the check, for --check"},
    {"checks.area", "string", "machine, files, cards, books (what the database has) or servers"},
    {"checks.title", "string", "what should be so"},
    {"checks.state", "string", "ok, warning, failed or skipped (the finding says why)"},
    {"checks.finding", "string", "what was seen"},
    {"checks.hint", "?string", "what mends it: a command, where there is one"},
    {"checks.expiry", "?string", "due: something is to be renewed; over: it has expired"},
    {"summary", "object", "how many checks ended how"},
    {"summary.ok", "integer", "all is well"},
    {"summary.warning", "integer", "it works, and may not for long"},
    {"summary.failed", "integer", "something does not work"},
    {"summary.skipped", "integer", "not looked at"},
    {"bundle", "?string", "the file that was written"},
};
constexpr Column columns[] = {
    {"STATE", "state"}, {"CHECK", "id"}, {"AREA", "area", true}, {"FINDING", "finding"}, {"HINT", "hint"}};
constexpr Example examples[] = {
    {"ymgr doctor", "what is wrong on this host, and what mends it"},
    {"ymgr doctor --check polkit --check cards", "why the YubiKey is not seen"},
    {"ymgr doctor --bundle report.json", "and a file for whoever helps"},
    {"ymgr doctor --json --fields id,state,hint", "for monitoring; the exit status tells, too"},
};

const doctor::Check& check_named(const std::string& id) {
  if (const auto* check = doctor::find_check(id)) return *check;
  std::vector<std::string_view> ids;
  for (const auto& check : doctor::checks()) ids.push_back(check.id);
  const auto near = nearest(id, ids);
  throw Error(Code::usage, "there is no check '" + printable(id) + "'",
              (near ? "Did you mean '" + *near + "'? " : std::string()) + "The checks are " +
                  join(std::vector<std::string>(ids.begin(), ids.end()), ", "));
}

doctor::Report look(const doctor::Patient& patient, const std::vector<std::string>& ids) {
  if (ids.empty()) return doctor::examine(patient, nullptr);
  std::vector<const doctor::Check*> chosen;
  for (const auto& id : ids) chosen.push_back(&check_named(id));
  doctor::Report report;
  for (const auto* check : chosen)
    for (auto& line : doctor::examine(patient, check).lines) report.lines.push_back(std::move(line));
  return report;
}

/// "failed   polkit         pcscd hangs up …", and below it what mends it.
std::string text_of(const doctor::Report& report) {
  constexpr std::size_t state_width = 9, id_width = 24;
  const auto padded = [](std::string_view text, std::size_t width) {
    return std::string(text) + std::string(text.size() < width ? width - text.size() : 1, ' ');
  };
  std::string text;
  for (const auto& [check, finding] : report.lines) {
    text +=
        padded(to_string(finding.state), state_width) + padded(check->id, id_width) + printable(finding.text) + "\n";
    if (finding.hint.empty() || finding.state == doctor::State::ok || finding.state == doctor::State::skipped) continue;
    for (const auto& line : split(finding.hint, '\n'))
      text += std::string(state_width + id_width, ' ') + "-> " + printable(line) + "\n";
  }
  std::string sum;
  for (const auto state : {doctor::State::failed, doctor::State::warning, doctor::State::ok, doctor::State::skipped})
    sum += (sum.empty() ? "" : ", ") + std::to_string(report.count(state)) + " " + std::string(to_string(state));
  return text + "\n" + sum + "\n";
}

/// Says nothing of anybody: the default, a number, a time, or one of a few words.
bool is_public(const ConfigKey& key, const std::string& value) {
  constexpr void (*closed[])(const std::string&) = {check_format,        check_duration, check_renew_before, check_jobs,
                                                    check_pin_mode,      check_tries,    check_windows,      check_port,
                                                    check_optional_port, check_mail_tls, check_webhook_kind};
  constexpr std::string_view auths[] = {"ldap", "oidc", "cert", "jwt", "kubernetes", "approle", "token"};
  if (value == key.fallback) return true;
  if (std::ranges::find(closed, key.check) == std::end(closed))
    return key.check == check_auth && std::ranges::find(auths, value) != std::end(auths);
  try {
    key.check(value);  // what the environment says of servers was not looked at
  } catch (const Error&) {
    return false;
  }
  return true;
}

Result run(Invocation& call) {
  if (call.has("--force") && !call.has("--bundle"))
    throw Error(Code::usage, "--force without --bundle", "Leave it out");
  const Examined examined(call);
  const auto report = look(examined.patient(), call.list("--check"));
  Result result{.json = doctor::to_json(report), .items = "checks", .columns = columns};
  result.text = text_of(report);
  result.exit = report.exit_status();
  if (const auto file = call.maybe("--bundle")) {
    std::vector<doctor::BundledSetting> settings;
    for (const ConfigKey& key : config_keys()) {
      const auto& value = examined.config().at(key.name).value;
      settings.push_back({std::string(key.name), value, is_public(key, value)});
    }
    write_file(*file, dump_json_pretty(doctor::make_bundle(examined.patient(), report, settings)), {},
               call.has("--force") ? Existing::replace : Existing::refuse);
    result.json.set("bundle", *file);
    result.text += "written to " + *file + ": look through it before you send it\n";
  }
  return result;
}

}  // namespace

extern const Command doctor_command;
constinit const Command doctor_command = {
    .path = "doctor",
    .summary = "look for what is wrong, and tell what mends it",
    .description =
        "Looks at everything that is known to trip people: pcscd and polkit, other programs that hold the YubiKey, the "
        "agent, clocks, "
        "modes and owners of files, disks, timers, the configuration, the policy, the database's schema, CAs and their "
        "lists, "
        "certificates that were not renewed, hooks that are owed, operations that wait, and a team's servers (what "
        "those "
        "lack of their set-up tells `ymgr init --team --check`). Each "
        "check says what "
        "it saw and, where something is wrong, what mends it.\n\n"
        "It needs neither a login nor servers that answer: what it can't look at is `skipped`, with the reason. It "
        "changes "
        "nothing, tries no PIN, and waits no longer than five seconds for one answer.\n\n"
        "Exit status: 0 nothing failed (there may be warnings), 11 something is to be renewed, 12 all that failed has "
        "expired, 1 "
        "something failed.\n\n"
        "`--bundle` writes what was found, settings, and counts and events of the database into one file, 0600. Names "
        "of people, hosts, "
        "certificates and folders and serial numbers stand there as pseudonyms, the same ones in every bundle of this "
        "profile and host; "
        "secrets are not in it.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .setup = Setup::standalone,
};

}  // namespace ymgr::cli
