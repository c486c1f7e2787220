// Every statement that stands whole in the library's sources, prepared by both databases. What is put together from pieces
// runs over both in the tests of its folder.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

/// The text of the literals that follow one another from `at` on, which is left behind them.
std::string literal_at(const std::string& source, std::size_t& at) {
  std::string text;
  while (at < source.size() && source[at] == '"') {
    for (++at; at < source.size() && source[at] != '"'; ++at) text += source[at];
    at = source.find_first_not_of(" \n", at + 1);
  }
  return text;
}

/// Not one that goes on with +, .append or a further piece.
bool is_whole(const std::string& text, char behind) {
  return (behind == ',' || behind == ';' || behind == ')') && !text.ends_with(' ') && !text.ends_with('(');
}

/// Where it stands, by text.
std::map<std::string, std::string> statements_of(const std::filesystem::path& file) {
  const auto source = read_file(file);
  std::map<std::string, std::string> statements;
  for (const auto* verb : {"\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM "}) {
    for (auto at = source.find(verb); at < source.size(); at = source.find(verb, at)) {
      const bool begins = source.find_last_not_of(" \n", at - 1) != source.rfind('"', at - 1);
      const auto text = literal_at(source, at);
      if (begins && at < source.size() && is_whole(text, source[at])) statements[text] = file.filename();
    }
  }
  return statements;
}

/// Databases' own adapters, and what is asked of one of them only.
bool is_shared(const std::filesystem::path& file) {
  return file.extension() == ".cpp" && file.parent_path().filename() != "sql";
}

}  // namespace

TEST_CASE("both databases understand every statement of the library") {
  const test::TestDatabase sqlite(sql::Dialect::sqlite), postgres(sql::Dialect::postgres);
  std::map<std::string, std::string> statements;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(YMGR_SOURCE_DIR "/lib"))
    if (is_shared(entry.path())) statements.merge(statements_of(entry.path()));
  CHECK(statements.size() > 80);
  for (const auto& [text, file] : statements) {
    CAPTURE(file);
    CAPTURE(text);
    CHECK(message_of([&] { postgres->run_script("PREPARE one AS " + text + "; DEALLOCATE one"); }) == "");
    if (!file.starts_with("team_") && text.find("has_table_privilege") == std::string::npos)  // asks a team's server
      CHECK(message_of([&] { sqlite->run_script("EXPLAIN " + text); }) == "");
  }
}
