#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.hpp"
#include "keys/key_file.hpp"
#include "keys/key_store.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

constexpr auto algorithm = KeyAlgorithm::ec_p256;

std::string pem_of(const EnsuredKey& key, KeyStore& store) {
  return std::string(store.export_pem(key).reveal());
}

}  // namespace

TEST_CASE("key_name_for makes a plain word of a certificate's name") {
  struct Case {
    std::string name, want;
  };
  const Case cases[] = {{"api.example.com", "api-example-com"},
                        {"*.example.com", "wildcard-example-com"},
                        {"2001:db8::1", "2001-db8--1"},
                        {"anna@example.com", "anna-example-com"},
                        {"Jörg Ü_1", "J-rg--_1"},
                        {"../../etc", "------etc"}};
  for (const auto& row : cases) {
    CHECK(key_name_for(row.name, false) == row.want);
    CHECK(key_name_for(row.name, true) == row.want + "-" + hex(sha256(row.name)).substr(0, 8));
  }
  CHECK(key_name_for("api.example.com", true) == "api-example-com-d0c43d38");
  CHECK(key_name_for("a.b", true) != key_name_for("a-b", true));
}

TEST_CASE("the box of a sealed key is the secret of its name") {
  const test::TestDatabase db;
  const auto store = open_sealed_keys(test::test_data_key());
  const auto key = store->ensure("web", algorithm, {});
  record_sealed_key(*db, key);
  CHECK(sealed_key_box(*db, "sealed:web") == key.box);
  const auto document = open_sealed_secrets(*db, test::test_data_key())->read("keys/web");
  REQUIRE(document);
  CHECK(document->version == 1);
  CHECK(PrivateKey::from_pkcs8(document->value).public_key().sha256 == key.public_key.sha256);
}

TEST_CASE("a box opens only under its own name and data key") {
  const auto check = [](KeyStore& store, KeyStore& stranger, const std::string& name, const std::string& prefix) {
    const auto key = store.ensure(name, algorithm, {});
    CHECK_CODE(store.ensure(name + "2", algorithm, key.box), Code::box_invalid);
    CHECK_CODE(store.open(prefix + name + "2", key.box), Code::box_invalid);
    CHECK_CODE(store.ensure(name, algorithm, "AAAA"), Code::box_invalid);
    CHECK_CODE(store.ensure(name, algorithm, "?"), Code::box_invalid);
    CHECK_CODE(stranger.ensure(name, algorithm, key.box), Code::box_invalid);
    CHECK(store.open(prefix + name, key.box).public_key.sha256 == key.public_key.sha256);
  };
  const DataKey other{Secret(std::string(32, 'x'))};
  check(*open_sealed_keys(test::test_data_key()), *open_sealed_keys(other), "web", "sealed:");
  check(*open_file_keys(test::test_data_key()), *open_file_keys(other), "/tmp/web.pem", "file:");
}

TEST_CASE("two keys of one name are two keys, and only one is recorded") {
  const test::TestDatabase db;
  const auto store = open_sealed_keys(test::test_data_key());
  const auto first = store->ensure("web", algorithm, {});
  const auto second = store->ensure("web", algorithm, {});
  CHECK(first.public_key.sha256 != second.public_key.sha256);
  record_sealed_key(*db, first);
  record_sealed_key(*db, first);
  CHECK_CODE(record_sealed_key(*db, second), Code::key_exists);
  destroy_key(*db, "sealed:web");
  CHECK_CODE(record_sealed_key(*db, second), Code::key_exists);
  CHECK_CODE(record_sealed_key(*db, first), Code::key_exists);
  CHECK_CODE(sealed_key_box(*db, "sealed:web"), Code::key_not_found);
}

