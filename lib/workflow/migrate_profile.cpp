#include "workflow/migrate_profile.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "sql/settings.hpp"
#include "sql/statements.hpp"
#include "workflow/migrate_secrets.hpp"
#include "workflow/migrate_trail.hpp"
#include "workflow/operation.hpp"
#include "workflow/team_people.hpp"

namespace ymgr::migrate {
namespace {

constexpr std::string_view mark_here = "migrated";
constexpr std::size_t most_lefts = 1000;

void refuse_open_operations(sql::Connection& profile) {
  const auto open = operations::list(profile, true, 10);
  if (open.empty()) return;
  std::string ids;
  for (const auto& operation : open) ids += (ids.empty() ? "" : ", ") + operation.request_id;
  throw Error(Code::operation_open, "operations of this profile are open: " + ids,
              "finish them with 'ymgr resume --all', or give them up with 'ymgr operation abandon ID'");
}

void refuse_broken_chain(const Origin& from) {
  const auto verified = audit::verify(from.reader, {});
  if (verified.findings.empty()) return;
  throw Error(Code::chain_broken, "the audit chain of this profile is broken: " + verified.findings.front().message,
              "'ymgr audit verify' lists what does not fit");
}

void check_schema_of(sql::Connection& team) {
  if (sql::check_schema(team) == sql::schema_version()) return;
  throw Error(Code::database_older, "the team's database has an older schema than this ymgr",
              "bring it up to date with 'ymgr init --team --apply'");
}

void add(Lefts& lefts, Left left) {
  if (lefts.first.size() < most_lefts) lefts.first.push_back(std::move(left));
  ++lefts.count;
}

Lefts sealed_keys(sql::Connection& profile) {
  Lefts found;
  profile.run(
      "SELECT name, serial_number, key_reference FROM certificates WHERE status = 'active' AND expires_at > $1 "
      "AND substr(key_reference, 1, 7) = 'sealed:' ORDER BY name, cert_id",
      {to_micros(now())}, [&](const sql::Row& row) {
        add(found, {std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
      });
  return found;
}

std::vector<MissingPerson> missing_people(sql::Connection& profile, sql::Connection& team) {
  const auto known = team::people_with_login(team);
  std::vector<MissingPerson> missing;
  profile.run("SELECT name, role FROM users WHERE status = 'active' ORDER BY name", {}, [&](const sql::Row& row) {
    if (!known.contains(row.text(0))) missing.push_back({std::string(row.text(0)), std::string(row.text(1))});
  });
  return missing;
}

/// One run: what it found stands in `report`.
class Migration {
 public:
  explicit Migration(const Order& order)
      : order_(order),
        profile_(order.from.reader),
        team_(order.to.db),
        sealed_(open_sealed_secrets(profile_, order.from.session.data_key())) {}

  Report look() {
    check();
    compare_all();
    if (report_.conflicts.empty()) require_audit_file();
    return std::move(report_);
  }

  Report move() {
    check();
    compare_all();
    if (!report_.conflicts.empty()) return std::move(report_);
    require_audit_file();
    copy_all();
    finish();
    return std::move(report_);
  }

 private:
  void check() {
    refuse_open_operations(profile_);
    refuse_broken_chain(order_.from);
    check_schema_of(team_);
    if (const auto text = sql::plan_each_run(team_.dialect()); !text.empty()) team_.run_script(text);
    read_mark();
    choose_trail();
    documents_ = device_documents(profile_);
    report_.sealed_keys = sealed_keys(profile_);
    report_.missing_people = missing_people(profile_, team_);
  }

  void read_mark() {
    const auto profile_id = sql::read_setting(profile_, "profile_id");
    if (!profile_id) throw Error(Code::database_corrupt, "the profile has no id");
    mark_there_ = "migrated." + *profile_id;
    const auto text = sql::read_setting(team_, mark_there_);
    if (!text) return;
    const Json mark = parse_json(*text);
    report_.moved_at = parse_time(mark.at("at").text());
    report_.trail = mark.at("trail").text() == "moved" ? TrailWay::moved : TrailWay::filed;
    report_.trail_rows = mark.at("trail_rows").integer();
  }

  void choose_trail() {
    if (report_.moved_at) return;
    report_.trail_rows = end_of_trail(profile_).seq;
    if (!trail_fits(profile_, team_)) report_.trail = TrailWay::filed;
  }

  std::vector<Table> moving_tables() const {
    std::vector<Table> all;
    if (report_.trail == TrailWay::moved) all.push_back(trail_up_to(report_.trail_rows));
    for (const Table& table : tables()) {
      all.push_back(table);
      if (report_.moved_at && table.follow == Table::Follow::until_moved) all.back().went_on = nullptr;
    }
    return all;
  }

  /// A certificate that the team revoked, while its own CA is here.
  void note_revoked(const Table& table, const Pair& pair) {
    if (table.name != "certificates" || text_at(table, pair.there, "status") != "revoked" ||
        text_at(table, pair.here, "status") == "revoked")
      return;
    add(report_.to_be_revoked, {text_at(table, pair.here, "name"), text_at(table, pair.here, "serial_number"),
                                text_at(table, pair.there, "revocation_reason")});
  }

  Compared compare_one(const Table& table) {
    return compare(table, profile_, team_, report_.conflicts,
                   [&](const Table& which, const Pair& pair) { note_revoked(which, pair); });
  }

  /// Once it has moved, the team changes PINs.
  Compared compare_documents() {
    std::vector<Conflict> conflicts;
    Compared compared = compare_secrets(documents_, *sealed_, order_.to.secrets, conflicts);
    if (report_.moved_at)
      std::swap(compared.differing, compared.conflicting);
    else
      std::ranges::move(conflicts, std::back_inserter(report_.conflicts));
    return compared;
  }

  static void judge(Moved& moved, const Compared& compared) {
    moved.rows = compared.rows;
    moved.differing = compared.differing;
    moved.verified = compared.is_whole();
  }

  void note_compared(std::string_view name, const Compared& compared, std::string content) {
    Moved moved;
    moved.name = name;
    moved.present = compared.rows - compared.missing;
    moved.content = std::move(content);
    judge(moved, compared);
    order_.notices.detail("compared " + moved.name + ": " + std::to_string(moved.rows) + " rows");
    report_.tables.push_back(std::move(moved));
  }

  void compare_all() {
    for (const Table& table : moving_tables()) {
      const Compared compared = compare_one(table);
      note_compared(table.name, compared, compared.there.text());
    }
    note_compared("device secrets", compare_documents(), {});
  }

  void require_audit_file() const {
    if (report_.moved_at || report_.trail == TrailWay::moved || !order_.audit_file.empty()) return;
    throw Error(Code::usage, "the team's audit trail has begun, so this profile's can't become its beginning",
                "Keep it in a file that the team's trail names: --audit-file FILE");
  }

  void copy_all() {
    auto moved = report_.tables.begin();
    for (const Table& table : moving_tables()) {
      if (!moved->verified) copy_table(table, *moved);
      ++moved;
    }
    if (moved->verified) return;
    moved->copied = copy_secrets(documents_, *sealed_, order_.to.secrets);
    judge_again(*moved, compare_documents());
    report_.changed = true;
  }

  void copy_table(const Table& table, Moved& moved) {
    const bool is_trail = table.name == "audit_events";
    const Copied copied = is_trail ? copy_trail(table, profile_, team_) : copy(table, profile_, team_);
    moved.copied = copied.inserted;
    moved.updated = copied.updated;
    const Compared compared = compare_one(table);
    moved.content = compared.there.text();
    judge_again(moved, compared);
    report_.changed = true;
    order_.notices.detail("moved " + moved.name + ": " + std::to_string(moved.copied) + " rows");
  }

  static void judge_again(Moved& moved, const Compared& compared) {
    judge(moved, compared);
    if (moved.verified) return;
    throw Error(Code::database_failed, "what the team has of " + moved.name + " is not what was sent",
                "run the same command again; when it stays so, the database or somebody else changes rows");
  }

  void finish() {
    const bool marked = moved_to(order_.from.db) == order_.to.context;
    if (report_.moved_at && !report_.changed && marked) return;
    report_.changed = true;
    const Time at = now();
    report_.request_id = new_id("req", at);
    if (!report_.moved_at) mark_team(at);
    mark_profile(at);
  }

  Json summary(Time at) const {
    Json rows = Json::object();
    for (const auto& moved : report_.tables)
      rows.set(moved.name, Json::object({{"rows", moved.rows}, {"content", moved.content}}));
    return Json::object({{"at", format_time(at)},
                         {"by", order_.from.session.identity().user},
                         {"trail", report_.trail == TrailWay::moved ? "moved" : "filed"},
                         {"trail_rows", report_.trail_rows},
                         {"tables", std::move(rows)}});
  }

  /// The file is written first: without the event it is a copy that nobody names.
  void mark_team(Time at) {
    std::vector<audit::Event> events;
    const auto profile_id = mark_there_.substr(mark_there_.find('.') + 1);
    if (report_.trail == TrailWay::filed) {
      if (order_.from.signer == nullptr) throw Error(Code::role_denied, "this session can't sign the audit trail");
      const auto filed = file_trail(profile_, *order_.from.signer, order_.audit_file, order_.existing);
      events.push_back({report_.request_id, "audit.imported", profile_id,
                        Json::object({{"rows", report_.trail_rows},
                                      {"file_sha256", filed.sha256},
                                      {"checkpoint", audit::to_json(filed.checkpoint)}})});
    }
    const Json mark = summary(at);
    events.push_back({report_.request_id, "profile.migrated", profile_id, mark});
    team_.transaction(sql::Access::write, [&] {
      sql::write_setting(team_, mark_there_, dump_json(mark), at);
      audit::append(team_, order_.from.session.identity().user, events, nullptr);
    });
  }

  void mark_profile(Time at) {
    const auto& from = order_.from;
    const Json mark = Json::object({{"context", order_.to.context}, {"at", format_time(at)}});
    from.db.transaction(sql::Access::write, [&] {
      sql::write_setting(from.db, mark_here, dump_json(mark), at);
      audit::append(from.db, from.session.identity().user,
                    {{report_.request_id, "profile.migrated", order_.to.context, summary(at)}}, from.signer);
    });
  }

  const Order& order_;
  sql::Connection& profile_;
  sql::Connection& team_;
  std::unique_ptr<SecretStore> sealed_;
  std::vector<std::string> documents_;
  std::string mark_there_;
  Report report_;
};

Report in_one_snapshot(const Order& order, Report (Migration::*act)()) {
  order.from.session.require(Right::backup);
  Report report;
  order.from.reader.transaction(sql::Access::read, [&] {
    Migration migration(order);
    report = (migration.*act)();
  });
  return report;
}

}  // namespace

Report look(const Order& order) {
  return in_one_snapshot(order, &Migration::look);
}

Report move(const Order& order) {
  return in_one_snapshot(order, &Migration::move);
}

std::optional<std::string> moved_to(sql::Connection& profile) {
  const auto mark = sql::read_setting(profile, mark_here);
  return mark ? std::optional(parse_json(*mark).at("context").text()) : std::nullopt;
}

}  // namespace ymgr::migrate
