#include "x509/openssl.hpp"

#include <openssl/provider.h>

#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "x509/der.hpp"
#include "x509/names_internal.hpp"

namespace ymgr::ossl {

void fail(Code code, std::string message, std::string hint) {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  if (reason != nullptr) message += std::string(" (") + reason + ")";
  ERR_clear_error();
  throw Error(code, std::move(message), std::move(hint));
}

void require(bool ok, std::string_view what) {
  if (!ok) fail(Code::internal, "OpenSSL can't " + std::string(what));
}

Bio memory_bio(std::string_view bytes) {
  require(bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "read more than 2 GiB");
  Bio bio(BIO_new_mem_buf(bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size())));
  require(bio != nullptr, "allocate");
  return bio;
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

namespace {

/// A library context that knows no algorithm, not even to decode a key.
class BlindContext {
 public:
  BlindContext() : context_(OSSL_LIB_CTX_new()), provider_(OSSL_PROVIDER_load(context_, "null")) {
    require(provider_ != nullptr, "make a library context");
  }
  ~BlindContext() {
    OSSL_PROVIDER_unload(provider_);
    OSSL_LIB_CTX_free(context_);
  }
  BlindContext(const BlindContext&) = delete;
  BlindContext& operator=(const BlindContext&) = delete;
  OSSL_LIB_CTX* get() const noexcept { return context_; }

 private:
  OSSL_LIB_CTX* context_;
  OSSL_PROVIDER* provider_;
};

}  // namespace

ASN1_VALUE* from_der_lazily(const ASN1_ITEM* item, std::string_view der) {
  thread_local const BlindContext blind;
  const auto* at = bytes_of(der);
  ASN1_VALUE* value = ASN1_item_d2i_ex(nullptr, &at, static_cast<long>(der.size()), item, blind.get(), nullptr);
  if (value == nullptr || at == bytes_of(der) + der.size()) return value;
  ASN1_item_free(value, item);
  return nullptr;
}

X509Cert decode(const Certificate& certificate) {
  auto x509 = from_der<X509Cert>(d2i_X509, certificate.der.bytes);
  if (x509 == nullptr) fail(Code::certificate_invalid, "the certificate " + certificate.serial + " can't be read");
  return x509;
}

Certificates decode_all(std::span<const Certificate> certificates) {
  Certificates out(sk_X509_new_null());
  require(out != nullptr, "allocate");
  for (const auto& certificate : certificates) {
    auto x509 = decode(certificate);
    require(sk_X509_push(out.get(), x509.get()) > 0, "keep a certificate");
    static_cast<void>(x509.release());  // the stack owns it
  }
  return out;
}

std::string digest(const char* algorithm, std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  std::size_t size = 0;
  require(EVP_Q_digest(nullptr, algorithm, nullptr, data.data(), data.size(), out, &size) == 1, "hash");
  return {reinterpret_cast<const char*>(out), size};
}

std::string signed_object(const PrivateKey& key, const std::string& tbs) {
  const std::string_view algorithm = signature_algorithm(key.public_key().algorithm.value());
  return der::sequence(tbs, algorithm, der::bit_string(sign(key, tbs)));
}

std::string name_text(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr, "allocate");
  constexpr unsigned long flags = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  return X509_NAME_print_ex(bio.get(), name, 0, flags) < 0 ? std::string() : printable(contents(bio.get()));
}

std::string common_name(const X509_NAME* name) {
  int index = -1;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(name, NID_commonName, i)) >= 0;) index = i;
  if (index < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  const Bytes owner(utf8);
  return size <= 0 ? std::string() : std::string(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
}

std::optional<Time> time_of(const ASN1_TIME* time) {
  std::tm tm{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &tm) != 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(tm.tm_year + 1900),
                                         std::chrono::month(static_cast<unsigned>(tm.tm_mon + 1)),
                                         std::chrono::day(static_cast<unsigned>(tm.tm_mday))};
  if (!date.ok()) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(tm.tm_hour) + std::chrono::minutes(tm.tm_min) +
         std::chrono::seconds(tm.tm_sec);
}

std::optional<std::string> serial_of(const ASN1_INTEGER* number) {
  if (number == nullptr || ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER) return std::nullopt;
  return normal_serial(to_hex(view(number)));
}

namespace {

struct RawName {
  SanKind kind;
  std::string_view bytes;
};

/// nullopt: not a UPN.
std::optional<RawName> upn_of(const OTHERNAME* name) {
  char oid[64];
  const int size = OBJ_obj2txt(oid, sizeof oid, name->type_id, 1);
  if (size <= 0 || std::string_view(oid) != upn_oid || name->value->type != V_ASN1_UTF8STRING) return std::nullopt;
  return RawName{SanKind::upn, view(name->value->value.utf8string)};
}

/// nullopt: of a type that we don't know.
std::optional<RawName> raw_name(const GENERAL_NAME* name) {
  int type = 0;
  const void* value = GENERAL_NAME_get0_value(name, &type);
  const auto as = [&](SanKind kind) {
    return std::optional(RawName{kind, view(static_cast<const ASN1_STRING*>(value))});
  };
  switch (type) {
    case GEN_DNS: return as(SanKind::dns);
    case GEN_IPADD: return as(SanKind::ip);
    case GEN_EMAIL: return as(SanKind::email);
    case GEN_URI: return as(SanKind::uri);
    case GEN_OTHERNAME: return upn_of(static_cast<const OTHERNAME*>(value));
    default: return std::nullopt;
  }
}

San found_san(SanKind kind, std::string_view bytes) {
  if (kind == SanKind::ip) return {kind, ip_text(bytes).value_or("invalid")};
  return {kind, kind == SanKind::dns ? lower(printable(bytes)) : printable(bytes)};
}

San checked_san(SanKind kind, std::string_view bytes) {
  if (kind != SanKind::ip) return make_san(kind, bytes);
  const auto text = ip_text(bytes);
  if (!text) throw Error(Code::name_invalid, "an IP address of " + std::to_string(bytes.size()) + " bytes is none");
  return {kind, *text};
}

}  // namespace

std::vector<San> sans_of(const GENERAL_NAMES* names, Names how) {
  std::vector<San> out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const auto name = raw_name(sk_GENERAL_NAME_value(names, i));
    if (!name) {
      if (how == Names::as_found) continue;
      throw Error(Code::name_invalid, "a subject alternative name is of a type other than dns, ip, email, uri and upn",
                  "make the request with names of these types");
    }
    San san = how == Names::checked ? checked_san(name->kind, name->bytes) : found_san(name->kind, name->bytes);
    if (std::find(out.begin(), out.end(), san) == out.end()) out.push_back(std::move(san));
  }
  return out;
}

}  // namespace ymgr::ossl
