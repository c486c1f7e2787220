#include "workflow/migrate_tables.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace ymgr::migrate {
namespace {

constexpr std::size_t batch_size = 500;
constexpr std::size_t most_conflicts = 100;
using Kind = Column::Kind;

bool is_key(const Column& column) {
  return column.kind == Kind::key;
}

std::vector<std::string_view> names_of(std::span<const Column> columns) {
  std::vector<std::string_view> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

std::string select_here(const Table& table) {
  std::string text = "SELECT ";
  for (const Column& column : table.columns)
    text.append(&column == table.columns.data() ? "" : ", ")
        .append(column.moved_as.empty() ? column.name : column.moved_as);
  return text + " FROM " + std::string(table.name) + table.rows;
}

/// For a whole batch, so that there is one text a table.
std::string select_there(const Table& table) {
  std::string names, keys, values;
  int number = 0;
  for (const Column& column : table.columns) {
    names.append(names.empty() ? "" : ", ").append(column.name);
    if (is_key(column)) keys.append(keys.empty() ? "" : ", ").append(column.name);
  }
  for (std::size_t row = 0; row < batch_size; ++row) {
    values.append(row == 0 ? "(" : ", (");
    bool first = true;
    for (const Column& column : table.columns) {
      if (!is_key(column)) continue;
      values.append(first ? "CAST($" : ", CAST($").append(std::to_string(++number));
      values.append(column.type == Column::Type::number ? " AS BIGINT)" : " AS TEXT)");
      first = false;
    }
    values.append(")");
  }
  return "SELECT " + names + " FROM " + std::string(table.name) + " WHERE (" + keys + ") IN (VALUES " + values + ")";
}

Record read(const Table& table, const sql::Row& row) {
  Record record(table.columns.size());
  for (std::size_t i = 0; i < record.size(); ++i) {
    const int place = static_cast<int>(i);
    if (row.is_null(place)) continue;
    if (table.columns[i].type == Column::Type::number)
      record[i] = row.integer(place);
    else
      record[i] = std::string(row.text(place));
  }
  return record;
}

sql::Value value_of(const Field& field) {
  if (const auto* number = std::get_if<std::int64_t>(&field)) return *number;
  if (const auto* text = std::get_if<std::string>(&field)) return std::string_view(*text);
  return {};
}

/// Unambiguous: kind, length and content of each field.
std::string encode(const Field& field) {
  if (const auto* number = std::get_if<std::int64_t>(&field)) return "i" + std::to_string(*number) + ";";
  if (const auto* text = std::get_if<std::string>(&field)) return "t" + std::to_string(text->size()) + ":" + *text;
  return "n";
}

std::string key_of(const Table& table, const Record& record) {
  std::string key;
  for (std::size_t i = 0; i < record.size(); ++i)
    if (is_key(table.columns[i])) key += encode(record[i]);
  return key;
}

std::string readable_key(const Table& table, const Record& record) {
  std::string key;
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (!is_key(table.columns[i])) continue;
    const auto* number = std::get_if<std::int64_t>(&record[i]);
    const auto* text = std::get_if<std::string>(&record[i]);
    key += (key.empty() ? "" : " ") + (number != nullptr ? std::to_string(*number) : text != nullptr ? *text : "");
  }
  return printable(key);
}

/// Names of the fixed columns that differ.
std::string contradictions(const Table& table, const Pair& pair) {
  std::string names;
  for (std::size_t i = 0; i < pair.here.size(); ++i)
    if (table.columns[i].kind == Kind::fixed && pair.here[i] != pair.there[i])
      names.append(names.empty() ? "" : ", ").append(table.columns[i].name);
  return names;
}

void look_up_batch(const Table& table, sql::Connection& team, std::span<Pair> batch) {
  std::vector<sql::Value> keys;
  std::unordered_map<std::string, Pair*> by_key;
  for (std::size_t row = 0; row < batch_size; ++row) {
    Pair& pair = batch[std::min(row, batch.size() - 1)];
    for (std::size_t i = 0; i < pair.here.size(); ++i)
      if (is_key(table.columns[i])) keys.push_back(value_of(pair.here[i]));
    if (row >= batch.size()) continue;
    pair.there.clear();
    by_key.emplace(key_of(table, pair.here), &pair);
  }
  team.run(select_there(table), keys, [&](const sql::Row& row) {
    Record found = read(table, row);
    if (const auto pair = by_key.find(key_of(table, found)); pair != by_key.end())
      pair->second->there = std::move(found);
  });
}

bool is_behind(const Table& table, const Pair& pair) {
  return table.went_on != nullptr && table.went_on(pair.here, pair.there);
}

void update_row(const Table& table, sql::Connection& team, const Record& record) {
  std::vector<sql::Value> values;
  std::string sets, keys;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const Column& column = table.columns[i];
    if (column.kind != Kind::followed && !is_key(column)) continue;
    values.push_back(value_of(record[i]));
    std::string& part = is_key(column) ? keys : sets;
    part.append(part.empty() ? "" : is_key(column) ? " AND " : ", ").append(column.name);
    part.append(" = $").append(std::to_string(values.size()));
  }
  team.run("UPDATE " + std::string(table.name) + " SET " + sets + " WHERE " + keys, values);
}

Copied write_found(const Table& table, sql::Connection& team, const std::vector<Pair>& batch) {
  Copied copied{insert_missing(table, team, batch), 0};
  for (const Pair& pair : batch) {
    if (pair.there.empty() || pair.here == pair.there || !is_behind(table, pair)) continue;
    update_row(table, team, pair.here);
    ++copied.updated;
  }
  return copied;
}

