#include "workflow/issue.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/config.hpp"
#include "cli/devices.hpp"
#include "cli/steadfast.hpp"
#include "workflow/batch.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {
    {"NAME", "DNS name, IP address or other name; {1..10}, {01..10} and {a,b} make many", Argument::Count::any}};

constexpr Option options[] = {
    {.name = "--san",
     .value = "KIND:VALUE",
     .help = "one more name: dns:, ip:, email:, uri: or upn:",
     .times = Option::Times::many},
    {.name = "--key",
     .value = "ALGORITHM",
     .help = "algorithm of the new key",
     .complete = "rsa-2048|rsa-3072|rsa-4096|ec-p256|ec-p384|ed25519"},
    {.name = "--validity", .value = "DURATION", .help = "how long it is valid, such as 90d"},
    {.name = "--profile",
     .value = "NAME",
     .help = "certificate profile of the policy; tls-server at first, in slots piv-auth (9a), code-signing (9c), "
             "card-auth (9e)",
     .complete = "profile"},
    {.name = "--key-store",
     .value = "sealed|file|transit",
     .help = "where the key lives; file with --out or --pkcs12, else sealed in the profile, a team's in transit",
     .complete = "sealed|file|transit"},
    {.name = "--device",
     .value = "SERIAL",
     .help = "the key is made in a slot of this YubiKey; with --slot alone the one that is plugged in",
     .complete = "device"},
    {.name = "--slot", .value = "SLOT", .help = "9a, 9c, 9d, 9e, 82 to 95", .complete = every_slot},
    {.name = "--pin-policy", .value = "default|never|once|always", .help = "when the key in the slot wants the PIN"},
    {.name = "--touch-policy", .value = "default|never|always|cached", .help = "when it wants a finger"},
    card_pin_option,
    {.name = "--csr",
     .value = "FILE",
     .help = "sign this request instead of making a key; - is standard input",
     .complete = "file"},
    out_option,
    {.name = "--pkcs12", .value = "FILE", .help = "write key and chain as PKCS#12", .complete = "file"},
    {.name = "--pkcs12-password-file", .value = "FILE", .help = "password of the PKCS#12 file", .complete = "file"},
    {.name = "--file-mode", .value = "MODE", .help = "of written files, 0600 at first"},
    {.name = "--file-group", .value = "GROUP", .help = "group of written files; the mode becomes 0640"},
    {.name = "--pre-hook", .value = "COMMAND", .help = "run once before renewals, on this host, without a shell"},
    {.name = "--deploy-hook", .value = "COMMAND", .help = "run after each renewal of this certificate"},
    {.name = "--post-hook", .value = "COMMAND", .help = "run once after renewals, also failed ones"},
    {.name = "--owner", .value = "NAME", .help = "the person it belongs to; you at first", .complete = "user"},
    {.name = "--label", .value = "NAME=VALUE", .help = "for selections", .times = Option::Times::many},
    {.name = "--renew-before", .value = "DURATION|PERCENT", .help = "due when this much life is left: 30d or 33%"},
    {.name = "--batch",
     .value = "FILE",
     .help = "CSV, JSON Lines, JSON or YAML with one certificate a row; - is standard input",
     .complete = "file"},
    {.name = "--jobs", .value = "N", .help = "workers at a time, else `jobs` of the configuration"},
    {.name = "--ensure", .value = "", .help = "nothing to do when a good one is there"},
    {.name = "--another", .value = "", .help = "one more beside an active one of the same name"},
    {.name = "--force",
     .value = "",
     .help = "replace another installation, files that stand in its place, or what the slot holds"},
    request_id_option};

