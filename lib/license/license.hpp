// A licence: a few lines, signed by the vendor of ymgr for one installation.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace ymgr::license {

inline constexpr std::size_t largest_license = 4096;

/// Ed25519, 32 raw bytes.
struct VendorKey {
  std::string bytes;
  /// The first 16 hex digits of SHA-256.
  std::string id() const;
  /// "ed25519:" and base64, as inline_vendor_key reads it.
  std::string inline_text() const;
};
/// What `license.vendor_key` names: "ed25519:" and base64 of the 32 bytes, which needs no file. nullopt: it is a path.
/// @throws Error config-invalid: no such key behind the word
std::optional<VendorKey> inline_vendor_key(std::string_view value);
/// PEM as `openssl pkey -pubout` writes it. @param origin  for messages   @throws Error config-invalid: no Ed25519 public key
VendorKey parse_vendor_key(std::string_view pem, const std::string& origin);

struct License {
  std::string license_id;       // 1 to 64 of [A-Za-z0-9._-]
  std::string customer;         // one line
  std::string installation_id;  // the only one that it counts for
  Time issued_at, not_before, expires_at;
  std::string text;  // as it was signed, signature included
};

/// Reads the form and checks no signature. The bytes before the line "signature: " are what is signed:
///
///     ymgr-license-1
///     license_id: lic-2026-0001
///     customer: Example GmbH
///     installation_id: inst-20261122223000-7f3a91c04be2
///     issued_at: 2026-11-22T22:30:00Z
///     not_before: 2026-11-22T00:00:00Z
///     expires_at: 2027-11-22T00:00:00Z
///     signature: BASE64
///
/// Every line stands there once and in this order, ended by one line feed, which the last may lack; times are whole seconds in UTC.
/// @throws Error license-unreadable
License parse_license(std::string_view text);

/// Id of the key that signed it; nullopt: none of these did.
std::optional<std::string> signer_of(const License&, std::span<const VendorKey>);

}  // namespace ymgr::license
