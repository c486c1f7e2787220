#include "workflow/init.hpp"

#include <unistd.h>

#include <array>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/environment.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"
#include "cli/servers.hpp"
#include "cli/team.hpp"
#include "policy/policy.hpp"
#include "workflow/new_profile.hpp"

namespace ymgr::cli {

namespace {

constexpr Option options[] = {
    {.name = "--admin", .value = "NAME", .help = "name of the first admin"},
    {.name = "--password-file",
     .value = "FILE",
     .help = "the admin's password, - for standard input",
     .complete = "file"},
    {.name = "--preset", .value = "internal|cabf", .help = "policy to begin with, internal at first"},
    {.name = "--policy", .value = "FILE", .help = "your own policy file instead", .complete = "file"},
    {.name = "--ca-name", .value = "NAME", .help = "name of the CA, ymgr at first"},
    {.name = "--ca-key",
     .value = "ec-p256|ec-p384|rsa-3072|rsa-4096|ed25519",
     .help = "key algorithm of the CA, ec-p256 at first"},
    {.name = "--demo", .value = "", .help = "mark the profile: it believes the virtual YubiKey's attestations"},
    {.name = "--permit",
     .value = "KIND:VALUE",
     .help = "name constraint of the issuing CA, such as dns:example.com",
     .times = Option::Times::many},
    {.name = "--crl-url",
     .value = "URL",
     .help = "where certificates say that the CRL is; {issuer} becomes the id of the CA",
     .times = Option::Times::many},
    {.name = "--ocsp-url", .value = "URL", .help = "where they say that OCSP answers", .times = Option::Times::many},
    {.name = "--issuer-url",
     .value = "URL",
     .help = "where they say that the CA's certificate is",
     .times = Option::Times::many},
    {.name = "--root-passphrase-file",
     .value = "FILE",
     .help = "passphrase of the root key, else the admin's password serves",
     .complete = "file"},
    {.name = "--root-key-out", .value = "FILE", .help = "write the root key there and keep none", .complete = "file"},
    {.name = "--ca-csr",
     .value = "FILE",
     .help = "write a request for an outside root there instead of making a root",
     .complete = "file"},
    {.name = "--recovery-key-out",
     .value = "FILE",
     .help = "write a key there that replaces forgotten passwords",
     .complete = "file"},
    {.name = "--team",
     .value = "",
     .help = "set up OpenBao or Vault, and PostgreSQL, instead of a profile in a folder"},
    {.name = "--plan",
     .value = "DIR",
     .help = "with --team: write there what is to be set up, and contact nothing",
     .complete = "folder"},
    {.name = "--apply", .value = "", .help = "with --team: set it up; may be repeated"},
    {.name = "--check",
     .value = "",
     .help = "with --team: tell what is missing for the token's role, and what grants it"},
    {.name = "--vault-token-file",
     .value = "FILE",
     .help = "with --apply or --check: the token, else BAO_TOKEN or VAULT_TOKEN; --check: else your session's",
     .complete = "file"},
    {.name = "--database-user",
     .value = "NAME",
     .help = "with --apply: a superuser, or who owns the database and may make roles; else PGUSER"},
    {.name = "--database-password-file", .value = "FILE", .help = "password of that user", .complete = "file"},
    {.name = "--join",
     .value = "URL",
     .help = "write the configuration of a team whose Vault is there: https://vault.example.com:8200"},
    {.name = "--ca-file",
     .value = "FILE",
     .help = "with --join: the CAs that both servers' certificates may be from, else those of the configuration",
     .complete = "file"},
    {.name = "--user",
     .value = "NAME",
     .help = "with --join: log in by name and password (--password-file), else by token"},
    {.name = "--create-ca", .value = "", .help = "with --team: make a root and an issuing CA in Vault"},
    {.name = "--force", .value = "", .help = "overwrite the files named by the options above"},
};
constexpr Field fields[] = {
    {"profile", "?string", "folder of the profile; this and what follows up to ca: absent with --team"},
    {"profile_id", "?string", "its id; absent with --dry-run"},
    {"demo", "?boolean", "whether it is marked as a demo: software keys are believed to be YubiKeys"},
    {"admin", "?string", "name of the first admin"},
    {"policy_version", "?string", "version of the policy"},
    {"root_key", "?string", "how the root key is kept: sealed-own-passphrase, sealed-admin-password, file, outside"},
    {"ca", "?array of object", "certificate authorities, empty with --dry-run"},
    {"ca.name", "string", "common name"},
    {"ca.kind", "string", "root or issuing"},
    {"ca.status", "string", "active, or pending until its certificate is imported"},
    {"ca.expires_at", "?time", "end of its certificate"},
    {"ca.fingerprint", "?string", "SHA-256 of its certificate"},
    {"recovery_key_file", "?string", "file with the recovery key"},
    {"root_key_file", "?string", "file with the root key"},
    {"csr_file", "?string", "file with the request for an outside root"},
    {"plan", "?string", "folder of the plan, with --team"},
    {"files", "?array of string", "what stands in it"},
    {"made", "?array of string", "what --apply set up"},
    {"kept", "?array of string", "what stood there already and was left as it is"},
    {"settings_file", "?string", "configuration that --join wrote"},
    {"missing", "?array of object", "what --check misses; with any the exit status is 1"},
    {"missing.server", "string", "vault or postgresql"},
    {"missing.what", "string", "the privilege, mount, policy or schema"},
    {"missing.line", "string", "what grants or makes it"},
};
constexpr Example examples[] = {
    {"ymgr init", "asks for what it needs"},
    {"ymgr init --admin alice --password-file pw --recovery-key-out recovery.key", "in a script"},
    {"ymgr init --admin alice --password-file pw --permit dns:example.com --root-key-out root.key",
     "a CA for one domain, its root key kept elsewhere"},
    {"ymgr init --team --plan team", "what OpenBao and PostgreSQL are to be told, for a review"},
    {"ymgr init --join https://vault.corp.example:8200 --user alice", "be a client of a team"},
    {"ymgr init --team --check", "whether the servers give you what your role needs"},
    {"ymgr init --admin alice --password-file pw --ca-csr ca.csr", "an issuing CA below a root that you have already"},
};

KeyAlgorithm ca_key(Invocation& call) {
  const auto name = call.maybe("--ca-key");
  return name ? parse_key_algorithm(*name).value() : KeyAlgorithm::ec_p256;
}

std::string login_name() {
  std::array<char, 256> name{};
  return ::getlogin_r(name.data(), name.size()) == 0 ? name.data() : "admin";
}

void choose_root(Invocation& call, InitPlan& plan) {
  using Root = LocalCaPlan::Root;
  const int chosen = call.has("--root-passphrase-file") + call.has("--root-key-out") + call.has("--ca-csr");
  if (chosen > 1) {
    throw Error(Code::usage, "--root-passphrase-file, --root-key-out and --ca-csr exclude each other",
                "Give one of them, or none");
  }
  plan.root_key_out = call.text("--root-key-out");
  plan.csr_out = call.text("--ca-csr");
  if (!plan.root_key_out.empty()) {
    plan.ca.root = Root::file;
  } else if (!plan.csr_out.empty()) {
    plan.ca.root = Root::outside;
  } else if (call.has("--root-passphrase-file") || (call.has_terminal() && !call.has("--password-file"))) {
    plan.ca.root = Root::sealed_own_passphrase;
    plan.root_passphrase = call.new_secret("--root-passphrase-file", "Passphrase of the root key:");
  }
}

void choose_policy(Invocation& call, InitPlan& plan) {
  if (call.has("--policy") && call.has("--preset")) {
    throw Error(Code::usage, "--policy and --preset exclude each other", "Name the preset in the policy file");
  }
  plan.policy_file = call.has("--policy") ? call.text("--policy") : "policy.yaml";
  plan.policy =
      call.has("--policy") ? read_file(plan.policy_file) : default_policy(call.maybe("--preset").value_or("internal"));
}

void choose_ca(Invocation& call, InitPlan& plan) {
  if (const auto name = call.maybe("--ca-name")) plan.ca.name = *name;
  plan.ca.key = ca_key(call);
  for (const auto& text : call.list("--permit")) plan.ca.constraints.permitted.push_back(parse_name_constraint(text));
  plan.ca.urls = {call.list("--crl-url"), call.list("--ocsp-url"), call.list("--issuer-url")};
}

void choose_admin(Invocation& call, InitPlan& plan) {
  if (const auto name = call.maybe("--admin")) {
    plan.admin = *name;
  } else {
    const std::string proposed = lower(login_name());
    plan.admin = trim(call.ask("--admin NAME", "Name of the first admin [" + proposed + "]:"));
    if (plan.admin.empty()) plan.admin = proposed;
  }
  plan.password = call.new_secret("--password-file", "Password of " + plan.admin + " (12 characters at least):");
}

InitPlan make_plan(Invocation& call) {
  InitPlan plan;
  plan.home = call.wiring().paths().home;
  refuse_existing_profile(plan.home);  // before anybody types a password for nothing
  plan.recovery_key_out = call.text("--recovery-key-out");
  plan.existing = call.has("--force") ? Existing::replace : Existing::refuse;
  plan.demo = call.has("--demo");
  choose_policy(call, plan);
  choose_ca(call, plan);
  choose_admin(call, plan);
  choose_root(call, plan);
  return plan;
}

std::string_view root_text(LocalCaPlan::Root root) {
  switch (root) {
    case LocalCaPlan::Root::sealed_own_passphrase: return "sealed-own-passphrase";
    case LocalCaPlan::Root::sealed_admin_password: return "sealed-admin-password";
    case LocalCaPlan::Root::file: return "file";
    case LocalCaPlan::Root::outside: return "outside";
  }
  return {};
}

std::string root_words(const InitPlan& plan) {
  switch (plan.ca.root) {
    case LocalCaPlan::Root::sealed_own_passphrase: return "sealed under its own passphrase";
    case LocalCaPlan::Root::sealed_admin_password: return "sealed under the present password of " + plan.admin;
    case LocalCaPlan::Root::file: return plan.root_key_out + ", and nowhere else: keep it offline";
    case LocalCaPlan::Root::outside: return "outside";
  }
  return {};
}

Json ca_json(const CaInfo& ca) {
  Json json = Json::object({{"name", ca.name}, {"kind", ca.kind}, {"status", ca.status}});
  if (!ca.certificate) return json;
  return json.set("expires_at", format_time(ca.certificate->not_after))
      .set("fingerprint", hex(ca.certificate->fingerprint));
}

void set_file(Json& json, std::string_view name, const std::string& path) {
  if (!path.empty()) json.set(name, path);
}

Json plan_json(const InitPlan& plan) {
  Json json = Json::object({{"profile", plan.home},
                            {"demo", plan.demo},
                            {"admin", plan.admin},
                            {"policy_version", Policy::parse(plan.policy, plan.policy_file).version()},
                            {"root_key", root_text(plan.ca.root)},
                            {"ca", Json::array()}});
  set_file(json, "recovery_key_file", plan.recovery_key_out);
  set_file(json, "root_key_file", plan.root_key_out);
  set_file(json, "csr_file", plan.csr_out);
  return json;
}

std::string describe(const InitPlan& plan, const InitResult& made) {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"profile", plan.home}, {"admin", plan.admin}, {"policy", made.policy_version}};
  for (const CaInfo& ca : made.cas) {
    pairs.emplace_back(ca.kind + " CA", ca.name + (ca.certificate ? ", until " + format_time(ca.certificate->not_after)
                                                                  : ", waits for its certificate"));
  }
  pairs.emplace_back("root key", root_words(plan));
  pairs.emplace_back("recovery key", plan.recovery_key_out.empty()
                                         ? "none: only another admin can replace a forgotten password; init "
                                           "--recovery-key-out FILE makes one"
                                         : plan.recovery_key_out);
  if (plan.demo)
    pairs.emplace_back("demo", "the virtual YubiKey is believed: nothing here proves that a key is in hardware");
  pairs.emplace_back("request", plan.csr_out);
  const std::string next = plan.csr_out.empty() ? "ymgr login --user " + plan.admin
                                                : "have " + plan.csr_out + " signed, then ymgr ca import";
  pairs.emplace_back("next", next);
  return "The profile is made.\n" + format_pairs(pairs);
}

