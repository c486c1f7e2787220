// Requests and certificates.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "x509/key.hpp"

namespace ymgr {

/// The names a certificate is asked for. Subject is CN alone (empty: no CN, SANs critical).
struct RequestedNames {
  std::string common_name;  // at most 64 characters
  std::vector<San> sans;    // in order, no duplicates
};

struct Csr {
  Der der;
  std::string common_name;
  std::string subject;  // RFC 2253, for people
  std::vector<San> sans;
  PublicKey key;
};
/// PKCS#10 with the SANs as extension request; signed with SHA-256 (P-384: SHA-384).
Der make_csr(const PrivateKey&, const RequestedNames&);
/// PEM or DER, at most 64 KiB; the signature is checked. SAN types other than those of SanKind are refused.
/// @throws Error csr-invalid, csr-bad-signature, name-invalid
Csr parse_csr(std::string_view pem_or_der);
/// Many, by so many threads at most. @throws Error of the first that parse_csr() refuses
std::vector<Csr> parse_csrs(const std::vector<std::string_view>& pems_or_ders, std::size_t threads);

/// Everything that is fixed before the CA signs.
struct PlannedCertificate {
  std::string serial;  // "4A:3F:…"
  RequestedNames names;
  Time not_before, not_after;          // whole seconds; not_after is the last valid second
  std::vector<std::string> eku;        // names or OIDs, in order; may be empty
  std::vector<std::string> key_usage;  // digitalSignature, keyEncipherment, keyAgreement, nonRepudiation, …
};

struct CertificateUrls {
  std::vector<std::string> crl, ocsp, issuer;  // http URLs; may be empty
};

struct Certificate {
  Der der;
  std::string pem;
  std::string serial;
  std::string subject, issuer;  // RFC 2253
  std::string common_name;
  std::vector<San> sans;
  Time not_before, not_after;
  PublicKey key;
  Sha256 fingerprint{};  // SHA-256 of der
  std::vector<std::string> eku, key_usage;
  bool is_ca = false;
  std::optional<int> path_length;
  std::string subject_key_id, authority_key_id;  // lower-case hex
  CertificateUrls urls;
};
/// One certificate, PEM or DER. @throws Error certificate-invalid
Certificate parse_certificate(std::string_view pem_or_der);
/// Every CERTIFICATE block of a PEM text, at most 20. @throws Error certificate-invalid
std::vector<Certificate> parse_pem_chain(std::string_view pem);
std::string to_pem(const Der&, std::string_view label);  // "CERTIFICATE", "CERTIFICATE REQUEST", "X509 CRL"
/// The DER of the first block with that label; nullopt: none.
std::optional<Der> from_pem(std::string_view pem, std::string_view label);

/// An issuing CA ready to sign: decoded once, kept by one thread.
class Issuer {
 public:
  struct Impl;
  /// @throws Error pair-mismatch
  Issuer(const Certificate& certificate, PrivateKey key);
  Issuer(Issuer&&) noexcept;
  ~Issuer();
  const Certificate& certificate() const noexcept;
  const PrivateKey& key() const noexcept;
  /// An end-entity certificate for the key in `csr_spki`: v3, SKI, AKI, basicConstraints CA:FALSE critical, keyUsage
  /// critical, EKU, SANs, CRL and OCSP URLs; what the CSR asked for otherwise is ignored. Same plan, same TBS bytes.
  /// Key usages that keys of this kind can't have are left out: encipherment for EC (RFC 8813) and Ed25519 (RFC 8410), key
  /// agreement for RSA and Ed25519. @throws Error certificate-invalid: unknown usage, or none is left
  Der sign(const Der& csr_spki, const PlannedCertificate&, const CertificateUrls&) const;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

struct CaNames {
  std::string common_name, organization;
};
/// Kinds that are not named stay free (RFC 5280 4.2.1.10).
struct NameConstraints {
  std::vector<San> permitted;  // dns: suffix, ip: CIDR text, email: domain
};
/// "dns:example.com", "ip:10.0.0.0/8", "email:example.com". @throws Error name-invalid
San parse_name_constraint(std::string_view text);
/// Self-signed, CA:TRUE critical, keyCertSign and cRLSign.
Der make_root(const PrivateKey&, const CaNames&, std::string_view serial, Time not_before, Time not_after);
/// Signed by `root`: path length 0; name constraints critical when given.
Der make_intermediate(const Issuer& root, const PublicKey&, const CaNames&, const NameConstraints&,
                      std::string_view serial, Time not_before, Time not_after, const CertificateUrls&);
/// A CA's request for an outside root: CA:TRUE, pathlen 0, key usage as extension request.
Der make_ca_csr(const PrivateKey&, const CaNames&, const NameConstraints&);
/// id-kp-OCSPSigning, id-pkix-ocsp-nocheck.
Der make_ocsp_signer(const Issuer&, const PublicKey&, std::string_view serial, Time not_before, Time not_after);

/// Checks signature, path, names and validity of `leaf` through `intermediates` up to one of `roots` at `at`, X509_STRICT. A root is
/// whatever the caller trusts: an issuing CA serves too, and spares the signatures above it.
/// OpenSSL takes a certificate for expired in its last second already. @return empty when it holds, else OpenSSL's reason
std::string check_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                        std::span<const Certificate> roots, Time at);
/// The same for many leaves: the CAs are decoded once. Kept by one thread, and destroyed before its CryptoThread.
class ChainChecker {
 public:
  /// @throws Error certificate-invalid
  ChainChecker(std::span<const Certificate> intermediates, std::span<const Certificate> roots);
  ChainChecker(ChainChecker&&) noexcept;
  ~ChainChecker();
  std::string check(const Certificate& leaf, Time at) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};
bool is_pair(const Certificate&, const PrivateKey&) noexcept;
bool is_pair(const Certificate&, const PublicKey&) noexcept;

/// RFC 7292 with AES-256 and SHA-256 (PBES2, 100,000 rounds); `chain` without the leaf.
std::string make_pkcs12(const PrivateKey&, const Certificate& leaf, std::span<const Certificate> chain,
                        const Secret& password, std::string_view friendly_name);

}  // namespace ymgr
