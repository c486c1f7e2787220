#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "session/session.hpp"
#include "session/session_file.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using std::chrono::hours;
using std::chrono::seconds;

Time clock_now;

/// A profile with users that nobody logs in as by password: boxes are not looked at here.
class Place {
 public:
  Place() {
    clock_now = from_seconds(1'800'000'000);
    set_clock([] { return clock_now; });
    for (const auto& [name, role] : {std::pair("alice", "admin"), {"carol", "operator"}, {"dora", "auditor"}}) {
      db->run(
          "INSERT INTO users (name, role, status, password_salt, password_cost, password_verifier, box_public, "
          "box_private, created_at, created_by) VALUES ($1, $2, 'active', '', '', '', '', '', 0, 'setup')",
          {std::string_view(name), std::string_view(role)});
    }
  }
  ~Place() { set_clock(nullptr); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  Session start(std::string user, Role role, Duration life = hours(8)) {
    Authenticated who{{std::move(user), role}, std::nullopt};
    if (role != Role::auditor) who.data_key = test::test_data_key();
    return session::start(*db, place(), std::move(who), life);
  }
  Session resume() { return session::resume(*db, place()); }
  SessionPlace place() const { return {db.folder() + "/run", "main"}; }
  std::string file() const { return db.folder() + "/run/main"; }
  std::int64_t open_rows() const {
    return test::integer_of(*db, "SELECT count(*) FROM user_sessions WHERE ended_at IS NULL");
  }
  std::int64_t boxes() const {
    return test::integer_of(*db, "SELECT count(*) FROM user_sessions WHERE data_key_box IS NOT NULL");
  }

  test::TestDatabase db;
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_CASE("a session that was started is resumed with the same data key") {
  Place place;
  const Session started = place.start("carol", Role::operator_);
  CHECK(started.session_id().size() == 32);
  CHECK(started.expires_at() == clock_now + hours(8));
  const Session resumed = place.resume();
  CHECK(resumed.identity().user == "carol");
  CHECK(resumed.identity().role == Role::operator_);
  CHECK(resumed.session_id() == started.session_id());
  CHECK(resumed.expires_at() == started.expires_at());
  CHECK(resumed.data_key().key.reveal() == test::test_data_key().key.reveal());
}

TEST_CASE("folder and file are private, and the secret stands in the file alone") {
  Place place;
  place.start("carol", Role::operator_);
  CHECK(mode_of(place.place().folder) == 0700);
  CHECK(mode_of(place.file()) == 0600);
  const auto file = parse_session_file(read_file(place.file()));
  REQUIRE(file);
  const auto box = test::text_of(*place.db, "SELECT data_key_box FROM user_sessions");
  CHECK(box.find(to_base64(test::test_data_key().key.reveal())) == std::string::npos);
  CHECK(box.find(to_base64(file->secret.reveal())) == std::string::npos);
}

TEST_CASE("an auditor's session has no data key") {
  Place place;
  CHECK_FALSE(place.start("dora", Role::auditor).has_data_key());
  CHECK_FALSE(place.resume().has_data_key());
  CHECK(place.boxes() == 0);
}

TEST_CASE("without a session there is nothing to resume or end") {
  Place place;
  CHECK_CODE(place.resume(), Code::not_logged_in);
  CHECK_FALSE(session::end(*place.db, place.place()));
}

TEST_CASE("ending a session removes the file and the box") {
  Place place;
  place.start("carol", Role::operator_);
  CHECK(session::end(*place.db, place.place()));
  CHECK_FALSE(exists(place.file()));
  CHECK(place.open_rows() == 0);
  CHECK(place.boxes() == 0);
  CHECK_CODE(place.resume(), Code::not_logged_in);
  CHECK_FALSE(session::end(*place.db, place.place()));
}

TEST_CASE("starting again ends the former session of the place") {
  Place place;
  const auto first = place.start("carol", Role::operator_).session_id();
  const auto copy = read_file(place.file());
  const auto second = place.start("alice", Role::admin).session_id();
  CHECK(first != second);
  CHECK(place.open_rows() == 1);
  CHECK(place.boxes() == 1);
  CHECK(place.resume().identity().user == "alice");
  write_file(place.file(), copy);
  CHECK_CODE(place.resume(), Code::not_logged_in);
}

TEST_CASE("a damaged file in the way does not keep anyone from logging in or out") {
  Place place;
  place.start("carol", Role::operator_);
  for (const char* text : {"", "garbage", "ymgr-session 1\n"}) {
    CAPTURE(text);
    write_file(place.file(), text);
    CHECK_CODE(place.resume(), Code::not_logged_in);
    CHECK(session::end(*place.db, place.place()));
    write_file(place.file(), text);
    place.start("carol", Role::operator_);
    CHECK(place.resume().identity().user == "carol");
  }
}

TEST_CASE("a session lives until the instant it expires and is ended then") {
  Place place;
  place.start("alice", Role::admin, hours(1));
  clock_now += hours(1) - Duration(1);
  place.resume();
  clock_now += Duration(1);
  CHECK_CODE(place.resume(), Code::session_expired);
  CHECK_FALSE(exists(place.file()));
  CHECK(place.open_rows() == 0);
  CHECK(place.boxes() == 0);
  CHECK_CODE(place.resume(), Code::not_logged_in);
}

TEST_CASE("a clock set back by more than a minute is refused") {
  Place place;
  place.start("alice", Role::admin);
  const Time begin = clock_now;
  clock_now = begin - seconds(60);
  place.resume();
  clock_now = begin - seconds(61);
  CHECK_CODE(place.resume(), Code::clock_set_back);
  clock_now = begin;
  place.resume();
}

TEST_CASE("role and status are the user's present ones") {
  Place place;
  place.start("carol", Role::operator_);
  place.db->run("UPDATE users SET role = 'user' WHERE name = 'carol'", {});
  CHECK(place.resume().identity().role == Role::user);
  place.db->run("UPDATE users SET role = 'auditor' WHERE name = 'carol'", {});
  CHECK_FALSE(place.resume().has_data_key());
  users::set_enabled(*place.db, "carol", false);
  CHECK_CODE(place.resume(), Code::user_disabled);
  users::set_enabled(*place.db, "carol", true);
  CHECK_CODE(place.resume(), Code::not_logged_in);
}

TEST_CASE("session files that others may read are refused") {
  Place place;
  place.start("carol", Role::operator_);
  REQUIRE(::chmod(place.file().c_str(), 0640) == 0);
  CHECK_CODE(place.resume(), Code::file_unsafe);
  REQUIRE(::chmod(place.file().c_str(), 0600) == 0);
  REQUIRE(::chmod(place.place().folder.c_str(), 0755) == 0);
  CHECK_CODE(place.resume(), Code::file_unsafe);
  CHECK_CODE(place.start("carol", Role::operator_), Code::file_unsafe);
}

TEST_CASE("another secret, session or user does not open the box") {
  Place place;
  const auto session = place.start("carol", Role::operator_).session_id();
  SUBCASE("secret") {
    write_file(place.file(), format_session_file({session, Secret(std::string(32, 'x')), "main"}).reveal());
    CHECK_CODE(place.resume(), Code::box_invalid);
  }
  SUBCASE("user") {
    place.db->run("UPDATE user_sessions SET user_name = 'alice'", {});
    CHECK_CODE(place.resume(), Code::box_invalid);
  }
  SUBCASE("session id") {
    place.db->run("UPDATE user_sessions SET session_id = '00000000000000000000000000000000'", {});
    CHECK_CODE(place.resume(), Code::not_logged_in);
  }
  SUBCASE("profile") {
    const auto text = read_file(place.file());
    write_file(place.place().folder + "/other", text);
    CHECK_CODE(session::resume(*place.db, {place.place().folder, "other"}), Code::not_logged_in);
  }
}

TEST_CASE("expired sessions whose file is gone lose their box at the next login") {
  Place place;
  place.start("carol", Role::operator_, hours(1));
  remove_file(place.file());
  clock_now += hours(2);
  place.start("alice", Role::admin);
  CHECK(place.open_rows() == 1);
  CHECK(place.boxes() == 1);
}

TEST_CASE("all sessions of one user end together") {
  Place place;
  place.start("carol", Role::operator_);
  session::start(*place.db, {place.place().folder, "second"}, {{"carol", Role::operator_}, test::test_data_key()},
                 hours(1));
  session::start(*place.db, {place.place().folder, "third"}, {{"alice", Role::admin}, test::test_data_key()}, hours(1));
  session::end_all(*place.db, "carol");
  CHECK(place.open_rows() == 1);
  CHECK_CODE(place.resume(), Code::not_logged_in);
  CHECK(session::resume(*place.db, {place.place().folder, "third"}).identity().user == "alice");
}

}  // namespace
