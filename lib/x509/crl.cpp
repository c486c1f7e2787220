#include <algorithm>

#include "base/text.hpp"
#include "x509/der.hpp"
#include "x509/extensions.hpp"
#include "x509/issuer.hpp"
#include "x509/openssl.hpp"
#include "x509/revocation.hpp"

namespace ymgr {
namespace {

using extensions::Critical;

constexpr std::size_t longest_crl = 256UL * 1024 * 1024;

[[noreturn]] void refuse(const std::string& why) {
  ossl::fail(Code::crl_invalid, "the revocation list " + why);
}

std::string entry_of(const RevokedEntry& entry) {
  if (entry.reason == Reason::remove_from_crl)
    throw Error(Code::reason_invalid, "removeFromCRL does not belong into a full revocation list");
  std::string details;
  if (entry.reason != Reason::unspecified) {
    const char number = static_cast<char>(entry.reason);
    details += extensions::extension("2.5.29.21", Critical::no, der::tlv(der::enumerated_tag, {&number, 1}));
  }
  if (entry.invalidity_date) {
    details += extensions::extension("2.5.29.24", Critical::no, der::generalized_time(*entry.invalidity_date));
  }
  return der::sequence(extensions::serial(entry.serial), der::time(entry.revoked_at),
                       details.empty() ? std::string() : der::sequence(details));
}

/// Deltas, indirect and partial lists announce themselves by critical extensions, which nothing here understands.
template <class List, class Get>
void refuse_critical(const List* list, int count, Get get) {
  for (int i = 0; i < count; ++i) {
    if (X509_EXTENSION_get_critical(get(list, i)) != 0)
      refuse("has a critical extension: it is not a full list of its issuer");
  }
}

RevokedEntry read_entry(const X509_REVOKED* revoked) {
  using Enumerated = ossl::Owner<ASN1_ENUMERATED, ASN1_ENUMERATED_free>;
  using Instant = ossl::Owner<ASN1_GENERALIZEDTIME, ASN1_GENERALIZEDTIME_free>;
  const auto serial = ossl::serial_of(X509_REVOKED_get0_serialNumber(revoked));
  const auto when = ossl::time_of(X509_REVOKED_get0_revocationDate(revoked));
  if (!serial || !when) refuse("has an entry with a wrong serial number or time");
  RevokedEntry entry{*serial, *when, Reason::unspecified, {}};
  const int count = X509_REVOKED_get_ext_count(revoked);
  if (count <= 0) return entry;
  refuse_critical(revoked, count, X509_REVOKED_get_ext);
  int found = 0;
  const Enumerated reason(
      static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, &found, nullptr)));
  if (reason != nullptr) {
    const long number = ASN1_ENUMERATED_get(reason.get());
    if (number < 0 || number > 10 || number == 7 || number == 8) refuse("has an entry with a wrong reason");
    entry.reason = static_cast<Reason>(number);
  } else if (found != -1) {
    refuse("has an entry with a wrong reason");
  }
  const Instant since(
      static_cast<ASN1_GENERALIZEDTIME*>(X509_REVOKED_get_ext_d2i(revoked, NID_invalidity_date, &found, nullptr)));
  entry.invalidity_date = ossl::time_of(since.get());
  if (!entry.invalidity_date && found != -1) refuse("has an entry with a wrong invalidity date");
  return entry;
}

void check_issuer(X509_CRL* list, const Certificate& issuer) {
  const auto x509 = ossl::decode(issuer);
  if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(x509.get())) != 0) {
    refuse("is of " + ossl::name_text(X509_CRL_get_issuer(list)) + ", not of " + issuer.subject);
  }
  EVP_PKEY* key = X509_get0_pubkey(x509.get());
  if (key == nullptr || X509_CRL_verify(list, key) != 1) refuse("is not signed by " + issuer.subject);
}

std::int64_t number_of(const X509_CRL* list) {
  using Integer = ossl::Owner<ASN1_INTEGER, ASN1_INTEGER_free>;
  int found = 0;
  const Integer integer(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, &found, nullptr)));
  std::int64_t number = 0;
  if (integer == nullptr && found == -1) return number;
  if (integer == nullptr || ASN1_INTEGER_get_int64(&number, integer.get()) != 1 || number < 0)
    refuse("has a wrong number");
  return number;
}

}  // namespace

const RevokedEntry* Crl::find(std::string_view serial) const noexcept {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const RevokedEntry& entry) { return entry.serial == serial; });
  return found == entries.end() ? nullptr : &*found;
}

Der make_crl(const Issuer& issuer, std::int64_t number, Time this_update, Time next_update,
             const std::vector<RevokedEntry>& entries) {
  const ossl::ErrorQueue errors;
  if (next_update <= this_update) throw Error(Code::time_invalid, "a revocation list can't end before it begins");
  std::string revoked;
  for (const auto& entry : entries) revoked += entry_of(entry);
  if (!entries.empty()) revoked = der::sequence(revoked);  // an empty list is absent (RFC 5280 5.1.2.6)
  const std::string details =
      issuer.impl().authority + extensions::extension("2.5.29.20", Critical::no, der::integer(number));
  const std::string tbs = der::sequence(der::integer(std::int64_t{1}),
                                        ossl::signature_algorithm(issuer.key().public_key().algorithm.value()),
                                        issuer.impl().subject, der::time(this_update), der::time(next_update), revoked,
                                        der::tlv(der::constructed(0), der::sequence(details)));
  return {ossl::signed_object(issuer.key(), tbs)};
}

Crl parse_crl(std::string_view pem_or_der, const Certificate* issuer) {
  const ossl::ErrorQueue errors;
  if (pem_or_der.size() > longest_crl) refuse("has more than 256 MiB");
  Crl crl;
  if (pem_or_der.starts_with("\x30")) {
    crl.der.bytes = pem_or_der;
  } else if (auto der = from_pem(pem_or_der, "X509 CRL")) {
    crl.der = std::move(*der);
  } else {
    refuse("is neither PEM nor DER");
  }
  const auto list = ossl::from_der<ossl::RevocationList>(d2i_X509_CRL, crl.der.bytes);
  if (list == nullptr) refuse("can't be read");
  if (issuer != nullptr) check_issuer(list.get(), *issuer);
  const auto this_update = ossl::time_of(X509_CRL_get0_lastUpdate(list.get())),
             next_update = ossl::time_of(X509_CRL_get0_nextUpdate(list.get()));
  if (!this_update || !next_update) refuse("has a wrong time, or none for its next update");
  refuse_critical(list.get(), X509_CRL_get_ext_count(list.get()), X509_CRL_get_ext);
  crl.issuer = ossl::name_text(X509_CRL_get_issuer(list.get()));
  crl.number = number_of(list.get());
  crl.this_update = *this_update;
  crl.next_update = *next_update;
  auto* revoked = X509_CRL_get_REVOKED(list.get());
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i)
    crl.entries.push_back(read_entry(sk_X509_REVOKED_value(revoked, i)));
  return crl;
}

}  // namespace ymgr
