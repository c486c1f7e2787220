#include "x509/openssl.hpp"

namespace ymgr {
namespace {

Secret terminated(const Secret& password) {
  if (password.reveal().find('\0') != std::string_view::npos)
    throw Error(Code::usage, "a PKCS#12 password can't have NUL bytes");
  Secret copy(password.size() + 1);
  password.reveal().copy(copy.fill().data(), password.size());
  return copy;
}

}  // namespace

std::string make_pkcs12(const PrivateKey& key, const Certificate& leaf, std::span<const Certificate> chain,
                        const Secret& password, std::string_view friendly_name) {
  using Pkcs12 = ossl::Owner<PKCS12, PKCS12_free>;
  constexpr int rounds = 100000;
  const ossl::ErrorQueue errors;
  if (!is_pair(leaf, key))
    throw Error(Code::pair_mismatch, "the key does not belong to the certificate " + leaf.serial);
  const auto others = ossl::decode_all(chain);
  const Secret text = terminated(password);
  const char* pass = text.reveal().data();
  const auto leaf_x509 = ossl::decode(leaf);
  const std::string name(friendly_name);
  constexpr int cipher = NID_aes_256_cbc, no_mac_yet = -1;
  const Pkcs12 file(PKCS12_create(pass, name.empty() ? nullptr : name.c_str(), key.impl().key.get(), leaf_x509.get(),
                                  others.get(), cipher, cipher, rounds, no_mac_yet, 0));
  if (file == nullptr)
    ossl::fail(Code::key_invalid, "the PKCS#12 file can't be made", "password and name must be UTF-8");
  ossl::require(PKCS12_set_mac(file.get(), pass, -1, nullptr, 0, rounds, EVP_sha256()) == 1, "protect a PKCS#12 file");
  return ossl::to_der(i2d_PKCS12, static_cast<const PKCS12*>(file.get()));
}

}  // namespace ymgr
