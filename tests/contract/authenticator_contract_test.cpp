// What every authenticator must do alike.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "session/session.hpp"
#include "support/database.hpp"
#include "support/faults.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

const char* const right = "correct horse battery";
const char* const wrong = "wrong horse battery";

Time clock_now;

/// Someone who knows alice (operator) and dora (auditor), both with the right password.
struct Subject {
  std::shared_ptr<Authenticator> authenticator;
  std::function<void(const char* user)> disable;
};

Credentials credentials(std::string user, const char* password) {
  return {std::move(user), Secret(password)};
}

void authenticator_contract(const Subject& subject) {
  auto& authenticator = *subject.authenticator;
  SUBCASE("the right password gives identity and data key") {
    const auto who = authenticator.authenticate(credentials("alice", right));
    CHECK(who.identity.user == "alice");
    CHECK(who.identity.role == Role::operator_);
    REQUIRE(who.data_key);
    CHECK(who.data_key->key.reveal() == test::test_data_key().key.reveal());
  }
  SUBCASE("an auditor gets no data key") {
    const auto who = authenticator.authenticate(credentials("dora", right));
    CHECK(who.identity.role == Role::auditor);
    CHECK_FALSE(who.data_key);
  }
  SUBCASE("wrong password and unknown user look the same") {
    const auto known = thrown([&] { authenticator.authenticate(credentials("alice", wrong)); });
    const auto unknown = thrown([&] { authenticator.authenticate(credentials("nobody", wrong)); });
    const auto strange = thrown([&] { authenticator.authenticate(credentials("no such\nuser", right)); });
    REQUIRE((known && unknown && strange));
    CHECK(known->code() == Code::wrong_password);
    for (const auto& other : {unknown, strange}) {
      CHECK(other->code() == known->code());
      CHECK(std::string(other->what()) == known->what());
      CHECK(other->hint() == known->hint());
    }
  }
  SUBCASE("a disabled user is told so with the right password only") {
    subject.disable("alice");
    CHECK_CODE(authenticator.authenticate(credentials("alice", wrong)), Code::wrong_password);
    CHECK_CODE(authenticator.authenticate(credentials("alice", right)), Code::user_disabled);
  }
  SUBCASE("five wrong passwords lock for a minute, the next for two") {
    for (int i = 0; i < 5; ++i)
      CHECK_CODE(authenticator.authenticate(credentials("alice", wrong)), Code::wrong_password);
    const auto locked = thrown([&] { authenticator.authenticate(credentials("alice", right)); });
    REQUIRE(locked);
    CHECK(locked->code() == Code::locked_out);
    CHECK(locked->detail("locked_until") != nullptr);
    authenticator.authenticate(credentials("dora", right));

    clock_now += std::chrono::seconds(60);
    CHECK_CODE(authenticator.authenticate(credentials("alice", wrong)), Code::wrong_password);
    clock_now += std::chrono::seconds(119);
    CHECK_CODE(authenticator.authenticate(credentials("alice", right)), Code::locked_out);
    clock_now += std::chrono::seconds(1);
    authenticator.authenticate(credentials("alice", right));
  }
  SUBCASE("a login forgets the wrong passwords before it") {
    for (int i = 0; i < 4; ++i)
      CHECK_CODE(authenticator.authenticate(credentials("alice", wrong)), Code::wrong_password);
    authenticator.authenticate(credentials("alice", right));
    CHECK_CODE(authenticator.authenticate(credentials("alice", wrong)), Code::wrong_password);
    authenticator.authenticate(credentials("alice", right));
  }
}

class Clock {
 public:
  Clock() {
    clock_now = from_seconds(1'800'000'000);
    set_clock([] { return clock_now; });
  }
  ~Clock() { set_clock(nullptr); }
};

using Wrap = std::function<std::unique_ptr<Authenticator>(std::unique_ptr<Authenticator>)>;

void local_users_keep_the_contract(const Wrap& wrap) {
  const Clock clock;
  const test::TestDatabase db;
  users::add(*db, "alice", Role::operator_, users::hash_password("alice", Secret(right)), test::test_data_key(),
             "setup");
  users::add(*db, "dora", Role::auditor, users::hash_password("dora", Secret(right)), test::test_data_key(), "setup");
  authenticator_contract(
      {wrap(open_local_authenticator(*db)), [&](const char* user) { users::set_enabled(*db, user, false); }});
}

TEST_CASE("authenticator contract: local users") {
  local_users_keep_the_contract([](auto real) { return real; });
}

TEST_CASE("authenticator contract: one that may fail, and does not") {
  test::Faults faults(Code::database_unreachable);
  local_users_keep_the_contract(
      [&](auto real) { return std::make_unique<test::FaultyAuthenticator>(std::move(real), faults); });
}

TEST_CASE("a lock doubles up to an hour") {
  const Clock clock;
  const test::TestDatabase db;
  users::add(*db, "alice", Role::user, users::hash_password("alice", Secret(right)), test::test_data_key(), "setup");
  const auto authenticator = open_local_authenticator(*db);
  struct Row {
    int failures_before;
    int minutes;
  };
  const Row rows[] = {{3, 0}, {4, 1}, {5, 2}, {8, 16}, {9, 32}, {10, 60}, {1000, 60}};
  for (const auto& row : rows) {
    CAPTURE(row.failures_before);
    db->run("UPDATE users SET failed_logins = $1, locked_until = NULL", {row.failures_before});
    CHECK_CODE(authenticator->authenticate(credentials("alice", wrong)), Code::wrong_password);
    const auto until = users::get(*db, "alice").locked_until;
    CHECK(until.value_or(clock_now) - clock_now == std::chrono::minutes(row.minutes));
  }
}

TEST_CASE("a login is noted with its time") {
  const Clock clock;
  const test::TestDatabase db;
  users::add(*db, "alice", Role::user, users::hash_password("alice", Secret(right)), test::test_data_key(), "setup");
  open_local_authenticator(*db)->authenticate(credentials("alice", right));
  CHECK(users::get(*db, "alice").last_login_at == clock_now);
}

}  // namespace
