#include <doctest/doctest.h>

#include "base/text.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {
std::string column(sql::Connection& connection, std::string_view path) {
  return test::text_of(connection, "SELECT box FROM secrets WHERE path = $1 ORDER BY version DESC LIMIT 1", {path});
}
}  // namespace

TEST_CASE("a sealed secret stands nowhere in the database in clear") {
  const test::TestDatabase db;
  open_sealed_secrets(*db, test::test_data_key())->write("a", Secret("the-canary-value"), 0);
  const auto box = from_base64(column(*db, "a"));
  REQUIRE(box);
  CHECK(box->find("canary") == std::string::npos);
  for (const auto* suffix : {"", "-wal"}) CHECK(read_file(db.path() + suffix).find("canary") == std::string::npos);
}

TEST_CASE("a box opens only where it was sealed") {
  const test::TestDatabase db;
  const auto store = open_sealed_secrets(*db, test::test_data_key());
  store->write("a", Secret("1"), 0);
  store->write("b", Secret("2"), 0);
  const auto a = column(*db, "a");
  SUBCASE("not at another path") {
    db->run("UPDATE secrets SET box = $1 WHERE path = 'b'", {a});
  }
  SUBCASE("not as another version") {
    store->write("b", Secret("3"), 1);
    const auto old = test::text_of(*db, "SELECT box FROM secrets WHERE path = 'b' AND version = 1");
    db->run("UPDATE secrets SET box = $1 WHERE path = 'b' AND version = 2", {old});
  }
  SUBCASE("not when changed") {
    auto bytes = *from_base64(column(*db, "b"));
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    db->run("UPDATE secrets SET box = $1 WHERE path = 'b'", {to_base64(bytes)});
  }
  SUBCASE("not when cut short") {
    db->run("UPDATE secrets SET box = 'AAAA' WHERE path = 'b'", {});
  }
  SUBCASE("not as another text") {
    db->run("UPDATE secrets SET box = '?' WHERE path = 'b'", {});
  }
  CHECK_CODE(store->read("b"), Code::box_invalid);
  CHECK(store->read("a")->value.reveal() == "1");
}

TEST_CASE("a box does not open under another data key") {
  const test::TestDatabase db;
  open_sealed_secrets(*db, test::test_data_key())->write("a", Secret("1"), 0);
  const auto stranger = open_sealed_secrets(*db, {Secret(std::string(32, 'x'))});
  CHECK_CODE(stranger->read("a"), Code::box_invalid);
  CHECK(stranger->version("a") == 1);
}

TEST_CASE("a destroyed secret leaves no box in any version") {
  const test::TestDatabase db;
  const auto store = open_sealed_secrets(*db, test::test_data_key());
  store->write("a", Secret("1"), 0);
  store->write("a", Secret("2"), 1);
  store->destroy("a");
  CHECK(test::integer_of(*db, "SELECT count(*) FROM secrets WHERE box IS NOT NULL") == 0);
  CHECK(test::integer_of(*db, "SELECT count(*) FROM secrets WHERE destroyed_at IS NOT NULL") == 2);
}

TEST_CASE("writing joins the caller's transaction") {
  const test::TestDatabase db;
  const auto store = open_sealed_secrets(*db, test::test_data_key());
  const auto body = [&] {
    db->transaction(sql::Access::write, [&] {
      store->write("a", Secret("1"), 0);
      throw Error(Code::injected, "stop");
    });
  };
  CHECK_CODE(body(), Code::injected);
  CHECK(store->version("a") == 0);
}
