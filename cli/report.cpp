#include "report/report.hpp"

#include <algorithm>

#include "authority/authority.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/config.hpp"
#include "cli/invocation.hpp"
#include "cli/notify_settings.hpp"
#include "report/charts.hpp"
#include "report/page.hpp"
#include "report/prometheus.hpp"
#include "report/weekly_mail.hpp"
#include "sql/settings.hpp"
#include "workflow/heartbeat.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--from", .value = "TIME", .help = "where both windows begin, instead of now and 7 days ago"},
    {.name = "--to", .value = "TIME", .help = "where both windows end, instead of in 30 days and now"},
    {.name = "--limit", .value = "N", .help = "at most so many certificates a list, 100 at first; 0: all"},
    {.name = "--weekly",
     .value = "",
     .help = "the week's report: recorded for the trend, and mailed where a mail server is set up"},
    {.name = "--dry-run", .value = "", .help = "with --weekly: record and mail nothing", .short_name = "-n"},
    {.name = "--html",
     .value = "FILE",
     .help = "write it as a page with charts, too; - is standard output",
     .complete = "file"},
    {.name = "--textfile",
     .value = "FILE",
     .help = "write metrics for Prometheus, too; - is standard output",
     .complete = "file"}};

constexpr Field fields[] = {
    {"generated_at", "time", "when the report was made"},
    {"active", "integer", "neither expired nor revoked nor superseded"},
    {"expired", "integer", "expired and not renewed"},
    {"due", "integer", "those whose time to renew has come"},
    {"due_on_devices", "integer", "of these, those whose key is in a YubiKey: they wait until it is plugged in"},
    {"tracked", "integer", "certificates from elsewhere that are watched; cert track"},
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
    {"notices_owed", "integer", "notices that reached nobody yet"},
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
    {"offending_certificates.violations", "string", "what the policy has against it"},
    {"statuses", "?array of object", "with --weekly, --html and --textfile: all certificates of the inventory"},
    {"statuses.name", "string", "good, due, expired, superseded or revoked"},
    {"statuses.certificates", "integer", "how many"},
    {"algorithms", "?array of object", "with --weekly, --html and --textfile: the active ones, most first"},
    {"algorithms.name", "string", "key algorithm"},
    {"algorithms.certificates", "integer", "how many"},
    {"calendar", "?array of object",
     "with --weekly, --html and --textfile: days on which something expires, twelve months"},
    {"calendar.date", "string", "the day, UTC"},
    {"calendar.certificates", "integer", "how many expire"},
    {"expiring_later", "?integer", "with --weekly, --html and --textfile: how many expire after these months"},
    {"trend", "?array of object", "with --weekly, --html and --textfile: recorded weeks, oldest first"},
    {"trend.week", "string", "its Monday"},
    {"trend.at", "time", "when it was recorded"},
    {"trend.policy_version", "string", "policy in force then"},
    {"trend.policy_compliance_percent", "number", "share of the active ones that kept it"},
    {"trend.active", "integer", "as above, then"},
    {"trend.expired", "integer", "as above, then"},
    {"trend.due", "integer", "as above, then"},
    {"trend.expiring", "integer", "as above, then"},
    {"trend.revoked", "integer", "as above, then"},
    {"trend.offending", "integer", "as above, then"},
    {"recorded", "?boolean", "with --weekly: this week had no figures yet, and has these now"},
    {"mailed_to", "?array of string", "with --weekly: addresses; with --dry-run: that it would go to"},
    {"files", "?array of string", "what was written"}};

