#include "sql/migrations.hpp"

#include <charconv>

#include "base/crypto.hpp"
#include "base/error.hpp"

namespace ymgr::sql {
namespace {

constexpr Migration sqlite_migrations[] = {
#include "sql/migrations_sqlite.inc"
};
constexpr Migration postgres_migrations[] = {
#include "sql/migrations_postgres.inc"
};

int number_after(std::string_view text, std::string_view mark) {
  const auto place = text.find(mark);
  int number = 0;
  if (place != std::string_view::npos) {
    const auto digits = text.substr(place + mark.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
  }
  if (number <= 0) throw Error(Code::internal, "migration without number or min_client");
  return number;
}

}  // namespace

int Migration::number() const {
  return number_after(name, "");
}
int Migration::min_client() const {
  return number_after(text, "\n-- min_client: ");
}
std::string Migration::sha256() const {
  return hex(ymgr::sha256(text));
}

std::span<const Migration> migrations(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres: return postgres_migrations;
    case Dialect::sqlite: break;
  }
  return sqlite_migrations;
}

}  // namespace ymgr::sql
