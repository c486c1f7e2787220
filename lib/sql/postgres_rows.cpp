#include <charconv>

#include "sql/libpq.hpp"
#include "sql/postgres.hpp"

namespace ymgr::sql {
namespace {

class PostgresRow final : public Row {
 public:
  PostgresRow(const pg_result* result, int row) noexcept : result_(result), row_(row) {}
  bool is_null(int column) const override { return libpq().is_null(result_, row_, column) != 0; }
  std::int64_t integer(int column) const override { return integer_at(result_, row_, column); }
  std::string_view text(int column) const override {
    return {libpq().value(result_, row_, column), static_cast<std::size_t>(libpq().length(result_, row_, column))};
  }

 private:
  const pg_result* result_;
  int row_;
};

}  // namespace

void give_rows(const pg_result* result, const Each& each) {
  const int rows = libpq().row_count(result);
  for (int row = 0; each && row < rows; ++row) each(PostgresRow(result, row));
}

std::int64_t rows_changed(pg_result* result) {
  const std::string_view tag = libpq().command_status(result), digits = libpq().command_tuples(result);
  std::int64_t count = 0;
  if (!tag.starts_with("SELECT")) std::from_chars(digits.data(), digits.data() + digits.size(), count);
  return count;
}

}  // namespace ymgr::sql
