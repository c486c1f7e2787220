#include "policy/policy.hpp"

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/output/table.hpp"
#include "sql/settings.hpp"
#include "workflow/adopt_policy.hpp"
#include "workflow/policy_check.hpp"

namespace ymgr::cli {
namespace {

constexpr Field show_fields[] = {
    {"version", "string", "version in force"},
    {"preset", "string", "internal or cabf"},
    {"file", "?string", "where the policy stands; null: in the team's database"},
    {"min_renew_interval", "string", "smallest time between two renewals of one name"},
    {"denied_keys", "array of string", "SHA-256 of public keys that nobody may use"},
    {"profiles", "object", "by name; limits as they are today"},
};
constexpr Example show_examples[] = {{"ymgr policy show", "the rules as they apply, defaults filled in"},
                                     {"ymgr policy show --json --fields version", "which version is in force"}};

std::string list_text(const Json& profile, std::string_view block, std::string_view name) {
  return join(profile.at(block).texts_or_empty(name), ", ");
}

std::string names_text(const Json& names) {
  const auto allowed = names.texts_or_empty("allowed"), denied = names.texts_or_empty("denied");
  std::string text = allowed.empty() ? "all" : join(allowed, ", ");
  if (!denied.empty()) text += "; not " + join(denied, ", ");
  text += names.boolean_or("wildcards", false) ? "; wildcards" : "; no wildcards";
  return text + "; at most " + std::to_string(names.integer_or("max_sans", 0));
}

std::string reuse_text(const Json& reuse) {
  if (!reuse.boolean_or("key", true)) return "no";
  const auto age = reuse.text_or("max_key_age", "");
  return age.empty() ? "yes" : "until it is " + age + " old";
}

std::string profile_text(const std::string& name, const Json& profile) {
  const Json& keys = profile.at("keys");
  const Json& validity = profile.at("validity");
  return "\n" + name + "\n" +
         format_pairs(
             {{"keys", list_text(profile, "keys", "algorithms") + "; " + keys.text_or("default", "") +
                           " unless asked; RSA " + std::to_string(keys.integer_or("min_rsa_bits", 0)) +
                           " bits at least"},
              {"validity", validity.text_or("default", "") + " unless asked, at most " + validity.text_or("max", "")},
              {"names", names_text(profile.at("names"))},
              {"kinds of names", list_text(profile, "names", "san_kinds")},
              {"key reuse", reuse_text(profile.at("reuse"))},
              {"extended usage", join(profile.texts_or_empty("eku"), ", ")},
              {"key usage", join(profile.texts_or_empty("key_usage"), ", ")},
              {"roles", join(profile.texts_or_empty("roles"), ", ")}});
}

std::string show_text(const Json& policy) {
  std::string text = "policy " + policy.text_or("version", "") + ", preset " + policy.text_or("preset", "") + "\n" +
                     format_pairs({{"file", policy.text_or("file", "the team's database")},
                                   {"between renewals", policy.text_or("min_renew_interval", "") + " at least"},
                                   {"denied keys", join(policy.texts_or_empty("denied_keys"), ", ")}});
  for (const auto& [name, profile] : policy.at("profiles").members()) text += profile_text(name, profile);
  return text;
}

Result run_show(Invocation& call) {
  call.wiring().session().require(Right::show_policy);
  Result result;
  result.json = call.wiring().policy().to_json(now());
  result.json.set("file", call.wiring().is_team() ? Json() : Json(call.wiring().paths().policy));
  result.text = show_text(result.json);
  return result;
}

constexpr Argument check_arguments[] = {
    {"NAME", "as for ymgr issue; may be left out with --csr", Argument::Count::optional}};
constexpr Option check_options[] = {
    {.name = "--san",
     .value = "KIND:VALUE",
     .help = "one more name: dns:, ip:, email:, uri: or upn:",
     .times = Option::Times::many},
    {.name = "--key", .value = "rsa-2048|rsa-3072|rsa-4096|ec-p256|ec-p384|ed25519", .help = "algorithm of the key"},
    {.name = "--profile", .value = "NAME", .help = "certificate profile, tls-server at first", .complete = "profile"},
    {.name = "--validity", .value = "DURATION", .help = "how long it would be valid"},
    {.name = "--csr", .value = "FILE", .help = "a request; - is standard input", .complete = "file"},
    {.name = "--owner", .value = "NAME", .help = "the person it would belong to; you at first", .complete = "user"},
    {.name = "--role", .value = "admin|operator|user", .help = "who asks; your own role, for auditors operator"}};
constexpr Field check_fields[] = {{"approved", "boolean", "true; a refusal is an answer with success false"},
                                  {"policy_version", "string", "policy in force"},
                                  {"violations", "array of object", "empty; a refusal lists them"},
                                  {"name", "string", "name of the certificate"},
                                  {"profile", "string", "certificate profile"},
                                  {"sans", "array of string", "all its names, as KIND:VALUE"},
                                  {"key_algorithm", "string", "of the key"},
                                  {"validity", "string", "how long it would be valid"},
                                  {"owner", "string", "the person it would belong to"},
                                  {"role", "string", "role that was asked for"}};
constexpr Example check_examples[] = {
    {"ymgr policy check www.example.com --key rsa-2048", "exit 5 and what would be allowed"},
    {"ymgr policy check --csr request.pem --profile tls-client", "before a request is sent on"}};

PolicyQuestion question_of(Invocation& call) {
  PolicyQuestion question;
  question.name = call.text("NAME");
  if (question.name.empty() && !call.has("--csr"))
    throw Error(Code::usage, "which NAME?", "ymgr policy check NAME, or --csr FILE");
  for (const auto& text : call.list("--san")) question.sans.push_back(parse_san(text));
  if (const auto key = call.maybe("--key")) question.key = parse_key_algorithm(*key);
  if (const auto profile = call.maybe("--profile")) question.profile = *profile;
  question.validity = call.duration("--validity");
  if (call.has("--csr")) question.csr = read_input(call.text("--csr"));
  question.owner = call.text("--owner");
  return question;
}

Identity asker(Invocation& call) {
  Identity who = call.wiring().session().identity();
  if (who.role == Role::auditor) who.role = Role::operator_;
  if (const auto role = call.maybe("--role")) who.role = parse_role(*role);
  return who;
}

Json sans_json(const std::vector<San>& sans) {
  Json list = Json::array();
  for (const auto& san : sans) list.push(to_string(san));
  return list;
}

Result run_check(Invocation& call) {
  call.wiring().session().require(Right::show_policy);
  const auto& policy = call.wiring().policy();
  const auto verdict = check_policy(call.wiring().database(), policy, asker(call), question_of(call), now());
  if (!verdict.decision.approved()) throw_violation(verdict.decision, "");
  const auto& request = verdict.request;
  Result result;
  result.json = Json::object({{"approved", true},
                              {"policy_version", policy.version()},
                              {"violations", Json::array()},
                              {"name", request.name},
                              {"profile", request.profile},
                              {"sans", sans_json(request.sans)},
                              {"key_algorithm", request.algorithm},
                              {"validity", format_duration(request.validity)},
                              {"owner", request.owner},
                              {"role", request.role}});
  result.text = "policy " + policy.version() + " allows " + printable(request.name) + " (" + request.profile + ", " +
                request.algorithm + ", " + format_duration(request.validity) + ")\n";
  return result;
}

constexpr Argument validate_arguments[] = {{"FILE", "policy file; - is standard input", Argument::Count::one, "file"}};
constexpr Field validate_fields[] = {
    {"valid", "boolean", "true; a fault is an answer with success false"},
    {"version", "string", "version that the file names"},
    {"preset", "string", "internal or cabf"},
    {"profiles", "array of string", "names of its profiles"},
    {"in_force", "?string", "version in force; null: there is no profile here"},
    {"change", "?string", "against the one in force: unchanged, new, or returning (in force before)"}};
constexpr Example validate_examples[] = {{"ymgr policy validate policy.yaml", "before it is put into place"}};

/// What the file would mean for the profile, where there is one.
void compare_with_profile(Invocation& call, const Policy& policy, const std::string& text, Result& result) {
  auto& db = call.wiring().database();
  const auto change = compare_policy(db, policy, text);
  const auto in_force = sql::read_setting(db, "policy.version").value_or("");
  if (change == PolicyChange::unversioned)
    throw Error(Code::policy_unversioned, "the text differs from that of " + policy.version() + ", which was in force",
                "Give it a new version in the line 'version: " + policy.version() + "'",
                {{"policy_version", policy.version()}});
  result.json.set("in_force", in_force);
  result.json.set("change", to_string(change));
  result.text += change == PolicyChange::unchanged
                     ? "it is in force\n"
                     : "in force is " + in_force + "; an admin puts this one in force by " + "ymgr policy set FILE\n";
}

Result run_validate(Invocation& call) {
  const std::string file = call.text("FILE"), text = read_input(file);
  const Policy policy = Policy::parse(text, file == "-" ? "standard input" : file);
  std::vector<std::string> profiles;
  for (const auto& [name, rules] : policy.profiles()) profiles.push_back(name);
  Result result;
  result.json = Json::object({{"valid", true},
                              {"version", policy.version()},
                              {"preset", policy.preset()},
                              {"profiles", Json::texts(profiles)},
                              {"in_force", Json()},
                              {"change", Json()}});
  result.text = "policy " + policy.version() + " is valid: preset " + policy.preset() + ", profiles " +
                join(profiles, ", ") + "\n";
  if (!call.wiring().is_team() && exists(call.wiring().paths().database))
    compare_with_profile(call, policy, text, result);
  return result;
}

constexpr Argument set_arguments[] = {{"FILE", "policy file; - is standard input", Argument::Count::one, "file"}};
constexpr Field set_fields[] = {{"version", "string", "version now in force"},
                                {"previous_version", "string", "version that was in force"},
                                {"changed", "boolean", "false: this text was in force already"}};
constexpr Example set_examples[] = {{"ymgr policy set policy.yaml", "put a policy in force"}};

Policy put_in_force(Invocation& call, const PolicyText& given) {
  Wiring& wiring = call.wiring();
  const PolicyAdopter adopter{wiring.session(), wiring.head_signer(), call.notices()};
  if (wiring.is_team()) return set_team_policy(wiring.database(), given, adopter);
  check_policy_change(wiring.database(), Policy::parse(given.text, given.origin), given);
  write_file(wiring.paths().policy, given.text, {0600, {}});
  return adopt_policy(wiring.database(), given, [&] { return adopter; });
}

Result run_set(Invocation& call) {
  const std::string file = call.text("FILE");
  const PolicyText given{read_input(file), file == "-" ? "standard input" : file};
  Wiring& wiring = call.wiring();
  wiring.session().require(Right::manage_ca);
  const Policy policy = Policy::parse(given.text, given.origin);
  const bool changed = compare_policy(wiring.database(), policy, given.text) != PolicyChange::unchanged;
  const auto before = sql::read_setting(wiring.database(), "policy.version").value_or("");
  if (!call.globals().dry_run) put_in_force(call, given);
  Result result{.json =
                    Json::object({{"version", policy.version()}, {"previous_version", before}, {"changed", changed}})};
  result.text = !changed ? "policy " + before + " is in force already\n"
                         : std::string(call.globals().dry_run ? "would put" : "put") + " policy " + policy.version() +
                               " in force, in place of " + before + "\n";
  result.changed = changed && !call.globals().dry_run;
  return result;
}

}  // namespace

extern const Command policy_show_command, policy_check_command, policy_validate_command, policy_set_command;
constinit const Command policy_show_command = {
    .path = "policy show",
    .summary = "show the policy in force",
    .description =
        "The rules as they apply, with preset and defaults filled in; validity limits are those of today. A file that "
        "changed comes into force with the first command of an admin, such as this one, if its version changed too; "
        "then every certificate is measured by it.",
    .arguments = {},
    .options = {},
    .fields = show_fields,
    .examples = show_examples,
    .run = run_show,
};
constinit const Command policy_check_command = {
    .path = "policy check",
    .summary = "ask what the policy would say",
    .description =
        "Asks the policy as `ymgr issue` would, makes nothing and leaves no trace. A refusal is exit status 5 with "
        "every violation, as issue shows it.",
    .arguments = check_arguments,
    .options = check_options,
    .fields = check_fields,
    .examples = check_examples,
    .run = run_check,
};
constinit const Command policy_validate_command = {
    .path = "policy validate",
    .summary = "check a policy file",
    .description =
        "Reads the file and names the first fault with line and column. Where there is a profile, the file is compared "
        "with the policy in force: another text needs another version. No session is needed.",
    .arguments = validate_arguments,
    .options = {},
    .fields = validate_fields,
    .examples = validate_examples,
    .run = run_validate,
};

constinit const Command policy_set_command = {
    .path = "policy set",
    .summary = "put a policy in force",
    .description =
        "For admins. The file becomes the policy of the profile, or of the team, where everybody's commands read it "
        "from the "
        "database. Another text needs another version; every certificate is then measured by it.",
    .arguments = set_arguments,
    .options = {},
    .fields = set_fields,
    .examples = set_examples,
    .run = run_set,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
