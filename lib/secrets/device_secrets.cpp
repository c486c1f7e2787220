#include "secrets/device_secrets.hpp"

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "secrets/secret_json.hpp"

namespace ymgr {
namespace {

Credential credential_of(std::string_view text) {
  for (const auto what : {Credential::pin, Credential::puk, Credential::management_key})
    if (to_string(what) == text) return what;
  throw Error(Code::box_invalid, "a secret document of a YubiKey names a credential that is none");
}

piv::ManagementAlgorithm algorithm_of(std::string_view text) {
  if (const auto algorithm = piv::parse_management_algorithm(text)) return *algorithm;
  throw Error(Code::box_invalid, "a secret document of a YubiKey names an algorithm that is none");
}

Secret bytes_of_hex(const Secret& text) {
  auto bytes = from_hex(text.reveal());
  if (!bytes) throw Error(Code::box_invalid, "a management key in a secret document is not hex");
  return Secret::absorb(*bytes);
}

void write_pending(SecretJsonWriter& json, const std::optional<PendingSecret>& pending) {
  if (!pending) return;
  const bool is_key = pending->what == Credential::management_key;
  json.open("pending");
  json.text("request_id", pending->request_id);
  json.text("what", to_string(pending->what));
  if (is_key) json.text("algorithm", piv::to_string(pending->algorithm));
  json.text("value", is_key ? piv::hex_of(pending->value).reveal() : pending->value.reveal());
  json.close();
}

/// Members of "pending", in whatever order; a management key's hex is opened at the end.
void read_pending(std::optional<PendingSecret>& pending, std::string_view name, const Secret& value) {
  if (!pending) pending.emplace();
  if (name == "request_id") pending->request_id = value.reveal();
  if (name == "what") pending->what = credential_of(value.reveal());
  if (name == "algorithm") pending->algorithm = algorithm_of(value.reveal());
  if (name == "value") pending->value = value.clone();
}
void finish_pending(std::optional<PendingSecret>& pending) {
  if (pending && pending->what == Credential::management_key) pending->value = bytes_of_hex(pending->value);
}

constexpr std::string_view pending_prefix = "pending.";

Secret document_of(const CardSecrets& card) {
  SecretJsonWriter json;
  json.open("");
  if (!card.puk.empty()) json.text("puk", card.puk.reveal());
  json.flag("puk_stale", card.puk_stale);
  json.flag("puk_exposed", card.puk_exposed);
  if (card.management_key) {
    json.text("management_key", piv::hex_of(card.management_key->bytes).reveal());
    json.text("algorithm", piv::to_string(card.management_key->algorithm));
  }
  write_pending(json, card.pending);
  json.close();
  return json.finish();
}

Secret document_of(const CardPin& pin) {
  SecretJsonWriter json;
  json.open("");
  if (!pin.pin.empty()) json.text("pin", pin.pin.reveal());
  json.flag("stale", pin.stale);
  json.flag("exposed", pin.exposed);
  write_pending(json, pin.pending);
  json.close();
  return json.finish();
}

CardSecrets card_from(const SecretDocument& document) {
  CardSecrets card;
  card.version = document.version;
  Secret key;
  piv::ManagementAlgorithm algorithm{};
  read_secret_json(document.value, [&](std::string_view path, const Secret& value) {
    if (path == "puk") card.puk = value.clone();
    if (path == "puk_stale") card.puk_stale = value.reveal() == "true";
    if (path == "puk_exposed") card.puk_exposed = value.reveal() == "true";
    if (path == "management_key") key = bytes_of_hex(value);
    if (path == "algorithm") algorithm = algorithm_of(value.reveal());
    if (path.starts_with(pending_prefix)) read_pending(card.pending, path.substr(pending_prefix.size()), value);
  });
  finish_pending(card.pending);
  if (!key.empty()) card.management_key = piv::ManagementKey{algorithm, std::move(key)};
  return card;
}

CardPin pin_from(const SecretDocument& document) {
  CardPin pin;
  pin.version = document.version;
  read_secret_json(document.value, [&](std::string_view path, const Secret& value) {
    if (path == "pin") pin.pin = value.clone();
    if (path == "stale") pin.stale = value.reveal() == "true";
    if (path == "exposed") pin.exposed = value.reveal() == "true";
    if (path.starts_with(pending_prefix)) read_pending(pin.pending, path.substr(pending_prefix.size()), value);
  });
  finish_pending(pin.pending);
  return pin;
}

/// Of that credential, by that operation.
bool is_of(const std::optional<PendingSecret>& pending, Credential what, std::string_view request_id) noexcept {
  return pending && pending->what == what && pending->request_id == request_id;
}

/// @return true: it is there already
bool refuse_other(const std::optional<PendingSecret>& there, const PendingSecret& wanted,
                  std::string_view serial_path) {
  if (!there) return false;
  if (is_of(there, wanted.what, wanted.request_id)) return true;
  throw Error(Code::credential_pending,
              "the operation " + there->request_id + " is changing the " + std::string(to_string(there->what)) +
                  " in " + std::string(serial_path),
              "ymgr operation show " + shell_quote(there->request_id), {{"request_id", there->request_id}});
}

}  // namespace

std::string_view to_string(Credential what) noexcept {
  switch (what) {
    case Credential::pin: return "pin";
    case Credential::puk: return "puk";
    case Credential::management_key: return "management_key";
  }
  return "pin";
}

DeviceSecrets::DeviceSecrets(SecretStore& store, std::string_view serial)
    : store_(store),
      secrets_path_("yubikeys/data/" + std::string(serial) + "/secrets"),
      pin_path_("yubikeys/data/" + std::string(serial) + "/pin") {}

DeviceSecrets::DeviceSecrets(std::unique_ptr<SecretStore> store, std::string_view serial)
    : DeviceSecrets(*store, serial) {
  own_ = std::move(store);
}

CardSecrets DeviceSecrets::card() const {
  if (const auto document = store_.read(secrets_path_)) return card_from(*document);
  CardSecrets none;
  none.version = store_.version(secrets_path_);
  return none;
}

CardPin DeviceSecrets::pin() const {
  if (const auto document = store_.read(pin_path_)) return pin_from(*document);
  CardPin none;
  none.version = store_.version(pin_path_);
  return none;
}

std::optional<PendingSecret> DeviceSecrets::pending(Credential what) const {
  auto found = what == Credential::pin ? pin().pending : card().pending;
  if (found && found->what != what) found.reset();
  return found;
}

void DeviceSecrets::write(CardSecrets& card) {
  card.version = store_.write(secrets_path_, document_of(card), card.version);
}
void DeviceSecrets::write(CardPin& pin) {
  pin.version = store_.write(pin_path_, document_of(pin), pin.version);
}

void DeviceSecrets::propose(const PendingSecret& value) {
  const auto store_it = [&](auto document, const std::string& path) {
    if (refuse_other(document.pending, value, path)) return;
    document.pending = PendingSecret{value.request_id, value.what, value.value.clone(), value.algorithm};
    write(document);
  };
  if (value.what == Credential::pin)
    store_it(pin(), pin_path_);
  else
    store_it(card(), secrets_path_);
  const auto there = pending(value.what);
  if (!is_of(there, value.what, value.request_id))
    throw Error(Code::version_conflict,
                "a pending " + std::string(to_string(value.what)) + " was not there when read back");
}

void DeviceSecrets::promote(Credential what, std::string_view request_id) {
  if (what == Credential::pin) {
    auto document = pin();
    if (!is_of(document.pending, what, request_id)) return;
    document.pin = std::move(document.pending->value);
    document.pending.reset();
    document.stale = document.exposed = false;
    return write(document);
  }
  auto document = card();
  if (!is_of(document.pending, what, request_id)) return;
  if (what == Credential::puk) {
    document.puk = std::move(document.pending->value);
    document.puk_stale = document.puk_exposed = false;
  } else {
    document.management_key = piv::ManagementKey{document.pending->algorithm, std::move(document.pending->value)};
  }
  document.pending.reset();
  write(document);
}

void DeviceSecrets::withdraw(Credential what, std::string_view request_id) {
  const auto drop = [&](auto document) {
    if (!is_of(document.pending, what, request_id)) return;
    document.pending.reset();
    write(document);
  };
  if (what == Credential::pin) return drop(pin());
  drop(card());
}

void DeviceSecrets::set_pin(const Secret& value) {
  auto document = pin();
  document.pin = value.clone();
  document.stale = document.exposed = false;
  document.pending.reset();
  write(document);
}

void DeviceSecrets::set_puk(const Secret& value) {
  auto document = card();
  document.puk = value.clone();
  document.puk_stale = document.puk_exposed = false;
  if (document.pending && document.pending->what == Credential::puk) document.pending.reset();
  write(document);
}

void DeviceSecrets::set_management_key(const piv::ManagementKey& key) {
  auto document = card();
  document.management_key = piv::ManagementKey{key.algorithm, key.bytes.clone()};
  if (document.pending && document.pending->what == Credential::management_key) document.pending.reset();
  write(document);
}

void DeviceSecrets::forget_management_key() {
  auto document = card();
  const bool pending = document.pending && document.pending->what == Credential::management_key;
  if (!document.management_key && !pending) return;
  document.management_key.reset();
  if (pending) document.pending.reset();
  write(document);
}

void DeviceSecrets::mark_stale(const Secret& failed) {
  auto document = pin();
  if (document.pin.empty() || document.stale || !equal_constant_time(document.pin.reveal(), failed.reveal())) return;
  document.stale = true;
  write(document);
}

void DeviceSecrets::mark_puk_stale(const Secret& failed) {
  auto document = card();
  if (document.puk.empty() || document.puk_stale || !equal_constant_time(document.puk.reveal(), failed.reveal()))
    return;
  document.puk_stale = true;
  write(document);
}

void DeviceSecrets::mark_exposed(Credential what) {
  if (what == Credential::pin) {
    auto document = pin();
    document.exposed = true;
    return write(document);
  }
  auto document = card();
  document.puk_exposed = true;
  write(document);
}

void DeviceSecrets::forget_pin() {
  auto document = pin();
  if (document.version == 0) return;
  store_.destroy(pin_path_);
}

void DeviceSecrets::destroy() {
  store_.destroy(secrets_path_);
  store_.destroy(pin_path_);
}

}  // namespace ymgr