void add(Copied& sum, const Copied& more) {
  sum.inserted += more.inserted;
  sum.updated += more.updated;
}

void set_link(const Table& table, sql::Connection& team, const Record& record) {
  const auto key = static_cast<std::size_t>(std::ranges::find_if(table.columns, is_key) - table.columns.begin());
  team.run("UPDATE " + std::string(table.name) + " SET " + std::string(table.link) + " = $2 WHERE " +
               std::string(table.columns[key].name) + " = $1",
           {value_of(record[key]), value_of(record[place_of(table, table.link)])});
}

/// Links are set when all rows are there.
Copied copy_linked(const Table& table, sql::Connection& profile, sql::Connection& team) {
  Copied copied;
  std::vector<Record> linked;
  const auto link = place_of(table, table.link);
  const auto take = [&](std::vector<Pair>& batch) {
    look_up(table, team, batch);
    for (Pair& pair : batch) {
      if (!pair.there.empty() || std::holds_alternative<std::monostate>(pair.here[link])) continue;
      linked.push_back(pair.here);
      pair.here[link] = {};
    }
    add(copied, write_found(table, team, batch));
  };
  team.transaction(sql::Access::write, [&] {
    copied = {};
    linked.clear();
    walk(table, profile, take);
    for (const Record& record : linked) set_link(table, team, record);
  });
  return copied;
}

}  // namespace

std::size_t place_of(const Table& table, std::string_view column) {
  const auto found = std::ranges::find(table.columns, column, &Column::name);
  return static_cast<std::size_t>(found - table.columns.begin());
}

std::string text_at(const Table& table, const Record& record, std::string_view column) {
  const auto* text = std::get_if<std::string>(&record.at(place_of(table, column)));
  return text == nullptr ? std::string() : *text;
}

void walk(const Table& table, sql::Connection& profile, const Visit& visit) {
  std::vector<Pair> batch;
  batch.reserve(batch_size);
  const auto hand_over = [&] {
    if (!batch.empty()) visit(batch);
    batch.clear();
  };
  profile.run(select_here(table), {}, [&](const sql::Row& row) {
    batch.push_back({read(table, row), {}});
    if (batch.size() == batch_size) hand_over();
  });
  hand_over();
}

std::vector<Pair> rows_of(const Table& table, sql::Connection& db, std::string_view condition,
                          std::span<const sql::Value> values) {
  std::vector<Pair> rows;
  std::string text = "SELECT ";
  for (const auto name : names_of(table.columns)) text.append(text.size() == 7 ? "" : ", ").append(name);
  text.append(" FROM ").append(table.name).append(" ").append(condition);
  db.run(text, values, [&](const sql::Row& row) { rows.push_back({read(table, row), {}}); });
  return rows;
}

void look_up(const Table& table, sql::Connection& team, std::span<Pair> pairs) {
  for (; !pairs.empty(); pairs = pairs.subspan(std::min(batch_size, pairs.size())))
    look_up_batch(table, team, pairs.first(std::min(batch_size, pairs.size())));
}

std::int64_t insert_missing(const Table& table, sql::Connection& team, const std::vector<Pair>& batch) {
  std::int64_t inserted = 0;
  auto next = batch.begin();
  team.insert_many(table.name, names_of(table.columns), [&](std::span<sql::Value> values) {
    while (next != batch.end() && !next->there.empty()) ++next;
    if (next == batch.end()) return false;
    std::ranges::transform(next->here, values.begin(), value_of);
    ++next;
    ++inserted;
    return true;
  });
  return inserted;
}

void Content::add(const Record& record) {
  std::string text;
  for (const Field& field : record) text += encode(field);
  const Sha256 digest = sha256(text);
  for (std::size_t i = 0; i < digest.size(); i += 8) {
    std::uint64_t part = 0;
    for (std::size_t j = 0; j < 8; ++j) part = part << 8 | digest[i + j];
    sum_[i / 8] += part;
  }
}

std::string Content::text() const {
  Sha256 bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<unsigned char>(sum_[i / 8] >> (56 - 8 * (i % 8)) & 0xff);
  return hex(bytes);
}

Compared compare(const Table& table, sql::Connection& profile, sql::Connection& team, std::vector<Conflict>& conflicts,
                 const Differs& differs) {
  Compared result;
  const auto judge = [&](const Pair& pair) {
    ++result.rows;
    result.here.add(pair.here);
    if (pair.there.empty()) {
      ++result.missing;
      return;
    }
    result.there.add(pair.there);
    if (pair.here == pair.there) return;
    if (auto columns = contradictions(table, pair); !columns.empty()) {
      ++result.conflicting;
      if (conflicts.size() < most_conflicts)
        conflicts.push_back({std::string(table.name), readable_key(table, pair.here), std::move(columns)});
      return;
    }
    ++(is_behind(table, pair) ? result.behind : result.differing);
    if (differs) differs(table, pair);
  };
  walk(table, profile, [&](std::vector<Pair>& batch) {
    look_up(table, team, batch);
    std::ranges::for_each(batch, judge);
  });
  return result;
}

Copied copy(const Table& table, sql::Connection& profile, sql::Connection& team) {
  if (!table.link.empty()) return copy_linked(table, profile, team);
  Copied copied;
  walk(table, profile, [&](std::vector<Pair>& batch) {
    Copied written;
    team.transaction(sql::Access::write, [&] {
      look_up(table, team, batch);
      written = write_found(table, team, batch);
    });
    add(copied, written);
  });
  return copied;
}

}  // namespace ymgr::migrate
