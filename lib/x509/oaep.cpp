#include "x509/oaep.hpp"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "x509/openssl.hpp"

namespace ymgr {
namespace {

constexpr std::size_t locked_bytes = 128UL * 1024;  // nine RSA-3072 keys and what an operation needs
constexpr std::size_t smallest_piece = 32;

[[noreturn]] void refuse_box() {
  throw Error(Code::sealed_invalid, "the sealed secret can't be opened");
}

/// A context with padding, digests and label set; nullptr: the key is not for this.
ossl::KeyContext oaep_context(EVP_PKEY* key, int (*begin)(EVP_PKEY_CTX*), std::string_view label) {
  ossl::KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (context == nullptr || EVP_PKEY_is_a(key, "RSA") != 1 || begin(context.get()) <= 0 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) <= 0 ||
      EVP_PKEY_CTX_set_rsa_oaep_md_name(context.get(), "SHA256", nullptr) <= 0 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md_name(context.get(), "SHA256", nullptr) <= 0) {
    return nullptr;
  }
  ossl::Bytes copy(static_cast<unsigned char*>(OPENSSL_memdup(label.data(), label.size())));
  if (copy == nullptr ||
      EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), copy.get(), static_cast<int>(label.size())) <= 0) {
    return nullptr;
  }
  [[maybe_unused]] const auto* taken = copy.release();  // the context's now
  return context;
}

/// ECDSA-Sig-Value; empty: no such numbers.
std::string der_signature(std::string_view raw) {
  using Signature = ossl::Owner<ECDSA_SIG, ECDSA_SIG_free>;
  const Signature signature(ECDSA_SIG_new());
  ossl::Number r(BN_bin2bn(ossl::bytes_of(raw), 32, nullptr)), s(BN_bin2bn(ossl::bytes_of(raw) + 32, 32, nullptr));
  if (signature == nullptr || r == nullptr || s == nullptr) return {};
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  [[maybe_unused]] const auto* r_taken = r.release();
  [[maybe_unused]] const auto* s_taken = s.release();
  return ossl::to_der(i2d_ECDSA_SIG, static_cast<const ECDSA_SIG*>(signature.get()));
}

}  // namespace

std::string oaep_seal(const Der& spki, std::string_view label, std::string_view plain) {
  const ossl::ErrorQueue errors;
  const ossl::Key key = ossl::decode_public(spki.bytes);
  if (key == nullptr) ossl::fail(Code::key_invalid, "the public key can't be read");
  const auto context = oaep_context(key.get(), EVP_PKEY_encrypt_init, label);
  if (context == nullptr) ossl::fail(Code::key_invalid, "the key to seal to is no RSA key");
  std::string box(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
  std::size_t size = box.size();
  if (EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(box.data()), &size, ossl::bytes_of(plain),
                       plain.size()) <= 0) {
    throw Error(Code::sealed_invalid, "a secret of " + std::to_string(plain.size()) + " bytes can't be sealed");
  }
  box.resize(size);
  return box;
}

Secret oaep_open(const PrivateKey& key, std::string_view label, std::string_view box) {
  const ossl::ErrorQueue errors;
  EVP_PKEY* const own = key.impl().key.get();
  const auto context = oaep_context(own, EVP_PKEY_decrypt_init, label);
  if (context == nullptr) refuse_box();
  Secret plain(static_cast<std::size_t>(EVP_PKEY_get_size(own)));
  std::size_t size = plain.size();
  if (EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(plain.fill().data()), &size, ossl::bytes_of(box),
                       box.size()) <= 0) {
    refuse_box();
  }
  plain.shrink(size);
  return plain;
}

bool verify_es256(std::string_view point, std::string_view message, std::string_view signature) {
  using namespace std::string_view_literals;
  constexpr auto spki =  // RFC 5480: prime256v1, uncompressed
      "\x30\x59\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07\x03\x42\x00\x04"sv;
  if (point.size() != 64 || signature.size() != 64) return false;
  const ossl::ErrorQueue errors;
  const ossl::Key key = ossl::decode_public(std::string(spki).append(point));
  const std::string der = der_signature(signature);
  const ossl::DigestContext context(EVP_MD_CTX_new());
  return key != nullptr && !der.empty() && context != nullptr &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(), nullptr) == 1 &&
         EVP_DigestVerify(context.get(), ossl::bytes_of(der), der.size(), ossl::bytes_of(message), message.size()) == 1;
}

bool lock_private_numbers() {
  return CRYPTO_secure_malloc_init(locked_bytes, smallest_piece) == 1;
}

}  // namespace ymgr
