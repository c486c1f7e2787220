#include "base/text.hpp"
#include "x509/certificate.hpp"
#include "x509/der.hpp"
#include "x509/openssl.hpp"
#include "x509/usages.hpp"

namespace ymgr {
namespace {

constexpr std::size_t longest_certificate = 64UL * 1024, longest_chain = 20;

[[noreturn]] void refuse(const std::string& why, std::string hint = {}) {
  ossl::fail(Code::certificate_invalid, "the certificate " + why, std::move(hint));
}

/// The decoded extension; nullptr: absent. Unreadable and repeated ones are refused.
template <class Owned>
Owned extension(const X509* certificate, int nid) {
  int critical = 0;
  Owned value(static_cast<typename Owned::pointer>(X509_get_ext_d2i(certificate, nid, &critical, nullptr)));
  if (value == nullptr && critical != -1) refuse(std::string("has a wrong extension ") + OBJ_nid2ln(nid));
  return value;
}

void read_usages(const X509* certificate, Certificate& out) {
  using Usages = ossl::Owner<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
  using Bits = ossl::Owner<ASN1_BIT_STRING, ASN1_BIT_STRING_free>;
  const auto usages = extension<Usages>(certificate, NID_ext_key_usage);
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    char oid[256];
    const int size = OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(usages.get(), i), 1);
    if (size <= 0 || static_cast<std::size_t>(size) >= sizeof oid) refuse("has a wrong extended key usage");
    out.eku.push_back(eku_name(oid));
  }
  const auto bits = extension<Bits>(certificate, NID_key_usage);
  unsigned named = 0;
  for (int i = 0; bits != nullptr && i < 9; ++i)
    named |= ASN1_BIT_STRING_get_bit(bits.get(), i) != 0 ? 1U << static_cast<unsigned>(i) : 0U;
  out.key_usage = key_usage_names(named);
}

void read_constraints(const X509* certificate, Certificate& out) {
  using Constraints = ossl::Owner<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>;
  const auto constraints = extension<Constraints>(certificate, NID_basic_constraints);
  if (constraints == nullptr) return;
  out.is_ca = constraints->ca != 0;
  if (constraints->pathlen == nullptr) return;
  const long length = ASN1_INTEGER_get(constraints->pathlen);
  if (length < 0 || length > 100) refuse("has a wrong path length");
  out.path_length = static_cast<int>(length);
}

void read_key_ids(const X509* certificate, Certificate& out) {
  using KeyId = ossl::Owner<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
  using AuthorityId = ossl::Owner<AUTHORITY_KEYID, AUTHORITY_KEYID_free>;
  if (const auto id = extension<KeyId>(certificate, NID_subject_key_identifier))
    out.subject_key_id = to_hex(ossl::view(id.get()));
  const auto authority = extension<AuthorityId>(certificate, NID_authority_key_identifier);
  if (authority != nullptr && authority->keyid != nullptr) out.authority_key_id = to_hex(ossl::view(authority->keyid));
}

void add_url(const GENERAL_NAME* name, std::vector<std::string>& urls) {
  int type = 0;
  const void* value = GENERAL_NAME_get0_value(name, &type);
  if (type == GEN_URI) urls.push_back(printable(ossl::view(static_cast<const ASN1_STRING*>(value))));
}

void read_urls(const X509* certificate, Certificate& out) {
  using Points = ossl::Owner<CRL_DIST_POINTS, CRL_DIST_POINTS_free>;
  using Access = ossl::Owner<AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free>;
  const auto points = extension<Points>(certificate, NID_crl_distribution_points);
  for (int i = 0; i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT_NAME* name = sk_DIST_POINT_value(points.get(), i)->distpoint;
    if (name == nullptr || name->type != 0) continue;
    for (int j = 0; j < sk_GENERAL_NAME_num(name->name.fullname); ++j) {
      add_url(sk_GENERAL_NAME_value(name->name.fullname, j), out.urls.crl);
    }
  }
  const auto access = extension<Access>(certificate, NID_info_access);
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
    const ACCESS_DESCRIPTION* one = sk_ACCESS_DESCRIPTION_value(access.get(), i);
    const int method = OBJ_obj2nid(one->method);
    if (method == NID_ad_OCSP) add_url(one->location, out.urls.ocsp);
    if (method == NID_ad_ca_issuers) add_url(one->location, out.urls.issuer);
  }
}

void read_frame(const X509* certificate, Certificate& out) {
  const auto serial = ossl::serial_of(X509_get0_serialNumber(certificate));
  const auto not_before = ossl::time_of(X509_get0_notBefore(certificate)),
             not_after = ossl::time_of(X509_get0_notAfter(certificate));
  if (!serial) refuse("has a serial number that is negative or longer than 20 bytes");
  if (!not_before || !not_after) refuse("has a wrong validity");
  out.serial = *serial;
  out.not_before = *not_before;
  out.not_after = *not_after;
  out.subject = ossl::name_text(X509_get_subject_name(certificate));
  out.issuer = ossl::name_text(X509_get_issuer_name(certificate));
  out.common_name = printable(ossl::common_name(X509_get_subject_name(certificate)));
  out.key = ossl::describe(ossl::spki_of(X509_get_X509_PUBKEY(certificate)), Code::certificate_invalid);
}

Certificate from_der(std::string der) {
  const ossl::ErrorQueue errors;
  if (der.size() > longest_certificate) refuse("has more than 64 KiB");
  const ossl::X509Cert x509(reinterpret_cast<X509*>(ossl::from_der_lazily(ASN1_ITEM_rptr(X509), der)));
  if (x509 == nullptr) refuse("can't be read", "give one X.509 certificate, PEM or DER");
  Certificate out;
  out.fingerprint = sha256(der);
  out.der.bytes = std::move(der);
  out.pem = to_pem(out.der, "CERTIFICATE");
  read_frame(x509.get(), out);
  out.sans =
      ossl::sans_of(extension<ossl::GeneralNames>(x509.get(), NID_subject_alt_name).get(), ossl::Names::as_found);
  read_usages(x509.get(), out);
  read_constraints(x509.get(), out);
  read_key_ids(x509.get(), out);
  read_urls(x509.get(), out);
  return out;
}

}  // namespace

Certificate parse_certificate(std::string_view pem_or_der) {
  if (pem_or_der.starts_with("\x30")) return from_der(std::string(pem_or_der));
  auto all = parse_pem_chain(pem_or_der);
  if (all.size() != 1) refuse("is one of " + std::to_string(all.size()), "give one certificate");
  return std::move(all.front());
}

std::vector<Certificate> parse_pem_chain(std::string_view pem) {
  const ossl::ErrorQueue errors;
  if (pem.size() > longest_chain * longest_certificate * 2) refuse("file is too large");
  std::vector<Certificate> out;
  for (auto& der : ossl::pem_blocks(pem, "CERTIFICATE", longest_chain + 1)) {
    if (out.size() == longest_chain) refuse("file has more than 20 certificates");
    out.push_back(from_der(std::move(der.bytes)));
  }
  if (out.empty())
    throw Error(Code::certificate_invalid, "there is no certificate in the input",
                "give one X.509 certificate, PEM or DER");
  return out;
}

bool is_pair(const Certificate& certificate, const PrivateKey& key) noexcept {
  return is_pair(certificate, key.public_key());
}
bool is_pair(const Certificate& certificate, const PublicKey& key) noexcept {
  return certificate.key.spki == key.spki;
}

}  // namespace ymgr
