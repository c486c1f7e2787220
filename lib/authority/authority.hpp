// Certificate Agent's CA.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "secrets/secret_store.hpp"
#include "sql/connection.hpp"
#include "x509/certificate.hpp"
#include "x509/revocation.hpp"

namespace ymgr {

struct IssuedCertificate {
  Certificate certificate;
  std::string issuer_id;
  std::string ca_name;
};

/// What is to be signed, and by which rules the CA is to look at it.
struct SigningRequest {
  const Csr& csr;  // parse_csr has checked its signature
  const PlannedCertificate& planned;
  std::string_view profile = {}, owner = {};  // a CA elsewhere has rules of its own for each
  std::string_view former = {};  // serial number of the certificate that it renews: never what `find` looks for
};

/// The half that workers use. One instance serves one thread; open another for more.
class Signer {
 public:
  virtual ~Signer() = default;
  /// Signs the key of the request as planned; a CA elsewhere chooses the serial number itself. Signing twice makes two certificates: callers plan first and, after an unknown
  /// outcome, ask Authority::find_by_public_key.
  /// @throws Error ca-expired: the CA ends before the plan · ca-refused: name constraints · ca-unavailable: outcome unknown
  virtual IssuedCertificate sign(const SigningRequest&) = 0;
  /// After an answer that got lost: what it may have been. nullopt: nothing was signed, or signing again is the same.
  virtual std::optional<IssuedCertificate> find(const SigningRequest&) { return std::nullopt; }
};

using CrlRecord = std::function<void(const std::vector<Crl>&)>;

struct RevocationRequest {
  std::string serial;
  Time not_after;
  Reason reason = Reason::unspecified;
  Time revoked_at;
  std::optional<Time> invalidity_date;
};

/// What a CA elsewhere keeps itself, beside the rows that the database has of it.
class CaBooks {
 public:
  virtual ~CaBooks() = default;
  using Each = std::function<void(const std::string& serial)>;
  /// Serial numbers of all that it signed, revoked ones too, in any order. What has expired may be gone.
  virtual void issued(const Each&) = 0;
  virtual void revoked(const Each&) = 0;
  struct Record {
    Certificate certificate;
    std::optional<Time> revoked_at;
  };
  /// nullopt: it keeps none of that serial.
  virtual std::optional<Record> read(std::string_view serial) = 0;
};

/// A certificate authority, on the command's own thread.
class Authority {
 public:
  virtual ~Authority() = default;
  /// Of the CA that signs now. Each worker opens one; the call itself is made on the command's thread, the Signer may then
  /// move to the worker and decodes its key there at its first use.
  virtual std::unique_ptr<Signer> open_signer() = 0;
  /// Notes an issued certificate in the caller's transaction (local CA); nothing to do where the CA itself does.
  virtual void record_issued(const IssuedCertificate&, std::string_view cert_id) = 0;
  /// Puts a serial on the list. One that is there already: its reason may rise to keyCompromise, its date stays. A hold may
  /// become any other reason. Joins the caller's transaction. `issuer`: the subject DN of the CA.
  /// @throws Error certificate-not-found: the CA never issued this serial
  virtual void revoke(std::string_view issuer, const RevocationRequest&) = 0;
  /// Takes a certificateHold off again. @throws Error certificate-state: not on hold
  virtual void unhold(std::string_view issuer, std::string_view serial) = 0;
  /// Signs and stores a new CRL of every issuing CA whose revocations changed since its CRL, or whose CRL is a day old or
  /// past half its life, or, with `force`, of all; returns those it made. `record`, if any, gets them, when there are some, in the
  /// transaction that stores them. Where the CA is elsewhere, it is told of revocations here, outside of any transaction: so no
  /// caller is inside one, but for those that need the local CA anyway, which joins it.
  virtual std::vector<Crl> refresh_crls(bool force, const CrlRecord& record) = 0;
  std::vector<Crl> refresh_crls(bool force) { return refresh_crls(force, {}); }
  /// The newest CRL of an issuer, as stored. nullopt: none yet.
  virtual std::optional<Crl> crl(std::string_view issuer) = 0;
  /// What the OCSP responder of a CA elsewhere says now. nullopt: rows of this database answer, or that CA has none.
  /// @throws Error ocsp-invalid, and what keeps it from answering
  virtual std::optional<OcspStatus> ocsp_status(std::string_view /*issuer*/, std::string_view /*serial*/) {
    return std::nullopt;
  }
  /// Every certificate the CA has for this key, newest first.
  struct Known {
    std::string issuer_id, serial, cert_id;
  };
  virtual std::vector<Known> find_by_public_key(const Sha256& spki) = 0;
  /// nullptr: the rows of the database are all there is. Network calls, so none of it inside a transaction.
  virtual CaBooks* books() noexcept { return nullptr; }
};

/// One CA certificate of the profile, as `ca show` prints it.
struct CaInfo {
  std::string issuer_id, kind, name, status, subject;
  std::optional<Certificate> certificate;  // nullopt while pending
  std::vector<Certificate> chain;          // above it, root last
  std::string csr;                         // PEM while pending
  std::string root_key;  // "sealed-own-passphrase", "sealed-admin-password", "file", "outside"; roots only
  std::int64_t crl_number = 0;
  std::optional<Time> crl_this_update, crl_next_update;
};
/// Newest first. Needs no data key.
std::vector<CaInfo> list_cas(sql::Connection&);
/// The CA that signed a certificate. nullptr: none of them did
const CaInfo* ca_of(std::span<const CaInfo> cas, const Certificate&);
/// The CA that signed a certificate and those above it, nearest first, root last; a rotated CA still stands above what it signed.
/// @throws Error certificate-not-found: none of `cas` signed it
std::vector<Certificate> chain_above(std::span<const CaInfo> cas, const Certificate&);
/// The issuing CA that signs. @throws Error ca-not-ready
CaInfo active_ca(sql::Connection&);
/// There is one, without reading its certificate. @throws Error ca-not-ready
void require_ca(sql::Connection&);

/// The newest CRL of a CA, as stored. nullopt: none yet. Needs no data key.
std::optional<Crl> stored_crl(sql::Connection&, const CaInfo&);

struct LocalCaPlan {
  std::string name = "ymgr";                 // organization; CN becomes "NAME Root CA", "NAME Issuing CA 1"
  KeyAlgorithm key = KeyAlgorithm::ec_p256;  // of root and issuing CA
  Duration root_life{}, issuing_life{};      // 15 y, 5 y when zero
  NameConstraints constraints;
  CertificateUrls urls;  // of the certificates it will issue
  enum class Root { sealed_own_passphrase, sealed_admin_password, file, outside } root = Root::sealed_admin_password;
};
struct LocalCaResult {
  std::string root_pem, issuing_pem, csr_pem;  // empty where there is none
  Secret root_key_pem;                         // for Root::file: the caller writes it and forgets it
};
/// Root and issuing CA of a new profile, in the caller's transaction. The issuing key is sealed under the data key, the
/// root key under `root_passphrase` (Argon2id). Root::outside makes a pending issuing CA with a request only.
LocalCaResult create_local_ca(sql::Connection&, const DataKey&, const LocalCaPlan&, const Secret* root_passphrase);
/// The answer to init --ca-csr: `pem` is the issuing certificate and its chain up to the root.
/// @throws Error pair-mismatch, certificate-invalid: not a CA, path length above 0, chain does not verify
CaInfo import_issuing_ca(sql::Connection&, std::string_view pem);
/// The certificate that import_issuing_ca would take from `pem`; changes nothing, throws the same.
Certificate check_issuing_ca(sql::Connection&, std::string_view pem);
/// Opens the root key: `passphrase` for a sealed root, `pem` for one kept in a file.
struct RootKey {
  const Secret* passphrase = nullptr;
  const Secret* pem = nullptr;
};
/// Opens the root key and forgets it. @throws Error root-key-missing, wrong-password, pair-mismatch
void check_root_key(sql::Connection&, const RootKey&);
/// A new issuing CA under the same root; the old one becomes retired and still signs its CRL.
/// @throws Error root-key-missing, wrong-password
CaInfo rotate_issuing_ca(sql::Connection&, const DataKey&, const RootKey&);
/// A fresh CRL of the root. @throws Error root-key-missing, wrong-password
Crl sign_root_crl(sql::Connection&, const RootKey&, const std::string& folder);

/// Serials, revocations and CRL number stand in the profile's database. `folder`: the profile's ca/ folder, where CRL
/// numbers are remembered beside the database and CRLs are published as files.
std::unique_ptr<Authority> open_local_authority(sql::Connection&, const DataKey&, std::string folder);
/// Writes stored CRLs and CA certificates as files (ca/ISSUER_ID.crl DER, ca/chain.pem, ca/root.pem, …) for whoever serves them. One process
/// at a time, by a lock in the folder. Empty `folder`: somebody else serves them, nothing is written. @throws Error database-busy: another holds it for too long
void publish_ca_files(sql::Connection&, const std::string& folder);
/// Names of the files that it would write: missing there, or different.
std::vector<std::string> stale_ca_files(sql::Connection&, const std::string& folder);
/// Makes or, at half its life, renews the delegated OCSP signer: ca/ocsp.key (0600) and ca/ocsp.pem, 30 days; of retired CAs
/// that still live ocsp-ISSUER_ID.key and .pem. One that can't be read counts as missing.   @return those it made
/// @throws Error database-busy: another process holds the folder's lock for too long
std::vector<Certificate> refresh_ocsp_signer(sql::Connection&, const DataKey&, const std::string& folder, bool force);

/// What `ca serve` answers, without the data key:
///   GET /ca.pem /chain.pem /root.pem          the CA that signs, with all above it, and the root, PEM
///   GET /ca.crt /ca/ISSUER_ID.crt             DER, for authority information access
///   GET /crl /crl/ISSUER_ID.crl               the newest stored CRL, DER
///   GET /ocsp/BASE64 (RFC 6960 A.1)  POST /ocsp
/// OCSP: good for issued and not revoked, unknown for serials never issued; another CA's certificates: unauthorized;
/// no valid signer in the folder: tryLater.
struct CaAnswer {
  int status = 200;
  std::string content_type, body;
  std::optional<Duration> max_age;  // nullopt: not to be cached
  std::string allow;                // with 405
};
class CaResponder {
 public:
  /// Reads the OCSP key of `folder`, again when the file changes.
  CaResponder(sql::Connection&, std::string folder);
  ~CaResponder();
  /// @param path as in the request line, undecoded
  CaAnswer answer(std::string_view method, std::string_view path, std::string_view body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr
