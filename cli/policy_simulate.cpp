#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/output/table.hpp"
#include "workflow/adopt_policy.hpp"
#include "workflow/simulate_policy.hpp"

namespace ymgr::cli {
namespace {

constexpr int something_to_do = 11;

constexpr Argument arguments[] = {{"FILE", "policy file; - is standard input", Argument::Count::one, "file"}};
constexpr Option options[] = {
    {.name = "--select", .value = "FIELD=VALUE,…", .help = "only these, as in cert list"},
    {.name = "--limit", .value = "N", .help = "list at most so many certificates, 100 at first; 0: all"}};
constexpr Field fields[] = {
    {"policy_version", "string", "version that the file names"},
    {"in_force", "string", "version in force"},
    {"checked", "integer", "active certificates that were looked at"},
    {"failing", "integer", "how many would be refused at their next renewal"},
    {"already_failing", "integer", "how many of these the policy in force would refuse, too"},
    {"first_failure_at", "?time", "when the first of them comes up for renewal; null: none would be refused"},
    {"rules", "array of object", "rules that they break, by name"},
    {"rules.rule", "string", "name of the rule: key.min_rsa_bits"},
    {"rules.certificates", "integer", "how many break it"},
    {"rules.already_failing", "integer", "how many of these the policy in force would refuse, too"},
    {"rules.message", "string", "what it has against the first of them"},
    {"rules.suggestion", "string", "what would be allowed"},
    {"certificates", "array of object", "the one that comes up first first"},
    {"certificates.cert_id", "string", "id of the certificate"},
    {"certificates.name", "string", "name of the lineage"},
    {"certificates.owner", "string", "the person it belongs to"},
    {"certificates.profile", "string", "certificate profile"},
    {"certificates.serial_number", "string", "upper-case hex with colons"},
    {"certificates.renew_at", "time", "from when it is due"},
    {"certificates.expires_at", "time", "last second of its validity"},
    {"certificates.rules", "array of string", "rules that it breaks"},
    {"certificates.violations", "array of object", "as a refused renewal would list them"},
    {"certificates.already_failing", "boolean", "the policy in force would refuse it, too"},
    {"truncated", "boolean", "there are more than --limit"}};
constexpr Example examples[] = {
    {"ymgr policy simulate stricter.yaml", "exit 11 when it would stop a renewal, and which"},
    {"ymgr policy simulate stricter.yaml --select owner=web --limit 0 -o csv", "one team's, for a spreadsheet"},
    {"ymgr policy simulate stricter.yaml --json --fields failing,rules", "the counts alone"}};
constexpr Column columns[] = {{"RENEW-AT", "renew_at"},
                              {"NAME", "name"},
                              {"OWNER", "owner"},
                              {"PROFILE", "profile"},
                              {"RULES", "rules"},
                              {"CERT-ID", "cert_id", true},
                              {"SERIAL", "serial_number", true},
                              {"EXPIRES", "expires_at", true},
                              {"ALREADY", "already_failing", true}};

Json rule_json(const SimulatedRule& rule) {
  return Json::object({{"rule", rule.rule},
                       {"certificates", rule.certificates},
                       {"already_failing", rule.already},
                       {"message", rule.message},
                       {"suggestion", rule.suggestion}});
}

std::vector<std::string> rule_names(const SimulatedItem& item) {
  std::vector<std::string> names;
  for (const auto& violation : item.violations)
    if (std::find(names.begin(), names.end(), violation.rule) == names.end()) names.push_back(violation.rule);
  return names;
}

Json item_json(const SimulatedItem& item) {
  const auto& certificate = item.certificate;
  return Json::object({{"cert_id", certificate.cert_id},
                       {"name", certificate.name},
                       {"owner", certificate.owner},
                       {"profile", certificate.profile},
                       {"serial_number", certificate.serial},
                       {"renew_at", format_time(certificate.renew_at)},
                       {"expires_at", format_time(certificate.expires_at)},
                       {"rules", Json::texts(rule_names(item))},
                       {"violations", to_json(item.violations)},
                       {"already_failing", item.already}});
}

std::string summary(const Simulation& told, const Policy& next, const std::string& in_force) {
  const std::string head = "policy " + next.version() + " (in force: " + in_force + ") ";
  const std::string all = std::to_string(told.checked) + (told.checked == 1 ? " certificate" : " certificates");
  if (told.failing == 0) return head + "would renew all of " + all + "\n";
  return head + "would refuse " + std::to_string(told.failing) + " of " + all + " at the next renewal" +
         (told.already > 0 ? ", " + std::to_string(told.already) + " of them as today" : "") + "\n";
}

std::string simulation_text(const Simulation& told, const Policy& next, const std::string& in_force) {
  std::string text = summary(told, next, in_force);
  if (told.failing == 0) return text;
  std::vector<std::vector<std::string>> rules, rows;
  for (const auto& rule : told.rules)
    rules.push_back({rule.rule, std::to_string(rule.certificates), rule.message, rule.suggestion});
  for (const auto& item : told.items)
    rows.push_back({format_time(item.certificate.renew_at), item.certificate.name, item.certificate.owner,
                    item.certificate.profile, join(rule_names(item), ", ")});
  text += "\n" + format_table({"RULE", "CERTIFICATES", "FIRST", "ALLOWED"}, rules) + "\n" +
          format_table({"RENEW-AT", "NAME", "OWNER", "PROFILE", "RULES"}, rows);
  const auto hidden = told.failing - static_cast<std::int64_t>(told.items.size());
  return hidden > 0 ? text + "and " + std::to_string(hidden) + " more; --limit 0 lists all\n" : text;
}

Result run(Invocation& call) {
  call.wiring().session().require(Right::show_policy);
  const std::string file = call.text("FILE");
  const std::string given = read_input(file);
  const Policy next = Policy::parse(given, file == "-" ? "standard input" : file);
  const Policy& in_force = call.wiring().policy();
  if (compare_policy(call.wiring().database(), next, given) == PolicyChange::unversioned)
    call.notices().warn("version " + next.version() + " was another policy: give this one a new version to adopt it");
  SimulationQuery query;
  if (const auto text = call.maybe("--select")) query.selection = parse_selection(*text);
  query.limit = call.number("--limit", 0, 100'000'000).value_or(query.limit);
  const auto told = simulate_policy(call.wiring().database(), in_force, next, query, now(), call.notices());
  Json rules = Json::array(), items = Json::array();
  for (const auto& rule : told.rules) rules.push(rule_json(rule));
  for (const auto& item : told.items) items.push(item_json(item));
  Result result{.items = "certificates", .columns = columns};
  result.json = Json::object({{"policy_version", next.version()},
                              {"in_force", in_force.version()},
                              {"checked", told.checked},
                              {"failing", told.failing},
                              {"already_failing", told.already},
                              {"rules", std::move(rules)},
                              {"certificates", std::move(items)},
                              {"truncated", told.failing > static_cast<std::int64_t>(told.items.size())}});
  result.json.set("first_failure_at",
                  told.items.empty() ? Json() : Json(format_time(told.items.front().certificate.renew_at)));
  result.text = simulation_text(told, next, in_force.version());
  result.exit = told.failing > 0 ? something_to_do : 0;
  return result;
}

}  // namespace

extern const Command policy_simulate_command;
constinit const Command policy_simulate_command = {
    .path = "policy simulate",
    .summary = "tell which certificates another policy would not renew",
    .description =
        "Reads a policy file that is not in force and asks it about the next renewal of every active certificate: on "
        "the day it is due, with the same names, profile and algorithm, with the key again where the file lets it be, "
        "and with the file's default validity. Nothing is changed. Exit status 0 when all would be renewed, 11 when "
        "some would be refused.\n\n"
        "A key that is kept elsewhere and may not be used again counts as refused: its holder would have to bring a "
        "new request. Who renews is not asked. What the policy in force would refuse as well is marked.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
};

}  // namespace ymgr::cli