TEST_CASE("a sealed key is exported by nothing, a file's key as PKCS#8 PEM") {
  const auto sealed = open_sealed_keys(test::test_data_key());
  CHECK_CODE(sealed->export_pem(sealed->ensure("web", algorithm, {})), Code::key_not_found);
  const auto files = open_file_keys(test::test_data_key());
  const auto key = files->ensure("/tmp/web.pem", algorithm, {});
  const auto pem = pem_of(key, *files);
  CHECK(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  CHECK(PrivateKey::from_pem(Secret(pem)).public_key().sha256 == key.public_key.sha256);
}

TEST_CASE("a key file is read only when nobody else can have changed or read it") {
  const TemporaryFolder folder("ymgr-test");
  const auto path = folder.path() + "/key.pem";
  const auto store = open_file_keys(test::test_data_key());
  write_file(path, pem_of(store->ensure(path, algorithm, {}), *store));
  struct Case {
    mode_t mode;
    bool good;
  };
  const Case cases[] = {{0600, true},  {0400, true},  {0640, true},  {0440, true},  {0660, false},
                        {0620, false}, {0644, false}, {0604, false}, {0601, false}, {0650, false}};
  for (const auto& row : cases) {
    CAPTURE(row.mode);
    REQUIRE(::chmod(path.c_str(), row.mode) == 0);
    const auto got = code_of([&] { store->open("file:" + path, {}); });
    CHECK(got == (row.good ? std::nullopt : std::optional(Code::file_unsafe)));
  }
  CHECK_CODE(store->open("file:" + folder.path(), {}), Code::file_unsafe);
  CHECK_CODE(store->open("file:" + folder.path() + "/none", {}), Code::key_not_found);
  CHECK_CODE(store->open("file:" + path + "/none", {}), Code::key_not_found);
  for (const auto& text : {std::string(), std::string("no key\n"), std::string(100'000, 'x')}) {
    write_file(path, text);
    CHECK_CODE(store->open("file:" + path, {}), Code::key_invalid);
  }
}

TEST_CASE("a key that is kept elsewhere is neither here nor destroyed") {
  const test::TestDatabase db;
  for (const auto* reference : {"external", "transit:web", "sealed:", ""}) {
    CHECK_FALSE(key_is_there(*db, reference));
    CHECK_CODE(destroy_key(*db, reference), Code::key_not_found);
  }
}

TEST_CASE("a key behind a link is read, and destroyed where it stands") {
  const test::TestDatabase db;
  const auto real = db.folder() + "/real.pem", link = db.folder() + "/link.pem", copy = db.folder() + "/copy.pem";
  const auto store = open_file_keys(test::test_data_key());
  const auto key = store->ensure(link, algorithm, {});
  write_file(real, pem_of(key, *store));
  REQUIRE(::link(real.c_str(), copy.c_str()) == 0);
  point_link(link, "real.pem");
  CHECK(store->open("file:" + link, {}).public_key.sha256 == key.public_key.sha256);
  destroy_key(*db, "file:" + link);
  CHECK_FALSE(exists(real));
  CHECK_FALSE(key_is_there(*db, "file:" + link));
  CHECK(read_file(copy).find_first_not_of('\0') == std::string::npos);
  destroy_key(*db, "file:" + link);
  CHECK_CODE(destroy_key(*db, "file:" + db.folder()), Code::system_error);
}

TEST_CASE("a key's mode is one that a key can be read with again") {
  for (const char* text : {"600", "0640", "440", "400"}) {
    CAPTURE(text);
    const TemporaryFolder folder("ymgr-test");
    write_file(folder.path() + "/key.pem", "x", {parse_key_mode(text), std::nullopt});
    CHECK_NOTHROW(read_key_file(folder.path() + "/key.pem"));
  }
  for (const char* text : {"644", "660", "0650", "775", "040", "666", "six"}) {
    CAPTURE(text);
    CHECK(code_of([&] { parse_key_mode(text); }) == Code::usage);
  }
}

TEST_CASE("a key file that was overwritten before its process was killed is removed, any other stays") {
  const test::TestDatabase db;
  struct Row {
    std::string content;
    bool want;
  };
  const Row rows[] = {
      {std::string(240, '\0'), true}, {std::string(240, '\0') + "rest", true}, {"not a key", false}, {"", false}};
  const std::string path = db.folder() + "/key.pem";
  for (const auto& row : rows) {
    CAPTURE(row.content);
    write_file(path, row.content);
    CHECK(destroy_key_copy(path, std::string(64, 'a')) == row.want);
    CHECK(exists(path) != row.want);
    remove_file(path);
    CHECK_FALSE(destroy_key_copy(path, std::string(64, 'a')));
  }
}
