// Rows of the local CA: issuers, and the settings whose names begin with "ca.".
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "sql/connection.hpp"

namespace ymgr::ca {

/// One row of `issuers`; NULL texts are empty.
struct IssuerRow {
  std::string issuer_id, kind, name, status, subject, certificate, csr, chain, key_path, crl;
  std::int64_t crl_number = 0;
  std::optional<Time> not_after, crl_this_update, crl_next_update;

  bool is_issuing() const noexcept { return kind == "issuing"; }
  /// Its key is in a profile, which signs its lists; where it moved to a team with that, Vault knows nothing of it.
  bool is_of_a_profile() const noexcept { return !key_path.empty(); }
  bool is_active() const noexcept { return status == "active"; }
  /// Has a certificate that has not ended.
  bool is_live(Time at) const noexcept { return not_after && *not_after >= at; }
};

/// All of them, newest first.
std::vector<IssuerRow> issuer_rows(sql::Connection&);
/// The issuing CA that signs. @throws Error ca-not-ready
IssuerRow active_row(sql::Connection&);
/// @throws Error root-key-missing: this profile has no root
IssuerRow root_row(sql::Connection&);
CaInfo to_info(const IssuerRow&, std::string_view root_key_kept);

struct NewIssuer {
  std::string issuer_id, kind, name, subject, csr, chain, key_path;
  std::optional<Certificate> certificate;  // nullopt: pending
};
void insert_issuer(sql::Connection&, const NewIssuer&);
/// An issuing CA gets its certificate and signs from now on; the one before it becomes retired.
void activate_issuer(sql::Connection&, std::string_view issuer_id, const Certificate&, std::string_view chain_pem);
/// PKCS#8 DER. @throws Error key-not-found
Secret issuing_key(sql::Connection&, const DataKey&, const IssuerRow&);
void store_crl(sql::Connection&, std::string_view issuer_id, const Crl&);

/// What later issuing CAs take over from the first.
struct StoredPlan {
  std::string name;
  KeyAlgorithm key = KeyAlgorithm::ec_p256;
  Duration issuing_life{};
  NameConstraints constraints;
  CertificateUrls urls;
};
void store_plan(sql::Connection&, const StoredPlan&);
StoredPlan stored_plan(sql::Connection&);
/// "sealed-own-passphrase", …; empty: no CA yet.
std::string root_key_kept(sql::Connection&);

/// The lock on the files of the CA's folder, which is made when it is missing: who reads the rows inside it can't put older
/// files over newer ones. Waits for a minute. @throws Error database-busy
Fd lock_files(const std::string& folder);

/// `{issuer}` in a URL becomes the id of the CA whose CRL or certificate it names.
CertificateUrls urls_of(const CertificateUrls&, std::string_view issuer_id);

}  // namespace ymgr::ca
