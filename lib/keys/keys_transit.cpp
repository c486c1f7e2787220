#include "keys/keys_transit.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "keys/reference.hpp"
#include "vault/transit.hpp"

namespace ymgr {
namespace {

constexpr std::string_view prefix = "transit:";

class TransitKeys : public KeyStore {
 public:
  TransitKeys(std::shared_ptr<vault::Client> client, const std::string& mount)
      : client_(std::move(client)), transit_(*client_, mount) {}

  EnsuredKey ensure(std::string_view name, KeyAlgorithm algorithm, std::string_view) override {
    return keep(transit_.ensure(name, algorithm));
  }

  EnsuredKey open(std::string_view reference, std::string_view) override {
    const auto found = transit_.read(name_in(reference, prefix));
    if (!found || found->soft_deleted)
      throw Error(Code::key_not_found, "the key " + std::string(reference) + " is not there", "renew with --new-key");
    return keep(*found);
  }

  Der certificate_request(const EnsuredKey& key, const RequestedNames& names) override {
    const auto found = opened_.find(key.reference);
    if (found == opened_.end()) throw Error(Code::key_not_found, "the key " + key.reference + " is not open");
    return transit_.certificate_request(name_in(key.reference, prefix), names, found->second);
  }

  Secret export_pem(const EnsuredKey& key) override {
    throw Error(Code::key_not_found, "the key " + key.reference + " never leaves Vault",
                "keep keys that a server must read with --key-store file");
  }

  void forget(const EnsuredKey& key) override { opened_.erase(key.reference); }

  bool destroy(std::string_view reference, std::string_view public_key_sha256) override {
    const auto name = name_in(reference, prefix);
    const auto found = transit_.read(name);
    if (!found || std::ranges::none_of(found->versions, [&](const auto& version) {
          return hex(version.second.sha256) == public_key_sha256;
        }))
      return false;
    transit_.destroy(name);
    return true;
  }

 private:
  EnsuredKey keep(const vault::TransitKey& key) {
    EnsuredKey ensured{std::string(prefix) + key.name, key.public_key(), {}};
    opened_.insert_or_assign(ensured.reference, ensured.public_key);
    return ensured;
  }

  std::shared_ptr<vault::Client> client_;
  vault::Transit transit_;
  std::map<std::string, PublicKey> opened_;  // by reference
};

}  // namespace

std::unique_ptr<KeyStore> open_transit_keys(std::shared_ptr<vault::Client> client, const std::string& mount) {
  return std::make_unique<TransitKeys>(std::move(client), mount);
}

bool transit_key_is_there(vault::Client& client, const std::string& mount, std::string_view reference) {
  const auto found = vault::Transit(client, mount).read(name_in(reference, prefix));
  return found && !found->soft_deleted;
}

void destroy_transit_key(vault::Client& client, const std::string& mount, std::string_view reference) {
  vault::Transit(client, mount).destroy(name_in(reference, prefix));
}

}  // namespace ymgr
