#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/inventory.hpp"
#include "cli/output/table.hpp"
#include "workflow/check.hpp"
#include "workflow/explain.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument check_arguments[] = {
    {"CERT", "cert_id, name or serial number", Argument::Count::optional, "certificate"}};
constexpr Option check_options[] = {
    {.name = "--file",
     .value = "FILE",
     .help = "look at the dates of this certificate instead; needs no profile; - is standard input",
     .complete = "file"},
    {.name = "--renew-before", .value = "DURATION|PERCENT", .help = "due when this much life is left: 30d or 33%"}};
constexpr Field check_fields[] = {{"state", "string", "good, due, expired or revoked"},
                                  {"cert_id", "?string", "id of the certificate; null with --file"},
                                  {"name", "?string", "name of the lineage, or common name"},
                                  {"serial_number", "string", "upper-case hex with colons"},
                                  {"expires_at", "time", "last second of its validity"},
                                  {"renew_at", "time", "from when it is due"},
                                  {"reasons", "array of string", "why it is not good"},
                                  {"files", "?object", "what is installed on this host and was compared"}};
constexpr Example check_examples[] = {
    {"ymgr cert check www.example.com", "exit 0, 11 when due, 12 when expired or revoked"},
    {"ymgr cert check www.example.com --renew-before 10d", "alarm later than the renewal"},
    {"ymgr cert check --file /etc/ssl/www/cert.pem", "without profile or session"}};

HostPlace host_place(Invocation& call) {
  return {Wiring::host_name(), call.wiring().paths().installations};
}

std::string check_text(const std::string& name, const CheckResult& check, Time expires_at, Time at) {
  std::string text = (name.empty() ? "the certificate" : printable(name)) + ": " + std::string(to_string(check.health));
  if (check.reasons.empty()) return text + ", expires " + describe_distance(at, expires_at) + "\n";
  text += "\n";
  for (const auto& reason : check.reasons) text += "  " + printable(reason) + "\n";
  return text;
}

Result check_answer(const CheckResult& check) {
  Result result;
  result.json.set("state", to_string(check.health));
  result.json.set("cert_id", Json());
  result.exit = check_exit(check.health);
  return result;
}

void finish(Result& result, const CheckResult& check, const std::string& name, const std::string& serial,
            Time expires_at, Time at) {
  result.json.set("name", name.empty() ? Json() : Json(name));
  result.json.set("serial_number", serial);
  result.json.set("expires_at", format_time(expires_at));
  result.json.set("renew_at", format_time(check.due_at));
  result.json.set("reasons", Json::texts(check.reasons));
  result.json.set("files", check.place ? installation::to_json(*check.place) : Json());
  result.text = check_text(name, check, expires_at, at);
}

Result run_check(Invocation& call) {
  const Time at = now();
  std::optional<RenewBefore> before;
  if (const auto text = call.maybe("--renew-before")) before = parse_renew_before(*text);
  const auto file = call.maybe("--file");
  if (file.has_value() == call.has("CERT"))
    throw Error(Code::usage, "which certificate?", "ymgr cert check CERT, or --file FILE");
  if (file) {
    const auto certificate = parse_certificate(read_input(*file));
    const auto check = check_dates(certificate, before, at);
    Result result = check_answer(check);
    finish(result, check, certificate.common_name, certificate.serial, certificate.not_after, at);
    return result;
  }
  const auto row = readable_certificate(call, at);
  const auto check = check_certificate(call.wiring().database(), row, before, host_place(call), at);
  Result result = check_answer(check);
  result.json.set("cert_id", row.cert_id);
  finish(result, check, row.name, row.serial, row.expires_at, at);
  return result;
}

constexpr Argument explain_arguments[] = {
    {"CERT", "cert_id, name or serial number", Argument::Count::one, "certificate"}};
constexpr Option explain_options[] = {
    {.name = "--limit", .value = "N", .help = "the last N events of its name, 30 at first"}};
constexpr Field explain_fields[] = {
    {"cert_id", "string", "id of the certificate"},
    {"name", "string", "name of the lineage"},
    {"status", "string", "active, expired, superseded or revoked"},
    {"state", "string", "good, due, expired or revoked, as cert check has it"},
    {"expires_at", "time", "last second of its validity"},
    {"renew_at", "time", "from when it is due"},
    {"threshold", "string", "how that was found"},
    {"renewed_by_due", "boolean", "ymgr renew --due on this host takes it when it is due"},
    {"host", "?string", "where it is installed"},
    {"hook_state", "?string", "of the deploy hook: ok or pending"},
    {"operation", "?string", "open operation on this name"},
    {"because", "array of string", "what decides, one sentence each"},
    {"next_step", "string", "what to do"},
    {"timeline", "array of object", "what became of it and of those it was renewed from, oldest first"},
    {"timeline.at", "time", "when"},
    {"timeline.what", "string", "issued, renewed, revoked, hook.done, hook.failed, …; (due), (expires)"},
    {"timeline.cert_id", "?string", "of which certificate; null: of the name"},
    {"timeline.detail", "string", "in words; may be empty"},
    {"timeline.ahead", "boolean", "still to come"},
    {"events", "array of object", "what the audit trail has about this name, oldest first"},
    {"events.at", "time", "when"},
    {"events.event", "string", "what"},
    {"events.actor", "string", "who"},
    {"events.request_id", "?string", "operation it belongs to"}};
