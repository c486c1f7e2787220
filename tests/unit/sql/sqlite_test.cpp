#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using sql::Access;
using test::integer_of;
using test::text_of;

namespace {

constexpr auto insert_setting = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)";

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

/// Runs `body` in `count` processes at once; the number that ended well.
int in_processes(int count, const std::function<void(int)>& body) {
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        body(i);
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  int good = 0;
  for (const pid_t child : children) {
    int status = 0;
    if (waitpid(child, &status, 0) == child && status == 0) ++good;
  }
  return good;
}

}  // namespace

TEST_CASE("the database and its journal are for their owner only") {
  const test::TestDatabase db;
  db->run(insert_setting, {"a", "b", 1});
  for (const auto* suffix : {"", "-wal", "-shm"}) CHECK(mode_of(db.path() + suffix) == 0600);
}

TEST_CASE("a connection is durable and distrusts the file") {
  const test::TestDatabase db;
  CHECK(text_of(*db, "PRAGMA journal_mode") == "wal");
  CHECK(integer_of(*db, "PRAGMA synchronous") == 2);
  CHECK(integer_of(*db, "PRAGMA foreign_keys") == 1);
  CHECK(integer_of(*db, "PRAGMA secure_delete") == 1);
  CHECK(integer_of(*db, "PRAGMA trusted_schema") == 0);
  CHECK(integer_of(*db, "PRAGMA cell_size_check") == 1);
  CHECK_CODE(db->run("SELECT \"text\"", {}), Code::database_failed);
}

