#include <algorithm>

#include "base/text.hpp"
#include "cli/devices.hpp"
#include "cli/output/table.hpp"
#include "inventory/inventory.hpp"
#include "workflow/device_admin.hpp"
#include "workflow/device_view.hpp"

namespace ymgr::cli {
namespace {

constexpr Option list_options[] = {
    {.name = "--owner", .value = "USER", .help = "only that person's", .complete = "user"},
    {.name = "--status", .value = "factory|enrolled|lost|retired", .help = "only those"}};
constexpr Field list_fields[] = {
    {"devices", "array of object", "by serial number"},
    {"devices.serial", "string", "serial number"},
    {"devices.owner", "?string", "whose it is; null: not enrolled"},
    {"devices.status", "string", "enrolled, factory, lost, retired, or unknown: not enrolled here"},
    {"devices.firmware", "?string", "its firmware"},
    {"devices.form_factor", "?string", "usb-a-keychain, usb-c-nano, …"},
    {"devices.pin_mode", "?string", "who knows the PIN: escrow or user"},
    {"devices.attested", "?boolean", "whether its attestation was verified"},
    {"devices.plugged_in", "?boolean", "null: no agent answers"},
    {"devices.reader", "?string", "where it is plugged in"},
    {"devices.state", "?string", "ready, busy or failed, while it is plugged in"},
    {"devices.weaknesses", "array of object", "what is known to be wrong with its firmware"},
    {"devices.weaknesses.id", "string", "ROCA, EUCLEAK"},
    {"devices.weaknesses.text", "string", "one sentence"},
    {"devices.enrolled_at", "?time", "when"},
    {"devices.replaced_by", "?string", "serial number of the one that replaced it"},
    {"devices.superseded_at", "?time", "when its certificates become superseded"}};
constexpr Column list_columns[] = {{"SERIAL", "serial"},
                                   {"OWNER", "owner"},
                                   {"STATUS", "status"},
                                   {"FIRMWARE", "firmware"},
                                   {"PLUGGED-IN", "plugged_in"},
                                   {"FORM", "form_factor", true},
                                   {"PIN", "pin_mode", true},
                                   {"ATTESTED", "attested", true},
                                   {"ENROLLED", "enrolled_at", true},
                                   {"READER", "reader", true}};
constexpr Example list_examples[] = {{"ymgr device list", "enrolled ones, and what is plugged in"},
                                     {"ymgr device list --status lost -o csv", "for a report"}};

using Plugged = std::optional<std::vector<agent::DiscoveredDevice>>;

/// nullopt: no agent answers. Reading a list must not fail for that.
template <class Ask>
auto ask_agent(Invocation& call, Ask&& ask) -> std::optional<decltype(ask(call.wiring().agent()))> {
  if (!call.wiring().stores().is_open()) return std::nullopt;
  try {
    return ask(call.wiring().agent());
  } catch (const Error& error) {
    call.notices().detail(std::string("the agent can't tell what is plugged in: ") + error.what());
    return std::nullopt;
  }
}

Plugged plugged_in(Invocation& call) {
  return ask_agent(call, [](agent::Client& agent) { return agent.discover(); });
}

Json weaknesses_of(const piv::Firmware& firmware) {
  Json found = Json::array();
  for (const auto& weakness : piv::weaknesses(firmware))
    found.push(Json::object({{"id", weakness.id}, {"text", weakness.text}}));
  return found;
}

Json listed_json(const ListedDevice& device, bool has_agent) {
  Json json = Json::object();
  if (device.row) {
    const Json row = device_json(*device.row);
    for (const char* name : {"serial", "owner", "status", "firmware", "form_factor", "pin_mode", "attested",
                             "weaknesses", "enrolled_at", "replaced_by", "superseded_at"})
      json.set(name, row.at(name));
  } else {
    const auto& found = *device.plugged;
    json = Json::object({{"serial", found.serial},
                         {"owner", Json()},
                         {"status", "unknown"},
                         {"firmware", found.firmware ? Json(piv::to_string(*found.firmware)) : Json()},
                         {"form_factor", found.form_factor.empty() ? Json() : Json(found.form_factor)}});
    json.set("weaknesses", found.firmware ? weaknesses_of(*found.firmware) : Json::array());
  }
  json.set("plugged_in", has_agent ? Json(device.plugged.has_value()) : Json());
  json.set("reader", device.plugged ? Json(device.plugged->reader) : Json());
  constexpr std::string_view states[] = {"ready", "busy", "failed"};
  json.set("state", device.plugged ? Json(states[static_cast<std::size_t>(device.plugged->state)]) : Json());
  return json;
}

Result run_list(Invocation& call) {
  const auto& session = call.wiring().session();
  session.require(Right::read_inventory);
  devices::ListQuery query;
  query.owner = call.text("--owner");
  for (const auto status : {DeviceStatus::factory, DeviceStatus::enrolled, DeviceStatus::lost, DeviceStatus::retired})
    if (call.text("--status") == to_string(status)) query.status = status;
  const auto plugged = plugged_in(call);
  Result result{.json = Json::object({{"devices", Json::array()}}), .items = "devices", .columns = list_columns};
  for (const auto& device :
       list_devices(call.wiring().database(), session, query, plugged.value_or(std::vector<agent::DiscoveredDevice>())))
    result.json.find("devices")->push(listed_json(device, plugged.has_value()));
  return result;
}

constexpr Field show_fields[] = {
    {"serial", "string", "serial number"},
    {"owner", "string", "whose it is"},
    {"status", "string", "enrolled, factory, lost or retired"},
    {"firmware", "string", "its firmware"},
    {"form_factor", "?string", "usb-a-keychain, usb-c-nano, …"},
    {"fips", "boolean", "a FIPS key"},
    {"pin_mode", "string", "who knows the PIN: escrow or user"},
    {"attested", "boolean", "whether its attestation was verified"},
    {"attested_at", "?time", "when"},
    {"attestation_root", "?string", "the root that stands for it"},
    {"default_pin_at_enroll", "?boolean", "the PIN was the factory's when it was enrolled"},
    {"default_puk_at_enroll", "?boolean", "the same of the PUK"},
    {"default_management_key_at_enroll", "?boolean", "the same of the management key"},
    {"enrolled_at", "?time", "when"},
    {"enrolled_by", "?string", "by whom"},
    {"note", "?string", "of the last change of its status"},
    {"replaced_by", "?string", "serial number of the one that replaced it"},
    {"superseded_at", "?time", "when its certificates become superseded"},
    {"updated_at", "time", "last change"},
    {"weaknesses", "array of object", "what is known to be wrong with its firmware"},
    {"weaknesses.id", "string", "ROCA, EUCLEAK"},
    {"weaknesses.text", "string", "one sentence"},
    {"plugged_in", "?boolean", "null: no agent answers"},
    {"pin_tries_left", "?integer", "while it is plugged in"},
    {"puk_tries_left", "?integer", "the same, from firmware 5.3 on"},
    {"secrets", "?object", "what is kept of its secrets; null: you may not know"},
    {"secrets.pin", "boolean", "a PIN is kept"},
    {"secrets.pin_stale", "boolean", "it failed once and is not tried again"},
    {"secrets.pin_exposed", "boolean", "it was shown to somebody"},
    {"secrets.puk", "boolean", "a PUK is kept"},
    {"secrets.puk_stale", "boolean", "it failed once and is not tried again"},
    {"secrets.puk_exposed", "boolean", "it was shown to somebody, and will be changed"},
    {"secrets.management_key", "?string", "algorithm of the one that is kept"},
    {"secrets.pending", "array of string", "what is on its way to the card"},
    {"certificates", "array of object", "active ones with a key on it"},
    {"certificates.cert_id", "string", "id"},
    {"certificates.name", "string", "name"},
    {"certificates.slot", "string", "where the key is"},
    {"certificates.profile", "string", "its profile"},
    {"certificates.expires_at", "time", "its end"}};
constexpr Example show_examples[] = {{"ymgr device show 12345678", "all that is known of it"}};

Json secrets_json(const KeptSecrets& kept) {
  return Json::object({{"pin", kept.pin},
                       {"pin_stale", kept.pin_stale},
                       {"pin_exposed", kept.pin_exposed},
                       {"puk", kept.puk},
                       {"puk_stale", kept.puk_stale},
                       {"puk_exposed", kept.puk_exposed},
                       {"management_key", kept.management_key.empty() ? Json() : Json(kept.management_key)},
                       {"pending", Json::texts(kept.pending)}});
}

Json certificates_json(sql::Connection& db, const std::string& serial) {
  Json certificates = Json::array();
  for (const auto& id : devices::active_certificates(db, serial, now())) {
    const auto row = inventory::by_id(db, id);
    if (!row) continue;
    certificates.push(Json::object({{"cert_id", row->cert_id},
                                    {"name", row->name},
                                    {"slot", row->slot},
                                    {"profile", row->profile},
                                    {"expires_at", format_time(row->expires_at)}}));
  }
  return certificates;
}

std::string tries_text(const Json& json, const char* name) {
  const Json* tries = json.find(name);
  return tries && tries->is_integer() ? std::to_string(tries->integer()) : "";
}

/// What is the matter with one of the secrets that are kept of it.
std::string troubles(const Json& secrets, const std::string& what) {
  std::string text;
  if (secrets.boolean_or(what + "_exposed", false)) text += ", was shown to somebody";
  if (secrets.boolean_or(what + "_stale", false)) text += ", is known to be wrong";
  return text;
}

std::string pin_text(const DeviceRow& row, const Json& secrets) {
  std::string mode(to_string(row.pin_mode));
  if (!secrets.is_object() || row.pin_mode == PinMode::user) return mode;
  if (!secrets.at("pin").boolean()) return mode + ", but none is kept";
  const bool stale = secrets.at("pin_stale").boolean();
  return mode + troubles(secrets, "pin") + (stale ? ": ymgr device unblock " + row.serial : "");
}

std::string puk_text(const Json& secrets) {
  if (!secrets.is_object() || !secrets.at("puk").boolean()) return "";
  return "kept" + troubles(secrets, "puk");
}

std::string show_text(const DeviceRow& row, const Json& json) {
  const Json& secrets = json.at("secrets");
  const bool enrolled = row.enrolled_at && row.status != DeviceStatus::factory;
  std::string weak;
  for (const auto& weakness : json.at("weaknesses").items())
    weak += (weak.empty() ? "" : "; ") + weakness.at("id").text() + ": " + weakness.at("text").text();
  std::string text = format_pairs(
      {{"YubiKey", row.serial},
       {"owner", row.owner},
       {"status", std::string(to_string(row.status))},
       {"firmware", row.firmware},
       {"form", row.form_factor},
       {"attested", row.attested_at ? format_time(*row.attested_at) + ", by " + row.attestation_root : "no"},
       {"PIN", row.status == DeviceStatus::factory ? "" : pin_text(row, secrets)},
       {"PUK", puk_text(secrets)},
       {"PIN tries", tries_text(json, "pin_tries_left")},
       {"PUK tries", tries_text(json, "puk_tries_left")},
       {"enrolled", enrolled ? format_time(*row.enrolled_at) : ""},
       {"replaced by", row.replaced_by},
       {"known weak", weak},
       {"note", row.note}});
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : json.at("certificates").items())
    rows.push_back(
        {one.at("slot").text(), one.at("name").text(), one.at("profile").text(), one.at("expires_at").text()});
  if (!rows.empty()) text += "\n" + format_table({"SLOT", "NAME", "PROFILE", "EXPIRES"}, rows);
  return text;
}

Result run_show(Invocation& call) {
  const auto& session = call.wiring().session();
  session.require(Right::read_inventory);
  auto& db = call.wiring().database();
  auto& stores = call.wiring().stores();
  const auto row = devices::get(db, call.text("SERIAL"));
  session.require_touch(row.owner, "the YubiKey " + row.serial);
  const auto plugged = plugged_in(call);
  const bool is_here = plugged && std::any_of(plugged->begin(), plugged->end(),
                                              [&](const auto& device) { return device.serial == row.serial; });
  std::optional<agent::CardInfo> info;
  if (is_here) info = ask_agent(call, [&](agent::Client& agent) { return agent.info(row.serial); });
  Result result{.json = device_json(row)};
  result.json.set("plugged_in", plugged ? Json(is_here) : Json());
  const bool tells_puk = info && info->device.puk_tries;
  result.json.set("pin_tries_left", info && info->device.pin_tries ? Json(info->device.pin_tries->left) : Json());
  result.json.set("puk_tries_left", tells_puk ? Json(info->device.puk_tries->left) : Json());
  result.json.set("secrets",
                  stores.reach() != SecretReach::none ? secrets_json(kept_secrets(stores, row.serial)) : Json());
  result.json.set("certificates", certificates_json(db, row.serial));
  result.text = show_text(row, result.json);
  return result;
}

constexpr Option attest_options[] = {
    {.name = "--slot", .value = "SLOT", .help = "9a, 9c, 9d, 9e, 82 to 95; 9a at first", .complete = every_slot}};
constexpr Field attest_fields[] = {{"serial", "string", "of the YubiKey that made the key"},
                                   {"slot", "string", "where the key is"},
                                   {"firmware", "string", "as the statement has it"},
                                   {"pin_policy", "string", "never, once or always"},
                                   {"touch_policy", "string", "never, always or cached"},
                                   {"root", "string", "the root that stands for it"},
                                   {"public_key_sha256", "string", "of the key"},
                                   {"attestation", "string", "PEM of the statement"},
                                   {"attestation_certificate", "string", "PEM of the YubiKey's own certificate"},
                                   {"puk", "string", "unchanged, changed, or planned: with --dry-run"}};
constexpr Example attest_examples[] = {{"ymgr device attest 12345678 --slot 9a", "where the key in 9a was made"}};

std::string_view text_of(DeviceAttestation::Puk puk) {
  switch (puk) {
    case DeviceAttestation::Puk::changed: return "changed";
    case DeviceAttestation::Puk::planned: return "planned";
    case DeviceAttestation::Puk::unchanged: break;
  }
  return "unchanged";
}

Result run_attest(Invocation& call) {
  const std::string name = call.maybe("--slot").value_or("9a");
  const auto slot = piv::parse_slot(name);
  if (!slot)
    throw Error(Code::usage, "there is no slot '" + printable(name) + "'", "it is 9a, 9c, 9d, 9e, or 82 to 95");
  const auto found = attest_slot(call.wiring().workbench(), call.text("SERIAL"), *slot, call.globals().dry_run);
  const std::string firmware = piv::to_string({found.firmware[0], found.firmware[1], found.firmware[2]});
  const std::string pin(piv::to_string(piv::PinPolicy{static_cast<std::uint8_t>(found.pin_policy)}));
  const std::string touch(piv::to_string(piv::TouchPolicy{static_cast<std::uint8_t>(found.touch_policy)}));
  Result result;
  result.json = Json::object({{"serial", found.serial},
                              {"slot", found.slot},
                              {"firmware", firmware},
                              {"pin_policy", pin},
                              {"touch_policy", touch},
                              {"root", found.root},
                              {"public_key_sha256", found.public_key_sha256},
                              {"attestation", found.statement},
                              {"attestation_certificate", found.device},
                              {"puk", text_of(found.puk)}});
  result.text = format_pairs({{"YubiKey", found.serial},
                              {"slot", found.slot},
                              {"firmware", firmware},
                              {"PIN policy", pin},
                              {"touch policy", touch},
                              {"root", found.root},
                              {"public key", found.public_key_sha256},
                              {"PUK", std::string(text_of(found.puk))}});
  result.changed = found.puk == DeviceAttestation::Puk::changed;
  return result;
}

}  // namespace