constexpr std::string_view team_options[] = {"--plan",      "--apply",         "--check",
                                             "--create-ca", "--database-user", "--database-password-file"};
constexpr std::string_view begin_options[] = {"--preset", "--policy", "--demo",
                                              "--admin"};  // of a profile or of a team
constexpr std::string_view profile_options[] = {"--ca-key",       "--permit", "--root-passphrase-file",
                                                "--root-key-out", "--ca-csr", "--recovery-key-out"};

/// A profile in a folder, the servers of a team, and a client of theirs have nothing in common.
void check_kind(const Invocation& call) {
  const bool team = call.has("--team"), join = call.has("--join");
  if (team && join) throw Error(Code::usage, "--team and --join exclude each other", "Give one of them");
  for (const auto option : team_options)
    if (call.has(option) && !team) throw Error(Code::usage, std::string(option) + " goes with --team", "Add --team");
  for (const auto option : begin_options)
    if (call.has(option) && (join || (team && !call.has("--apply"))))
      throw Error(Code::usage, std::string(option) + " is for what begins",
                  "It goes with --team --apply, or with neither");
  for (const auto option : profile_options)
    if (call.has(option) && (team || join))
      throw Error(Code::usage, std::string(option) + " is for a profile in a folder", "Leave it out");
  if (call.has("--password-file") && team && !call.has("--admin"))
    throw Error(Code::usage, "--password-file goes with --admin", "Leave it out");
  if (call.has("--vault-token-file") && !team && !join)
    throw Error(Code::usage, "--vault-token-file goes with --team or --join", "Leave it out");
  if (call.has("--ca-file") && !join) throw Error(Code::usage, "--ca-file goes with --join", "Leave it out");
  if (call.has("--user") && !join) throw Error(Code::usage, "--user goes with --join", "The first admin is --admin");
}

