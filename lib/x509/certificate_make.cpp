#include "base/text.hpp"
#include "x509/certificate.hpp"
#include "x509/der.hpp"
#include "x509/extensions.hpp"
#include "x509/issuer.hpp"
#include "x509/openssl.hpp"
#include "x509/usages.hpp"

namespace ymgr {
namespace {

using extensions::Critical;

struct Fields {
  std::string_view serial;
  std::string issuer, subject, spki, extensions;  // DER
  Time not_before, not_after;
};

Der make(const PrivateKey& signer, const Fields& fields) {
  if (fields.not_after <= fields.not_before)
    throw Error(Code::time_invalid, "a certificate can't end before it begins");
  const std::string version = der::tlv(der::constructed(0), der::integer(std::int64_t{2}));
  const std::string tbs = der::sequence(
      version, extensions::serial(fields.serial), ossl::signature_algorithm(signer.public_key().algorithm.value()),
      fields.issuer, der::sequence(der::time(fields.not_before), der::time(fields.not_after)), fields.subject,
      fields.spki, der::tlv(der::constructed(3), der::sequence(fields.extensions)));
  return {ossl::signed_object(signer, tbs)};
}

std::string url_extensions(const CertificateUrls& urls) {
  std::string out;
  if (!urls.crl.empty()) out += extensions::crl_urls(urls.crl);
  if (!urls.ocsp.empty() || !urls.issuer.empty()) out += extensions::authority_info(urls);
  return out;
}

/// The usages that a key of this kind can have.
unsigned possible_usages(std::string_view spki) {
  using namespace std::string_view_literals;
  constexpr auto rsa = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"sv, ec = "\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01"sv;
  auto rest = spki;
  auto key = der::take(rest, der::sequence_tag);
  const auto algorithm = key ? der::take(*key, der::sequence_tag) : std::nullopt;
  if (!algorithm) throw Error(Code::key_invalid, "the public key can't be read");
  constexpr unsigned all = 0x1FF, encipherment = extensions::key_encipherment | extensions::data_encipherment,
                     agreement = extensions::key_agreement | extensions::only_with_agreement;
  if (algorithm->starts_with(rsa)) return all & ~agreement;
  if (algorithm->starts_with(ec)) return all & ~encipherment;
  return all & ~(encipherment | agreement);
}

std::string usage_extensions(const PlannedCertificate& planned, std::string_view spki) {
  std::string out;
  if (!planned.key_usage.empty()) {
    const unsigned bits = key_usage_bits(planned.key_usage) & possible_usages(spki);
    if (bits == 0) {
      throw Error(Code::certificate_invalid, "the key can't be used for " + join(planned.key_usage, ", "),
                  "add digitalSignature to the profile's key_usage, or use another kind of key");
    }
    out += extensions::key_usage(bits);
  }
  if (!planned.eku.empty()) out += extensions::extended_key_usage(planned.eku);
  return out;
}

std::string ca_extensions(std::string_view spki, std::optional<int> path_length) {
  return extensions::basic_constraints(true, path_length) + extensions::key_usage(extensions::ca_usage) +
         extensions::subject_key_id(extensions::key_id(spki));
}

}  // namespace

std::string_view subject_of(const Certificate& certificate) {
  std::string_view rest = certificate.der.bytes;
  auto signed_part = der::take(rest, der::sequence_tag);
  auto tbs = signed_part ? der::take(*signed_part, der::sequence_tag) : std::nullopt;
  if (tbs) der::take(*tbs, der::constructed(0));  // absent from version 1
  std::optional<std::string_view> element = tbs;
  for (int i = 0; i < 5 && element; ++i)
    element = der::take_whole(*tbs);  // serial, algorithm, issuer, validity, subject
  if (!element) throw Error(Code::certificate_invalid, "the certificate " + certificate.serial + " can't be read");
  return *element;
}

Issuer::Issuer(const Certificate& certificate, PrivateKey key) {
  const ossl::ErrorQueue errors;
  if (!is_pair(certificate, key))
    throw Error(Code::pair_mismatch, "the CA's key does not belong to its certificate " + certificate.serial);
  std::string id = certificate.subject_key_id.empty() ? extensions::key_id(certificate.key.spki.bytes)
                                                      : from_hex(certificate.subject_key_id).value();
  std::string authority = extensions::authority_key_id(id);
  impl_ = std::make_unique<Impl>(
      Impl{certificate, std::move(key), std::string(subject_of(certificate)), std::move(id), std::move(authority)});
}
Issuer::Issuer(Issuer&&) noexcept = default;
Issuer::~Issuer() = default;

const Certificate& Issuer::certificate() const noexcept {
  return impl_->certificate;
}
const PrivateKey& Issuer::key() const noexcept {
  return impl_->key;
}

Der Issuer::sign(const Der& csr_spki, const PlannedCertificate& planned, const CertificateUrls& urls) const {
  const ossl::ErrorQueue errors;
  const auto& sans = planned.names.sans;
  Fields fields{planned.serial,     impl_->subject,   extensions::name(planned.names.common_name), csr_spki.bytes, {},
                planned.not_before, planned.not_after};
  fields.extensions = extensions::basic_constraints(false, {}) + usage_extensions(planned, csr_spki.bytes) +
                      extensions::subject_key_id(extensions::key_id(csr_spki.bytes)) + impl_->authority;
  if (!sans.empty())
    fields.extensions +=
        extensions::alternative_names(sans, fields.subject == extensions::name({}) ? Critical::yes : Critical::no);
  fields.extensions += url_extensions(urls);
  return make(impl_->key, fields);
}

Der make_root(const PrivateKey& key, const CaNames& names, std::string_view serial, Time not_before, Time not_after) {
  const ossl::ErrorQueue errors;
  const std::string& spki = key.public_key().spki.bytes;
  const std::string name = extensions::name(names.common_name, names.organization);
  return make(key, {serial, name, name, spki, ca_extensions(spki, {}), not_before, not_after});
}

Der make_intermediate(const Issuer& root, const PublicKey& key, const CaNames& names,
                      const NameConstraints& constraints, std::string_view serial, Time not_before, Time not_after,
                      const CertificateUrls& urls) {
  const ossl::ErrorQueue errors;
  std::string wanted = ca_extensions(key.spki.bytes, 0) + root.impl().authority;
  if (!constraints.permitted.empty()) wanted += extensions::name_constraints(constraints);
  wanted += url_extensions(urls);
  return make(root.key(), {serial, root.impl().subject, extensions::name(names.common_name, names.organization),
                           key.spki.bytes, std::move(wanted), not_before, not_after});
}

Der make_ocsp_signer(const Issuer& root, const PublicKey& key, std::string_view serial, Time not_before,
                     Time not_after) {
  const ossl::ErrorQueue errors;
  const std::string usage[] = {"OCSPSigning"};
  return make(
      root.key(),
      {serial, root.impl().subject, extensions::name("OCSP responder"), key.spki.bytes,
       extensions::basic_constraints(false, {}) + extensions::key_usage(extensions::digital_signature) +
           extensions::extended_key_usage(usage) + extensions::subject_key_id(extensions::key_id(key.spki.bytes)) +
           root.impl().authority + extensions::ocsp_nocheck(),
       not_before, not_after});
}

}  // namespace ymgr
