// What programs of former schemas ask is still understood: a schema with a min_client of 1 says so. former/schema_N.txt has the
// statements of the last program whose schema_version() was N, one on a line.
#include <doctest/doctest.h>

#include <filesystem>

#include "base/text.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

TEST_CASE("both databases understand what programs of former schemas ask") {
  const test::TestDatabase sqlite(sql::Dialect::sqlite), postgres(sql::Dialect::postgres);
  int read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(YMGR_SOURCE_DIR "/tests/unit/sql/former")) {
    for (const auto& text : split(read_file(entry.path()), '\n')) {
      if (text.empty()) continue;
      CAPTURE(entry.path().filename());
      CAPTURE(text);
      ++read;
      CHECK(message_of([&] { postgres->run_script("PREPARE one AS " + text + "; DEALLOCATE one"); }) == "");
      CHECK(message_of([&] { sqlite->run_script("EXPLAIN " + text); }) == "");
    }
  }
  CHECK(read > 100);
}
