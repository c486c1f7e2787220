#include "sql/statements.hpp"

#include "base/json.hpp"

namespace ymgr::sql {

std::string_view find_table(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres: return "SELECT 1 WHERE to_regclass($1) IS NOT NULL";
    case Dialect::sqlite: break;
  }
  return "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1";
}

std::string_view make_schema(Dialect dialect) noexcept {
  switch (dialect) {
    // CREATE SCHEMA IF NOT EXISTS wants the right to make one even where it stands.
    case Dialect::postgres:
      return "DO $$ BEGIN IF to_regnamespace('ymgr') IS NULL THEN CREATE SCHEMA ymgr; END IF; END $$";
    case Dialect::sqlite: break;
  }
  return {};
}

std::string_view find_actor(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres: return "SELECT name, role, status FROM users WHERE name = (SELECT actor())";
    case Dialect::sqlite: break;
  }
  return "SELECT name, role, status FROM users WHERE false";
}

std::string_view server_facts(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres:
      return "SELECT CAST(current_setting('server_version_num') AS BIGINT), "
             "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000000) AS BIGINT), "
             "CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN 1 ELSE 0 END";
    case Dialect::sqlite: break;
  }
  return "SELECT 0, 0, 0 WHERE false";
}

std::string_view latest_time(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres: return "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000000) AS BIGINT)";
    case Dialect::sqlite: break;
  }
  return "SELECT at FROM audit_events ORDER BY seq DESC LIMIT 1";
}

std::string_view last_event_time(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres: return {};
    case Dialect::sqlite: break;
  }
  return latest_time(dialect);
}

std::string_view plan_each_run(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres: return "SET plan_cache_mode = force_custom_plan";
    case Dialect::sqlite: break;
  }
  return {};
}

OneOf one_of(Dialect dialect, int place, const std::vector<std::string>& texts) {
  const std::string parameter = "$" + std::to_string(place);
  if (texts.size() == 1) return {"= " + parameter, texts.front()};
  const std::string list = dump_json(Json::texts(texts));
  switch (dialect) {
    // An array that is made once is looked up in the index; a subquery may be joined by reading the table.
    case Dialect::postgres:
      return {"= ANY(ARRAY(SELECT jsonb_array_elements_text(CAST(" + parameter + " AS jsonb))))", list};
    case Dialect::sqlite: break;
  }
  return {"IN (SELECT value FROM json_each(" + parameter + "))", list};
}

std::string table_of_statement(std::string_view statement) {
  std::string_view before;
  while (!statement.empty()) {
    const auto end = statement.find_first_of(" \n(");
    const auto word = statement.substr(0, end);
    if (before == "INTO" || before == "UPDATE" || before == "FROM") return std::string(word);
    if (!word.empty()) before = word;
    if (end == std::string_view::npos) break;
    statement.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace ymgr::sql
