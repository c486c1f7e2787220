// Many certificates in one request: names with ranges and lists, and batch files in CSV, JSON Lines, JSON or YAML.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ymgr {

inline constexpr std::size_t max_batch = 100'000;

/// {1..10}, {10..1}, {01..10} (padded), {1..9..2} (every second), {a..e}, {a,b,c}, {1..3,7,web}; several braces give every
/// combination, the last one changing fastest. A word without braces is itself.
/// @throws Error usage with the column where reading stopped: open brace, empty list, wrong range; also a name that comes
///   twice, and more than 100,000 names
std::vector<std::string> expand_names(std::string_view word);

/// One certificate as the file has it; the texts mean what the options of `ymgr issue` mean. Empty: not given.
struct BatchRow {
  int line = 0;                   // where it begins, from 1; of a JSON list: its number in the list
  std::string name;               // empty only with csr_file
  std::vector<std::string> sans;  // "dns:api.example.com"
  std::string profile, key, validity, owner, out, csr_file;
  std::vector<std::pair<std::string, std::string>> labels;
};

enum class BatchFormat { csv, json_lines, json, yaml };
/// By the ending .csv, .jsonl, .ndjson, .json, .yaml, .yml, in any case; by the first characters of `text` for any other.
BatchFormat batch_format(std::string_view file, std::string_view text);

/// Columns and keys are name, sans, profile, key, validity, owner, out, csr; labels are columns label.KEY in CSV and a mapping
/// `labels` elsewhere. SANs are a list, or one text with blanks or semicolons between. CSV has a header line. YAML is a list,
/// or a mapping with the list under `certificates`. Only the shape is checked here: names, keys and durations are not.
/// @param file  for messages
/// @throws Error batch-invalid with the line: an unknown column or key (with the nearest), a row of the wrong length, a row
///   without a name, a name that comes twice, a control character, no row at all, more than 100,000 rows · csv-invalid,
///   json-invalid, yaml-invalid with the line: not readable
std::vector<BatchRow> parse_batch(std::string_view text, std::string_view file);

}  // namespace ymgr
