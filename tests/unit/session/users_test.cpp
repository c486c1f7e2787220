#include <doctest/doctest.h>

#include "base/text.hpp"
#include "session/session.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

const Secret& good_password() {
  static const Secret password("correct horse battery");
  return password;
}

void add(const test::TestDatabase& db, std::string_view name, Role role) {
  users::add(*db, name, role, users::hash_password(name, good_password()), test::test_data_key(), "setup");
}

std::string box_of(const test::TestDatabase& db, std::string_view name) {
  return test::text_of(*db, "SELECT data_key_box FROM users WHERE name = $1", {name});
}

std::int64_t open_session(const test::TestDatabase& db, std::string_view user) {
  return db->run(
      "INSERT INTO user_sessions (session_id, user_name, created_at, expires_at, data_key_box) SELECT CAST(count(*) AS "
      "TEXT), CAST($1 AS TEXT), 1, 2, 'box' FROM user_sessions",
      {user});
}

std::int64_t open_sessions(const test::TestDatabase& db, std::string_view user) {
  return test::integer_of(*db, "SELECT count(*) FROM user_sessions WHERE user_name = $1 AND ended_at IS NULL", {user});
}

TEST_CASE("user names are short, lower case and begin with a letter") {
  for (const char* name : {"a", "alice", "alice.b-c_d@example.com", "r2d2"}) {
    CAPTURE(name);
    users::check_user_name(name);
  }
  users::check_user_name(std::string(64, 'a'));
  const std::string wrong[] = {"", "Alice", "1a", "-a", "a b", "a/b", "a\n", "ünal", "@a", std::string(65, 'a')};
  for (const auto& name : wrong) {
    CAPTURE(name);
    CHECK_CODE(users::check_user_name(name), Code::user_invalid);
  }
}

TEST_CASE("a password has twelve characters at least, and characters are not bytes") {
  users::check_password(Secret("123456789012"));
  users::check_password(Secret("üüüüüüüüüüüü"));
  for (const char* text : {"", "12345678901", "üüüüüüüüüüü"}) {
    CAPTURE(text);
    CHECK_CODE(users::check_password(Secret(text)), Code::password_weak);
  }
}

TEST_CASE("users are added, listed by name and found") {
  const test::TestDatabase db;
  add(db, "root", Role::admin);
  add(db, "dora", Role::auditor);
  CHECK_CODE(add(db, "dora", Role::user), Code::user_exists);
  CHECK_CODE(add(db, "Bad", Role::user), Code::user_invalid);
  CHECK_CODE(users::hash_password("eve", Secret("short")), Code::password_weak);

  const auto all = users::list(*db);
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "dora");
  CHECK(all[0].role == Role::auditor);
  CHECK(all[1].name == "root");
  CHECK(all[1].enabled);
  CHECK_FALSE(all[1].last_login_at);
  CHECK(box_of(db, "dora").empty());
  CHECK_FALSE(box_of(db, "root").empty());
  CHECK(test::text_of(*db, "SELECT password_cost FROM users WHERE name = 'root'") ==
        R"({"passes":3,"memory_kib":65536})");

  const auto error = thrown([&] { users::get(*db, "doro"); });
  REQUIRE(error);
  CHECK(error->code() == Code::user_not_found);
  CHECK(error->hint() == "did you mean dora?");
}

TEST_CASE("a user's row holds no key in clear") {
  const test::TestDatabase db;
  add(db, "root", Role::admin);
  std::string row;
  db->run("SELECT * FROM users", {}, [&](const sql::Row& r) {
    for (int i = 0; i < 9; ++i) row += std::string(r.text(i)) + " ";
  });
  CHECK(row.find(to_base64(test::test_data_key().key.reveal())) == std::string::npos);
  CHECK(row.find("correct horse") == std::string::npos);
}

