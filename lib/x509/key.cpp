#include "x509/key.hpp"

#include <openssl/pem.h>

#include "base/text.hpp"
#include "x509/key_forms.hpp"
#include "x509/openssl.hpp"

namespace ymgr {

struct CryptoThread::State {
  OSSL_LIB_CTX* own = nullptr;
  OSSL_LIB_CTX* before = nullptr;
};

CryptoThread::CryptoThread() : state_(std::make_unique<State>()) {
  state_->own = OSSL_LIB_CTX_new();
  ossl::require(state_->own != nullptr, "make a library context");
  state_->before = OSSL_LIB_CTX_set0_default(state_->own);
}

CryptoThread::~CryptoThread() {
  OSSL_LIB_CTX_set0_default(state_->before);
  OSSL_LIB_CTX_free(state_->own);
}

namespace {

constexpr std::size_t longest_key = 64UL * 1024;

std::string family_of(const EVP_PKEY* key) {
  const char* name = EVP_PKEY_get0_type_name(key);
  if (name == nullptr) return "unknown";
  return std::string_view(name) == "ED25519" ? "Ed25519" : name;
}

std::optional<KeyAlgorithm> algorithm_of(const PublicKey& key) {
  if (key.family != "RSA") return key_forms::algorithm_of(key.spki.bytes);
  for (const auto algorithm : {KeyAlgorithm::rsa_2048, KeyAlgorithm::rsa_3072, KeyAlgorithm::rsa_4096}) {
    if (key_bits(algorithm) == key.bits) return algorithm;
  }
  return std::nullopt;
}

PrivateKey own(ossl::Key key, std::string spki) {
  auto impl = std::make_unique<PrivateKey::Impl>();
  impl->public_key = ossl::describe(key.get(), std::move(spki));
  impl->key = std::move(key);
  return PrivateKey(std::move(impl));
}

/// A key that came from outside.
PrivateKey adopt(ossl::Key key) {
  if (key == nullptr)
    ossl::fail(Code::key_invalid, "the private key can't be read", "give one private key, PKCS#8, PEM");
  std::string spki = ossl::to_der(i2d_PUBKEY, static_cast<const EVP_PKEY*>(key.get()));
  PrivateKey result = own(std::move(key), std::move(spki));
  const PublicKey& half = result.public_key();
  if (half.algorithm) return result;
  throw Error(Code::key_invalid,
              "the private key is of an unsupported kind: " + half.family + ", " + std::to_string(half.bits) + " bits",
              "use RSA with 2048, 3072 or 4096 bits, EC P-256 or P-384 as a named curve, or Ed25519");
}

int no_password(char*, int, int, void*) {
  return -1;
}

}  // namespace

namespace ossl {

PublicKey describe(const EVP_PKEY* key, std::string spki) {
  PublicKey out;
  out.sha256 = ymgr::sha256(spki);
  out.spki = Der{std::move(spki)};
  out.family = family_of(key);
  out.bits = out.family == "Ed25519" ? key_bits(KeyAlgorithm::ed25519) : EVP_PKEY_get_bits(key);
  out.algorithm = algorithm_of(out);
  return out;
}

PublicKey describe(std::string spki, Code wrong) {
  const auto algorithm = key_forms::algorithm_of(spki);
  if (!algorithm) {
    const Key key = decode_public(spki);
    if (key == nullptr) fail(wrong, "the public key can't be read");
    return describe(key.get(), std::move(spki));
  }
  const Sha256 hash = ymgr::sha256(spki);
  return {Der{std::move(spki)}, hash, algorithm, std::string(key_family(*algorithm)), key_bits(*algorithm)};
}

Key decode_public(std::string_view spki) {
  Key key(key_forms::from_spki(spki));
  return key != nullptr || spki.size() > longest_key ? std::move(key) : from_der<Key>(d2i_PUBKEY, spki);
}

std::string spki_of(const X509_PUBKEY* key) {
  return to_der(i2d_X509_PUBKEY, key);
}

std::string_view signature_algorithm(KeyAlgorithm algorithm) noexcept {
  using namespace std::string_view_literals;
  switch (algorithm) {
    case KeyAlgorithm::rsa_2048:
    case KeyAlgorithm::rsa_3072:
    case KeyAlgorithm::rsa_4096: return "\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B\x05\x00"sv;  // RFC 4055
    case KeyAlgorithm::ec_p256: return "\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x02"sv;               // RFC 5758
    case KeyAlgorithm::ec_p384: return "\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x03"sv;
    case KeyAlgorithm::ed25519: return "\x30\x05\x06\x03\x2B\x65\x70"sv;  // RFC 8410
  }
  return {};
}

std::string sign(const PrivateKey& key, std::string_view data) {
  const KeyAlgorithm algorithm = key.public_key().algorithm.value();
  const char* hash = algorithm == KeyAlgorithm::ed25519   ? nullptr
                     : algorithm == KeyAlgorithm::ec_p384 ? "SHA384"
                                                          : "SHA256";
  const DigestContext context(EVP_MD_CTX_new());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.impl().key.get())), '\0');
  std::size_t size = signature.size();
  require(
      context != nullptr &&
          EVP_DigestSignInit_ex(context.get(), nullptr, hash, nullptr, nullptr, key.impl().key.get(), nullptr) == 1 &&
          EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(data),
                         data.size()) == 1,
      "sign");
  signature.resize(size);
  return signature;
}

}  // namespace ossl

