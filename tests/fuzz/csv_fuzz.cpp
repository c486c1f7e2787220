// Whatever is read as CSV must be read the same again after it was written, except where a formula was defused.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/csv.hpp"
#include "base/error.hpp"

using namespace ymgr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    for (const CsvRow& row : parse_csv({reinterpret_cast<const char*>(data), size})) {
      const auto again = parse_csv(csv_line(row.fields));
      if (row.line < 1 || again.size() != 1 || again[0].fields.size() != row.fields.size()) std::abort();
      for (std::size_t i = 0; i < row.fields.size(); ++i) {
        const std::string& field = again[0].fields[i];
        if (field != row.fields[i] && field != "'" + row.fields[i]) std::abort();
        if (!field.empty() && std::string_view("=+-@\t\r").find(field[0]) != std::string_view::npos) std::abort();
      }
    }
  } catch (const Error& error) {
    if (error.code() != Code::csv_invalid) std::abort();
  }
  return 0;
}
