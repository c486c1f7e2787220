#include "report/report.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "cli/invocation.hpp"
#include "sql/settings.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--from", .value = "TIME", .help = "where both windows begin, instead of now and 7 days ago"},
    {.name = "--to", .value = "TIME", .help = "where both windows end, instead of in 30 days and now"},
    {.name = "--limit", .value = "N", .help = "at most so many certificates a list, 100 at first; 0: all"}};

constexpr Field fields[] = {
    {"generated_at", "time", "when the report was made"},
    {"active", "integer", "neither expired nor revoked nor superseded"},
    {"expired", "integer", "expired and not renewed"},
    {"due", "integer", "those whose time to renew has come"},
    {"expiring", "integer", "how many expire in the window"},
    {"expiring_window", "object", "the next 30 days, or --from --to"},
    {"expiring_window.from", "time", "begin"},
    {"expiring_window.to", "time", "end"},
    {"revoked", "integer", "how many were revoked in the window"},
    {"revoked_window", "object", "the last 7 days, or --from --to"},
    {"revoked_window.from", "time", "begin"},
    {"revoked_window.to", "time", "end"},
    {"policy_version", "string", "policy in force"},
    {"policy_compliance_percent", "number", "share of the active ones that keep it, never rounded up"},
    {"offending", "integer", "active ones that the policy in force would not allow"},
    {"hooks_pending", "integer", "deploy hooks that failed and are owed"},
    {"operations_open", "integer", "operations that wait or were interrupted"},
    {"expiring_certificates", "array of object", "soonest first"},
    {"expiring_certificates.cert_id", "string", "id of the certificate"},
    {"expiring_certificates.name", "string", "name of the lineage"},
    {"expiring_certificates.owner", "string", "the person it belongs to"},
    {"expiring_certificates.profile", "string", "certificate profile"},
    {"expiring_certificates.serial_number", "string", "upper-case hex with colons"},
    {"expiring_certificates.device", "?string", "serial number of the YubiKey that has the key"},
    {"expiring_certificates.slot", "?string", "its slot there: 9a"},
    {"expiring_certificates.expires_at", "time", "last second of its validity"},
    {"revoked_certificates", "array of object", "newest first"},
    {"revoked_certificates.cert_id", "string", "id of the certificate"},
    {"revoked_certificates.name", "string", "name of the lineage"},
    {"revoked_certificates.owner", "string", "the person it belongs to"},
    {"revoked_certificates.profile", "string", "certificate profile"},
    {"revoked_certificates.serial_number", "string", "upper-case hex with colons"},
    {"revoked_certificates.device", "?string", "serial number of the YubiKey that has the key"},
    {"revoked_certificates.slot", "?string", "its slot there: 9a"},
    {"revoked_certificates.expires_at", "time", "last second of its validity"},
    {"revoked_certificates.revoked_at", "time", "when it was revoked"},
    {"revoked_certificates.reason", "string", "as RFC 5280 names it"},
    {"offending_certificates", "array of object", "soonest expiry first"},
    {"offending_certificates.cert_id", "string", "id of the certificate"},
    {"offending_certificates.name", "string", "name of the lineage"},
    {"offending_certificates.owner", "string", "the person it belongs to"},
    {"offending_certificates.profile", "string", "certificate profile"},
    {"offending_certificates.serial_number", "string", "upper-case hex with colons"},
    {"offending_certificates.device", "?string", "serial number of the YubiKey that has the key"},
    {"offending_certificates.slot", "?string", "its slot there: 9a"},
    {"offending_certificates.expires_at", "time", "last second of its validity"},
    {"offending_certificates.violations", "string", "what the policy has against it"}};

constexpr Example examples[] = {
    {"ymgr report", "what is active, expiring, revoked and against the policy"},
    {"ymgr report --from 2026-01-01 --to 2026-04-01", "one quarter"},
    {"ymgr report -o csv --limit 0 > report.csv", "the listed certificates for a spreadsheet"},
    {"ymgr report --json --fields policy_compliance_percent,offending", "for a dashboard"}};

std::optional<Time> time_of(Invocation& call, std::string_view option) {
  const auto text = call.maybe(option);
  return text ? std::optional(parse_time(*text)) : std::nullopt;
}

ReportWindow window_of(Invocation& call) {
  ReportWindow window = default_window(now());
  const Duration ahead = window.expiring_to - window.expiring_from, back = window.revoked_to - window.revoked_from;
  const auto from = time_of(call, "--from"), to = time_of(call, "--to");
  if (from && to && *from >= *to)
    throw Error(Code::usage, "the window ends before it begins", "--from the earlier time, --to the later one");
  if (from) {
    window.expiring_from = window.revoked_from = *from;
    window.expiring_to = *from + ahead;
    window.revoked_to = std::max(window.at, *from);
  }
  if (to) {
    window.expiring_to = window.revoked_to = *to;
    if (!from) window.expiring_from = std::min(window.at, *to);
    if (!from) window.revoked_from = *to - back;
  }
  return window;
}

Result run(Invocation& call) {
  call.wiring().session().require(Right::report);
  // An admin adopts a new policy by the way, so that compliance is that of the rules in force.
  if (call.wiring().session().identity().role == Role::admin) call.wiring().policy();
  auto& db = call.wiring().database();
  const Report report = make_report(db, window_of(call), call.number("--limit", 0, 100'000'000).value_or(100));
  const bool csv = call.globals().format == Format::csv && call.globals().fields.empty();
  Result result;
  result.json = to_json(report);
  result.json.set("policy_version", sql::read_setting(db, "policy.version").value_or(""));
  result.text = csv ? report_csv(report) : report_text(report);
  result.raw = csv;
  return result;
}

}  // namespace

extern const Command report_command;
constinit const Command report_command = {
    .path = "report",
    .summary = "report what is active, expiring, revoked and against the policy",
    .description =
        "Counts and lists over the whole inventory: certificates that are active, that expire in the next 30 days, "
        "that "
        "were revoked in the last 7, and how many of the active ones keep the policy in force, with the offenders. "
        "Both "
        "windows are printed with their dates; `--from` and `--to` replace their ends.\n\n"
        "With `-o csv` there is one row a listed certificate, its kind in the first column.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
};

}  // namespace ymgr::cli
