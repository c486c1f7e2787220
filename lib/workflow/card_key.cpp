#include "workflow/card_key.hpp"

#include <algorithm>

#include "audit/audit.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "secrets/device_secrets.hpp"
#include "workflow/device_item.hpp"

namespace ymgr {
namespace {

constexpr std::string_view scheme = "yubikey:";

std::string fingerprint(const Der& der) {
  return hex(sha256(der.bytes));
}

piv::Slot slot_of(std::string_view text) {
  const auto slot = piv::parse_slot(text);
  if (!slot) throw Error(Code::internal, "no slot " + printable(text));
  return *slot;
}

std::string only_device(Workbench& bench) {
  std::vector<std::string> enrolled;
  const auto plugged = plugged_in(bench);
  for (const auto& serial : plugged)
    if (const auto row = devices::find(bench.db, serial); row && row->status == DeviceStatus::enrolled)
      enrolled.push_back(serial);
  if (enrolled.size() == 1) return enrolled.front();
  if (enrolled.size() > 1)
    throw Error(Code::device_ambiguous, "more than one enrolled YubiKey is plugged in", "name one with --device",
                {{"serials", join(enrolled, " ")}});
  if (plugged.empty()) throw Error(Code::device_not_found, "no YubiKey is plugged in");
  throw Error(Code::device_not_enrolled, "no enrolled YubiKey is plugged in, only " + join(plugged, ", "),
              "ymgr enroll --device " + plugged.front());
}

/// The kept PIN; nullopt: none, or not to be used: it is the person's own, it failed once, or the card may have another by now.
std::optional<Secret> kept_pin(Workbench& bench, const std::string& serial) {
  const auto row = devices::find(bench.db, serial);
  if (row && row->pin_mode == PinMode::user) return std::nullopt;
  auto kept = secrets_of(bench, serial).pin();
  if (kept.pin.empty() || kept.stale || kept.pending) return std::nullopt;
  return std::move(kept.pin);
}

void give_up_pin(Workbench& bench, const std::string& serial, const Secret& pin) {
  auto secrets = secrets_of(bench, serial);
  if (secrets.pin().pin.reveal() == pin.reveal()) return secrets.mark_stale(pin);
  if (!bench.ask_pin) return;
  bench.ask_pin = [ask = std::move(bench.ask_pin), serial](const std::string& wanted) {
    return wanted == serial ? std::nullopt : ask(wanted);
  };
}

/// What the card said is told whatever becomes of the note.
void note_refused_pin(Workbench& bench, const std::string& request_id, const std::string& serial) {
  try {
    bench.db.transaction(sql::Access::write, [&] {
      audit::append(bench.db, bench.session.identity().user,
                    {{request_id, "device.pin_refused", serial, Json::object()}}, bench.head_signer);
    });
  } catch (const Error& error) {
    bench.notices.warn(std::string("that the PIN was refused is not on the audit trail: ") + error.what());
  }
}

bool is_refusal_of_pin(const Error& error) noexcept {
  return error.code() == Code::wrong_pin || error.code() == Code::pin_blocked;
}

}  // namespace

Json CardKey::journal() const {
  return Json::object({{"serial", place.serial},
                       {"slot", piv::to_string(place.slot)},
                       {"pin_policy", piv::to_string(place.pin_policy)},
                       {"touch_policy", piv::to_string(place.touch_policy)},
                       {"overwrite", place.overwrite},
                       {"key_before", before.key},
                       {"certificate_before", before.certificate},
                       {"displaced", Json::texts(displaced)},
                       {"attestation", attestation},
                       {"checked", checked}});
}

CardKey CardKey::from(const Json& json) {
  CardKey card;
  card.place = {
      .serial = json.at("serial").text(),
      .slot = slot_of(json.at("slot").text()),
      .pin_policy = piv::parse_pin_policy(json.at("pin_policy").text()).value_or(piv::PinPolicy::by_slot),
      .touch_policy = piv::parse_touch_policy(json.at("touch_policy").text()).value_or(piv::TouchPolicy::by_slot),
      .overwrite = json.at("overwrite").boolean()};
  card.before = {json.at("key_before").text(), json.at("certificate_before").text()};
  card.displaced = json.texts_or_empty("displaced");
  card.attestation = json.at("attestation").text();
  card.checked = json.at("checked").text();
  return card;
}

std::string CardKey::reference() const {
  return std::string(scheme) + place.serial + ":" + piv::to_string(place.slot);
}

std::string CardKey::name() const {
  return "slot " + piv::to_string(place.slot) + " of YubiKey " + place.serial;
}

std::optional<CardPlace> parse_card_reference(std::string_view reference) {
  if (!reference.starts_with(scheme)) return std::nullopt;
  reference.remove_prefix(scheme.size());
  const auto colon = reference.find(':');
  const auto slot = colon == std::string_view::npos ? std::nullopt : piv::parse_slot(reference.substr(colon + 1));
  if (!slot || !parse_number(reference.substr(0, colon))) return std::nullopt;
  CardPlace place;
  place.serial = reference.substr(0, colon);
  place.slot = *slot;
  return place;
}

CardKey card_key_of(Workbench& bench, const CertificateRow& row) {
  CardKey card;
  const auto place = parse_card_reference(row.key_reference);
  if (!place) throw Error(Code::internal, "the key of " + row.cert_id + " is on no card: " + row.key_reference);
  card.place = *place;
  if (row.attestation.empty()) return card;
  const auto chain = parse_pem_chain(row.attestation);
  const auto trust = bench.trust();
  const auto told =
      verify_attestation(chain.front().pem, chain.back().pem, trust.roots, trust.virtual_root, row.issued_at);
  card.place.pin_policy = static_cast<piv::PinPolicy>(told.pin_policy);
  card.place.touch_policy = static_cast<piv::TouchPolicy>(told.touch_policy);
  return card;
}

std::vector<std::string> plugged_in(Workbench& bench) {
  return bench.open_agent ? plugged_serials(bench.agent()) : std::vector<std::string>();
}

DeviceRow usable_device(Workbench& bench, const std::string& serial) {
  auto row = enrolled_row(bench, serial.empty() ? only_device(bench) : serial);
  if (bench.stores.reach() != SecretReach::pins) return row;
  throw Error(Code::role_denied,
              "writing to the YubiKey " + row.serial + " takes its management key, which a person does not read",
              "ask an admin: it is issued and renewed in your name, with --owner or by itself");
}

piv::Algorithm piv_algorithm(KeyAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case KeyAlgorithm::rsa_2048: return piv::Algorithm::rsa_2048;
    case KeyAlgorithm::rsa_3072: return piv::Algorithm::rsa_3072;
    case KeyAlgorithm::rsa_4096: return piv::Algorithm::rsa_4096;
    case KeyAlgorithm::ec_p256: return piv::Algorithm::ec_p256;
    case KeyAlgorithm::ec_p384: return piv::Algorithm::ec_p384;
    case KeyAlgorithm::ed25519: return piv::Algorithm::ed25519;
  }
  return piv::Algorithm::ec_p384;
}