TEST_CASE("sha256 is a function of SQL over UTF-8") {
  const test::TestDatabase db;
  CHECK(text_of(*db, "SELECT sha256('abc')") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(text_of(*db, "SELECT sha256('')") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(text_of(*db, "SELECT sha256('ü')") == "607474ca475a9724d7360aba71a56d5df77e61350e3f724cfa1f46e857e2d85f");
  CHECK(integer_of(*db, "SELECT sha256(NULL) IS NULL") == 1);
}

TEST_CASE("what can't be opened is told apart") {
  const TemporaryFolder folder("ymgr-test");
  const auto path = folder.path() + "/x.db";
  CHECK_CODE(sql::open_sqlite({.path = path}), Code::profile_missing);
  CHECK_CODE(sql::open_sqlite({.path = folder.path() + "/none/x.db", .create = true}), Code::file_not_found);
  CHECK_CODE(sql::open_sqlite({.path = folder.path()}), Code::system_error);
  write_file(path, "");
  CHECK_CODE(sql::open_sqlite({.path = path}), Code::database_corrupt);
  write_file(path, std::string(8192, 'x'));
  CHECK_CODE(sql::open_sqlite({.path = path}), Code::database_corrupt);
  CHECK_CODE(sql::open_sqlite({.path = path, .read_only = true}), Code::database_corrupt);
}

TEST_CASE("a damaged page is reported as damage") {
  const test::TestDatabase db;
  const auto copy = db.folder() + "/copy.db";
  sql::backup_sqlite(db.path(), copy);
  const auto page = integer_of(*db, "SELECT rootpage FROM sqlite_schema WHERE name = 'settings'");
  auto bytes = read_file(copy);
  bytes.replace(static_cast<std::size_t>(page - 1) * 4096, 4096, std::string(4096, 'x'));
  write_file(copy, bytes);
  const auto damaged = sql::open_sqlite({.path = copy});
  CHECK_CODE(damaged->run("SELECT * FROM settings", {}), Code::database_corrupt);
}

TEST_CASE("a connection for reading refuses to write and sees what others write") {
  const test::TestDatabase db;
  const auto reader = sql::open_sqlite({.path = db.path(), .read_only = true});
  CHECK_CODE(reader->run(insert_setting, {"a", "b", 1}), Code::disk_unusable);
  db->run(insert_setting, {"a", "b", 1});
  CHECK(text_of(*reader, "SELECT value FROM settings WHERE name = 'a'") == "b");
}

TEST_CASE("a database that nobody has open can be opened for reading") {
  const test::TestDatabase db;
  const auto copy = db.folder() + "/copy.db";
  db->run(insert_setting, {"a", "b", 1});
  sql::backup_sqlite(db.path(), copy);
  const auto reader = sql::open_sqlite({.path = copy, .read_only = true});
  CHECK(text_of(*reader, "SELECT value FROM settings WHERE name = 'a'") == "b");
}

TEST_CASE("a file without write permission is an unusable disk") {
  const test::TestDatabase db;
  const auto copy = db.folder() + "/copy.db";
  sql::backup_sqlite(db.path(), copy);
  REQUIRE(::chmod(copy.c_str(), 0400) == 0);
  if (geteuid() != 0) CHECK_CODE(sql::open_sqlite({.path = copy}), Code::disk_unusable);
}

TEST_CASE("a full database is an unusable disk, and the transaction leaves nothing") {
  const test::TestDatabase db;
  const auto pages = integer_of(*db, "PRAGMA page_count");
  db->run("PRAGMA max_page_count = " + std::to_string(pages + 2), {});
  const std::string large(100'000, 'x');
  const auto fill = [&] {
    db->transaction(Access::write, [&] {
      db->run(insert_setting, {"small", "x", 1});
      db->run(insert_setting, {"large", large, 1});
    });
  };
  CHECK_CODE(fill(), Code::disk_unusable);
  CHECK(integer_of(*db, "SELECT count(*) FROM settings") == 0);
  db->run(insert_setting, {"small", "x", 1});
  CHECK(integer_of(*db, "SELECT count(*) FROM settings") == 1);
}

TEST_CASE("a lock held too long is a busy database") {
  const test::TestDatabase db;
  const auto other = db.another(20);
  db->transaction(Access::write, [&] {
    db->run(insert_setting, {"a", "1", 1});
    CHECK_CODE(other->transaction(Access::write, [] {}), Code::database_busy);
    CHECK_CODE(other->run(insert_setting, {"b", "1", 1}), Code::database_busy);
  });
  other->run(insert_setting, {"b", "1", 1});
}

TEST_CASE("the body of a transaction runs again when it finds the database busy, at most five times") {
  const test::TestDatabase db;
  int runs = 0;
  db->transaction(Access::write, [&] {
    db->run(insert_setting, {"run", std::to_string(++runs), 1});
    if (runs < 5) throw Error(Code::database_busy, "busy");
  });
  CHECK(text_of(*db, "SELECT value FROM settings WHERE name = 'run'") == "5");
  runs = 0;
  const auto always = [&] {
    db->transaction(Access::write, [&] {
      ++runs;
      throw Error(Code::database_busy, "busy");
    });
  };
  CHECK_CODE(always(), Code::database_busy);
  CHECK(runs == 5);
}

TEST_CASE("a query that throws inside its rows leaves the statement usable") {
  const test::TestDatabase db;
  db->run(insert_setting, {"a", "1", 1});
  const auto text = "SELECT name FROM settings WHERE name >= $1";
  CHECK_THROWS_AS(db->run(text, {"a"}, [](const sql::Row&) { throw std::runtime_error("stop"); }), std::runtime_error);
  CHECK(text_of(*db, text, {"a"}) == "a");
  db->transaction(Access::write, [&] { db->run(insert_setting, {"b", "1", 1}); });
}

TEST_CASE("a thousand different statements do not pile up, nor break the one that is running") {
  const test::TestDatabase db;
  for (const auto* name : {"a", "b", "c"}) db->run(insert_setting, {name, "1", 1});
  int rows = 0;
  db->run("SELECT name FROM settings", {}, [&](const sql::Row&) {
    ++rows;
    for (int i = 0; i < 1000; ++i) CHECK(integer_of(*db, "SELECT " + std::to_string(i)) == i);
  });
  CHECK(rows == 3);
}

TEST_CASE("only one statement runs at a time") {
  const test::TestDatabase db;
  for (const auto* text : {"", "-- nothing", "SELECT 1; SELECT 2", "SELECT ?1", "SELECT $2"})
    CHECK_CODE(db->run(text, {1}), Code::internal);
  CHECK(integer_of(*db, "SELECT $1;\n", {1}) == 1);
}

TEST_CASE("eight processes that write at once lose nothing") {
  const test::TestDatabase db;
  db->run(insert_setting, {"n", "0", 0});
  const int good = in_processes(8, [&](int) {
    const auto mine = db.another();
    for (int i = 0; i < 20; ++i)
      mine->transaction(Access::write, [&] {
        const auto n = integer_of(*mine, "SELECT updated_at FROM settings");
        mine->run("UPDATE settings SET updated_at = $1", {n + 1});
      });
  });
  CHECK(good == 8);
  CHECK(integer_of(*db, "SELECT updated_at FROM settings") == 160);
}

TEST_CASE("a backup is a whole database of its own, taken while others write") {
  const test::TestDatabase db;
  const auto other = db.another();
  const auto copy = db.folder() + "/copy.db";
  db->run(insert_setting, {"a", "before", 1});
  other->transaction(Access::write, [&] {
    other->run("UPDATE settings SET value = 'after'", {});
    sql::backup_sqlite(db.path(), copy);
  });
  CHECK(mode_of(copy) == 0600);
  const auto restored = sql::open_sqlite({.path = copy});
  CHECK(text_of(*restored, "SELECT value FROM settings WHERE name = 'a'") == "before");
  CHECK(text_of(*restored, "PRAGMA integrity_check") == "ok");
  CHECK(sql::check_schema(*restored) == sql::schema_version());
  CHECK_CODE(sql::backup_sqlite(db.path(), copy), Code::file_exists);
  CHECK_CODE(sql::backup_sqlite(db.folder() + "/none.db", db.folder() + "/x.db"), Code::profile_missing);
  CHECK_FALSE(exists(db.folder() + "/x.db"));
}

TEST_CASE("processes that make and migrate the same database at once all succeed") {
  const TemporaryFolder folder("ymgr-test");
  const auto path = folder.path() + "/ymgr.db";
  const int good = in_processes(8, [&](int) {
    const auto mine = sql::open_sqlite({.path = path, .create = true});
    sql::migrate(*mine);
    if (sql::check_schema(*mine) != sql::schema_version()) throw std::runtime_error("not migrated");
  });
  CHECK(good == 8);
}
