// Where licences stand must serve alike, sealed in a profile and in Vault.
#include <doctest/doctest.h>

#include <functional>
#include <memory>

#include "license/license_book.hpp"
#include "secrets/secrets_vault.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"
#include "support/vault_kv.hpp"

namespace {
using namespace ymgr;
using license::Shelf;

constexpr const char* path = "yubikeys/data/ymgr-license";
const Time at = parse_time("2027-01-02T03:04:05Z");

/// A further store of the same things.
using MakeStore = std::function<std::unique_ptr<SecretStore>()>;

void shelf_contract(const MakeStore& make) {
  Shelf shelf(make(), path);
  SUBCASE("nothing is there at first") {
    const auto book = shelf.read();
    CHECK(book.entries.empty());
    CHECK(book.version == 0);
  }
  SUBCASE("licences are kept one beside the other, byte by byte") {
    const std::string texts[] = {"first\nsignature: a+/=\n", "ünï 🔑 \"\\\n", std::string(4096, 'z')};
    for (const auto& text : texts) shelf.add(shelf.read(), {text, at, "alice"});
    const auto book = Shelf(make(), path).read();
    REQUIRE(book.entries.size() == 3);
    CHECK(book.version == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(book.entries[i].text == texts[i]);
    CHECK(book.entries[2].installed_at == at);
    CHECK(book.entries[2].installed_by == "alice");
  }
  SUBCASE("of two who add at the same time, one is told") {
    const auto before = shelf.read();
    shelf.add(before, {"one", at, "alice"});
    CHECK_CODE(shelf.add(before, {"other", at, "bob"}), Code::version_conflict);
    REQUIRE(shelf.read().entries.size() == 1);
    CHECK(shelf.read().entries.front().text == "one");
  }
  SUBCASE("a hundred stay, each of the largest size") {
    auto book = shelf.read();
    for (std::size_t i = 0; i < license::most_entries - 1; ++i)
      book.entries.push_back({std::string(license::largest_license, '"'), at, "alice"});
    shelf.add(book, {"last but one", at, "alice"});
    shelf.add(shelf.read(), {"last", at, "alice"});
    book = shelf.read();
    REQUIRE(book.entries.size() == license::most_entries);
    CHECK(book.entries.back().text == "last");
    CHECK(book.entries[98].text == "last but one");
  }
  SUBCASE("what was destroyed is as if there was nothing, and can be followed") {
    shelf.add(shelf.read(), {"one", at, "alice"});
    make()->destroy(path);
    CHECK(shelf.read().entries.empty());
    shelf.add(shelf.read(), {"two", at, "alice"});
    CHECK(shelf.read().entries.size() == 1);
    CHECK(shelf.version() == 2);
  }
  SUBCASE("something else in its place is no licence, and can be followed") {
    make()->write(path, Secret(R"({"schema":"else"})"), 0);
    CHECK_CODE(shelf.read(), Code::license_invalid);
    shelf.add({{}, shelf.version()}, {"one", at, "alice"});
    CHECK(shelf.read().entries.size() == 1);
  }
}

TEST_CASE("a profile keeps licences as the contract says") {
  test::TestDatabase database;
  shelf_contract([&] { return open_sealed_secrets(*database, test::test_data_key()); });
}

TEST_CASE("Vault keeps licences as the contract says") {
  test::VaultKv backend;
  shelf_contract([&] { return open_vault_secrets(backend.client, backend.mount); });
}

TEST_CASE("a licence that was sealed for another place is none") {
  test::TestDatabase database;
  Shelf shelf(open_sealed_secrets(*database, test::test_data_key()), path);
  shelf.add(shelf.read(), {"one", at, "alice"});
  database->run("UPDATE secrets SET path = 'license' WHERE path = $1", {path});
  CHECK_CODE(Shelf(open_sealed_secrets(*database, test::test_data_key()), "license").read(), Code::license_invalid);
}

}  // namespace
