// Many certificates in one request: names with ranges and lists, and batch files.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ymgr {

inline constexpr std::size_t max_batch = 100'000;

/// "api-{1..10}.example.com", "n{01..10}" (zero padding), "{a,b,c}.example.com", "{1..9..2}", several braces; a text without
/// braces is itself.
/// @throws Error usage with the place: open brace, empty list, wrong range, more than 100,000 names
std::vector<std::string> expand_names(std::string_view pattern);

/// One row of a batch file; what is empty comes from the command's options.
struct BatchRow {
  int line = 0;
  std::string name;
  std::vector<std::string> sans;
  std::string profile, key, validity, owner, out, csr_file;
  std::vector<std::pair<std::string, std::string>> labels;
};
/// CSV (.csv; the first line names the columns; label.KEY columns; SANs separated by ';' or blanks), JSON Lines (.jsonl, .ndjson), a
/// JSON array (.json), YAML (.yaml, .yml: a sequence, or a mapping with `certificates`); any other name, such as "-": by its first
/// character.
/// @throws Error batch-invalid with the line: unknown column with the nearest name, a name twice, more than 100,000 rows
std::vector<BatchRow> parse_batch(std::string_view text, std::string_view file);

}  // namespace ymgr
