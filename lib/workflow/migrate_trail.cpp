#include "workflow/migrate_trail.hpp"

#include "base/error.hpp"
#include "base/sha256_sum.hpp"
#include "sql/settings.hpp"

namespace ymgr::migrate {
namespace {

constexpr std::string_view head_key = "audit.head_key";

constexpr auto number = Column::Type::number;
constexpr Column columns[] = {{"seq", Column::Kind::key, number},
                              {"at", Column::Kind::fixed, number},
                              {"actor"},
                              {"request_id"},
                              {"event"},
                              {"target"},
                              {"data"},
                              {"hash"}};

std::string hash_at(sql::Connection& db, std::int64_t seq) {
  std::string hash;
  db.run("SELECT hash FROM audit_events WHERE seq = $1", {seq}, [&](const sql::Row& row) { hash = row.text(0); });
  return hash;
}

void copy_batch(const Table& table, sql::Connection& team, std::vector<Pair>& batch, Copied& copied) {
  look_up(table, team, batch);
  copied.inserted = insert_missing(table, team, batch);
  const Record& last = batch.back().here;
  if (hash_at(team, std::get<std::int64_t>(last.front())) == text_at(table, last, "hash")) return;
  throw Error(Code::database_older, "the team's database stamps audit rows that come along as its own",
              "bring its functions up to date with 'ymgr init --team --apply'");
}

/// What is signed stays provable by the key that signed it.
void copy_head(sql::Connection& profile, sql::Connection& team) {
  const auto key = sql::read_setting(profile, head_key);
  if (!key) return;
  team.transaction(sql::Access::write, [&] {
    if (sql::read_setting(team, head_key).value_or(*key) != *key) return;
    profile.run("SELECT signed_seq, signed_hash, signature, key_id FROM audit_head WHERE id = 1", {},
                [&](const sql::Row& row) {
                  team.run(
                      "UPDATE audit_head SET signed_seq = $1, signed_hash = $2, signature = $3, key_id = $4 "
                      "WHERE id = 1 AND signed_seq < $1 AND seq >= $1",
                      {row.integer(0), row.text(1), row.text(2), row.text(3)});
                });
    sql::write_setting(team, head_key, *key);
  });
}

}  // namespace

TrailEnd end_of_trail(sql::Connection& db) {
  TrailEnd end;
  db.run("SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1", {}, [&](const sql::Row& row) {
    end = {row.integer(0), std::string(row.text(1))};
  });
  return end;
}

Table trail_up_to(std::int64_t last) {
  return {
      .name = "audit_events", .columns = columns, .rows = " WHERE seq <= " + std::to_string(last) + " ORDER BY seq"};
}

bool trail_fits(sql::Connection& profile, sql::Connection& team) {
  const auto there = end_of_trail(team);
  return there.seq == 0 || hash_at(profile, there.seq) == there.hash;
}

Copied copy_trail(const Table& table, sql::Connection& profile, sql::Connection& team) {
  Copied copied;
  walk(table, profile, [&](std::vector<Pair>& batch) {
    Copied part;
    team.transaction(sql::Access::write, [&] { copy_batch(table, team, batch, part); });
    copied.inserted += part.inserted;
  });
  copy_head(profile, team);
  return copied;
}

FiledTrail file_trail(sql::Connection& profile, const audit::HeadSigner& signer, const std::string& path,
                      Existing existing) {
  FileWriter file(path, {}, existing);
  Sha256Sum sum;
  const auto write = [&](std::string_view text) {
    file.write(text);
    sum.add(text);
  };
  audit::export_rows(profile, {}, [&](std::string_view line) {
    write(line);
    write("\n");
  });
  FiledTrail filed{hex(sum.finish()), audit::make_checkpoint(profile, signer)};
  write_file(path + ".checkpoint", dump_json_pretty(audit::to_json(filed.checkpoint)), {}, existing);
  file.commit();
  return filed;
}

}  // namespace ymgr::migrate
