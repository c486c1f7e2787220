// CRLs and OCSP answers.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "x509/certificate.hpp"

namespace ymgr {

struct RevokedEntry {
  std::string serial;
  Time revoked_at;
  Reason reason = Reason::unspecified;  // unspecified: no reason extension
  std::optional<Time> invalidity_date;
};

struct Crl {
  Der der;
  std::string issuer;
  std::int64_t number = 0;
  Time this_update, next_update;
  std::vector<RevokedEntry> entries;
  const RevokedEntry* find(std::string_view serial) const noexcept;
};
/// Version 2 with AKI and CRL number.
Der make_crl(const Issuer&, std::int64_t number, Time this_update, Time next_update, const std::vector<RevokedEntry>&);
/// PEM or DER; the signature is checked against `issuer` when given. @throws Error crl-invalid
Crl parse_crl(std::string_view pem_or_der, const Certificate* issuer);

enum class OcspStatus { good, revoked, unknown };
struct OcspCertId {
  std::string serial;
  bool is_ours = false;  // issuer name and key hash fit the issuer given to parse_ocsp_request
  Der id;                // the CertID as asked, to be echoed
};
struct OcspRequest {
  std::vector<OcspCertId> certificates;  // 1 to 20
  std::optional<std::string> nonce;      // 1 to 128 bytes (RFC 9654)
};
/// DER, at most 16 KiB. @throws Error ocsp-invalid
OcspRequest parse_ocsp_request(std::string_view der, const Certificate& issuer);
/// What a client asks about one certificate of `issuer`, without a nonce. @throws Error ocsp-invalid: not a serial number
std::string make_ocsp_request(const Certificate& issuer, std::string_view serial);
/// What a responder says of it now: DER, at most 64 KiB, signed by `issuer` or by whom it delegated.
/// @throws Error ocsp-invalid: not so, or about another certificate
OcspStatus parse_ocsp_response(std::string_view der, const Certificate& issuer, std::string_view serial);
/// The status of a response (RFC 6960 4.2.1): 0 is an answer, others are of OcspError. @throws Error ocsp-invalid: none can be read
int ocsp_response_status(std::string_view der);

struct OcspAnswer {
  Der id;
  OcspStatus status = OcspStatus::unknown;
  std::optional<RevokedEntry> revocation;
};
/// A basic response signed by the delegated `signer`, responder id by key, its certificate included, nonce echoed.
std::string make_ocsp_response(const Issuer& signer, const std::vector<OcspAnswer>&,
                               const std::optional<std::string>& nonce, Time this_update, Time next_update);
enum class OcspError { malformed_request = 1, internal_error = 2, try_later = 3, unauthorized = 6 };
std::string make_ocsp_error(OcspError);

}  // namespace ymgr