Result run(Invocation& call) {
  check_kind(call);
  if (call.has("--team")) return init_team(call);
  if (call.has("--join")) return join_team(call);
  if (hides_profile(call.wiring().config()))
    throw Error(Code::usage, "the configuration names a team's servers, and no command would use a profile in a folder",
                "ymgr init --team for the team; for a profile beside it, name its folder with YMGR_HOME");
  const InitPlan plan = make_plan(call);
  Result result;
  result.json = plan_json(plan);
  if (call.globals().dry_run) {
    check_init(plan);
    result.text = "would make a profile at " + plan.home + "\n";
    return result;
  }
  const InitResult made = init(plan);
  result.json.set("profile_id", made.profile_id);
  for (const CaInfo& ca : made.cas) result.json.find("ca")->push(ca_json(ca));
  result.text = describe(plan, made);
  result.changed = true;
  return result;
}

}  // namespace

extern const Command init_command;
constinit const Command init_command = {
    .path = "init",
    .summary = "make a profile: folder, database, CA, policy, first admin",
    .description =
        "Makes the folder of an embedded profile (`YMGR_HOME`, else the setting `home`, else ~/.local/share/ymgr) with "
        "its database, "
        "data key, root and issuing CA, policy and first admin. The folder appears at once and complete, or not at "
        "all.\n\n"
        "The root key signs issuing CAs and nothing else. It is sealed under a passphrase of its own, asked for on a "
        "terminal or read "
        "from `--root-passphrase-file`; in scripts without one the admin's password serves. With `--root-key-out` it "
        "is written to a "
        "file to be kept elsewhere; with `--ca-csr` there is no root, but a request for yours to sign.\n\n"
        "`--demo` marks the profile for ever: it accepts the attestations of the virtual YubiKey, which is software, "
        "and every "
        "answer about the profile says so.\n\n"
        "`--team` is for many people and machines: OpenBao or Vault has secrets, keys and CA, PostgreSQL the rest, and "
        "both "
        "decide "
        "who may do what. `--plan DIR` writes policies, a script for Vault, SQL, and REVIEW.md with one line for each "
        "privilege and its reason; `--apply` does what the plan says, with a token of Vault that may and a user of the "
        "database who may; `--check`, as anybody, lists what is missing with the line that grants it. `--join URL` "
        "writes the configuration of a client from what "
        "`--apply` published: addresses, names and the keys of licences, never a path or a command. "
        "Addresses, mounts and names come from `vault.*` and `database.*` of the configuration.\n\n"
        "With `--recovery-key-out` a forgotten password can be replaced by `ymgr user set-password NAME "
        "--recovery-key-file FILE`.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
