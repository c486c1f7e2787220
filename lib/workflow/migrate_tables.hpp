// The tables that move from an embedded profile to a team's database: which rows and columns, and how both sides are compared.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sql/connection.hpp"

namespace ymgr::migrate {

using Field = std::variant<std::monostate, std::int64_t, std::string>;
using Record = std::vector<Field>;  // one for each column of the table

struct Column {
  enum class Type { text, number };
  /// key: finds the row · fixed: never another for the same row · living: changes in the life of the row, and each side may have its
  /// own · followed: living, and the profile's is taken over where Table::went_on says so
  enum class Kind { key, fixed, living, followed };
  std::string_view name;
  Kind kind = Kind::fixed;
  Type type = Type::text;
  std::string_view moved_as = {};  // what the team gets instead of the profile's value, as SQL
};

struct Table {
  enum class Follow { until_moved, for_good };
  std::string_view name;
  std::span<const Column> columns;
  std::string rows;            // which of the profile's, those that others refer to before these
  std::string_view link = {};  // refers to rows of the same table in any order: all of it is written in one transaction
  /// The profile's row is a later state of the team's. Once the profile has moved, this counts only `for_good`.
  bool (*went_on)(const Record& row, const Record& before) = nullptr;
  Follow follow = Follow::for_good;
};
/// In this order. The audit trail is not among them.
std::span<const Table> tables();
/// `name`: of one of them
const Table& table_named(std::string_view name);
std::size_t place_of(const Table&, std::string_view column);
std::string text_at(const Table&, const Record&, std::string_view column);

/// A row of the profile, and the team's of the same key.
struct Pair {
  Record here, there;  // there: empty: none
};
/// Reads the profile's rows in batches and gives them to `visit`, without the team's.
using Visit = std::function<void(std::vector<Pair>& batch)>;
void walk(const Table&, sql::Connection& profile, const Visit& visit);
/// All columns as they stand, of the rows that `condition` (what follows the table's name) lets through.
std::vector<Pair> rows_of(const Table&, sql::Connection&, std::string_view condition, std::span<const sql::Value>);
/// Finds the team's rows of these, however many.
void look_up(const Table&, sql::Connection& team, std::span<Pair> pairs);
/// Inserts those of a batch that the team has not. Inside the caller's transaction. @return how many
std::int64_t insert_missing(const Table&, sql::Connection& team, const std::vector<Pair>& batch);

/// What a set of rows holds, whatever their order: SHA-256 of each row, added up.
class Content {
 public:
  void add(const Record&);
  std::string text() const;  // 64 hex digits
  bool operator==(const Content&) const = default;

 private:
  std::array<std::uint64_t, 4> sum_{};
};

/// Another row stands under the same key: who it is must be settled by a person.
struct Conflict {
  std::string table, key, columns;
};

/// Both sides compared.
struct Compared {
  std::int64_t rows = 0;       // the profile's
  std::int64_t missing = 0;    // the team has not
  std::int64_t behind = 0;     // the team has as they were before
  std::int64_t differing = 0;  // changed by the team since, in living columns
  std::int64_t conflicting = 0;
  Content here, there;
  /// The team has all that the profile has.
  bool is_whole() const noexcept { return missing + behind + conflicting == 0 && (differing > 0 || here == there); }
};
/// Called for each pair that is not equal.
using Differs = std::function<void(const Table&, const Pair&)>;
/// @param conflicts  gets the first hundred
Compared compare(const Table&, sql::Connection& profile, sql::Connection& team, std::vector<Conflict>& conflicts,
                 const Differs& differs = {});

struct Copied {
  std::int64_t inserted = 0, updated = 0;
};
/// Brings over what is missing or behind; overwrites nothing else.
Copied copy(const Table&, sql::Connection& profile, sql::Connection& team);

}  // namespace ymgr::migrate
