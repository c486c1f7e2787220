// What the database knows of a CA's certificates: those it issued, and those that are to be on its list.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.hpp"

namespace ymgr::ca {

/// Rows of `ca_issued` and `ca_revocations`. Every change joins the caller's transaction.
class Ledger {
 public:
  explicit Ledger(sql::Connection& db) : db_(db) {}

  void record_issued(const IssuedCertificate&, std::string_view cert_id);
  /// As Authority::revoke. @return id of the issuer whose list changes; nullopt: it says so already
  /// @throws Error certificate-not-found, reason-invalid
  std::optional<std::string> revoke(std::string_view issuer, const RevocationRequest&);
  /// As Authority::unhold. @return id of the issuer   @throws Error certificate-not-found, certificate-state
  std::string unhold(std::string_view issuer, std::string_view serial);
  /// Newest first.
  std::vector<Authority::Known> find_by_public_key(const Sha256& spki);
  /// Serials of an issuer that are revoked and end after `at`.
  std::vector<std::string> revoked(std::string_view issuer_id, Time at);

 private:
  std::string issuer_of(std::string_view subject, std::string_view serial);
  std::optional<Reason> stored_reason(std::string_view issuer_id, std::string_view serial);
  void store(std::string_view issuer_id, const RevocationRequest&);

  sql::Connection& db_;
};

}  // namespace ymgr::ca
