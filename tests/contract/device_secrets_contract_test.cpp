// What the documents of a YubiKey must do over every store of secrets.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "secrets/device_secrets.hpp"
#include "secrets/secret_json.hpp"
#include "secrets/secrets_vault.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"
#include "support/vault_kv.hpp"

namespace {
using namespace ymgr;

using MakeStore = std::function<std::shared_ptr<SecretStore>()>;

PendingSecret pending(Credential what, const char* request_id, const char* value) {
  return {request_id, what, Secret(value), piv::ManagementAlgorithm::aes_192};
}
std::string text(const Secret& secret) {
  return std::string(secret.reveal());
}

/// `not_objects`: values that such a store takes, too, which Vault would refuse or write otherwise.
void device_secrets_contract(const MakeStore& make, const std::vector<std::string>& not_objects) {
  const auto store = make();
  DeviceSecrets secrets(*store, "1001");
  SUBCASE("nothing is there at first") {
    CHECK(secrets.card().version == 0);
    CHECK(secrets.card().puk.empty());
    CHECK_FALSE(secrets.card().management_key);
    CHECK(secrets.pin().pin.empty());
    for (const auto what : {Credential::pin, Credential::puk, Credential::management_key})
      CHECK_FALSE(secrets.pending(what));
    secrets.promote(Credential::pin, "req-1");
    secrets.withdraw(Credential::puk, "req-1");
    secrets.mark_stale(Secret("111222"));
    secrets.forget_pin();
    CHECK(secrets.pin().version == 0);
    CHECK(secrets.card().version == 0);
  }
  SUBCASE("a value is pending until it is promoted") {
    for (const auto what : {Credential::pin, Credential::puk, Credential::management_key}) {
      const std::string value = what == Credential::management_key ? std::string("\0\x01\xff\"\\key", 8) : "a\"\\\t b";
      secrets.propose({"req-1", what, Secret(value), piv::ManagementAlgorithm::aes_256});
      REQUIRE(secrets.pending(what));
      CHECK(text(secrets.pending(what)->value) == value);
      CHECK(secrets.pending(what)->request_id == "req-1");
      if (what == Credential::pin) CHECK(secrets.pin().pin.empty());
      secrets.promote(what, "req-1");
      CHECK_FALSE(secrets.pending(what));
      if (what == Credential::pin) CHECK(text(secrets.pin().pin) == value);
      if (what == Credential::puk) CHECK(text(secrets.card().puk) == value);
      if (what == Credential::management_key) {
        CHECK(text(secrets.card().management_key->bytes) == value);
        CHECK(secrets.card().management_key->algorithm == piv::ManagementAlgorithm::aes_256);
      }
    }
    CHECK(text(secrets.card().puk) == "a\"\\\t b");
  }
  SUBCASE("the same operation keeps what it proposed first") {
    secrets.propose(pending(Credential::pin, "req-1", "271828"));
    const auto version = secrets.pin().version;
    secrets.propose(pending(Credential::pin, "req-1", "314159"));
    CHECK(text(secrets.pending(Credential::pin)->value) == "271828");
    CHECK(secrets.pin().version == version);
  }
  SUBCASE("one credential of a document is pending at a time") {
    secrets.propose(pending(Credential::puk, "req-1", "27182818"));
    CHECK_CODE(secrets.propose(pending(Credential::puk, "req-2", "31415926")), Code::credential_pending);
    CHECK_CODE(secrets.propose(pending(Credential::management_key, "req-1", "k")), Code::credential_pending);
    const auto error = thrown([&] { secrets.propose(pending(Credential::puk, "req-2", "31415926")); });
    REQUIRE(error);
    CHECK(*error->detail("request_id") == "req-1");
    secrets.propose(pending(Credential::pin, "req-2", "271828"));  // a document of its own
    CHECK_FALSE(secrets.pending(Credential::management_key));
  }
  SUBCASE("only who proposed a value promotes or withdraws it") {
    secrets.set_pin(Secret("111222"));
    secrets.propose(pending(Credential::pin, "req-1", "271828"));
    secrets.promote(Credential::pin, "req-2");
    secrets.withdraw(Credential::pin, "req-2");
    CHECK(secrets.pending(Credential::pin));
    CHECK(text(secrets.pin().pin) == "111222");
    secrets.withdraw(Credential::pin, "req-1");
    CHECK_FALSE(secrets.pending(Credential::pin));
    CHECK(text(secrets.pin().pin) == "111222");
  }
  SUBCASE("flags end with the value that they are of") {
    secrets.set_pin(Secret("111222"));
    secrets.set_puk(Secret("27182818"));
    secrets.mark_stale(Secret("999999"));
    secrets.mark_puk_stale(Secret());
    CHECK_FALSE(secrets.pin().stale);  // another one failed
    CHECK_FALSE(secrets.card().puk_stale);
    secrets.mark_stale(Secret("111222"));
    secrets.mark_puk_stale(Secret("27182818"));
    secrets.mark_exposed(Credential::pin);
    secrets.mark_exposed(Credential::puk);
    CHECK(secrets.pin().stale);
    CHECK(secrets.pin().exposed);
    CHECK(secrets.card().puk_exposed);
    CHECK(secrets.card().puk_stale);
    secrets.propose(pending(Credential::pin, "req-1", "271828"));
    CHECK(secrets.pin().stale);
    secrets.promote(Credential::pin, "req-1");
    CHECK_FALSE(secrets.pin().stale);
    CHECK_FALSE(secrets.pin().exposed);
    CHECK(secrets.card().puk_exposed);
    secrets.propose(pending(Credential::management_key, "req-1", "k"));
    secrets.promote(Credential::management_key, "req-1");
    CHECK(secrets.card().puk_exposed);
    secrets.propose(pending(Credential::puk, "req-1", "31415926"));
    secrets.promote(Credential::puk, "req-1");
    CHECK_FALSE(secrets.card().puk_exposed);
    CHECK_FALSE(secrets.card().puk_stale);
  }
  SUBCASE("devices are apart, and what is destroyed is gone") {
    DeviceSecrets other(*store, "1002");
    secrets.set_pin(Secret("111222"));
    secrets.set_puk(Secret("27182818"));
    other.set_pin(Secret("333444"));
    secrets.forget_pin();
    CHECK(secrets.pin().pin.empty());
    CHECK(text(secrets.card().puk) == "27182818");
    secrets.set_pin(Secret("555666"));  // after it was forgotten
    CHECK(text(secrets.pin().pin) == "555666");
    secrets.destroy();
    CHECK(secrets.card().puk.empty());
    CHECK(text(other.pin().pin) == "333444");
  }
  SUBCASE("who missed a change is refused") {
    secrets.set_pin(Secret("111222"));
    struct Racing final : SecretStore {
      explicit Racing(SecretStore& store_below) : below(store_below) {}
      std::optional<SecretDocument> read(std::string_view path) override { return below.read(path); }
      std::int64_t write(std::string_view path, const Secret& value, std::int64_t expected) override {
        if (!std::exchange(raced, true)) DeviceSecrets(below, "1001").mark_stale(Secret("111222"));
        return below.write(path, value, expected);
      }
      void destroy(std::string_view path) override { below.destroy(path); }
      std::int64_t version(std::string_view path) override { return below.version(path); }
      SecretStore& below;
      bool raced = false;
    } racing(*store);
    DeviceSecrets mine(racing, "1001");
    CHECK_CODE(mine.propose(pending(Credential::pin, "req-1", "271828")), Code::version_conflict);
    CHECK(secrets.pin().stale);
    CHECK_FALSE(secrets.pending(Credential::pin));
  }
  SUBCASE("a document that is none is told so") {
    std::vector<std::string> all = not_objects;
    for (const char* object : {"{\"pin\":1}", "{\"pending\":{\"what\":\"x\"}}", "{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}"})
      all.emplace_back(object);
    for (const auto& bad : all) {
      CAPTURE(bad);
      store->write("yubikeys/data/1001/pin", Secret(bad), store->version("yubikeys/data/1001/pin"));
      CHECK_CODE(secrets.pin(), Code::box_invalid);
    }
    store->write("yubikeys/data/1001/pin", Secret(" { \"later\" : { \"x\" : \"y\" } , \"pin\" : \"27\\u0031\\/8\" } "),
                 store->version("yubikeys/data/1001/pin"));
    CHECK(text(secrets.pin().pin) == "271/8");
  }
}

TEST_CASE("sealed secrets hold the documents of a YubiKey") {
  device_secrets_contract(
      []() -> std::shared_ptr<SecretStore> {
        struct Backend {
          test::TestDatabase database;
          std::unique_ptr<SecretStore> store = open_sealed_secrets(*database, test::test_data_key());
        };
        const auto backend = std::make_shared<Backend>();
        return {backend, backend->store.get()};
      },
      {"", "{", "{}x", "[]", "{\"pin\":\"x}", "{\"pin\":\"\\u1234\"}"});
}

TEST_CASE("Vault holds the documents of a YubiKey") {
  device_secrets_contract(
      []() -> std::shared_ptr<SecretStore> {
        struct Backend : test::VaultKv {
          std::unique_ptr<SecretStore> store = open_vault_secrets(client, mount);
        };
        const auto backend = std::make_shared<Backend>();
        return {backend, backend->store.get()};
      },
      {});
}

}  // namespace