constexpr Example examples[] = {
    {"ymgr report", "what is active, expiring, revoked and against the policy"},
    {"ymgr report --from 2026-01-01 --to 2026-04-01", "one quarter"},
    {"ymgr report -o csv --limit 0 > report.csv", "the listed certificates for a spreadsheet"},
    {"ymgr report --html /var/www/certificates.html", "a page with charts"},
    {"ymgr report --quiet --textfile /var/lib/prometheus/node-exporter/ymgr.prom", "for node_exporter, every hour"},
    {"ymgr report --weekly", "every Monday: with the figures of this week for the trend"},
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

constexpr FileMode readable_by_all{.mode = 0644, .group = {}};

/// What one run of the command has found.
struct Found {
  Report report;
  std::optional<ReportCharts> charts;
  std::string policy_version;
};

/// Options that write somewhere else what the report has found.
constexpr std::string_view file_options[] = {"--html", "--textfile"};

void check_standard_output(Invocation& call) {
  const auto wants = [&](std::string_view option) { return call.text(option) == "-"; };
  const auto count = std::ranges::count_if(file_options, wants);
  const auto format = call.globals().format;
  if (count > 1 || (count == 1 && (format == Format::json || format == Format::jsonl)))
    throw Error(Code::usage, "standard output has one document", "name a FILE instead of -");
}

void check_words(Invocation& call) {
  const bool windows = call.has("--from") || call.has("--to");
  for (const std::string_view option : {"--weekly", "--textfile"})
    if (windows && call.has(option))
      throw Error(Code::usage, std::string(option) + " has windows of its own: the next 30 days, the last 7",
                  "leave out --from and --to");
  if (call.has("--dry-run") && !call.has("--weekly"))
    throw Error(Code::usage, "without --weekly nothing is recorded", "leave out --dry-run");
  check_standard_output(call);
}

/// An auditor writes nothing, a team's could not.
bool record_week(Invocation& call, const Found& found) {
  const auto& who = call.wiring().session().identity();
  if (call.has("--dry-run") || who.role == Role::auditor) return false;
  auto& db = call.wiring().database();
  bool recorded = false;
  db.transaction(sql::Access::write, [&] {
    recorded = history::record(db, history::week_of(found.report, found.policy_version), who.user);
  });
  return recorded;
}

PageFacts page_facts(const Found& found) {
  return {Wiring::host_name(), found.policy_version, "ymgr " YMGR_VERSION};
}

std::string page_of(const Found& found) {
  return report_page(found.report, *found.charts, page_facts(found));
}

/// To whom; none where no mail server is set up.
std::vector<std::string> mail_week(Invocation& call, const Found& found) {
  const auto settings = report_mail(call.wiring().config());
  if (!settings) return {};
  if (!call.has("--dry-run")) mail::send(*settings, weekly_message(found.report, *found.charts, page_facts(found)));
  return settings->envelope.to;
}

prometheus::Facts facts_of(Invocation& call, const Found& found) {
  auto& db = call.wiring().database();
  prometheus::Facts facts{{}, {}, found.policy_version, YMGR_VERSION};
  for (const auto& ca : list_cas(db))
    if (ca.certificate)
      facts.authorities.push_back(
          {ca.issuer_id, ca.name, ca.kind, ca.status, ca.certificate->not_after, ca.crl_next_update});
  const Time at = found.report.window.at;
  for (const auto& beat : heartbeat::all(db, at))
    facts.renewals.push_back(
        {beat.host, beat.succeeded_at, beat.exit, beat.is_stale(call.wiring().config().heartbeat(), at)});
  return facts;
}

void write_metrics(Invocation& call, const Found& found, const prometheus::Write& write) {
  auto& db = call.wiring().database();
  db.transaction(sql::Access::read, [&] {
    prometheus::write_metrics(db, found.report, found.charts->statuses, facts_of(call, found), write);
  });
}

void write_textfile(Invocation& call, const Found& found, const std::string& path) {
  FileWriter file(path, readable_by_all, Existing::replace);
  write_metrics(call, found, [&](std::string_view text) { file.write(text); });
  file.commit();
}

/// In place of the report itself.
void print_instead(Result& result, std::string text) {
  result.text = std::move(text);
  result.raw = true;
}

void write_files(Invocation& call, const Found& found, Result& result) {
  std::vector<std::string> files;
  if (const auto page = call.maybe("--html")) {
    if (*page == "-") {
      print_instead(result, page_of(found));
    } else {
      write_file(*page, page_of(found), readable_by_all);
      files.push_back(*page);
    }
  }
  if (const auto metrics = call.maybe("--textfile")) {
    if (*metrics == "-") {
      std::string text;
      write_metrics(call, found, [&](std::string_view more) { text += more; });
      print_instead(result, std::move(text));
    } else {
      write_textfile(call, found, *metrics);
      files.push_back(*metrics);
    }
  }
  if (!files.empty()) result.json.set("files", Json::texts(files));
}

Found find(Invocation& call) {
  auto& db = call.wiring().database();
  Found found{make_report(db, window_of(call), call.number("--limit", 0, 100'000'000).value_or(100)),
              {},
              sql::read_setting(db, "policy.version").value_or("")};
  return found;
}

/// The mail comes last: figures are recorded and files are written even when no server takes it.
void tell_week(Invocation& call, bool recorded, const Found& found, Result& result) {
  const auto to = mail_week(call, found);
  result.json.set("recorded", recorded);
  result.json.set("mailed_to", Json::texts(to));
  if (!to.empty() && !result.raw)
    result.text +=
        std::string("\n") + (call.has("--dry-run") ? "would be mailed to " : "mailed to ") + join(to, ", ") + "\n";
}

Result run(Invocation& call) {
  call.wiring().session().require(Right::report);
  check_words(call);
  // An admin adopts a new policy by the way, so that compliance is that of the rules in force.
  if (call.wiring().session().identity().role == Role::admin) call.wiring().policy();
  Found found = find(call);
  const bool weekly = call.has("--weekly");
  const bool recorded = weekly && record_week(call, found);
  const bool elsewhere = weekly || call.has("--html") || call.has("--textfile");
  if (elsewhere) found.charts = make_charts(call.wiring().database(), found.report);
  const bool csv = call.globals().format == Format::csv && call.globals().fields.empty();
  Result result;
  result.json = to_json(found.report);
  result.json.set("policy_version", found.policy_version);
  if (found.charts) add_to_json(*found.charts, result.json);
  result.text = csv ? report_csv(found.report) : report_text(found.report);
  result.raw = csv;
  write_files(call, found, result);
  if (weekly) tell_week(call, recorded, found, result);
  if (elsewhere && call.globals().quiet && !result.raw) result.text.clear();
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
        "With `-o csv` there is one row a listed certificate, its kind in the first column.\n\n"
        "`--html` writes a page that stands for itself: expiry calendar, status, key algorithms, compliance week by "
        "week, light and dark, no script, nothing that is fetched. The trend has what `--weekly` recorded, the first "
        "run of each week; weeks without one stay empty, since nothing tells later what the policy had against "
        "certificates then. Auditors record nothing.\n\n"
        "Where `notify.mail` of the configuration names a mail server, `--weekly` also mails the report: text, the "
        "page, "
        "and the listed certificates as CSV, to `report.to`, else to `notify.mail.to`. A mail that no server takes is "
        "exit status 8, with the figures recorded and files written; the next run mails again.\n\n"
        "`--textfile` writes metrics for the textfile collector of Prometheus' node_exporter: end and renewal of each "
        "certificate, counts, compliance, scheduled renewals of each host, CAs and their CRLs. The file is replaced at "
        "once and everybody may read it. With `--quiet` nothing is printed beside files and `--weekly`.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
};

}  // namespace ymgr::cli
