#include "secrets/secrets_vault.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "vault/kv.hpp"

namespace ymgr {
namespace {

std::string below_mount(std::string_view path) {
  constexpr std::string_view prefix = "yubikeys/data/";
  if (!path.starts_with(prefix)) throw Error(Code::key_not_found, "Vault keeps no " + printable(path));
  return std::string(path.substr(prefix.size()));
}

class VaultSecrets : public SecretStore {
 public:
  VaultSecrets(vault::Client& client, const std::string& mount) : kv_(client, mount) {}

  std::optional<SecretDocument> read(std::string_view path) override {
    auto found = kv_.read(below_mount(path));
    if (found.document.empty()) return std::nullopt;
    return SecretDocument{std::move(found.document), found.version};
  }

  std::int64_t write(std::string_view path, const Secret& value, std::int64_t expected) override {
    return kv_.write(below_mount(path), value, expected);
  }

  void destroy(std::string_view path) override {
    const auto place = below_mount(path);
    if (const auto metadata = kv_.metadata(place)) kv_.destroy(place, metadata->readable);
  }

  std::int64_t version(std::string_view path) override { return kv_.read(below_mount(path)).version; }

 private:
  vault::Kv kv_;
};

}  // namespace

std::unique_ptr<SecretStore> open_vault_secrets(vault::Client& client, const std::string& mount) {
  return std::make_unique<VaultSecrets>(client, mount);
}

}  // namespace ymgr
