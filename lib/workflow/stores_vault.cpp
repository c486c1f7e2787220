#include "base/error.hpp"
#include "base/files.hpp"
#include "keys/key_file.hpp"
#include "keys/keys_pending.hpp"
#include "keys/keys_transit.hpp"
#include "secrets/secrets_vault.hpp"
#include "session/tokens_vault.hpp"
#include "vault/transit.hpp"
#include "workflow/stores.hpp"

namespace ymgr {
namespace {

constexpr std::string_view file_prefix = "file:", transit_prefix = "transit:";

/// A person's: PUK and management key are not looked for where Vault would deny them.
class PinsAlone : public SecretStore {
 public:
  explicit PinsAlone(std::unique_ptr<SecretStore> all) : all_(std::move(all)) {}
  std::optional<SecretDocument> read(std::string_view path) override {
    return is_pin(path) ? all_->read(path) : std::nullopt;
  }
  std::int64_t write(std::string_view path, const Secret& value, std::int64_t expected) override {
    return all_->write(path, value, expected);
  }
  void destroy(std::string_view path) override { all_->destroy(path); }
  std::int64_t version(std::string_view path) override { return is_pin(path) ? all_->version(path) : 0; }

 private:
  static bool is_pin(std::string_view path) { return path.ends_with("/pin"); }

  std::unique_ptr<SecretStore> all_;
};

class VaultStores : public Stores {
 public:
  VaultStores(vault::Client& client, VaultPlaces places) : client_(client), places_(std::move(places)) {
    if (!places_.workers) places_.workers = std::make_shared<vault::WorkerClients>(client_);
  }
  bool is_open() const noexcept override { return true; }
  void next_worker(bool on_this_thread) override { places_.workers->next(on_this_thread); }
  SecretReach reach() const noexcept override { return places_.reach; }
  std::unique_ptr<SecretStore> secrets() override {
    auto secrets = open_vault_secrets(client_, places_.kv);
    if (places_.reach != SecretReach::pins) return secrets;
    return std::make_unique<PinsAlone>(std::move(secrets));
  }
  std::unique_ptr<IdentityTokens> tokens() override { return open_vault_tokens(client_, places_.token_role); }
  license::Shelf licenses() override {
    return {open_vault_secrets(client_, places_.kv), "yubikeys/data/" + places_.licenses};
  }

  KeyPlace usual_place() const noexcept override { return KeyPlace::transit; }
  bool keeps(KeyPlace place) const noexcept override { return place == KeyPlace::transit || place == KeyPlace::file; }
  bool seals_journal() const noexcept override { return false; }
  std::unique_ptr<KeyStore> keys(KeyPlace place) override {
    require_place(place);
    if (place == KeyPlace::file) return open_pending_keys();
    return open_transit_keys(places_.workers->client(), places_.transit);
  }
  std::string key_box(std::string_view) override { return {}; }

  bool key_is_there(std::string_view reference) override {
    if (reference.starts_with(file_prefix)) return exists(std::string(reference.substr(file_prefix.size())));
    return reference.starts_with(transit_prefix) && transit_key_is_there(client_, places_.transit, reference);
  }
  void destroy_key(std::string_view reference) override {
    if (reference.starts_with(file_prefix))
      destroy_key_file(std::string(reference.substr(file_prefix.size())));
    else
      destroy_transit_key(client_, places_.transit, reference);
  }
  std::set<std::string> all_keys() override {
    std::set<std::string> references;
    for (const auto& name : vault::Transit(client_, places_.transit).list())
      if (name != places_.audit_key) references.insert(std::string(transit_prefix) + name);
    return references;
  }

 private:
  vault::Client& client_;
  VaultPlaces places_;
};

}  // namespace

std::unique_ptr<Stores> open_vault_stores(vault::Client& client, VaultPlaces places) {
  return std::make_unique<VaultStores>(client, std::move(places));
}

}  // namespace ymgr