void require_algorithm(const DeviceRow& device, KeyAlgorithm wanted, const ProfileRules& rules) {
  const auto firmware = agent::parse_firmware(device.firmware).value_or(piv::Firmware{});
  if (piv::supports(firmware, piv_algorithm(wanted))) return;
  const auto fits = [&](KeyAlgorithm algorithm) {
    return piv::supports(firmware, piv_algorithm(algorithm)) && std::ranges::count(rules.algorithms, algorithm) > 0;
  };
  std::vector<std::string> flags;
  for (const auto algorithm : {KeyAlgorithm::ec_p384, KeyAlgorithm::ec_p256})
    if (fits(algorithm)) flags.push_back("--key " + std::string(to_string(algorithm)));
  throw Error(Code::device_unsupported,
              "the YubiKey " + device.serial + " has firmware " + device.firmware + ", which can't make " +
                  std::string(to_string(wanted)) + " keys",
              flags.empty() ? "take a YubiKey with firmware 5.7" : join(flags, ", or "),
              {{"serial", device.serial}, {"firmware", device.firmware}});
}

SlotState read_slot(agent::Client& agent, const CardPlace& place) {
  SlotState state;
  const auto content = agent.slot(place.serial, place.slot);
  if (content.certificate) state.certificate = fingerprint(*content.certificate);
  if (content.key) state.key = fingerprint(content.key->spki);
  if (content.key_known) return state;
  try {
    state.key = hex(parse_certificate(agent.attest(place.serial, place.slot).attestation.bytes).key.sha256);
  } catch (const Error& error) {  // no key, or one that was imported
    if (error.code() != Code::slot_empty && error.code() != Code::key_not_found) throw;
  }
  return state;
}

