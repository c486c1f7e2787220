#include <algorithm>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "sql/connection.hpp"
#include "sql/migrations.hpp"
#include "sql/statements.hpp"

namespace ymgr::sql {
namespace {

constexpr auto create_table =
    "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT "
    "NULL, "
    "min_client BIGINT NOT NULL, applied_at BIGINT NOT NULL)";

struct Applied {
  std::int64_t number = 0, min_client = 0;
  std::string name, sha256;
};

/// In order; empty when there is no table of them.
std::vector<Applied> applied_migrations(Connection& connection) {
  std::vector<Applied> applied;
  bool there = false;
  connection.run(find_table(connection.dialect()), {"schema_migrations"}, [&](const Row&) { there = true; });
  if (!there) return applied;
  connection.run(
      "SELECT number, min_client, name, sha256 FROM schema_migrations ORDER BY number", {}, [&](const Row& row) {
        applied.push_back({row.integer(0), row.integer(1), std::string(row.text(2)), std::string(row.text(3))});
      });
  return applied;
}

int version_of(const std::vector<Applied>& applied) {
  for (const auto& row : applied) {
    if (row.min_client > schema_version())
      throw Error(Code::database_newer,
                  "the database needs a ymgr that knows schema version " + std::to_string(row.min_client) +
                      "; this one knows " + std::to_string(schema_version()),
                  "install the version that made it, or a newer one");
  }
  return applied.empty() ? 0 : static_cast<int>(applied.back().number);
}

void require_known_form(const std::vector<Applied>& applied, std::span<const Migration> known) {
  for (std::size_t i = 0; i < std::min(applied.size(), known.size()); ++i) {
    if (applied[i].sha256 != known[i].sha256())
      throw Error(Code::database_failed, "migration " + applied[i].name + " was applied in another form",
                  "the database was made by an unreleased ymgr; restore a backup or make a new profile");
  }
}

/// Nothing when another process was faster.
void apply(Connection& connection, const Migration& migration) {
  connection.transaction(Access::write, [&] {
    if (const auto schema = make_schema(connection.dialect()); !schema.empty()) connection.run(schema, {});
    connection.run(create_table, {});
    if (version_of(applied_migrations(connection)) >= migration.number()) return;
    connection.run_script(migration.text);
    connection.run(
        "INSERT INTO schema_migrations (number, name, sha256, min_client, applied_at) VALUES ($1, $2, $3, $4, $5)",
        {migration.number(), migration.name, migration.sha256(), migration.min_client(), to_micros(now())});
  });
}

}  // namespace

int schema_version() noexcept {
  return static_cast<int>(migrations(Dialect::sqlite).size());
}

int check_schema(Connection& connection) {
  return version_of(applied_migrations(connection));
}

SchemaState schema_state(Connection& connection) {
  SchemaState state;
  for (const auto& row : applied_migrations(connection)) {
    state.version = static_cast<int>(row.number);
    state.min_client = std::max(state.min_client, static_cast<int>(row.min_client));
  }
  for (const auto& migration : migrations(connection.dialect()))
    if (migration.number() > state.version) state.pending.emplace_back(migration.name);
  return state;
}

void migrate(Connection& connection) {
  const auto known = migrations(connection.dialect());
  const auto applied = applied_migrations(connection);
  const int version = version_of(applied);
  require_known_form(applied, known);
  for (const auto& migration : known) {
    if (migration.number() > version) apply(connection, migration);
  }
}

}  // namespace ymgr::sql
