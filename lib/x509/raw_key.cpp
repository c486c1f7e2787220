#include "x509/raw_key.hpp"

#include "x509/der.hpp"
#include "x509/openssl.hpp"

namespace ymgr {
namespace {

constexpr std::string_view rsa_oid = "1.2.840.113549.1.1.1", ec_oid = "1.2.840.10045.2.1";

PublicKey checked(const std::string& spki) {
  const ossl::ErrorQueue errors;
  const ossl::Key key = ossl::decode_public(spki);
  if (key == nullptr) ossl::fail(Code::key_invalid, "the public key can't be read");
  return ossl::describe(key.get(), spki);
}

const char* hash_of(KeyAlgorithm algorithm) noexcept {
  if (algorithm == KeyAlgorithm::ed25519) return nullptr;
  return algorithm == KeyAlgorithm::ec_p384 ? "SHA384" : "SHA256";
}

/// EMSA-PKCS1-v1_5 (RFC 8017 9.2).
std::string padded(std::size_t size, std::string_view message) {
  const std::string info = der::sequence(der::sequence(der::oid("2.16.840.1.101.3.4.2.1"), der::tlv(der::null_tag, {})),
                                         der::octet_string(ossl::digest("SHA256", message)));
  using namespace std::string_view_literals;
  return std::string("\x00\x01"sv) + std::string(size - info.size() - 3, '\xFF') + '\0' + info;
}

struct CipherForm {
  const char* name;
  std::size_t key_size, block_size;
};

CipherForm form_of(BlockCipher cipher) noexcept {
  switch (cipher) {
    case BlockCipher::tdes: return {"DES-EDE3-ECB", 24, 8};
    case BlockCipher::aes_128: return {"AES-128-ECB", 16, 16};
    case BlockCipher::aes_192: return {"AES-192-ECB", 24, 16};
    case BlockCipher::aes_256: return {"AES-256-ECB", 32, 16};
  }
  return {};
}

std::string run_block(BlockCipher cipher, const Secret& key, std::string_view block, int encrypt) {
  const ossl::ErrorQueue errors;
  const CipherForm form = form_of(cipher);
  ossl::require(key.size() == form.key_size && block.size() == form.block_size, "use a block cipher");
  const ossl::Owner<EVP_CIPHER, EVP_CIPHER_free> algorithm(EVP_CIPHER_fetch(nullptr, form.name, nullptr));
  const ossl::Owner<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> context(EVP_CIPHER_CTX_new());
  std::string out(form.block_size, '\0');
  int size = 0;
  ossl::require(algorithm != nullptr && context != nullptr &&
                    EVP_CipherInit_ex2(context.get(), algorithm.get(), ossl::bytes_of(key.reveal()), nullptr, encrypt,
                                       nullptr) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
                    EVP_CipherUpdate(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                                     ossl::bytes_of(block), static_cast<int>(block.size())) == 1 &&
                    static_cast<std::size_t>(size) == out.size(),
                "use a block cipher");
  return out;
}

}  // namespace

PublicKey public_key_of_rsa(std::string_view modulus, std::string_view exponent) {
  const std::string spki = der::sequence(der::sequence(der::oid(rsa_oid), der::tlv(der::null_tag, {})),
                                         der::bit_string(der::sequence(der::integer(modulus), der::integer(exponent))));
  PublicKey key = checked(spki);
  if (key.bits < 1024 || key.bits > 4096) throw Error(Code::key_invalid, "the RSA key has a size of its own");
  return key;
}

PublicKey public_key_of_point(Curve curve, std::string_view point) {
  std::string algorithm;
  switch (curve) {
    case Curve::p256: algorithm = der::oid(ec_oid) + der::oid("1.2.840.10045.3.1.7"); break;
    case Curve::p384: algorithm = der::oid(ec_oid) + der::oid("1.3.132.0.34"); break;
    case Curve::ed25519: algorithm = der::oid("1.3.101.112"); break;
    case Curve::x25519: algorithm = der::oid("1.3.101.110"); break;
  }
  return checked(der::sequence(der::tlv(der::sequence_tag, algorithm), der::bit_string(point)));
}

std::string signing_input(const PublicKey& key, std::string_view message) {
  const KeyAlgorithm algorithm = key.algorithm.value();
  if (key.family == "RSA") return padded(static_cast<std::size_t>(key.bits) / 8, message);
  const char* hash = hash_of(algorithm);
  return hash == nullptr ? std::string(message) : ossl::digest(hash, message);
}

bool verify_signature(const PublicKey& key, std::string_view message, std::string_view signature) noexcept {
  const ossl::ErrorQueue errors;
  if (!key.algorithm) return false;
  const ossl::Key decoded = ossl::decode_public(key.spki.bytes);
  const ossl::DigestContext context(EVP_MD_CTX_new());
  return decoded != nullptr && context != nullptr &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, hash_of(*key.algorithm), nullptr, nullptr, decoded.get(),
                                 nullptr) == 1 &&
         EVP_DigestVerify(context.get(), ossl::bytes_of(signature), signature.size(), ossl::bytes_of(message),
                          message.size()) == 1;
}

std::size_t block_size(BlockCipher cipher) noexcept {
  return form_of(cipher).block_size;
}
std::string encrypt_block(BlockCipher cipher, const Secret& key, std::string_view block) {
  return run_block(cipher, key, block, 1);
}
std::string decrypt_block(BlockCipher cipher, const Secret& key, std::string_view block) {
  return run_block(cipher, key, block, 0);
}

}  // namespace ymgr
