#include "keys/keys_pending.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "keys/decoded_keys.hpp"
#include "keys/key_file.hpp"
#include "keys/reference.hpp"

namespace ymgr {
namespace {

constexpr std::string_view prefix = "file:";

class PendingKeys final : public DecodedKeys {
 public:
  EnsuredKey ensure(std::string_view name, KeyAlgorithm algorithm, std::string_view) override {
    const std::string path(name);
    if (!exists(path)) return make(path, algorithm);
    auto key = PrivateKey::from_pem(read_key_file(path));
    if (key.public_key().algorithm != algorithm)
      throw Error(Code::key_exists, "there is another kind of key in " + path, "remove the file, or begin anew");
    return keep(std::string(prefix) + path, std::move(key), {});
  }

  EnsuredKey open(std::string_view reference, std::string_view) override {
    return keep(std::string(reference), PrivateKey::from_pem(read_key_file(name_in(reference, prefix))), {});
  }

  Secret export_pem(const EnsuredKey& key) override { return decoded(key).pem(); }
  bool destroy(std::string_view reference, std::string_view public_key_sha256) override {
    return destroy_key_file(name_in(reference, prefix), public_key_sha256);
  }

 private:
  EnsuredKey make(const std::string& path, KeyAlgorithm algorithm) {
    auto key = PrivateKey::generate(algorithm);
    const std::string folder = path.substr(0, path.rfind('/'));
    if (!exists(folder)) {
      make_folders(folder, 0755);
      sync_folder(folder.substr(0, folder.rfind('/') + 1));
    }
    write_file(path, key.pem().reveal(), {0600, std::nullopt}, Existing::refuse);
    return keep(std::string(prefix) + path, std::move(key), {});
  }
};

}  // namespace

std::unique_ptr<KeyStore> open_pending_keys() {
  return std::make_unique<PendingKeys>();
}

}  // namespace ymgr
