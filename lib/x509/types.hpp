// What the other parts know of X.509. OpenSSL's types stay in the .cpp files of this folder.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto.hpp"

namespace ymgr {

/// DER bytes of one object.
struct Der {
  std::string bytes;
  bool operator==(const Der&) const = default;
};

enum class KeyAlgorithm { rsa_2048, rsa_3072, rsa_4096, ec_p256, ec_p384, ed25519 };
/// "rsa-3072", "ec-p256", "ed25519".
std::string_view to_string(KeyAlgorithm) noexcept;
std::optional<KeyAlgorithm> parse_key_algorithm(std::string_view text) noexcept;
std::span<const std::string_view> key_algorithm_names() noexcept;
/// 2048, 256, ... for messages and policy.
int key_bits(KeyAlgorithm) noexcept;
/// "RSA", "EC", "Ed25519".
std::string_view key_family(KeyAlgorithm) noexcept;

/// upn: the user principal name of Windows and Active Directory, an otherName 1.3.6.1.4.1.311.20.2.3 with a UTF8String.
enum class SanKind { dns, ip, email, uri, upn };
inline constexpr SanKind san_kinds[] = {SanKind::dns, SanKind::ip, SanKind::email, SanKind::uri, SanKind::upn};
std::string_view to_string(SanKind) noexcept;

/// A subject alternative name in its normal form: DNS lower case; IP as inet_ntop writes it; URI, e-mail and UPN as given,
/// the domain of the latter two in lower case. Order and equality are by kind, then value.
struct San {
  SanKind kind;
  std::string value;
  auto operator<=>(const San&) const = default;
};
/// "dns:api.example.com". @throws Error name-invalid: no kind, wrong value; Unicode with the A-label as hint
San parse_san(std::string_view text);
San make_san(SanKind kind, std::string_view value);
std::string to_string(const San&);  // "dns:api.example.com"
/// A NAME of the command line for a TLS profile: an IP address literal or a DNS name. @throws Error name-invalid
San san_of_name(std::string_view name);
/// Lower-case LDH labels of 1 to 63, 253 in all, optionally "*." first with two labels or more after it, xn-- labels only
/// as valid A-labels, no underscore, no trailing dot, last label not all digits. @throws Error name-invalid
std::string check_dns_name(std::string_view name);
/// A certificate NAME of any profile: a DNS name, an IP, an e-mail address, or plain text of 1 to 64 characters without
/// control or invisible characters, slashes and blanks around it (for people and services). Names with a dot that are DNS
/// names become lower case. @throws Error name-invalid
std::string check_certificate_name(std::string_view name);

/// 16 random bytes as a positive INTEGER: "4A:3F:2B:…", upper case with colons.
std::string new_serial();
/// Colons or bare hex, any case, leading zeros dropped; nullopt: not a serial number of 1 to 20 bytes.
std::optional<std::string> normal_serial(std::string_view text);

/// RFC 5280 CRLReason. 7 does not exist; removeFromCRL (8) only in delta CRLs.
enum class Reason {
  unspecified = 0,
  key_compromise = 1,
  ca_compromise = 2,
  affiliation_changed = 3,
  superseded = 4,
  cessation_of_operation = 5,
  certificate_hold = 6,
  remove_from_crl = 8,
  privilege_withdrawn = 9,
  aa_compromise = 10
};
std::string_view to_string(Reason) noexcept;  // "keyCompromise"
/// Name (any case) or number. @throws Error reason-invalid listing the right ones; also for 7 and removeFromCRL
Reason parse_reason(std::string_view text);
/// Of a stored reason; nullopt: unknown text.
std::optional<Reason> reason_of(std::string_view name) noexcept;

/// Extended key usages by name: serverAuth, clientAuth, codeSigning, emailProtection, timeStamping, OCSPSigning,
/// smartcardLogon, id-PIV-cardAuth; or a dotted OID. nullopt: neither.
std::optional<std::string> eku_oid(std::string_view name_or_oid);
std::string eku_name(std::string_view oid);  // the name if there is one

}  // namespace ymgr
