// What programs of former schemas ask is still understood: a schema with a min_client of 1 says so. former/schema_N.txt has the
// statements of the last program whose schema_version() was N, one on a line.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

std::string nulls_for(std::string_view text) {
  int last = 0;
  for (auto at = text.find('$'); at != text.npos; at = text.find('$', at + 1))
    last = std::max(last, std::atoi(std::string(text.substr(at + 1, 3)).c_str()));
  std::string nulls;
  for (int i = 0; i < last; ++i) nulls += i == 0 ? "(NULL" : ", NULL";
  return nulls + (last > 0 ? ")" : "");
}

/// Columns that a row can't be without, and that nothing fills in.
std::set<std::string> required_columns(sql::Connection& postgres, const std::string& table) {
  std::set<std::string> names;
  postgres.run(
      "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1 "
      "AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
      {table}, [&](const sql::Row& row) { names.emplace(row.text(0)); });
  return names;
}

/// Rows of a former program's must go in: it knows nothing of columns that came later.
std::string lacking(sql::Connection& postgres, std::string_view insert) {
  constexpr std::string_view into = "INSERT INTO ";
  const auto open = insert.find('('), close = insert.find(')');
  auto required = required_columns(postgres, std::string(trim(insert.substr(into.size(), open - into.size()))));
  for (const auto& name : split(std::string(insert.substr(open + 1, close - open - 1)), ','))
    required.erase(std::string(trim(name)));
  return join(std::vector<std::string>(required.begin(), required.end()), ", ");
}

}  // namespace

TEST_CASE("both databases understand what programs of former schemas ask") {
  const test::TestDatabase sqlite(sql::Dialect::sqlite), postgres(sql::Dialect::postgres);
  int read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(YMGR_SOURCE_DIR "/tests/unit/sql/former")) {
    for (const auto& text : split(read_file(entry.path()), '\n')) {
      if (text.empty()) continue;
      CAPTURE(entry.path().filename());
      CAPTURE(text);
      ++read;
      const std::string prepare = "PREPARE one AS " + text + "; ";
      CHECK(message_of([&] { sqlite->run_script("EXPLAIN " + text); }) == "");
      if (text.starts_with("INSERT INTO ")) {
        CHECK(message_of([&] { postgres->run_script(prepare + "DEALLOCATE one"); }) == "");
        CHECK(lacking(*postgres, text) == "");
        continue;
      }
      CHECK(message_of([&] { postgres->run_script(prepare + "EXECUTE one" + nulls_for(text) + "; DEALLOCATE one"); }) ==
            "");
    }
  }
  CHECK(read > 100);
}

TEST_CASE("a column that former programs can't fill in is noticed") {
  const test::TestDatabase postgres(sql::Dialect::postgres);
  const std::string text = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)";
  CHECK(lacking(*postgres, text) == "");
  postgres->run_script("ALTER TABLE settings ADD COLUMN later TEXT NOT NULL");
  CHECK(lacking(*postgres, text) == "later");
}
