#include <openssl/core_names.h>

#include <algorithm>
#include <exception>

#include "base/text.hpp"
#include "base/workers.hpp"
#include "x509/certificate.hpp"
#include "x509/der.hpp"
#include "x509/extensions.hpp"
#include "x509/openssl.hpp"
#include "x509/raw_key.hpp"

namespace ymgr {
namespace {

constexpr std::size_t longest_csr = 64UL * 1024, longest_common_name = 64;
constexpr std::string_view make_again = "make the request again, for example with openssl req -new";

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Code::csr_invalid, "the certificate request " + why, std::string(make_again));
}

/// CertificationRequestInfo.
std::string request_info(const PublicKey& key, const std::string& subject, const std::string& extensions) {
  constexpr std::string_view extension_request = "1.2.840.113549.1.9.14";
  const std::string attributes = extensions.empty() ? std::string()
                                                    : der::sequence(der::oid(extension_request),
                                                                    der::tlv(der::set_tag, der::sequence(extensions)));
  return der::sequence(der::integer(std::int64_t{0}), subject, key.spki.bytes,
                       der::tlv(der::constructed(0), attributes));
}

std::string request_info(const PublicKey& key, const RequestedNames& names) {
  return request_info(
      key, extensions::name(names.common_name),
      names.sans.empty() ? std::string() : extensions::alternative_names(names.sans, extensions::Critical::no));
}

std::string der_of(std::string_view pem_or_der) {
  if (pem_or_der.size() > longest_csr) refuse("has more than 64 KiB");
  if (pem_or_der.starts_with("\x30")) return std::string(pem_or_der);
  auto der = from_pem(pem_or_der, "CERTIFICATE REQUEST");
  if (!der) der = from_pem(pem_or_der, "NEW CERTIFICATE REQUEST");
  if (der) return std::move(der->bytes);
  if (pem_or_der.find("PRIVATE KEY-----") != std::string_view::npos) refuse("is a private key");
  if (pem_or_der.find("BEGIN CERTIFICATE-----") != std::string_view::npos) refuse("is a certificate");
  throw Error(Code::csr_invalid, "there is no certificate request in the input",
              "give one PKCS#10 request, PEM or DER");
}

/// RSA exponents below 2^16 + 1 weaken every use of the key.
void check_exponent(EVP_PKEY* key) {
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) refuse("has an RSA key without exponent");
  const ossl::Number owner(exponent);
  if (BN_num_bits(exponent) < 17 || !BN_is_odd(exponent)) refuse("has an RSA key with a weak exponent");
}

std::vector<San> requested_sans(X509_REQ* request) {
  const ossl::Extensions extensions(X509_REQ_get_extensions(request));
  if (extensions == nullptr) {
    if (X509_REQ_get_attr_by_NID(request, NID_ext_req, -1) >= 0) refuse("has an unreadable extension request");
    return {};
  }
  int critical = 0;
  const ossl::GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, &critical, nullptr)));
  if (names == nullptr && critical != -1)
    refuse(critical == -2 ? "has two lists of alternative names" : "has unreadable alternative names");
  return ossl::sans_of(names.get(), ossl::Names::checked);
}

std::string checked_common_name(const X509_NAME* subject) {
  std::string name = ossl::common_name(subject);
  if (printable(name) != name) throw Error(Code::name_invalid, "the common name has control characters");
  std::size_t characters = 0;
  for (const char c : name) characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
  if (characters > longest_common_name) {
    throw Error(Code::name_invalid, "the common name has more than 64 characters",
                "put long names into subject alternative names only");
  }
  return name;
}

}  // namespace

Der make_csr(const PrivateKey& key, const RequestedNames& names) {
  const ossl::ErrorQueue errors;
  return {ossl::signed_object(key, request_info(key.public_key(), names))};
}

Der make_csr(const PublicKey& key, const RequestedNames& names, const ExternalSigner& sign) {
  const std::string info = request_info(key, names);
  const std::string signature = sign(info);
  if (!verify_signature(key, info, signature)) {
    throw Error(Code::csr_bad_signature, "the signature that was made for the certificate request is wrong");
  }
  return {
      der::sequence(info, std::string(ossl::signature_algorithm(key.algorithm.value())), der::bit_string(signature))};
}

Der make_ca_csr(const PrivateKey& key, const CaNames& names, const NameConstraints& constraints) {
  const ossl::ErrorQueue errors;
  const std::string wanted =
      extensions::basic_constraints(true, 0) + extensions::key_usage(extensions::ca_usage) +
      (constraints.permitted.empty() ? std::string() : extensions::name_constraints(constraints));
  return {ossl::signed_object(
      key, request_info(key.public_key(), extensions::name(names.common_name, names.organization), wanted))};
}

Csr parse_csr(std::string_view pem_or_der) {
  const ossl::ErrorQueue errors;
  Csr csr;
  csr.der.bytes = der_of(pem_or_der);
  const ossl::Request request(
      reinterpret_cast<X509_REQ*>(ossl::from_der_lazily(ASN1_ITEM_rptr(X509_REQ), csr.der.bytes)));
  if (request == nullptr)
    ossl::fail(Code::csr_invalid, "the certificate request can't be read", "give one PKCS#10 request, PEM or DER");
  auto spki = ossl::spki_of(X509_REQ_get_X509_PUBKEY(request.get()));
  const ossl::Key key = ossl::decode_public(spki);
  if (key == nullptr)
    ossl::fail(Code::csr_invalid, "the public key of the certificate request can't be read", std::string(make_again));
  csr.key = ossl::describe(key.get(), std::move(spki));
  if (X509_REQ_verify_ex(request.get(), key.get(), nullptr, nullptr) != 1) {
    throw Error(Code::csr_bad_signature, "the signature of the certificate request does not fit its key",
                std::string(make_again));
  }
  if (csr.key.family == "RSA") check_exponent(key.get());
  const X509_NAME* subject = X509_REQ_get_subject_name(request.get());
  csr.common_name = checked_common_name(subject);
  csr.subject = ossl::name_text(subject);
  csr.sans = requested_sans(request.get());
  return csr;
}

std::vector<Csr> parse_csrs(const std::vector<std::string_view>& pems_or_ders, std::size_t threads) {
  constexpr std::size_t enough_for_a_thread = 16;
  std::vector<Csr> out(pems_or_ders.size());
  const std::size_t workers =
      std::clamp<std::size_t>(out.size() / enough_for_a_thread, 1, std::max<std::size_t>(threads, 1));
  std::vector<std::pair<std::size_t, std::exception_ptr>> failures(workers, {out.size(), nullptr});
  const auto work = [&](std::size_t worker) {
    std::size_t at = worker;
    try {
      for (; at < out.size(); at += workers) out[at] = parse_csr(pems_or_ders[at]);
    } catch (...) {
      failures[worker] = {at, std::current_exception()};
    }
  };
  run_workers(workers - 1, work, [&] { work(workers - 1); });
  const auto& first = *std::ranges::min_element(failures, {}, &std::pair<std::size_t, std::exception_ptr>::first);
  if (first.second) std::rethrow_exception(first.second);
  return out;
}

}  // namespace ymgr
