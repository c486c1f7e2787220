#include <algorithm>
#include <cctype>

#include "sql/libpq.hpp"
#include "sql/postgres.hpp"
#include "sql/statements.hpp"

namespace ymgr::sql {
namespace {

std::string_view field(const pg_result* result, int code) {
  const char* value = result == nullptr ? nullptr : libpq().error_field(result, code);
  return value == nullptr ? std::string_view{} : value;
}

std::string_view constraint_kind(std::string_view state) noexcept {
  if (state == "23505") return "unique";
  if (state == "23503") return "foreign";
  if (state == "23514") return "check";
  return "other";
}

std::string_view first_word(std::string_view statement) {
  return statement.substr(0, statement.find(' '));
}

/// The server's message ends in the object it means, in every language; quotes around it differ.
std::string last_name(std::string_view message, std::string_view statement) {
  const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  while (!message.empty() && !is_part(message.back())) message.remove_suffix(1);
  auto begin = message.size();
  while (begin > 0 && is_part(message[begin - 1])) --begin;
  const auto name = message.substr(begin);
  return !name.empty() && statement.find(name) != std::string_view::npos ? std::string(name)
                                                                         : table_of_statement(statement);
}

Error privilege_error(const pg_result* result, const std::string& message, std::string_view statement) {
  const std::string sqlstate(field(result, PG_DIAG_SQLSTATE));
  if (field(result, PG_DIAG_SOURCE_FUNCTION) != "aclcheck_error")
    return {Code::database_denied,
            message,
            "row security shows and takes what is yours and of your role: ymgr whoami tells it",
            {{"sqlstate", sqlstate}}};
  const auto table = last_name(field(result, PG_DIAG_MESSAGE_PRIMARY), statement);
  const std::string privilege(first_word(statement));
  return {Code::database_denied,
          message,
          "an administrator grants it with: GRANT " + privilege + " ON " + table + " TO a role of yours",
          {{"sqlstate", sqlstate}, {"privilege", privilege}, {"table", table}}};
}

std::string hint_for(std::string_view state) {
  if (state == "53300") return "raise max_connections on the server, or end other programs' connections";
  if (state == "53100") return "free space on the database server, then run the same command or `ymgr resume --all`";
  if (state == "42P01" || state == "3F000") return "the database has no ymgr schema yet, or search_path hides it";
  return {};
}

bool is_state(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0 || (c >= 'A' && c <= 'Z'); });
}

/// "FATAL:  28P01: password ..." names the state in its most verbose form. @return where it stands, or npos
std::size_t place_of_state(std::string_view message) {
  for (auto at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
    if (message.size() > at + 10 && message.substr(at + 8, 2) == ": " && is_state(message.substr(at + 3, 5)))
      return at + 3;
  }
  return std::string_view::npos;
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

/// Several addresses of a host give a line each.
std::string_view last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const auto hint = text.rfind("\n\t");  // "Is the server running ..."
  if (hint != std::string_view::npos) text = text.substr(0, hint);
  return text.substr(text.rfind('\n') + 1);
}

/// PgBouncer has one state for everything, and one language.
Code code_of_pooler(std::string_view message) {
  if (message.find("no such database") != std::string_view::npos) return Code::database_missing;
  if (message.find("auth") != std::string_view::npos || message.find("login failed") != std::string_view::npos)
    return Code::database_refused;
  return Code::database_unreachable;
}

std::string login_hint(Code code, const PostgresSettings& settings) {
  switch (code) {
    case Code::database_refused:
      return settings.new_credentials ? "Vault made this login for a session, and it is over: run `ymgr login` again"
                                      : "check the user " + settings.user +
                                            ", the password, and whether the server's pg_hba.conf lets that user in";
    case Code::database_missing: return "check the name, or make it: createdb " + settings.database;
    case Code::database_untrusted:
      return "the server's certificate must be signed by " +
             (settings.ca_file.empty() ? "a CA of this system" : settings.ca_file) +
             " and name the host as it is written here";
    default: return {};
  }
}

}  // namespace

Code code_of_state(std::string_view state) noexcept {
  struct Known {
    std::string_view state;  // or its first letters
    Code code;
  };
  static constexpr Known rows[] = {
      {"08", Code::database_unreachable},  {"25006", Code::database_read_only}, {"25P03", Code::database_busy},
      {"28", Code::database_refused},      {"3D000", Code::database_missing},   {"40001", Code::database_busy},
      {"40P01", Code::database_busy},      {"42501", Code::database_denied},    {"53100", Code::disk_unusable},
      {"53", Code::database_unreachable},  {"55P03", Code::database_busy},      {"57014", Code::database_busy},
      {"57P", Code::database_unreachable}, {"58030", Code::disk_unusable},      {"XX001", Code::database_corrupt},
      {"XX002", Code::database_corrupt}};
  for (const auto& row : rows) {
    if (state.starts_with(row.state)) return row.code;
  }
  return Code::database_failed;
}

Error postgres_error(const pg_result* result, std::string_view where, std::string_view statement) {
  const auto state = field(result, PG_DIAG_SQLSTATE);
  const auto primary = field(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string message = "database " + std::string(where) + ": " +
                              std::string(primary.empty() ? first_line(libpq().result_error(result)) : primary);
  if (state.empty()) return lost_error(first_line(libpq().result_error(result)), where);
  const auto code = code_of_state(state);
  if (code == Code::database_denied) return privilege_error(result, message, statement);
  Details details{{"sqlstate", std::string(state)}};
  if (state.starts_with("23")) {
    const auto table = field(result, PG_DIAG_TABLE_NAME);
    details.emplace_back("constraint", constraint_kind(state));
    details.emplace_back("table", table.empty() ? table_of_statement(statement) : std::string(table));
  }
  return {code, message, hint_for(state), std::move(details)};
}

Error login_error(std::string_view message, std::string_view where, const PostgresSettings& settings) {
  const auto place = place_of_state(message);
  const auto prefix = "database " + std::string(where) + ": ";
  if (place != std::string_view::npos) {
    const std::string state(message.substr(place, 5));
    const auto reason = first_line(message.substr(place + 7));
    const auto code = state == "08P01" ? code_of_pooler(reason) : code_of_state(state);
    auto hint = hint_for(state);
    if (hint.empty()) hint = login_hint(code, settings);
    return {code, prefix + std::string(reason), std::move(hint), {{"sqlstate", state}}};
  }
  // libpq's own words; these two stay in every language.
  const bool tls =
      message.find("SSL") != std::string_view::npos || message.find("certificate") != std::string_view::npos;
  const auto code = tls ? Code::database_untrusted : Code::database_unreachable;
  return {code, prefix + std::string(last_line(message)), login_hint(code, settings)};
}

Error lost_error(std::string_view message, std::string_view where) {
  return {Code::database_unreachable, "database " + std::string(where) + ": the connection is lost" +
                                          (message.empty() ? "" : ": ") + std::string(message)};
}

}  // namespace ymgr::sql
