// What every store of keys must do alike.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <string>

#include "base/text.hpp"
#include "keys/key_store.hpp"
#include "keys/keys_pending.hpp"
#include "keys/keys_transit.hpp"
#include "support/database.hpp"
#include "support/faults.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"

namespace {
using namespace ymgr;

/// What a store needs around it, for as long as the test lives.
struct KeyBackend {
  virtual ~KeyBackend() = default;
  /// A further instance, as another worker or a resumed command has it.
  virtual std::unique_ptr<KeyStore> open() = 0;
  /// A name that the store takes.
  virtual std::string name(const std::string& plain) const { return plain; }
  virtual std::string prefix() const = 0;
  /// Puts the key where it belongs when the operation is done.
  virtual void finish(KeyStore& store, const EnsuredKey& key) = 0;
  /// The key by its reference, after that.
  virtual EnsuredKey take_up(KeyStore& store, const std::string& reference) = 0;
  virtual bool is_there(const std::string& reference) = 0;
  virtual void destroy(const std::string& reference) = 0;
};
using MakeBackend = std::function<std::unique_ptr<KeyBackend>()>;

RequestedNames names() {
  return {"api.example.com", {make_san(SanKind::dns, "api.example.com")}};
}

/// The request is signed by the key and asks for the names.
void check_request(KeyStore& store, const EnsuredKey& key) {
  const auto csr = parse_csr(store.certificate_request(key, names()).bytes);
  CHECK(csr.key.sha256 == key.public_key.sha256);
  CHECK(csr.common_name == "api.example.com");
  CHECK(csr.sans == names().sans);
}

void makes_a_key_of_each_algorithm(KeyBackend& backend) {
  const auto store = backend.open();
  for (const auto algorithm :
       {KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519, KeyAlgorithm::rsa_2048}) {
    const std::string text(to_string(algorithm));
    CAPTURE(text);
    const auto key = store->ensure(backend.name(text), algorithm, {});
    CHECK(key.reference == backend.prefix() + backend.name(text));
    CHECK(key.public_key.algorithm == algorithm);
    check_request(*store, key);
  }
}

void takes_up_the_same_key_again(KeyBackend& backend) {
  const auto name = backend.name("web");
  const auto first = backend.open()->ensure(name, KeyAlgorithm::ec_p256, {});
  const auto store = backend.open();
  for (int i = 0; i < 2; ++i) {
    const auto again = store->ensure(name, KeyAlgorithm::ec_p256, first.box);
    CHECK(again.reference == first.reference);
    CHECK(again.public_key.sha256 == first.public_key.sha256);
    check_request(*store, again);
  }
}

void opens_a_finished_key_by_its_reference(KeyBackend& backend) {
  const auto store = backend.open();
  const auto key = store->ensure(backend.name("web"), KeyAlgorithm::ec_p256, {});
  backend.finish(*store, key);
  CHECK(backend.is_there(key.reference));
  const auto later = backend.open();
  const auto opened = backend.take_up(*later, key.reference);
  CHECK(opened.reference == key.reference);
  CHECK(opened.public_key.sha256 == key.public_key.sha256);
  check_request(*later, opened);
}

void signs_only_with_keys_that_are_open(KeyBackend& backend) {
  const auto store = backend.open();
  const auto key = store->ensure(backend.name("web"), KeyAlgorithm::ec_p256, {});
  CHECK_CODE(backend.open()->certificate_request(key, names()), Code::key_not_found);
  store->forget(key);
  store->forget(key);
  CHECK_CODE(store->certificate_request(key, names()), Code::key_not_found);
}

void destroys_a_key_for_good(KeyBackend& backend) {
  const auto store = backend.open();
  const auto key = store->ensure(backend.name("web"), KeyAlgorithm::ec_p256, {});
  const auto other = store->ensure(backend.name("other"), KeyAlgorithm::ec_p256, {});
  backend.finish(*store, key);
  backend.finish(*store, other);
  backend.destroy(key.reference);
  CHECK_FALSE(backend.is_there(key.reference));
  CHECK(backend.is_there(other.reference));
  CHECK_CODE(backend.take_up(*backend.open(), key.reference), Code::key_not_found);
  backend.destroy(key.reference);
}

void refuses_what_is_not_its_own(KeyBackend& backend) {
  const auto store = backend.open();
  for (const auto* reference : {"", "web", "transit:web", "yubikey:1:9a", "sealed:", "file:"})
    CHECK_CODE(store->open(reference, {}), Code::key_not_found);
  CHECK_FALSE(backend.is_there(backend.prefix() + backend.name("none")));
}

void key_store_contract(const MakeBackend& make) {
  const auto backend = make();
  SUBCASE("it makes a key of each algorithm") {
    makes_a_key_of_each_algorithm(*backend);
  }
  SUBCASE("it takes up the same key again") {
    takes_up_the_same_key_again(*backend);
  }
  SUBCASE("it opens a finished key by its reference") {
    opens_a_finished_key_by_its_reference(*backend);
  }
  SUBCASE("it signs only with keys that are open") {
    signs_only_with_keys_that_are_open(*backend);
  }
  SUBCASE("it destroys a key for good") {
    destroys_a_key_for_good(*backend);
  }
  SUBCASE("it refuses what is not its own") {
    refuses_what_is_not_its_own(*backend);
  }
}

/// For stores that themselves keep their keys.
void destroys_only_the_key_that_is_meant(KeyBackend& backend) {
  const auto store = backend.open();
  const auto key = store->ensure(backend.name("web"), KeyAlgorithm::ec_p256, {});
  const auto other = store->ensure(backend.name("other"), KeyAlgorithm::ec_p256, {});
  backend.finish(*store, key);
  CHECK_FALSE(store->destroy(key.reference, hex(other.public_key.sha256)));
  CHECK(backend.is_there(key.reference));
  CHECK(store->destroy(key.reference, hex(key.public_key.sha256)));
  CHECK_FALSE(backend.is_there(key.reference));
  CHECK_FALSE(store->destroy(key.reference, hex(key.public_key.sha256)));
  CHECK_CODE(store->destroy("yubikey:1:9a", hex(key.public_key.sha256)), Code::key_not_found);
}

/// Both stores of one machine: the database, or a file.
struct LocalBackend : KeyBackend {
  test::TestDatabase database;
  bool is_there(const std::string& reference) override { return key_is_there(*database, reference); }
  void destroy(const std::string& reference) override { destroy_key(*database, reference); }
};

struct SealedBackend final : LocalBackend {
  std::unique_ptr<KeyStore> open() override { return open_sealed_keys(test::test_data_key()); }
  std::string prefix() const override { return "sealed:"; }
  void finish(KeyStore&, const EnsuredKey& key) override { record_sealed_key(*database, key); }
  EnsuredKey take_up(KeyStore& store, const std::string& reference) override {
    return store.open(reference, sealed_key_box(*database, reference));
  }
};

struct FileBackend : LocalBackend {
  std::unique_ptr<KeyStore> open() override { return open_file_keys(test::test_data_key()); }
  std::string name(const std::string& plain) const override { return database.folder() + "/" + plain + ".pem"; }
  std::string prefix() const override { return "file:"; }
  void finish(KeyStore& store, const EnsuredKey& key) override {
    write_file(key.reference.substr(5), store.export_pem(key).reveal());
  }
  EnsuredKey take_up(KeyStore& store, const std::string& reference) override { return store.open(reference, {}); }
};

struct PendingBackend final : FileBackend {
  std::unique_ptr<KeyStore> open() override { return open_pending_keys(); }
  void finish(KeyStore& store, const EnsuredKey& key) override {
    CHECK(key.box.empty());
    FileBackend::finish(store, key);
  }
};

TEST_CASE("sealed keys keep the contract of a key store") {
  key_store_contract([] { return std::make_unique<SealedBackend>(); });
}

TEST_CASE("keys in files keep the contract of a key store") {
  key_store_contract([] { return std::make_unique<FileBackend>(); });
}

TEST_CASE("keys that wait in files keep the contract of a key store") {
  key_store_contract([] { return std::make_unique<PendingBackend>(); });
}

TEST_CASE("a key that waits in a file is its owner's alone, and none of another kind is taken for it") {
  PendingBackend backend;
  const auto path = backend.database.folder() + "/made/for/it/web.pem";
  const auto store = backend.open();
  store->ensure(path, KeyAlgorithm::ec_p256, {});
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  CHECK_CODE(store->ensure(path, KeyAlgorithm::ed25519, {}), Code::key_exists);
}

struct TransitBackend : KeyBackend {
  TransitBackend() {
    static int mounts = 0;
    mount_ = "transit" + std::to_string(++mounts);
    test::mount(mount_, Json::object({{"type", "transit"}}));
  }
  std::unique_ptr<KeyStore> open() override {
    return open_transit_keys(std::make_shared<vault::Client>(client_.for_another_thread()), mount_);
  }
  std::string prefix() const override { return "transit:"; }
  void finish(KeyStore&, const EnsuredKey& key) override { CHECK(key.box.empty()); }
  EnsuredKey take_up(KeyStore& store, const std::string& reference) override { return store.open(reference, {}); }
  bool is_there(const std::string& reference) override { return transit_key_is_there(client_, mount_, reference); }
  void destroy(const std::string& reference) override { destroy_transit_key(client_, mount_, reference); }

