// What every store of secrets must do alike.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "secrets/secret_store.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

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
  SUBCASE("nothing is there at first") {
    CHECK_FALSE(store->read("keys/a"));
    CHECK(store->version("keys/a") == 0);
    store->destroy("keys/a");
    CHECK(store->version("keys/a") == 0);
  }
  SUBCASE("what was written is read, with its version") {
    const std::string values[] = {"x", "ünï 🔑", std::string("bin\0\xff\n", 6), std::string(10'000, 'z')};
    std::int64_t version = 0;
    for (const auto& value : values) {
      CHECK(store->write("yubikeys/1/pin", Secret(value), version) == version + 1);
      ++version;
      CHECK(value_of(*store, "yubikeys/1/pin") == value);
      CHECK(store->read("yubikeys/1/pin")->version == version);
      CHECK(store->version("yubikeys/1/pin") == version);
    }
  }
  SUBCASE("paths are apart") {
    store->write("a", Secret("1"), 0);
    store->write("a/b", Secret("2"), 0);
    CHECK(value_of(*store, "a") == "1");
    CHECK(value_of(*store, "a/b") == "2");
    store->destroy("a");
    CHECK(value_of(*store, "a") == "none");
    CHECK(value_of(*store, "a/b") == "2");
  }
  SUBCASE("a writer who missed a change is refused and changes nothing") {
    store->write("a", Secret("1"), 0);
    CHECK_CODE(store->write("a", Secret("x"), 0), Code::version_conflict);
    CHECK_CODE(store->write("a", Secret("x"), 2), Code::version_conflict);
    CHECK_CODE(store->write("b", Secret("x"), 1), Code::version_conflict);
    store->write("a", Secret("2"), 1);
    CHECK_CODE(store->write("a", Secret("x"), 1), Code::version_conflict);
    CHECK(value_of(*store, "a") == "2");
    CHECK(store->version("b") == 0);
  }
  SUBCASE("what is destroyed is gone, its version number stays") {
    store->write("a", Secret("1"), 0);
    store->write("a", Secret("2"), 1);
    store->destroy("a");
    CHECK_FALSE(store->read("a"));
    CHECK(store->version("a") == 2);
    store->destroy("a");
    CHECK_CODE(store->write("a", Secret("3"), 0), Code::version_conflict);
    CHECK(store->write("a", Secret("3"), 2) == 3);
    CHECK(value_of(*store, "a") == "3");
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

}  // namespace