PublicKey parse_public_key(const Der& spki) {
  const ossl::ErrorQueue errors;
  const auto key = ossl::decode_public(spki.bytes);
  if (key == nullptr) ossl::fail(Code::key_invalid, "the public key can't be read");
  return ossl::describe(key.get(), spki.bytes);
}

PrivateKey::PrivateKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

const PublicKey& PrivateKey::public_key() const noexcept {
  return impl_->public_key;
}

PrivateKey PrivateKey::generate(KeyAlgorithm algorithm) {
  const ossl::ErrorQueue errors;
  ossl::Key key;
  if (algorithm == KeyAlgorithm::ed25519) {
    key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  } else if (key_family(algorithm) == "EC") {
    key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", algorithm == KeyAlgorithm::ec_p256 ? "P-256" : "P-384"));
  } else {
    key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(key_bits(algorithm))));
  }
  ossl::require(key != nullptr, "make a key");
  auto spki = key_forms::spki_of(key.get(), algorithm);
  if (!spki) spki = ossl::to_der(i2d_PUBKEY, static_cast<const EVP_PKEY*>(key.get()));
  return own(std::move(key), std::move(*spki));
}

PrivateKey PrivateKey::from_pkcs8(const Secret& der) {
  const ossl::ErrorQueue errors;
  if (ossl::Key key(key_forms::from_pkcs8(der.reveal())); key != nullptr) {
    auto spki = key_forms::spki_of(key.get(), *key_forms::algorithm_of_pkcs8(der.reveal()));
    return own(std::move(key), std::move(*spki));
  }
  using Pkcs8 = ossl::Owner<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
  const auto info = der.size() > longest_key ? nullptr : ossl::from_der<Pkcs8>(d2i_PKCS8_PRIV_KEY_INFO, der.reveal());
  return adopt(ossl::Key(info == nullptr ? nullptr : EVP_PKCS82PKEY(info.get())));
}

PrivateKey PrivateKey::from_pem(const Secret& pem) {
  const ossl::ErrorQueue errors;
  const auto text = pem.reveal();
  if (text.find("ENCRYPTED") != std::string_view::npos) {
    throw Error(Code::key_invalid, "the private key is encrypted",
                "decrypt it first: openssl pkey -in FILE -out FILE.clear");
  }
  if (text.size() > longest_key) throw Error(Code::key_invalid, "the private key has more than 64 KiB");
  const auto bio = ossl::memory_bio(text);
  return adopt(ossl::Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr)));
}

Secret PrivateKey::pkcs8() const {
  const ossl::ErrorQueue errors;
  if (auto der = key_forms::pkcs8_of(impl_->key.get(), *impl_->public_key.algorithm)) return std::move(*der);
  const ossl::Owner<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> info(EVP_PKEY2PKCS8(impl_->key.get()));
  ossl::require(info != nullptr, "encode a key");
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  ossl::require(size > 0, "encode a key");
  Secret der(static_cast<std::size_t>(size));
  auto* out = reinterpret_cast<unsigned char*>(der.fill().data());
  ossl::require(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &out) == size, "encode a key");
  return der;
}

Secret PrivateKey::pem() const {
  const ossl::ErrorQueue errors;
  const Secret der = pkcs8();
  const ossl::Bio bio(BIO_new(BIO_s_secmem()));  // cleared when it grows and when it is freed
  ossl::require(bio != nullptr && PEM_write_bio(bio.get(), "PRIVATE KEY", "", ossl::bytes_of(der.reveal()),
                                                static_cast<long>(der.size())) > 0,
                "encode a key");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Secret(std::string_view(data, static_cast<std::size_t>(size)));
}

}  // namespace ymgr