constexpr Field fields[] = {
    {"cert_id", "?string", "id of the certificate in the inventory"},
    {"certificate", "?string", "the certificate, PEM"},
    {"serial_number", "?string", "upper-case hex with colons"},
    {"expires_at", "?time", "last second of its validity"},
    {"audit_reference", "?string", "request id under which the audit trail has it"},
    {"result", "?string", "issued, unchanged, planned or waiting"},
    {"name", "?string", "name of the lineage"},
    {"subject", "?string", "subject DN"},
    {"sans", "?array of string", "subject alternative names, as kind:value"},
    {"status", "?string", "active, superseded, revoked or expired"},
    {"issuer", "?string", "subject DN of the CA"},
    {"ca_name", "?string", "name of the CA"},
    {"key", "?string", "new, reused or external"},
    {"key_reference", "?string", "where the key lives: sealed:NAME, file:PATH, yubikey:SERIAL:9a, external"},
    {"key_algorithm", "?string", "rsa-3072, ec-p256, …"},
    {"device", "?string", "serial number of the YubiKey that has the key"},
    {"slot", "?string", "its slot there: 9a"},
    {"attested", "?boolean", "the YubiKey attests that it made the key; null: the key is on none"},
    {"key_store", "?string", "in a dry run: sealed, file or card"},
    {"key_checked", "?string", "how the certificate in the slot was checked: signature, or without a PIN public-key"},
    {"displaced", "?array of string", "cert_ids revoked because the slot's former key is gone"},
    {"profile", "?string", "certificate profile"},
    {"owner", "?string", "person it belongs to"},
    {"labels", "?object", "name and value"},
    {"policy_version", "?string", "policy that approved it"},
    {"violations", "?any", "what today's policy would refuse; null: it complies"},
    {"issued_at", "?time", "when it was signed"},
    {"not_before", "?time", "first second of its validity"},
    {"renew_at", "?time", "when it becomes due"},
    {"renew_before", "?string", "as asked for; null: default"},
    {"renewed_from", "?string", "cert_id of the one it replaces"},
    {"revoked_at", "?time", "null unless revoked"},
    {"revocation_reason", "?string", "null unless revoked"},
    {"fingerprint", "?string", "SHA-256 of the certificate, hex"},
    {"host", "?string", "where it is installed"},
    {"installation", "?string", "name of its installation file"},
    {"hook_state", "?string", "ok or pending"},
    {"request_id", "?string", "operation that issued it"},
    {"issued_by", "?string", "actor"},
    {"files", "?object", "paths written"},
    {"state", "?string", "of the operation: done, open, failed, waiting_approval"},
    {"items", "?array of object", "of many: one document a certificate"},
    {"summary", "?object", "of many: counts by result"},
    {"suggestion", "?string", "what a certificate waits for, and who can go on"},
    {"resume_id", "?string", "set when something is left to do"}};

constexpr Example examples[] = {
    {"ymgr issue api.example.com", "a key sealed in the profile and a certificate of 90 days"},
    {"ymgr issue www.example.com --san dns:example.com --out /etc/ssl/www --deploy-hook 'systemctl reload nginx'",
     "files for a server, and what renewal shall reload"},
    {"ymgr issue 'api-{1..10}.example.com' --jobs 2 --json", "ten certificates, one answer"},
    {"ymgr issue --batch servers.csv", "one certificate a row: name,sans,profile,key,validity,owner,out,csr,label.KEY"},
    {"ymgr issue alice --device 12345678 --slot 9a --san upn:alice@corp.example",
     "a key made in the YubiKey, attested, and its certificate beside it"},
    {"ymgr issue --csr request.pem --profile tls-client", "sign somebody else's request"}};

KeyAlgorithm algorithm_of(const std::string& text) {
  if (const auto algorithm = parse_key_algorithm(text)) return *algorithm;
  const auto near = nearest(text, key_algorithm_names());
  throw Error(Code::usage, "no key algorithm " + printable(text),
              near ? "--key " + *near : "--key rsa-3072, rsa-4096, ec-p256, ec-p384 or ed25519");
}

/// nullopt: the key is not to be made on a YubiKey.
std::optional<CardPlace> card_of(Invocation& call) {
  const auto slot = call.maybe("--slot");
  for (const auto* option : {"--device", "--pin-policy", "--touch-policy"})
    if (!slot && call.has(option)) throw Error(Code::usage, std::string(option) + " goes with --slot", "add --slot 9a");
  if (!slot) return std::nullopt;
  for (const auto* option : {"--key-store", "--csr", "--batch"})
    if (call.has(option))
      throw Error(Code::usage, std::string(option) + " and --slot exclude each other", "leave out one of them");
  CardPlace place;
  place.serial = call.text("--device");
  place.slot = slot_from(*slot);
  place.overwrite = call.has("--force");
  if (const auto text = call.maybe("--pin-policy")) place.pin_policy = piv::parse_pin_policy(*text).value();
  if (const auto text = call.maybe("--touch-policy")) place.touch_policy = piv::parse_touch_policy(*text).value();
  return place;
}

