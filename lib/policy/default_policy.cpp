#include "base/error.hpp"
#include "base/text.hpp"
#include "policy/policy.hpp"

namespace ymgr {
namespace {

constexpr std::string_view head =
    R"(# The policy: what may be issued, to whom, for how long. `ymgr policy validate` checks this file, `ymgr policy show`
# prints the rules as they apply. Change the version with every change: each certificate remembers the version it was
# judged by.
version: v2.3

)";

constexpr std::string_view internal_preset =
    R"(# internal: a CA of your own, certificates live 397 days at most. cabf: the rules for public TLS servers.
preset: internal

)";

constexpr std::string_view cabf_preset =
    R"(# cabf: profiles with serverAuth follow the CA/Browser Forum: at most 200 days from 2026-03-15, 100 from 2027-03-15, 47
# from 2029-03-15; DNS names and public addresses only; no internal names; RSA and EC keys. internal: a CA of your own.
preset: cabf

)";

constexpr std::string_view common = R"(# A certificate is renewed at most once in this time, unless --force is given.
min_renew_interval: 1h

keys:
  min_rsa_bits: 3072
  algorithms: [ec-p256, ec-p384, ed25519, rsa-3072, rsa-4096]
  # SHA-256 of public keys (DER) that nobody may use. Compromised keys are denied without standing here.
  denied: []

# Patterns: *.example.com (all below it), example.com, 10.0.0.0/8, *@example.com, https://host/*, spiffe://domain/*, *
# (every DNS and plain name). An empty list of allowed names allows every name; a list with entries allows nothing else,
# of no kind. Denied names win, and a wildcard name that covers one is refused.
names:
  allowed: []
  denied: []
  wildcards: false

validity:
  max: 397d

# May a renewal keep the key, and how old may the key be then?
reuse:
  key: true
  max_key_age: 2y

# Each profile takes keys, names, validity and reuse from above and may set them again; its denied names are added.
# roles: who may issue. A user issues for no other owner and under no other name than the own user name, name+anything,
# or the mailbox of that name in a domain of names.allowed; as UPN (the name of a Windows login) nothing is added to it.
# approval: who may ask for any name, and somebody else must approve before it is signed (ymgr operation approve).
profiles:
)";

constexpr std::string_view internal_servers = R"(  tls-server:
    eku: [serverAuth]
    key_usage: [digitalSignature]
    default_key: ec-p256
    default_validity: 90d
    name_is_san: true
    san_kinds: [dns, ip]
    max_sans: 100
    roles: [admin, operator]
  # Mutual TLS between services: both ends in one certificate.
  service:
    eku: [serverAuth, clientAuth]
    key_usage: [digitalSignature]
    default_key: ec-p256
    default_validity: 30d
    name_is_san: true
    san_kinds: [dns, ip, uri]
    roles: [admin, operator]
)";

constexpr std::string_view cabf_servers =
    R"(  # Without default_validity a server's certificate lives one day less than the maximum of the day.
  tls-server:
    eku: [serverAuth]
    key_usage: [digitalSignature]
    default_key: ec-p256
    name_is_san: true
    san_kinds: [dns, ip]
    max_sans: 100
    roles: [admin, operator]
  # Mutual TLS between services: both ends in one certificate.
  service:
    eku: [serverAuth, clientAuth]
    key_usage: [digitalSignature]
    default_key: ec-p256
    default_validity: 30d
    name_is_san: true
    san_kinds: [dns, ip]
    roles: [admin, operator]
)";

constexpr std::string_view people = R"(  tls-client:
    eku: [clientAuth]
    key_usage: [digitalSignature]
    default_key: ec-p256
    default_validity: 30d
    san_kinds: [dns, email, uri]
    roles: [admin, operator, user]
  email:
    eku: [emailProtection]
    key_usage: [digitalSignature, nonRepudiation]
    default_key: ec-p256
    default_validity: 365d
    san_kinds: [email]
    roles: [admin, operator, user]
  code-signing:
    eku: [codeSigning]
    key_usage: [digitalSignature]
    keys: {algorithms: [ec-p256, ec-p384, rsa-4096]}
    default_key: ec-p384
    default_validity: 365d
    reuse: {key: false}
    san_kinds: [email, uri]
    roles: [admin, operator]
  # A person's login with a YubiKey: TLS clients, smart card logon, SSH through PKCS#11. Slot 9a.
  piv-auth:
    eku: [clientAuth, smartcardLogon]
    key_usage: [digitalSignature]
    default_key: ec-p384
    default_validity: 365d
    san_kinds: [upn, email, uri]
    max_sans: 10
    roles: [admin, operator, user]
  # Doors and readers: the key answers without a PIN. Slot 9e.
  card-auth:
    eku: [clientAuth, id-PIV-cardAuth]
    key_usage: [digitalSignature]
    default_key: ec-p384
    default_validity: 365d
    san_kinds: [uri]
    max_sans: 10
    roles: [admin, operator]
)";

}  // namespace

std::string default_policy(std::string_view preset) {
  const bool cabf = preset == "cabf";
  if (!cabf && preset != "internal") {
    throw Error(Code::usage, "unknown policy preset " + printable(preset), "internal or cabf");
  }
  std::string text;
  for (const auto part :
       {head, cabf ? cabf_preset : internal_preset, common, cabf ? cabf_servers : internal_servers, people}) {
    text += part;
  }
  return text;
}

std::optional<std::string> default_profile(std::string_view name) {
  const std::string key = "  " + std::string(name) + ":";
  std::vector<std::string> members;
  bool inside = false;
  for (const auto& line : split(default_policy("internal"), '\n')) {
    if (inside && !line.starts_with("    ")) break;
    if (inside) members.emplace_back(trim(line));
    inside = inside || line == key;
  }
  if (members.empty()) return std::nullopt;
  return std::string(name) + ": {" + join(members, ", ") + "}";
}

}  // namespace ymgr