constexpr Example explain_examples[] = {
    {"ymgr cert explain www.example.com", "why it was or was not renewed, and what to do"}};
constexpr Column explain_columns[] = {
    {"AT", "at"}, {"EVENT", "event"}, {"ACTOR", "actor"}, {"REQUEST-ID", "request_id"}};

std::string explain_text(const CertificateRow& row, const Explanation& told) {
  std::string text =
      printable(row.name) + " (" + row.cert_id + "): " + std::string(to_string(told.check.health)) + "\n";
  for (const auto& sentence : told.because) text += "  " + printable(sentence) + "\n";
  text += "next: " + told.next_step + "\n";
  std::vector<std::vector<std::string>> happened, events;
  for (const auto& one : told.timeline) happened.push_back({format_time(one.at), one.what, one.cert_id, one.detail});
  for (const auto& event : told.events)
    events.push_back({format_time(event.at), event.event, event.actor, event.request_id});
  text += "\n" + format_table({"AT", "WHAT", "CERT-ID", ""}, happened);
  return events.empty() ? text : text + "\n" + format_table({"AT", "EVENT", "ACTOR", "REQUEST-ID"}, events);
}

Json timeline_json(const std::vector<Happening>& timeline) {
  Json list = Json::array();
  for (const auto& one : timeline)
    list.push(Json::object({{"at", format_time(one.at)},
                            {"what", one.what},
                            {"cert_id", one.cert_id.empty() ? Json() : Json(one.cert_id)},
                            {"detail", one.detail},
                            {"ahead", one.ahead}}));
  return list;
}

Result run_explain(Invocation& call) {
  const Time at = now();
  const auto row = readable_certificate(call, at);
  const auto limit = call.number("--limit", 1, 10'000).value_or(30);
  const auto told =
      explain_certificate(call.wiring().database(), call.wiring().policy(), row, host_place(call), at, limit);
  const Json all = inventory::to_json(row, at, inventory::WithPem::no);
  Result result{.items = "events", .columns = explain_columns};
  Json& json = result.json;
  for (const std::string_view name : {"cert_id", "name", "status", "expires_at", "renew_at", "host", "hook_state"})
    json.set(name, all.at(name));
  json.set("state", to_string(told.check.health));
  json.set("threshold", told.threshold);
  json.set("renewed_by_due", told.renewed_by_due);
  json.set("operation", told.operation ? Json(told.operation->request_id) : Json());
  json.set("because", Json::texts(told.because));
  json.set("next_step", told.next_step);
  json.set("timeline", timeline_json(told.timeline));
  Json events = Json::array();
  for (const auto& event : told.events)
    events.push(Json::object({{"at", format_time(event.at)},
                              {"event", event.event},
                              {"actor", event.actor},
                              {"request_id", event.request_id.empty() ? Json() : Json(event.request_id)}}));
  json.set("events", std::move(events));
  result.text = explain_text(row, told);
  return result;
}

}  // namespace

extern const Command cert_check_command, cert_explain_command;
constinit const Command cert_check_command = {
    .path = "cert check",
    .summary = "tell whether a certificate is fine, due or expired",
    .description =
        "For monitoring: exit status 0 when the certificate is fine, 11 when there is something to do, 12 when it has "
        "expired or is revoked. Due is a certificate whose time to renew has come, that another has superseded, whose "
        "files on this host differ from the inventory, or whose deploy hook is still owed; the reasons say which.\n\n"
        "`--file` looks at the dates of a file alone.",
    .arguments = check_arguments,
    .options = check_options,
    .fields = check_fields,
    .examples = check_examples,
    .run = run_check,
};
constinit const Command cert_explain_command = {
    .path = "cert explain",
    .summary = "tell why a certificate was or was not renewed",
    .description =
        "What decides about its renewal: threshold and date, where it is installed, its key, the policy, the deploy "
        "hook, the last scheduled renewal on its host, an open operation; what to do next; what became of it and of "
        "those it was renewed from, with what is ahead; and what the audit trail has about its name, as far as you may "
        "see it.",
    .arguments = explain_arguments,
    .options = explain_options,
    .fields = explain_fields,
    .examples = explain_examples,
    .run = run_explain,
};

}  // namespace ymgr::cli
