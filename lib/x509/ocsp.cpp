#include "base/text.hpp"
#include "x509/der.hpp"
#include "x509/extensions.hpp"
#include "x509/issuer.hpp"
#include "x509/openssl.hpp"
#include "x509/revocation.hpp"

// RFC 6960, with the nonce of RFC 9654.
namespace ymgr {
namespace {

using Request = ossl::Owner<OCSP_REQUEST, OCSP_REQUEST_free>;
using Response = ossl::Owner<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using BasicResponse = ossl::Owner<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using CertId = ossl::Owner<OCSP_CERTID, OCSP_CERTID_free>;
using Store = ossl::Owner<X509_STORE, X509_STORE_free>;

constexpr std::size_t longest_request = 16UL * 1024, longest_nonce = 128, longest_response = 64UL * 1024;
constexpr int most_certificates = 20;
constexpr std::string_view nonce_oid = "1.3.6.1.5.5.7.48.1.2";

[[noreturn]] void refuse(const std::string& why) {
  ossl::fail(Code::ocsp_invalid, "the OCSP request " + why);
}

[[noreturn]] void disbelieve(const std::string& why) {
  ossl::fail(Code::ocsp_invalid, "the OCSP answer " + why);
}

std::optional<std::string> nonce_of(OCSP_REQUEST* request) {
  std::optional<std::string> nonce;
  for (int i = 0; i < OCSP_REQUEST_get_ext_count(request); ++i) {
    X509_EXTENSION* extension = OCSP_REQUEST_get_ext(request, i);
    if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_id_pkix_OCSP_Nonce) {
      if (X509_EXTENSION_get_critical(extension) != 0) refuse("has an unknown critical extension");
      continue;
    }
    auto rest = ossl::view(X509_EXTENSION_get_data(extension));
    const auto value = der::take(rest, der::octet_string_tag);
    if (nonce || !value || !rest.empty() || value->empty() || value->size() > longest_nonce) {
      refuse("has a nonce that is not one octet string of 1 to 128 bytes");
    }
    nonce = std::string(*value);
  }
  return nonce;
}

/// nullptr: a hash that nobody asks with.
const char* hash_name(const ASN1_OBJECT* algorithm) {
  switch (OBJ_obj2nid(algorithm)) {
    case NID_sha1: return "SHA1";
    case NID_sha256: return "SHA256";
    case NID_sha384: return "SHA384";
    case NID_sha512: return "SHA512";
    default: return nullptr;
  }
}

OcspCertId read_id(OCSP_CERTID* id, const Certificate& issuer) {
  ASN1_OCTET_STRING *name_hash = nullptr, *key_hash = nullptr;
  ASN1_OBJECT* algorithm = nullptr;
  ASN1_INTEGER* serial = nullptr;
  ossl::require(OCSP_id_get0_info(&name_hash, &algorithm, &key_hash, &serial, id) == 1, "read an OCSP request");
  OcspCertId out;
  out.id.bytes = ossl::to_der(i2d_OCSP_CERTID, static_cast<const OCSP_CERTID*>(id));
  const auto number = ossl::serial_of(serial);
  const char* hash = hash_name(algorithm);
  if (!number || hash == nullptr) return out;
  out.serial = *number;
  out.is_ours = ossl::view(name_hash) == ossl::digest(hash, subject_of(issuer)) &&
                ossl::view(key_hash) == ossl::digest(hash, der::key_bits(issuer.key.spki.bytes).value());
  return out;
}

std::string status_of(const OcspAnswer& answer) {
  if (answer.status == OcspStatus::good) return der::tlv(der::context(0), "");
  if (answer.status == OcspStatus::unknown) return der::tlv(der::context(2), "");
  if (!answer.revocation) throw Error(Code::internal, "an OCSP answer says revoked but not since when");
  const auto& revocation = *answer.revocation;
  std::string content = der::generalized_time(revocation.revoked_at);
  if (revocation.reason != Reason::unspecified) {
    const char number = static_cast<char>(revocation.reason);
    content += der::tlv(der::constructed(0), der::tlv(der::enumerated_tag, {&number, 1}));
  }
  return der::tlv(der::constructed(1), content);
}

/// The DER of a CertID, by SHA-1, which every responder knows.
std::string cert_id(const Certificate& issuer, std::string_view serial) {
  std::string digits(serial);
  std::erase(digits, ':');
  const auto number = from_hex(digits);
  if (!number) throw Error(Code::ocsp_invalid, "not a serial number: " + printable(serial));
  const std::string sha1 = der::sequence(der::oid("1.3.14.3.2.26"), der::tlv(der::null_tag, ""));
  return der::sequence(sha1, der::octet_string(ossl::digest("SHA1", subject_of(issuer))),
                       der::octet_string(ossl::digest("SHA1", der::key_bits(issuer.key.spki.bytes).value())),
                       der::integer(*number));
}

/// By the CA itself, or by whom it delegated with a certificate of its own. What stands above the CA is not asked.
void require_signed_for(OCSP_BASICRESP* basic, const Certificate& issuer) {
  const auto ca = ossl::decode(issuer);
  const Store store(X509_STORE_new());
  const ossl::Certificates known(sk_X509_new_null());
  ossl::require(store && known && X509_STORE_add_cert(store.get(), ca.get()) == 1, "check an OCSP answer");
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  ossl::require(X509_up_ref(ca.get()) == 1 && sk_X509_push(known.get(), ca.get()) > 0, "check an OCSP answer");
  if (OCSP_basic_verify(basic, known.get(), store.get(), 0) != 1)
    disbelieve("is not signed by " + printable(issuer.subject));
}

}  // namespace

