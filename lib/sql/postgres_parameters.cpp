#include <algorithm>

#include "base/text.hpp"
#include "sql/postgres.hpp"

namespace ymgr::sql {
namespace {

constexpr std::size_t most_rows = 1000;

template <class Integer>
auto big_endian(Integer value) {
  std::array<char, sizeof(Integer)> bytes{};
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    bytes[sizeof(Integer) - 1 - i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
  return bytes;
}

template <class Integer>
void append_big_endian(std::string& out, Integer value) {
  const auto bytes = big_endian(value);
  out.append(bytes.data(), bytes.size());
}

void require_no_nul(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    throw Error(Code::database_failed, "a text with a NUL character can't be stored");
}

/// One dimension from 1, as array_recv reads it.
std::string array_bytes(std::size_t rows, Parameters::Type type, bool has_null, const std::string& elements) {
  std::string bytes;
  bytes.reserve(elements.size() + 20);
  append_big_endian(bytes, std::int32_t{1});
  append_big_endian(bytes, std::int32_t{has_null ? 1 : 0});
  append_big_endian(bytes, type);
  append_big_endian(bytes, static_cast<std::int32_t>(rows));
  append_big_endian(bytes, std::int32_t{1});
  return bytes.append(elements);
}

}  // namespace

Parameters::Parameters(std::span<const Value> values) {
  for (const auto& value : values) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      const auto& bytes = integers_.emplace_back(big_endian(*integer));
      add(bigint, bytes.data(), bytes.size());
    } else if (const auto* string = std::get_if<std::string_view>(&value)) {
      require_no_nul(*string);
      add(text, string->empty() ? "" : string->data(), string->size());  // a null pointer would be NULL
    } else {
      add(unknown, nullptr, 0);
    }
  }
}

void Parameters::add(Type type, const char* value, std::size_t length) {
  types_.push_back(type);
  values_.push_back(value);
  lengths_.push_back(static_cast<int>(length));
  formats_.push_back(1);
}

void Parameters::add_array(Type type, std::string bytes) {
  const auto& kept = arrays_.emplace_back(std::move(bytes));
  add(type, kept.data(), kept.size());
}

RowBlock RowBlock::take(std::size_t columns, const NextRow& next) {
  RowBlock block(columns);
  std::vector<Value> row(columns);
  while (!block.full() && next(row)) block.add(row);
  return block;
}

void RowBlock::add(std::span<const Value> row) {
  for (std::size_t i = 0; i < columns_.size(); ++i) add(columns_[i], row[i]);
  ++rows_;
}

bool RowBlock::full() const noexcept {
  return rows_ == most_rows;
}

void RowBlock::add(Column& column, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    column.type = Parameters::bigint;
    append_big_endian(column.elements, std::int32_t{8});
    append_big_endian(column.elements, *integer);
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    require_no_nul(*text);
    column.type = Parameters::text;
    append_big_endian(column.elements, static_cast<std::int32_t>(text->size()));
    column.elements.append(*text);
  } else {
    column.has_null = true;
    append_big_endian(column.elements, std::int32_t{-1});
  }
}

RowBlock::Source RowBlock::source() const {
  Source source;
  std::string arrays, places;
  int n = 0;
  for (const auto& column : columns_) {
    if (column.type == Parameters::unknown) {  // a bare NULL has the type of its column
      source.values.emplace_back("NULL");
      continue;
    }
    const auto place = std::to_string(++n);
    source.values.push_back("u.c" + place);
    arrays.append(n == 1 ? "" : ", ").append("$").append(place);
    arrays.append(column.type == Parameters::bigint ? "::bigint[]" : "::text[]");
    places.append(n == 1 ? "" : ", ").append("c").append(place);
  }
  source.rows = "unnest(" + arrays + ") AS u(" + places + ")";
  return source;
}

std::string RowBlock::insert(std::string_view table, std::span<const std::string_view> columns) const {
  const Source from = source();
  return "INSERT INTO " + std::string(table) + " (" +
         join(std::vector<std::string>(columns.begin(), columns.end()), ", ") + ") SELECT " + join(from.values, ", ") +
         " FROM " + from.rows;
}

std::string RowBlock::update(std::string_view table, std::span<const std::string_view> columns,
                             std::size_t keys) const {
  const Source from = source();
  std::vector<std::string> set, where;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string column(columns[i]);
    if (i < keys)
      where.push_back("t." + column + " = " + from.values[i]);
    else
      set.push_back(column + " = " + from.values[i]);
  }
  return "UPDATE " + std::string(table) + " AS t SET " + join(set, ", ") + " FROM " + from.rows + " WHERE " +
         join(where, " AND ");
}

Parameters RowBlock::parameters() const {
  Parameters parameters;
  for (const auto& column : columns_) {
    if (column.type == Parameters::unknown) continue;
    const auto type = column.type == Parameters::bigint ? Parameters::bigints : Parameters::texts;
    parameters.add_array(type, array_bytes(rows_, column.type, column.has_null, column.elements));
  }
  return parameters;
}

}  // namespace ymgr::sql
