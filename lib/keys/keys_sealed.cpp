#include "base/error.hpp"
#include "keys/key_cache.hpp"

namespace ymgr {
namespace {

constexpr std::string_view scheme = "sealed:";

std::string path_of(std::string_view reference) {
  return "keys/" + std::string(reference.substr(scheme.size()));
}

class SealedKeys final : public LocalKeys {
 public:
  using LocalKeys::LocalKeys;

  EnsuredKey ensure(std::string_view name, KeyAlgorithm algorithm, std::string_view box) override {
    const std::string reference = std::string(scheme) + std::string(name);
    return make(reference, path_of(reference), algorithm, box);
  }

  EnsuredKey open(std::string_view reference, std::string_view box) override {
    if (!reference.starts_with(scheme) || box.empty())
      throw Error(Code::key_not_found, "no sealed key " + std::string(reference), "renew with --new-key");
    return keep(std::string(reference), PrivateKey::from_pkcs8(open_secret_box(data_key(), path_of(reference), 1, box)),
                std::string(box));
  }

  Secret export_pem(const EnsuredKey& key) override {
    throw Error(Code::key_not_found, "the key " + key.reference + " is sealed and never given out", "--key-store file");
  }
};

}  // namespace

std::unique_ptr<KeyStore> open_sealed_keys(const DataKey& data_key) {
  return std::make_unique<SealedKeys>(data_key);
}

}  // namespace ymgr
