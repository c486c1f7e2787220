// What a YubiKey says of a key that it made: a certificate signed by its own key in slot F9.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "x509/certificate.hpp"

namespace ymgr {

/// Numbers are the card's own (agent/piv_types.hpp names them).
struct Attestation {
  std::string serial;           // of the YubiKey, decimal
  std::array<int, 3> firmware;  // 5, 7, 4
  int slot = 0;                 // 0x9A
  int pin_policy = 0, touch_policy = 0;
  int form_factor = 0;  // 0 on firmware 4, which does not say; 80 to 8F: FIPS
  PublicKey key;
  std::string root;  // common name of the root that it leads to
};

/// The virtual YubiKey's root is known by its name; everybody can make one.
enum class VirtualRoot { refused, accepted };

/// Roots of Yubico's: PIV Root CA Serial 263751 and, for firmware 4 only, U2F Root CA Serial 457200631, either directly above F9's
/// certificate; Attestation Root 1 above the two intermediates that belong to it. F9's certificate need not be marked as a CA.
/// The statement is not a CA, and has each of Yubico's extensions exactly once.
/// @param statement, device  PEM or DER: the leaf, and the certificate in F9
/// @param others  roots that are trusted besides
/// @throws Error attestation-refused: what does not fit; certificate-invalid: can't be read
Attestation verify_attestation(std::string_view statement, std::string_view device, std::span<const Certificate> others,
                               VirtualRoot, Time at);

/// What a key must be attested as.
struct AttestedKey {
  std::string serial;
  std::optional<int> slot = {};
  std::optional<Der> spki = {};          // that of the request and of the certificate
  int pin_policy = 0, touch_policy = 0;  // at least these; 0: any
};
/// Policies grow from "never" over "once" to "always", for touch from "never" over "cached" to "always".
/// @throws Error attestation-refused
void require_attested(const Attestation&, const AttestedKey& wanted);

/// Yubico's certificates as they are shipped, roots first. @throws Error internal: one has not its pinned fingerprint
std::span<const Certificate> yubico_attestation_certificates();

}  // namespace ymgr