bool is_absence(const Error& error) noexcept {
  return error.code() == Code::device_not_found || error.code() == Code::device_removed;
}

piv::ManagementKey management_key(Workbench& bench, const std::string& serial) {
  auto card = secrets_of(bench, serial).card();
  if (card.management_key) return std::move(*card.management_key);
  throw Error(Code::credentials_unknown, "the management key of YubiKey " + serial + " is not kept here",
              "ymgr enroll --adopt --device " + serial);
}

bool needs_pin(const CardPlace& place) noexcept {
  if (place.pin_policy == piv::PinPolicy::by_slot) return place.slot != piv::Slot::card_authentication;
  return place.pin_policy != piv::PinPolicy::never;
}

std::optional<Secret> known_pin(Workbench& bench, const std::string& serial) {
  if (auto pin = kept_pin(bench, serial)) return pin;
  return bench.ask_pin ? bench.ask_pin(serial) : std::nullopt;
}

Secret need_pin(Workbench& bench, const std::string& serial) {
  if (auto pin = known_pin(bench, serial)) return std::move(*pin);
  if (secrets_of(bench, serial).pin().stale) {
    const auto tries = bench.agent().info(serial).device.pin_tries;
    const bool blocked = tries && tries->left == 0;
    throw Error(blocked ? Code::pin_blocked : Code::credential_stale,
                blocked ? "the PIN of YubiKey " + serial + " is blocked"
                        : "the PIN of YubiKey " + serial + " that is kept failed once and is not tried again",
                unblock_hint(bench.agent(), serial) + (blocked ? "" : "; --pin-file FILE takes the right one"),
                {{"serial", serial}});
  }
  throw Error(Code::input_needed, "the PIN of YubiKey " + serial + " is needed and not kept here",
              "--pin-file FILE, or run it at a terminal", {{"serial", serial}});
}

void use_pin(Workbench& bench, const std::string& serial, const Secret& pin, const std::function<void()>& use) {
  try {
    use();
  } catch (const Error& error) {
    if (is_refusal_of_pin(error)) give_up_pin(bench, serial, pin);
    if (error.code() != Code::pin_blocked) throw;
    throw Error(error.code(), error.what(), unblock_hint(bench.agent(), serial), error.details());
  }
}

void require_pin(Workbench& bench, const CardPlace& place) {
  if (!needs_pin(place)) return;
  constexpr int tries_for_kept = 2;
  const auto& serial = place.serial;
  const auto at_least = kept_pin(bench, serial) ? std::optional(tries_for_kept) : std::nullopt;
  const Secret pin = need_pin(bench, serial);
  // No operation has begun yet: what a team's Vault is told of a kept PIN that fails has a request of its own.
  const std::string id = new_id("req", now());
  if (at_least) bench.begins(id);
  try {
    use_pin(bench, serial, pin, [&] { bench.agent().verify_pin(serial, pin, at_least); });
  } catch (const Error& error) {
    if (at_least && is_refusal_of_pin(error)) note_refused_pin(bench, id, serial);
    throw;
  }
}

std::string check_attestation(Workbench& bench, const CardPlace& place, const agent::SlotCsr& made) {
  if (!made.attestation || !made.attestation_certificate)
    throw Error(Code::attestation_refused,
                "slot " + piv::to_string(place.slot) + " of YubiKey " + place.serial + " attests no key",
                "it was imported, not made there: make a new one with --new-key");
  const auto trust = bench.trust();
  const auto told = verify_attestation(made.attestation->bytes, made.attestation_certificate->bytes, trust.roots,
                                       trust.virtual_root, now());
  require_attested(told, {.serial = place.serial,
                          .slot = static_cast<int>(place.slot),
                          .spki = made.public_key,
                          .pin_policy = static_cast<int>(place.pin_policy),
                          .touch_policy = static_cast<int>(place.touch_policy)});
  return to_pem(*made.attestation, "CERTIFICATE") + to_pem(*made.attestation_certificate, "CERTIFICATE");
}

}  // namespace ymgr
