// The indexed queries of `renew --due`, `report` and `policy simulate`, without anything around them:
// bare_query DATABASE due|report|simulate NOW.
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

long long run(sqlite3* db, const std::string& text, long long now) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, text.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    std::fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    std::exit(1);
  }
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) sqlite3_bind_int64(statement, i, now);
  long long seen = 0;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    for (int column = 0; column < sqlite3_column_count(statement); ++column) sqlite3_column_text(statement, column);
    ++seen;
  }
  sqlite3_finalize(statement);
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) return 1;
  const long long now = std::atoll(argv[3]);
  const long long day = 86'400'000'000LL;
  if (std::strcmp(argv[2], "due") == 0) {
    std::printf("%lld\n",
                run(db,
                    "SELECT * FROM certificates INDEXED BY certificates_due WHERE status = 'active' AND renew_at <= ?1 "
                    "ORDER BY expires_at",
                    now));
    std::printf("%lld\n", run(db, "SELECT min(expires_at) FROM certificates WHERE status = 'active'", now));
  } else if (std::strcmp(argv[2], "simulate") == 0) {
    std::printf("%lld\n", run(db,
                              "SELECT cert_id, name, profile, owner, serial_number, sans, key_algorithm, "
                              "public_key_sha256, key_reference, key_created_at, renew_at, expires_at FROM "
                              "certificates INDEXED BY certificates_due WHERE status = 'active' ORDER BY renew_at",
                              now));
  } else {
    run(db,
        "SELECT count(*) FROM certificates INDEXED BY certificates_expiry WHERE status = 'active' AND expires_at > ?1",
        now);
    run(db,
        "SELECT count(*) FROM certificates INDEXED BY certificates_expiry WHERE status = 'active' AND expires_at <= ?1",
        now);
    run(db,
        "SELECT count(*) FROM certificates INDEXED BY certificates_expiry WHERE status = 'active' AND expires_at >= ?1 "
        "AND "
        "expires_at < ?1 + 30 * " +
            std::to_string(day),
        now);
    run(db,
        "SELECT count(*) FROM certificates INDEXED BY certificates_revoked WHERE status = 'revoked' AND revoked_at >= "
        "?1 - 7 * " +
            std::to_string(day),
        now);
    run(db,
        "SELECT count(*) FROM certificates INDEXED BY certificates_offending WHERE status = 'active' AND violations IS "
        "NOT NULL "
        "AND expires_at > ?1",
        now);
    run(db, "SELECT count(*) FROM certificates INDEXED BY certificates_due WHERE status = 'active' AND renew_at <= ?1",
        now);
  }
  sqlite3_close(db);
}
