#include "virtual_yubikey/keys.hpp"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "virtual_yubikey/algorithms.hpp"
#include "virtual_yubikey/status.hpp"

namespace virtual_yubikey {
namespace {

Bytes bytes_of(const BIGNUM* value) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(value)));
  BN_bn2bin(value, bytes.data());
  return bytes;
}

Bytes number_of(const Pkey& key, const char* name) {
  BIGNUM* value = nullptr;
  must(EVP_PKEY_get_bn_param(key.get(), name, &value) == 1, "no such number in the key");
  return bytes_of(Number(value).get());
}

/// The public key of whoever holds `point`, or nothing.
Pkey peer(const Pkey& own, Byte algorithm, View point) {
  if (algorithm == x25519) {
    return Pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, point.data(), point.size()));
  }
  Pkey key(EVP_PKEY_new());
  const bool taken = !point.empty() && point[0] == 0x04 && EVP_PKEY_copy_parameters(key.get(), own.get()) == 1 &&
                     EVP_PKEY_set1_encoded_public_key(key.get(), point.data(), point.size()) == 1;
  return taken ? std::move(key) : Pkey();
}

/// Runs `step(output, size)` as OpenSSL's calls want it: once for the size, once for the bytes.
template <class Step>
Bytes two_steps(Step step) {
  std::size_t size = 0;
  require(step(nullptr, &size) == 1, Status::wrong_data);
  Bytes result(size);
  require(step(result.data(), &size) == 1, Status::wrong_data);
  result.resize(size);
  return result;
}

}  // namespace

Bytes make_key(Byte algorithm) {
  Pkey key;
  if (const auto bits = rsa_bits(algorithm)) {
    key.reset(EVP_RSA_gen(bits));
  } else if (curve_bytes(algorithm) != 0) {
    key.reset(EVP_EC_gen(algorithm == p256 ? "P-256" : "P-384"));
  } else {
    key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, algorithm == ed25519 ? "ED25519" : "X25519"));
  }
  must(key != nullptr, "OpenSSL made no key");
  return to_der(key, i2d_PrivateKey);
}

Pkey load_key(View private_key) {
  const unsigned char* at = private_key.data();
  Pkey key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(private_key.size())));
  must(key != nullptr, "the state holds a broken key");
  return key;
}

Bytes public_key_template(View private_key) {
  const Pkey key = load_key(private_key);
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    Bytes inside = tlv(0x81, number_of(key, OSSL_PKEY_PARAM_RSA_N));
    append(inside, tlv(0x82, number_of(key, OSSL_PKEY_PARAM_RSA_E)));
    return inside;
  }
  unsigned char* encoded = nullptr;
  const auto size = EVP_PKEY_get1_encoded_public_key(key.get(), &encoded);
  if (size != 0) {
    const Owner<unsigned char, [](void* bytes) { OPENSSL_free(bytes); }> owner(encoded);
    return tlv(0x86, View(encoded, size));
  }
  return tlv(0x86, two_steps([&](unsigned char* out, std::size_t* length) {
               return EVP_PKEY_get_raw_public_key(key.get(), out, length);
             }));
}

Bytes rsa_private(View private_key, Byte algorithm, View block) {
  require(block.size() == rsa_bits(algorithm) / 8, Status::wrong_data);
  const Pkey key = load_key(private_key);
  const PkeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  must(EVP_PKEY_decrypt_init(context.get()) == 1, "no RSA");
  must(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1, "no raw RSA");
  return two_steps([&](unsigned char* out, std::size_t* size) {
    return EVP_PKEY_decrypt(context.get(), out, size, block.data(), block.size());
  });
}

Bytes ecdsa_sign(View private_key, Byte algorithm, View digest) {
  require(!digest.empty() && digest.size() <= curve_bytes(algorithm), Status::wrong_data);
  const Pkey key = load_key(private_key);
  const PkeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  must(EVP_PKEY_sign_init(context.get()) == 1, "no ECDSA");
  return two_steps([&](unsigned char* out, std::size_t* size) {
    return EVP_PKEY_sign(context.get(), out, size, digest.data(), digest.size());
  });
}

Bytes ed25519_sign(View private_key, View message) {
  const Pkey key = load_key(private_key);
  const Digest context(EVP_MD_CTX_new());
  must(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1, "no Ed25519");
  return two_steps([&](unsigned char* out, std::size_t* size) {
    return EVP_DigestSign(context.get(), out, size, message.data(), message.size());
  });
}

Bytes agree(View private_key, Byte algorithm, View point) {
  const Pkey key = load_key(private_key);
  const Pkey other = peer(key, algorithm, point);
  require(other != nullptr, Status::wrong_data);
  const PkeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  must(EVP_PKEY_derive_init(context.get()) == 1, "no key agreement");
  require(EVP_PKEY_derive_set_peer(context.get(), other.get()) == 1, Status::wrong_data);
  return two_steps([&](unsigned char* out, std::size_t* size) { return EVP_PKEY_derive(context.get(), out, size); });
}

}  // namespace virtual_yubikey
