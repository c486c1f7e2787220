// The PKI engine: a CA.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/client.hpp"
#include "x509/certificate.hpp"
#include "x509/revocation.hpp"

namespace ymgr::vault {

struct PkiRequest {
  Der csr;
  std::string role;
  std::string issuer = {};  // id or name of an issuer; empty: the role's
  /// Sent beside the request, for roles that take no names from it; roles that do (use_csr_common_name, use_csr_sans) ignore these
  /// with a warning, but for UPNs, which are then added.
  RequestedNames names = {};
  /// One of the two; neither: the role decides. Roles with max_ttl cut a longer life down (see warnings), but let `not_after` pass
  /// unless they have not_after_bound.
  std::optional<Duration> life = {};
  std::optional<Time> not_after = {};
};
struct PkiCertificate {
  Certificate certificate;
  std::vector<std::string> chain;     // PEM, not read: its issuer first; with the root, if the CA knows it
  std::vector<std::string> warnings;  // what of the request was ignored or cut down
};
struct PkiRecord {
  Certificate certificate;
  std::optional<Time> revoked_at;
};
/// nullopt in revoked_at: it had expired, so Vault put it on no list.
struct PkiRevocation {
  std::optional<Time> revoked_at;
};
struct PkiIssuer {
  std::string id, name;
  bool is_default = false, has_key = false;
};
enum class PkiList { issued, revoked };
/// Which certificates may be meant; what is not named fits all.
struct PkiSearch {
  Sha256 public_key{};  // of the SubjectPublicKeyInfo
  std::string common_name = {};
  std::optional<Time> not_after = {};
};

/// "4a:3f:2b" of "4A:3F:2B" or "4a3f2b": the only form that Vault finds. @throws Error usage: not a serial number
std::string vault_serial(std::string_view serial);

/// One instance a mount; cheap. What a certificate was asked to be is for the caller to compare.
class Pki {
 public:
  Pki(Client& client, std::string_view mount) : client_(client), mount_(mount) {}

  /// Signing twice makes two certificates: after an unknown outcome, find the first.
  /// @throws Error ca-refused: the role's rules · ca-expired: it would outlive the CA · vault-not-found: no such role
  PkiCertificate sign(const PkiRequest& request);
  /// Every certificate that the engine keeps for this public key, newest first. Looks at the names of all of them, 1,000 a call, and
  /// reads those that fit.
  std::vector<Certificate> find(const PkiSearch& search);
  /// Serial numbers ("4A:3F:2B") of all that the engine keeps, revoked ones too, or of those that it revoked; `page` a call where it can.
  void serials(PkiList which, const std::function<void(const std::string& serial)>& each, std::size_t page = 1000);
  /// nullopt: it keeps none of that serial: never issued, tidied away, or of a role with no_store.
  std::optional<PkiRecord> read(std::string_view serial);

  /// Again: fine, with the first date. A reason can't be given. @throws Error certificate-not-found: as for read
  PkiRevocation revoke(std::string_view serial);
  /// By itself, also where the engine does not keep it.
  PkiRevocation revoke(const Certificate& certificate);
  /// The current list of an issuer ("default", a name or an id), checked against it. Needs no token.
  Crl crl(const std::string& issuer, const Certificate& signed_by);
  /// Makes a new list now: where lists are rebuilt from time to time, a revocation is on none until then.
  void rotate_crl();
  /// An OCSP answer to a request, both DER. It has no nonce, and a serial that was never issued is "good".
  std::string ocsp(const std::string& request);

  std::vector<PkiIssuer> issuers();
  /// The issuer's certificate and those above it. Needs no token. @throws Error vault-not-found
  std::vector<Certificate> chain(const std::string& issuer = "default");

 private:
  PkiRevocation revoke_by(const Json& body);

  Client& client_;
  Path mount_;
};

/// Serials of a page of certs/detailed that fit. For this folder, and for tests.
std::vector<std::string> fitting_serials(const Json& data, const PkiSearch& search);

}  // namespace ymgr::vault