OcspRequest parse_ocsp_request(std::string_view der, const Certificate& issuer) {
  const ossl::ErrorQueue errors;
  if (der.size() > longest_request) refuse("has more than 16 KiB");
  const auto request = ossl::from_der<Request>(d2i_OCSP_REQUEST, der);
  if (request == nullptr) refuse("can't be read");
  OcspRequest out;
  const int count = OCSP_request_onereq_count(request.get());
  if (count < 1 || count > most_certificates)
    refuse("asks for " + std::to_string(count) + " certificates, not for 1 to 20");
  for (int i = 0; i < count; ++i) {
    OCSP_ONEREQ* one = OCSP_request_onereq_get0(request.get(), i);
    for (int j = 0; j < OCSP_ONEREQ_get_ext_count(one); ++j) {
      if (X509_EXTENSION_get_critical(OCSP_ONEREQ_get_ext(one, j)) != 0) refuse("has an unknown critical extension");
    }
    out.certificates.push_back(read_id(OCSP_onereq_get0_id(one), issuer));
  }
  out.nonce = nonce_of(request.get());
  return out;
}

std::string make_ocsp_request(const Certificate& issuer, std::string_view serial) {
  const ossl::ErrorQueue errors;
  return der::sequence(der::sequence(der::sequence(der::sequence(cert_id(issuer, serial)))));
}

OcspStatus parse_ocsp_response(std::string_view der, const Certificate& issuer, std::string_view serial) {
  const ossl::ErrorQueue errors;
  if (der.size() > longest_response) disbelieve("has more than 64 KiB");
  const auto response = ossl::from_der<Response>(d2i_OCSP_RESPONSE, der);
  if (response == nullptr) disbelieve("can't be read");
  if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    disbelieve("tells nothing but an error: " + std::to_string(status));
  const BasicResponse basic(OCSP_response_get1_basic(response.get()));
  if (basic == nullptr) disbelieve("is of an unknown type");
  require_signed_for(basic.get(), issuer);
  const auto id = ossl::from_der<CertId>(d2i_OCSP_CERTID, cert_id(issuer, serial));
  ossl::require(id != nullptr, "name a certificate");
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  ASN1_GENERALIZEDTIME *this_update = nullptr, *next_update = nullptr;
  if (OCSP_resp_find_status(basic.get(), id.get(), &status, nullptr, nullptr, &this_update, &next_update) != 1)
    disbelieve("is about another certificate");
  constexpr long tolerance = 300;  // seconds
  if (OCSP_check_validity(this_update, next_update, tolerance, -1) != 1) disbelieve("is not of now");
  if (status == V_OCSP_CERTSTATUS_GOOD) return OcspStatus::good;
  return status == V_OCSP_CERTSTATUS_REVOKED ? OcspStatus::revoked : OcspStatus::unknown;
}

int ocsp_response_status(std::string_view der) {
  std::string_view rest = der;
  auto response = der::take(rest, der::sequence_tag);
  const auto status = response ? der::take(*response, der::enumerated_tag) : std::nullopt;
  if (!status || status->size() != 1) ossl::fail(Code::ocsp_invalid, "the OCSP answer can't be read");
  return static_cast<unsigned char>(status->front());
}

std::string make_ocsp_response(const Issuer& signer, const std::vector<OcspAnswer>& answers,
                               const std::optional<std::string>& nonce, Time this_update, Time next_update) {
  const ossl::ErrorQueue errors;
  std::string singles;
  for (const auto& answer : answers) {
    singles += der::sequence(answer.id.bytes, status_of(answer), der::generalized_time(this_update),
                             der::tlv(der::constructed(0), der::generalized_time(next_update)));
  }
  std::string details;
  if (nonce) {
    const std::string echo = extensions::extension(nonce_oid, extensions::Critical::no, der::octet_string(*nonce));
    details = der::tlv(der::constructed(1), der::sequence(echo));
  }
  const auto& key = signer.key().public_key();
  const std::string responder =
      der::tlv(der::constructed(2), der::octet_string(ossl::digest("SHA1", der::key_bits(key.spki.bytes).value())));
  const std::string tbs = der::sequence(responder, der::generalized_time(now()), der::sequence(singles), details);
  const std::string basic = der::sequence(tbs, ossl::signature_algorithm(key.algorithm.value()),
                                          der::bit_string(ossl::sign(signer.key(), tbs)),
                                          der::tlv(der::constructed(0), der::sequence(signer.certificate().der.bytes)));
  const char successful = 0;
  return der::sequence(
      der::tlv(der::enumerated_tag, {&successful, 1}),
      der::tlv(der::constructed(0), der::sequence(der::oid("1.3.6.1.5.5.7.48.1.1"), der::octet_string(basic))));
}

std::string make_ocsp_error(OcspError error) {
  const char status = static_cast<char>(error);
  return der::sequence(der::tlv(der::enumerated_tag, {&status, 1}));
}

}  // namespace ymgr