 private:
  vault::Client client_ = test::vault_of(test::openbao());
  std::string mount_;
};

TEST_CASE("Vault's transit engine keeps the contract of a key store") {
  key_store_contract([] { return std::make_unique<TransitBackend>(); });
}

struct FaultyBackend final : TransitBackend {
  std::unique_ptr<KeyStore> open() override {
    return std::make_unique<test::FaultyKeys>(TransitBackend::open(), faults_);
  }

 private:
  test::Faults faults_{Code::vault_unreachable};
};

TEST_CASE("a key store that may fail, and does not, keeps the contract") {
  key_store_contract([] { return std::make_unique<FaultyBackend>(); });
}

TEST_CASE("a store destroys only the key that is meant, by its public half") {
  FileBackend files;
  destroys_only_the_key_that_is_meant(files);
  PendingBackend pending;
  destroys_only_the_key_that_is_meant(pending);
  TransitBackend transit;
  destroys_only_the_key_that_is_meant(transit);
}

TEST_CASE("a key in transit is never given out, and no key of another kind is taken for it") {
  TransitBackend backend;
  const auto store = backend.open();
  const auto key = store->ensure("web", KeyAlgorithm::ec_p256, {});
  CHECK_CODE(store->export_pem(key), Code::key_not_found);
  CHECK_CODE(store->ensure("web", KeyAlgorithm::ed25519, {}), Code::key_exists);
  CHECK_CODE(backend.destroy("sealed:web"), Code::key_not_found);
}

}  // namespace
