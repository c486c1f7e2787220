#include "x509/key_forms.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>

#include "x509/openssl.hpp"

namespace ymgr::key_forms {
namespace {

using namespace std::string_view_literals;

struct Form {
  KeyAlgorithm algorithm;
  const char* group;        // nullptr: no curve to choose
  std::string_view spki;    // then the public half
  std::string_view pkcs8;   // then the private half,
  std::string_view middle;  // this and the public half
  std::size_t private_size, public_size;
};
constexpr Form forms[] = {
    {KeyAlgorithm::ec_p256, "P-256",
     "\x30\x59\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07\x03\x42\x00"sv,
     "\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07"
     "\x04\x6D\x30\x6B\x02\x01\x01\x04\x20"sv,
     "\xA1\x44\x03\x42\x00"sv, 32, 65},
    {KeyAlgorithm::ec_p384, "P-384",
     "\x30\x76\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x22\x03\x62\x00"sv,
     "\x30\x81\xB6\x02\x01\x00\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x22"
     "\x04\x81\x9E\x30\x81\x9B\x02\x01\x01\x04\x30"sv,
     "\xA1\x64\x03\x62\x00"sv, 48, 97},
    {KeyAlgorithm::ed25519, nullptr, "\x30\x2A\x30\x05\x06\x03\x2B\x65\x70\x03\x21\x00"sv,
     "\x30\x2E\x02\x01\x00\x30\x05\x06\x03\x2B\x65\x70\x04\x22\x04\x20"sv, ""sv, 32, 32},
};

bool is_curve(const Form& form) {
  return form.group != nullptr;
}

const Form* form_of(KeyAlgorithm algorithm) {
  for (const auto& form : forms) {
    if (form.algorithm == algorithm) return &form;
  }
  return nullptr;
}

const Form* form_of_spki(std::string_view spki) {
  for (const auto& form : forms) {
    if (spki.size() != form.spki.size() + form.public_size || !spki.starts_with(form.spki)) continue;
    if (is_curve(form) && spki[form.spki.size()] != 4) continue;
    return &form;
  }
  return nullptr;
}

const Form* form_of_pkcs8(std::string_view der) {
  for (const auto& form : forms) {
    const auto head = form.pkcs8.size() + form.private_size;
    const auto tail = is_curve(form) ? form.middle.size() + form.public_size : 0;
    if (der.size() != head + tail || !der.starts_with(form.pkcs8) || !der.substr(head).starts_with(form.middle))
      continue;
    if (!is_curve(form) || der[head + form.middle.size()] == 4) return &form;
  }
  return nullptr;
}

std::string public_half(const EVP_PKEY* key, const Form& form) {
  std::string bytes(form.public_size, '\0');
  std::size_t size = 0;
  ossl::require(
      EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, reinterpret_cast<unsigned char*>(bytes.data()),
                                      bytes.size(), &size) == 1 &&
          size == bytes.size(),
      "read a public key");
  return bytes;
}

void private_half(const EVP_PKEY* key, const Form& form, unsigned char* out) {
  if (!is_curve(form)) {
    std::size_t size = form.private_size;
    ossl::require(EVP_PKEY_get_raw_private_key(key, out, &size) == 1 && size == form.private_size,
                  "read a private key");
    return;
  }
  BIGNUM* number = nullptr;
  ossl::require(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1, "read a private key");
  const ossl::Number owner(number);
  ossl::require(BN_bn2binpad(number, out, static_cast<int>(form.private_size)) >= 0, "read a private key");
}

EVP_PKEY* curve_key(const Form& form, std::string_view public_bytes, std::string_view private_bytes) {
  const ossl::KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  ossl::require(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1, "take in a key");
  Secret native(private_bytes.size());  // OSSL_PARAM has integers in the machine's byte order
  OSSL_PARAM params[4];
  std::size_t count = 0;
  params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(form.group), 0);
  params[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(public_bytes.data()),
                                                      public_bytes.size());
  if (!private_bytes.empty()) {
    const ossl::Number number(
        BN_bin2bn(ossl::bytes_of(private_bytes), static_cast<int>(private_bytes.size()), nullptr));
    auto* bytes = reinterpret_cast<unsigned char*>(native.fill().data());
    ossl::require(number != nullptr && BN_bn2nativepad(number.get(), bytes, static_cast<int>(native.size())) >= 0,
                  "take in a key");
    params[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, bytes, native.size());
  }
  params[count] = OSSL_PARAM_construct_end();
  EVP_PKEY* key = nullptr;
  const int selection = private_bytes.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  return EVP_PKEY_fromdata(context.get(), &key, selection, params) == 1 ? key : nullptr;
}

}  // namespace

std::optional<KeyAlgorithm> algorithm_of(std::string_view spki) noexcept {
  const auto* form = form_of_spki(spki);
  return form == nullptr ? std::nullopt : std::optional(form->algorithm);
}

std::optional<KeyAlgorithm> algorithm_of_pkcs8(std::string_view der) noexcept {
  const auto* form = form_of_pkcs8(der);
  return form == nullptr ? std::nullopt : std::optional(form->algorithm);
}

std::optional<std::string> spki_of(const EVP_PKEY* key, KeyAlgorithm algorithm) {
  const auto* form = form_of(algorithm);
  if (form == nullptr) return std::nullopt;
  return std::string(form->spki) + public_half(key, *form);
}

std::optional<Secret> pkcs8_of(const EVP_PKEY* key, KeyAlgorithm algorithm) {
  const auto* form = form_of(algorithm);
  if (form == nullptr) return std::nullopt;
  const std::string tail = is_curve(*form) ? std::string(form->middle) + public_half(key, *form) : std::string();
  Secret der(form->pkcs8.size() + form->private_size + tail.size());
  char* out = der.fill().data();
  std::memcpy(out, form->pkcs8.data(), form->pkcs8.size());
  private_half(key, *form, reinterpret_cast<unsigned char*>(out + form->pkcs8.size()));
  std::ranges::copy(tail, out + form->pkcs8.size() + form->private_size);
  return der;
}

EVP_PKEY* from_spki(std::string_view spki) {
  const auto* form = form_of_spki(spki);
  if (form == nullptr) return nullptr;
  const auto bytes = spki.substr(form->spki.size());
  return is_curve(*form)
             ? curve_key(*form, bytes, {})
             : EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, ossl::bytes_of(bytes), bytes.size());
}

EVP_PKEY* from_pkcs8(std::string_view der) {
  const auto* form = form_of_pkcs8(der);
  if (form == nullptr) return nullptr;
  const auto private_bytes = der.substr(form->pkcs8.size(), form->private_size);
  return is_curve(*form) ? curve_key(*form, der.substr(der.size() - form->public_size), private_bytes)
                         : EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, ossl::bytes_of(private_bytes),
                                                           private_bytes.size());
}

}  // namespace ymgr::key_forms
