// A certificate's key in a slot of a YubiKey: where it is, what is asked of it, and what the slot holds.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/piv_types.hpp"
#include "base/json.hpp"
#include "inventory/devices.hpp"
#include "inventory/inventory.hpp"
#include "workflow/workbench.hpp"
#include "x509/certificate.hpp"

namespace ymgr {

/// What the card tells of a slot. A key that was imported before firmware 5.3 is not seen.
struct SlotState {
  std::string key, certificate;  // SHA-256 of public key and certificate, hex; empty: none
  bool used() const noexcept { return !key.empty() || !certificate.empty(); }
};

/// Where a key is wanted.
struct CardPlace {
  std::string serial;  // empty: the enrolled one that is plugged in
  piv::Slot slot{};
  piv::PinPolicy pin_policy = piv::PinPolicy::by_slot;
  piv::TouchPolicy touch_policy = piv::TouchPolicy::by_slot;
  bool overwrite = false;  // what the slot holds may go
};

/// The journaled half of a certificate's key on a card.
struct CardKey {
  CardPlace place;
  SlotState before;                    // when it was planned
  std::vector<std::string> displaced;  // cert_ids that lose their key by this one
  std::string attestation;             // PEM of the key's and of F9's; empty: not made yet, or the firmware has none
  std::string checked;                 // how the certificate on the card was: "signature", "public-key"

  Json journal() const;
  static CardKey from(const Json&);
  std::string reference() const;  // "yubikey:12345678:9a"
  std::string name() const;       // "slot 9a of YubiKey 12345678"
};

/// nullopt: not the reference of a key on a card.
std::optional<CardPlace> parse_card_reference(std::string_view reference);
/// Of a certificate that is there, with the policies that its key is attested to have.
CardKey card_key_of(Workbench&, const CertificateRow&);

/// enrolled_row of that serial; of the only enrolled YubiKey that is plugged in when none is named.
/// @throws Error as enrolled_row; device-not-found, device-ambiguous
DeviceRow usable_device(Workbench&, const std::string& serial);
/// @throws Error device-unsupported with what to ask for instead
void require_algorithm(const DeviceRow&, KeyAlgorithm, const ProfileRules&);
piv::Algorithm piv_algorithm(KeyAlgorithm) noexcept;

/// The key of the card itself is asked where metadata tells none. @throws Error as agent::Client
SlotState read_slot(agent::Client&, const CardPlace&);
/// Serial numbers of what is plugged in; empty where there is no agent.
std::vector<std::string> plugged_in(Workbench&);

/// The card is not plugged in (any more).
bool is_absence(const Error&) noexcept;

/// @throws Error credentials-unknown: not kept here
piv::ManagementKey management_key(Workbench&, const std::string& serial);
/// Signatures need it.
bool needs_pin(const CardPlace&) noexcept;
/// The PIN that is kept, else of whoever gives the command. nullopt: there is none to have.
std::optional<Secret> known_pin(Workbench&, const std::string& serial);
/// known_pin. @throws Error input-needed; credential-stale, pin-blocked: what is kept is no good
Secret need_pin(Workbench&, const std::string& serial);
/// Runs `use`, which sends that PIN. One that the card refuses is not sent again: kept, it is stale from now on; given, it is not
/// asked for again by this command.
void use_pin(Workbench&, const std::string& serial, const Secret& pin, const std::function<void()>& use);
/// Where one is needed: that it is known and right, before anything is changed.
/// @throws Error input-needed, wrong-pin, few-tries, pin-blocked
void require_pin(Workbench&, const CardPlace&);

/// Attested by the card as made there, with that public key, and with policies as asked for.
/// @return PEM of both
/// @throws Error attestation-refused
std::string check_attestation(Workbench&, const CardPlace&, const agent::SlotCsr&);

}  // namespace ymgr