TEST_CASE("the last admin who can log in stays") {
  const test::TestDatabase db;
  const DataKey key = test::test_data_key();
  add(db, "root", Role::admin);
  CHECK_CODE(users::set_enabled(*db, "root", false), Code::last_admin);
  CHECK_CODE(users::set_role(*db, "root", Role::operator_, key), Code::last_admin);
  users::set_role(*db, "root", Role::admin, key);

  add(db, "other", Role::admin);
  users::set_enabled(*db, "other", false);
  CHECK_CODE(users::set_enabled(*db, "root", false), Code::last_admin);
  users::set_enabled(*db, "other", true);
  users::set_enabled(*db, "root", false);
  CHECK_FALSE(users::get(*db, "root").enabled);
  CHECK_CODE(users::set_role(*db, "other", Role::auditor, key), Code::last_admin);
  users::set_role(*db, "root", Role::user, key);
}

TEST_CASE("becoming an auditor deletes the box, ceasing to be one makes it anew") {
  const test::TestDatabase db;
  const DataKey key = test::test_data_key();
  add(db, "root", Role::admin);
  add(db, "carol", Role::operator_);
  const auto first = box_of(db, "carol");
  open_session(db, "carol");

  users::set_role(*db, "carol", Role::user, key);
  CHECK(box_of(db, "carol") == first);
  CHECK(open_sessions(db, "carol") == 1);

  users::set_role(*db, "carol", Role::admin, key);  // whose sessions are shorter
  CHECK(open_sessions(db, "carol") == 0);
  open_session(db, "carol");

  users::set_role(*db, "carol", Role::auditor, key);
  CHECK(box_of(db, "carol").empty());
  CHECK(open_sessions(db, "carol") == 0);
  CHECK(test::integer_of(*db, "SELECT count(*) FROM user_sessions WHERE data_key_box IS NOT NULL") == 0);

  users::set_role(*db, "carol", Role::operator_, key);
  CHECK_FALSE(box_of(db, "carol").empty());
  CHECK(box_of(db, "carol") != first);
  auto who = open_local_authenticator(*db)->authenticate({"carol", good_password().clone()});
  REQUIRE(who.data_key);
  CHECK(who.data_key->key.reveal() == key.key.reveal());
}

TEST_CASE("a new password has new keys, unlocks and ends sessions") {
  const test::TestDatabase db;
  const DataKey key = test::test_data_key();
  add(db, "root", Role::admin);
  open_session(db, "root");
  const auto old_public = test::text_of(*db, "SELECT box_public FROM users WHERE name = 'root'");
  db->run("UPDATE users SET failed_logins = 9, locked_until = 9000000000000000", {});
  CHECK_CODE(users::set_password(*db, "nobody", users::hash_password("nobody", Secret("another good one")), &key),
             Code::user_not_found);

  CHECK_CODE(users::set_password(*db, "root", users::hash_password("root", Secret("another good one")), nullptr),
             Code::role_denied);
  add(db, "dora", Role::auditor);
  users::set_password(*db, "dora", users::hash_password("dora", Secret("another good one")), nullptr);
  CHECK_FALSE(open_local_authenticator(*db)->authenticate({"dora", Secret("another good one")}).data_key);

  users::set_password(*db, "root", users::hash_password("root", Secret("another good one")), &key);
  CHECK(test::text_of(*db, "SELECT box_public FROM users WHERE name = 'root'") != old_public);
  CHECK(open_sessions(db, "root") == 0);
  const auto authenticator = open_local_authenticator(*db);
  CHECK(authenticator->authenticate({"root", Secret("another good one")}).data_key->key.reveal() == key.key.reveal());
  CHECK_CODE(authenticator->authenticate({"root", good_password().clone()}), Code::wrong_password);
}

TEST_CASE("disabling ends the user's sessions") {
  const test::TestDatabase db;
  add(db, "root", Role::admin);
  add(db, "carol", Role::user);
  open_session(db, "root");
  open_session(db, "carol");
  users::set_enabled(*db, "carol", false);
  CHECK(open_sessions(db, "carol") == 0);
  CHECK(open_sessions(db, "root") == 1);
}

}  // namespace
