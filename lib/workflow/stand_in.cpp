#include "workflow/stand_in.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"
#include "workflow/migrate_tables.hpp"
#include "workflow/stand_in_file.hpp"

namespace ymgr::stand_in {
namespace {

/// So many fit without making every run slow; of a larger inventory only what is installed here is noted.
constexpr std::int64_t most_certificates = 5000;
constexpr Time never_due = from_seconds(253'402'300'799);  // the end of the year 9999

/// What is not installed here is there to be revoked: another host may renew it just now. Nor are predecessors among the rows.
void adapt(const migrate::Table& table, const std::string& host, std::vector<migrate::Pair>& rows) {
  const auto before = migrate::place_of(table, "renewed_from"), due = migrate::place_of(table, "renew_at");
  for (auto& row : rows) {
    row.here[before] = {};
    if (migrate::text_at(table, row.here, "host") != host) row.here[due] = to_micros(never_due);
  }
}

struct Wanted {
  std::string host;
  Time at;
  bool all = false;  // certificates of other hosts too

  /// A key in a YubiKey needs its secrets, which stand behind rows of the database.
  std::string certificates() const {
    return std::string("WHERE status = 'active' AND device IS NULL AND ") +
           (all ? "(host = $1 OR expires_at >= $2)" : "host = $1 AND CAST($2 AS BIGINT) IS NOT NULL");
  }
  std::string belonging() const { return "WHERE cert_id IN (SELECT cert_id FROM certificates " + certificates() + ")"; }
};

/// Certificates of all hosts where this person may revoke them and they are few.
bool takes_all(Workbench& bench, Time at) {
  if (bench.session.identity().role == Role::user) return false;
  std::int64_t count = 0;
  bench.db.run(
      "SELECT count(*) FROM (SELECT 1 FROM certificates WHERE status = 'active' AND expires_at >= $1 LIMIT 5001) AS c",
      {to_micros(at)}, [&](const sql::Row& row) { count = row.integer(0); });
  return count <= most_certificates;
}

struct Noted {
  const migrate::Table& table;
  std::vector<migrate::Pair> rows;
};

Noted read(sql::Connection& db, std::string_view name, std::string_view condition, const Wanted& wanted) {
  const auto& table = migrate::table_named(name);
  const bool by_host = condition.find("$1") != std::string_view::npos;
  const sql::Value values[] = {wanted.host, to_micros(wanted.at)};
  auto rows = migrate::rows_of(table, db, condition, std::span(values).first(by_host ? 2 : 0));
  if (name == "certificates") adapt(table, wanted.host, rows);
  return {table, std::move(rows)};
}

/// As the database had all of it at one moment: rows refer to each other.
std::vector<Noted> read_all(Workbench& bench, Time at) {
  std::vector<Noted> noted;
  bench.db.transaction(sql::Access::read, [&] {
    const Wanted wanted{bench.self.host, at, takes_all(bench, at)};
    noted.clear();
    const auto take = [&](std::string_view table, std::string_view condition) {
      noted.push_back(read(bench.db, table, condition, wanted));
    };
    take("settings", "WHERE substr(name, 1, 7) = 'policy.'");
    take("issuers", "");
    take("denied_keys", "");
    take("certificates", wanted.certificates());
    take("certificate_labels", wanted.belonging());
    take("ca_issued", wanted.belonging());
  });
  return noted;
}

void fill(Workbench& bench, sql::Connection& fresh, const std::string& entity_id) {
  const Time at = now();
  const auto& who = bench.session.identity();
  const auto noted = read_all(bench, at);
  fresh.transaction(sql::Access::write, [&] {
    for (const auto& [table, rows] : noted) migrate::insert_missing(table, fresh, rows);
    sql::write_setting(fresh, setting::id, new_id("stand-in", at), at);
    sql::write_setting(fresh, setting::entity, entity_id, at);
    sql::write_setting(fresh, setting::user, who.user, at);
    sql::write_setting(fresh, setting::role, to_string(who.role), at);
    sql::write_setting(fresh, setting::noted_at, std::to_string(to_micros(at)), at);
  });
}

}  // namespace

bool is_away(const Error& error) noexcept {
  return error.code() == Code::database_unreachable;
}

void note(Workbench& bench, const Place& place, const std::string& entity_id) {
  make_folders(place.folder, 0700);
  require_private(place.folder, 0700, "the folder of what was noted for bad days");
  const auto lock = try_lock(place.path() + ".lock");
  if (!lock || (exists(place.path()) && has_news(*open_file(place.path())))) return;
  const std::string fresh = place.path() + ".new";
  remove_database(fresh);
  {
    const auto db = sql::open_sqlite({.path = fresh, .create = true});
    sql::migrate(*db);
    fill(bench, *db, entity_id);
  }
  remove_database(place.path());
  rename_file(fresh, place.path());
  sync_folder(place.folder);
}

std::optional<Opened> open(const Place& place, const std::string& entity_id, Duration patience) {
  if (!exists(place.path())) return std::nullopt;
  auto lock = try_lock(place.path() + ".lock");
  for (const Time end = now() + patience; !lock && now() < end; lock = try_lock(place.path() + ".lock"))
    pause(std::chrono::milliseconds(50));
  if (!lock)
    throw Error(Code::database_busy, "another process works with " + place.path(), "run the same command again");
  auto db = open_file(place.path());
  if (sql::read_setting(*db, setting::entity) != entity_id) return std::nullopt;
  const auto at = parse_number(sql::read_setting(*db, setting::noted_at).value_or(""));
  Identity who{sql::read_setting(*db, setting::user).value_or(""),
               parse_role(sql::read_setting(*db, setting::role).value_or(""))};
  return Opened{std::move(*lock), std::move(db), std::move(who), from_micros(at.value_or(0))};
}

}  // namespace ymgr::stand_in
