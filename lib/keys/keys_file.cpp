#include "base/error.hpp"
#include "base/files.hpp"
#include "keys/key_cache.hpp"

namespace ymgr {
namespace {

constexpr std::string_view scheme = "file:";

class FileKeys final : public LocalKeys {
 public:
  using LocalKeys::LocalKeys;

  EnsuredKey ensure(std::string_view name, KeyAlgorithm algorithm, std::string_view box) override {
    const std::string reference = std::string(scheme) + std::string(name);
    return make(reference, "file-keys/" + std::string(name), algorithm, box);
  }

  EnsuredKey open(std::string_view reference, std::string_view) override {
    const std::string path(reference.substr(scheme.size()));
    if (!reference.starts_with(scheme) || !exists(path))
      throw Error(Code::key_not_found, "no private key at " + path, "renew with --new-key");
    auto text = read_file(path, 64 * 1024);
    return keep(std::string(reference), PrivateKey::from_pem(Secret::absorb(text)), {});
  }

  Secret export_pem(const EnsuredKey& key) override { return at(key).pem(); }
};

}  // namespace

std::unique_ptr<KeyStore> open_file_keys(const DataKey& data_key) {
  return std::make_unique<FileKeys>(data_key);
}

}  // namespace ymgr