/// What the options say for every certificate of the call.
IssueRequest common_request(Invocation& call) {
  IssueRequest request;
  for (const auto& text : call.list("--san")) request.sans.push_back(parse_san(text));
  if (const auto key = call.maybe("--key")) request.key = algorithm_of(*key);
  request.validity = call.duration("--validity");
  request.card = card_of(call);
  if (const auto profile = call.maybe("--profile"))
    request.profile = *profile;
  else if (request.card)
    request.profile = default_profile_of(request.card->slot);
  if (const auto store = call.maybe("--key-store")) request.key_place = parse_key_place(*store);
  request.owner = call.text("--owner");
  request.labels = pairs_of(call, "--label");
  auto renew_before = call.wiring().config().renew_before();
  if (const auto text = call.maybe("--renew-before")) renew_before = parse_renew_before(*text);
  if (renew_before) request.renew_before = format_renew_before(*renew_before);
  return request;
}

/// A row of a batch file over what the options say.
IssueRequest request_of(Invocation& call, const IssueRequest& common, const BatchRow& row) {
  IssueRequest request = common;
  request.name = row.name;
  for (const auto& text : row.sans) request.sans.push_back(parse_san(text));
  if (!row.profile.empty()) request.profile = row.profile;
  if (!row.key.empty()) request.key = algorithm_of(row.key);
  if (!row.validity.empty()) request.validity = parse_duration(row.validity);
  if (!row.owner.empty()) request.owner = row.owner;
  if (!row.csr_file.empty()) request.csr = read_file(row.csr_file);
  if (row.name.empty()) {
    const Csr csr = parse_csr(request.csr);
    request.name = requested_name("", &csr);
  }
  for (const auto& [name, value] : row.labels) request.labels[name] = value;
  const std::string out = call.text("--out");
  request.place = installation_of(call, !row.out.empty() || out.empty() ? row.out : out + "/" + request.name);
  return request;
}

/// Wrong values of a row say which line they stand in.
IssueRequest checked_row(Invocation& call, const IssueRequest& common, const BatchRow& row) {
  try {
    return request_of(call, common, row);
  } catch (const Error& error) {
    throw Error(error.code(), "line " + std::to_string(row.line) + ": " + error.what(), error.hint(),
                {{"line", std::to_string(row.line)}});
  }
}

struct Wish {
  std::vector<IssueRequest> requests;
  bool many = false;
};

Wish batch_wish(Invocation& call, const std::string& file) {
  if (!call.list("NAME").empty())
    throw Error(Code::usage, "--batch and NAME exclude each other", "put the name into the file");
  if (call.has("--csr"))
    throw Error(Code::usage, "--batch and --csr exclude each other", "name the request in the column csr");
  Wish wish{{}, true};
  const auto common = common_request(call);
  for (const auto& row : parse_batch(read_input(file), file)) wish.requests.push_back(checked_row(call, common, row));
  return wish;
}

std::vector<std::string> names_of(Invocation& call) {
  std::vector<std::string> names;
  for (const auto& argument : call.list("NAME")) {
    const auto expanded = expand_names(argument);
    names.insert(names.end(), expanded.begin(), expanded.end());
  }
  if (!call.has("--csr")) {
    if (names.empty()) throw Error(Code::usage, "which NAME?", "ymgr issue NAME, --batch FILE or --csr FILE");
    return names;
  }
  if (names.size() > 1) throw Error(Code::usage, "--csr is for one certificate", "ymgr issue NAME --csr FILE");
  if (names.empty()) names.emplace_back();
  return names;
}

