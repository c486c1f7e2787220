// RFC 4180, with LF or CRLF; quotes only around whole fields.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ymgr {

struct CsvRow {
  int line = 0;  // where it begins, from 1
  std::vector<std::string> fields;
};

struct CsvLimits {
  std::size_t bytes = 64 * 1024 * 1024;
  std::size_t rows = 1'000'000;
  std::size_t fields = 100;
};

/// Empty lines are skipped; a byte order mark is dropped. @throws Error csv-invalid with the line
std::vector<CsvRow> parse_csv(std::string_view text, const CsvLimits& limits = {});
/// One line with LF. Fields that need quotes get them; a field that begins with = + - @ TAB or CR is prefixed with a
/// quote mark, so that no spreadsheet runs it.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace ymgr
