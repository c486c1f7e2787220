#include "base/crypto.hpp"

#include <sodium.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/sha256_sum.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr PasswordCost least_cost{};

const unsigned char* raw(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) noexcept {
  return reinterpret_cast<unsigned char*>(text.data());
}
unsigned char* raw(Secret& secret) noexcept {
  return reinterpret_cast<unsigned char*>(secret.fill().data());
}
const unsigned char* raw(const Secret& secret) noexcept {
  return raw(secret.reveal());
}

// Lazily: most commands never need it, and start-up is what they are measured by.
void need_sodium() {
  static const int status = sodium_init();
  if (status < 0) throw Error(Code::internal, "libsodium cannot be initialized");
}

void need_size(std::size_t size, std::size_t want, const char* what) {
  if (size != want) {
    throw Error(Code::box_invalid,
                std::string(what) + " has " + std::to_string(size) + " bytes, not " + std::to_string(want));
  }
}

Secret hmac_sha256(std::string_view key, std::string_view first, std::string_view second) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, raw(key), key.size());
  crypto_auth_hmacsha256_update(&state, raw(first), first.size());
  crypto_auth_hmacsha256_update(&state, raw(second), second.size());
  Secret out(crypto_auth_hmacsha256_BYTES);
  crypto_auth_hmacsha256_final(&state, raw(out));
  sodium_memzero(&state, sizeof state);
  return out;
}

}  // namespace

Sha256 sha256(std::string_view data) {
  Sha256 digest;
  crypto_hash_sha256(digest.data(), raw(data), data.size());
  return digest;
}

struct Sha256Sum::State {
  crypto_hash_sha256_state state;
};

Sha256Sum::Sha256Sum() : state_(std::make_unique<State>()) {
  crypto_hash_sha256_init(&state_->state);
}
Sha256Sum::~Sha256Sum() = default;

void Sha256Sum::add(std::string_view data) {
  crypto_hash_sha256_update(&state_->state, raw(data), data.size());
}

Sha256 Sha256Sum::finish() {
  Sha256 digest;
  crypto_hash_sha256_final(&state_->state, digest.data());
  return digest;
}

std::string hex(const Sha256& digest) {
  return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

void fill_random(std::span<char> out) {
  need_sodium();
  randombytes_buf(out.data(), out.size());
}

std::string random_bytes(std::size_t size) {
  std::string out(size, '\0');
  fill_random(out);
  return out;
}

std::string seal(const Secret& key, std::string_view bound_to, std::string_view plain) {
  need_size(key.size(), crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the sealing key");
  need_sodium();
  std::string box(nonce_size + plain.size() + tag_size, '\0');
  randombytes_buf(box.data(), nonce_size);
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(box) + nonce_size, nullptr, raw(plain), plain.size(), raw(bound_to),
                                             bound_to.size(), nullptr, raw(box), raw(key));
  return box;
}

Secret unseal(const Secret& key, std::string_view bound_to, std::string_view box) {
  need_size(key.size(), crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the sealing key");
  need_sodium();
  if (box.size() < nonce_size + tag_size) throw Error(Code::box_invalid, "a sealed value is cut off");
  Secret plain(box.size() - nonce_size - tag_size);
  const std::string_view cipher = box.substr(nonce_size);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(raw(plain), nullptr, nullptr, raw(cipher), cipher.size(),
                                                 raw(bound_to), bound_to.size(), raw(box), raw(key)) != 0) {
    throw Error(Code::box_invalid, "a sealed value does not open", "it was moved, changed or sealed under another key");
  }
  return plain;
}

Secret derive(const Secret& secret, std::string_view purpose) {
  const std::string no_salt(crypto_auth_hmacsha256_BYTES, '\0');
  const Secret extracted = hmac_sha256(no_salt, secret.reveal(), {});
  return hmac_sha256(extracted.reveal(), purpose, std::string_view("\x01", 1));
}

Secret stretch_password(const Secret& password, std::string_view salt, const PasswordCost& cost) {
  need_sodium();
  if (cost.passes < least_cost.passes || cost.memory_kib < least_cost.memory_kib) {
    throw Error(Code::internal, "the cost of a password is below the minimum");
  }
  if (salt.size() != crypto_pwhash_argon2id_SALTBYTES)
    throw Error(Code::internal, "a password's salt has a wrong size");
  Secret out(std::size_t{32});
  if (crypto_pwhash(raw(out), out.size(), password.reveal().data(), password.size(), raw(salt), cost.passes,
                    cost.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw system_error("stretch", "a password", ENOMEM);
  }
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

BoxKeys make_box_keys() {
  need_sodium();
  BoxKeys keys{std::string(crypto_box_PUBLICKEYBYTES, '\0'), Secret(std::size_t{crypto_box_SECRETKEYBYTES})};
  crypto_box_keypair(raw(keys.public_key), raw(keys.private_key));
  return keys;
}

std::string seal_to(std::string_view public_key, std::string_view plain) {
  need_size(public_key.size(), crypto_box_PUBLICKEYBYTES, "a public key");
  need_sodium();
  std::string box(plain.size() + crypto_box_SEALBYTES, '\0');
  if (crypto_box_seal(raw(box), raw(plain), plain.size(), raw(public_key)) != 0) {
    throw Error(Code::box_invalid, "a public key cannot be sealed to");
  }
  return box;
}

Secret open_sealed_to(const BoxKeys& keys, std::string_view box) {
  need_size(keys.public_key.size(), crypto_box_PUBLICKEYBYTES, "a public key");
  need_size(keys.private_key.size(), crypto_box_SECRETKEYBYTES, "a private key");
  need_sodium();
  if (box.size() < crypto_box_SEALBYTES) throw Error(Code::box_invalid, "a sealed value is cut off");
  Secret plain(box.size() - crypto_box_SEALBYTES);
  if (crypto_box_seal_open(raw(plain), raw(box), box.size(), raw(keys.public_key), raw(keys.private_key)) != 0) {
    throw Error(Code::box_invalid, "a sealed value does not open", "it was changed or sealed to another key");
  }
  return plain;
}

SigningKeys make_signing_keys() {
  return signing_keys_from_seed(Secret::random(crypto_sign_SEEDBYTES));
}

SigningKeys signing_keys_from_seed(Secret seed) {
  need_size(seed.size(), crypto_sign_SEEDBYTES, "a signing seed");
  need_sodium();
  SigningKeys keys{std::string(crypto_sign_PUBLICKEYBYTES, '\0'), std::move(seed)};
  Secret expanded(std::size_t{crypto_sign_SECRETKEYBYTES});
  crypto_sign_seed_keypair(raw(keys.public_key), raw(expanded), raw(keys.seed));
  return keys;
}

std::string sign_detached(const SigningKeys& keys, std::string_view message) {
  need_size(keys.seed.size(), crypto_sign_SEEDBYTES, "a signing seed");
  need_sodium();
  std::string public_key(crypto_sign_PUBLICKEYBYTES, '\0'), signature(crypto_sign_BYTES, '\0');
  Secret expanded(std::size_t{crypto_sign_SECRETKEYBYTES});
  crypto_sign_seed_keypair(raw(public_key), raw(expanded), raw(keys.seed));
  crypto_sign_detached(raw(signature), nullptr, raw(message), message.size(), raw(expanded));
  return signature;
}

bool verify_detached(std::string_view public_key, std::string_view message, std::string_view signature) noexcept {
  return public_key.size() == crypto_sign_PUBLICKEYBYTES && signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(raw(signature), raw(message), message.size(), raw(public_key)) == 0;
}

}  // namespace ymgr