extern const Command device_list_command, device_show_command, device_attest_command;
constinit const Command device_list_command = {
    .path = "device list",
    .summary = "list YubiKeys",
    .description = "Enrolled YubiKeys and, where an agent answers, what is plugged in. No card is asked anything.",
    .arguments = {},
    .options = list_options,
    .fields = list_fields,
    .examples = list_examples,
    .run = run_list,
};
constinit const Command device_show_command = {
    .path = "device show",
    .summary = "show one YubiKey",
    .description =
        "Its row, which of its secrets are kept (never a value), its certificates and, while it is plugged in, "
        "the tries that are left. No try is spent.",
    .arguments = serial_argument,
    .options = {},
    .fields = show_fields,
    .examples = show_examples,
    .run = run_show,
};
constinit const Command device_attest_command = {
    .path = "device attest",
    .summary = "prove where a key was made",
    .description =
        "Asks the YubiKey for its statement about the key in a slot and verifies it up to Yubico's root, or one "
        "of `attestation.roots`. Keys that were imported can't be attested.\n\n"
        "A PUK that somebody was shown (`ymgr device reveal`) is changed, since the YubiKey is at hand and an operator "
        "asks; --dry-run leaves it.",
    .arguments = serial_argument,
    .options = attest_options,
    .fields = attest_fields,
    .examples = attest_examples,
    .run = run_attest,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