Wish named_wish(Invocation& call) {
  const auto names = names_of(call);
  const auto has_range = [](const std::string& argument) { return argument.find('{') != std::string::npos; };
  Wish wish{{}, names.size() > 1 || std::ranges::any_of(call.list("NAME"), has_range)};
  const auto common = common_request(call);
  const std::string out = call.text("--out");
  for (const auto& name : names) {
    IssueRequest request = common;
    request.name = name;
    if (call.has("--csr")) request.csr = read_input(call.text("--csr"));
    request.place = installation_of(call, wish.many && !out.empty() ? out + "/" + name : out);
    wish.requests.push_back(std::move(request));
  }
  return wish;
}

Wish wish_of(Invocation& call) {
  warn_of_missing_hooks(call);
  const auto file = call.maybe("--batch");
  Wish wish = file ? batch_wish(call, *file) : named_wish(call);
  if (wish.many && call.has("--pkcs12"))
    throw Error(Code::usage, "--pkcs12 is for one certificate", "use --out DIR: each gets a folder of its own");
  if (wish.many && call.has("--slot"))
    throw Error(Code::usage, "a slot holds one certificate", "ymgr issue NAME --slot " + call.text("--slot"));
  return wish;
}

/// A single certificate waits for one server after the other: where its key may be in transit, both are asked at once.
void look_early(Invocation& call, const Wish& wish) {
  if (wish.requests.size() != 1) return;
  const auto& request = wish.requests.front();
  const bool in_transit = request.key_place ? *request.key_place == KeyPlace::transit : !request.place;
  if (request.csr.empty() && !request.card && in_transit) call.wiring().look_for_key_early(request.name);
}

Result run(Invocation& call) {
  auto wish = wish_of(call);
  IssueOptions how;
  how.request_id = call.request_id();
  if (call.has("--ensure") && call.has("--another"))
    throw Error(Code::usage, "--ensure and --another exclude each other");
  if (call.has("--ensure")) how.when_active = WhenActive::ensure;
  if (call.has("--another")) how.when_active = WhenActive::another;
  if (call.has("--force")) how.installation = Existing::replace;
  how.dry_run = call.globals().dry_run;
  look_early(call, wish);
  auto& bench = call.wiring().workbench();
  deliver_what_waits(call);
  how.transit_names = call.wiring().keys_looked_for();
  if (const auto jobs = call.number("--jobs", 1, 256)) bench.jobs = static_cast<std::size_t>(*jobs);
  bench.ask_pin = pin_asker(call, PinPrompt::at_terminal);
  const auto answer = issue(bench, std::move(wish.requests), how);
  return wish.many ? batch_answer(answer) : flat_answer(answer);
}

}  // namespace

extern const Command issue_command;
constinit const Command issue_command = {
    .path = "issue",
    .summary = "issue certificates",
    .description =
        "Asks the policy, makes a key, a request and a certificate for each NAME, and notes all of it in inventory and "
        "audit trail. "
        "A run that was killed is finished by the same command or by `ymgr resume`; nothing is lost and nothing is "
        "made twice.\n\n"
        "TLS profiles add NAME as DNS name or IP address; every other name is given with --san. With --out the key is "
        "written beside "
        "the certificate, four files at once, and the place is remembered in an installation file of this host, so "
        "that `ymgr renew` "
        "finds it. Without it the key stays sealed in the profile; that of a team is made in Vault's transit engine, "
        "which "
        "never gives it away.\n\n"
        "With --slot the key is made inside an enrolled YubiKey and never leaves it: the YubiKey attests it and signs "
        "the "
        "request at "
        "once, the certificate is written beside the key, read back, and tried out with a signature. The certificate "
        "belongs to whom "
        "the YubiKey belongs to. The PIN is the one that is kept; else it is asked for, or read from --pin-file. A "
        "slot that "
        "holds a key or certificate is left alone unless --force is given: then certificates of ours that lose their "
        "key are "
        "revoked as superseded. Slots 9d and 82 to 95 need --profile. Firmware before 5.7 makes neither RSA keys above "
        "2048 bits nor "
        "Ed25519. Before 5.7, a key that was destroyed leaves another in its slot, which nobody can use: --force takes "
        "it "
        "away.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
