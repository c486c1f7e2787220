// What every store of secrets must do alike.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/text.hpp"
#include "secrets/secret_store.hpp"
#include "secrets/secrets_vault.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"
#include "support/vault_kv.hpp"

namespace {
using namespace ymgr;

/// An empty store.
using MakeStore = std::function<std::shared_ptr<SecretStore>()>;

std::string value_of(SecretStore& store, std::string_view path) {
  const auto document = store.read(path);
  return document ? std::string(document->value.reveal()) : "none";
}

void secret_store_contract(const MakeStore& make) {
  const auto store = make();
  constexpr std::string_view path = "yubikeys/data/1", below = "yubikeys/data/1/pin", other = "yubikeys/data/2/pin";
  SUBCASE("nothing is there at first") {
    CHECK_FALSE(store->read("yubikeys/data/1/secrets"));
    CHECK(store->version("yubikeys/data/1/secrets") == 0);
    store->destroy("yubikeys/data/1/secrets");
    CHECK(store->version("yubikeys/data/1/secrets") == 0);
  }
  SUBCASE("what was written is read, with its version") {
    const std::string values[] = {"x", "ünï 🔑", std::string("bin\0\xff\n", 6), std::string(10'000, 'z')};
    std::int64_t version = 0;
    for (const auto& value : values) {
      CHECK(store->write("yubikeys/data/1/pin", Secret(value), version) == version + 1);
      ++version;
      CHECK(value_of(*store, "yubikeys/data/1/pin") == value);
      CHECK(store->read("yubikeys/data/1/pin")->version == version);
      CHECK(store->version("yubikeys/data/1/pin") == version);
    }
  }
  SUBCASE("paths are apart") {
    store->write(path, Secret("1"), 0);
    store->write(below, Secret("2"), 0);
    CHECK(value_of(*store, path) == "1");
    CHECK(value_of(*store, below) == "2");
    store->destroy(path);
    CHECK(value_of(*store, path) == "none");
    CHECK(value_of(*store, below) == "2");
  }
  SUBCASE("a writer who missed a change is refused and changes nothing") {
    store->write(path, Secret("1"), 0);
    CHECK_CODE(store->write(path, Secret("x"), 0), Code::version_conflict);
    CHECK_CODE(store->write(path, Secret("x"), 2), Code::version_conflict);
    CHECK_CODE(store->write(other, Secret("x"), 1), Code::version_conflict);
    store->write(path, Secret("2"), 1);
    CHECK_CODE(store->write(path, Secret("x"), 1), Code::version_conflict);
    CHECK(value_of(*store, path) == "2");
    CHECK(store->version(other) == 0);
  }
  SUBCASE("what is destroyed is gone, its version number stays") {
    store->write(path, Secret("1"), 0);
    store->write(path, Secret("2"), 1);
    store->destroy(path);
    CHECK_FALSE(store->read(path));
    CHECK(store->version(path) == 2);
    store->destroy(path);
    CHECK_CODE(store->write(path, Secret("3"), 0), Code::version_conflict);
    CHECK(store->write(path, Secret("3"), 2) == 3);
    CHECK(value_of(*store, path) == "3");
  }
}

TEST_CASE("sealed secrets keep the contract of a secret store") {
  secret_store_contract([]() -> std::shared_ptr<SecretStore> {
    struct Backend {
      test::TestDatabase database;
      std::unique_ptr<SecretStore> store = open_sealed_secrets(*database, test::test_data_key());
    };
    const auto backend = std::make_shared<Backend>();
    return {backend, backend->store.get()};
  });
}

/// Vault takes JSON objects alone: any value becomes one.
class AsObjects : public SecretStore {
 public:
  explicit AsObjects(std::unique_ptr<SecretStore> store) : store_(std::move(store)) {}
  std::optional<SecretDocument> read(std::string_view path) override {
    auto document = store_->read(path);
    if (!document) return std::nullopt;
    const auto bytes = from_base64(parse_json(document->value.reveal()).at("value").text());
    return SecretDocument{Secret(bytes.value()), document->version};
  }
  std::int64_t write(std::string_view path, const Secret& value, std::int64_t expected) override {
    return store_->write(path, Secret(dump_json(Json::object({{"value", to_base64(value.reveal())}}))), expected);
  }
  void destroy(std::string_view path) override { store_->destroy(path); }
  std::int64_t version(std::string_view path) override { return store_->version(path); }

 private:
  std::unique_ptr<SecretStore> store_;
};

TEST_CASE("Vault keeps the contract of a secret store") {
  secret_store_contract([]() -> std::shared_ptr<SecretStore> {
    const auto backend = std::make_shared<test::VaultKv>();
    const auto store = std::make_shared<AsObjects>(open_vault_secrets(backend->client, backend->mount));
    return {store.get(), [backend, store](SecretStore*) {}};
  });
}

TEST_CASE("Vault keeps secrets of YubiKeys alone") {
  test::VaultKv backend;
  const auto store = open_vault_secrets(backend.client, backend.mount);
  for (const auto* path : {"keys/web1", "audit/head-key", "yubikeys/data/"}) CHECK(thrown([&] { store->read(path); }));
  CHECK_CODE(store->write("keys/web1", Secret("{}"), 0), Code::key_not_found);
}

}  // namespace
