#include <doctest/doctest.h>

#include <algorithm>

#include "inventory/inventory.hpp"
#include "support/certificates.hpp"
#include "support/database.hpp"
#include "support/query_plan.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::certificate_row;
using test::days;

const Time at = test::inventory_now;

struct Given {
  int number;
  const char* name;
  const char* owner;
  CertificateStatus status;
  int days_left, days_to_renewal;
};
constexpr auto active = CertificateStatus::active, superseded = CertificateStatus::superseded,
               revoked = CertificateStatus::revoked;

const Given given[] = {
    {1, "api.example.com", "alice", active, 60, 30},   {2, "API%.example.com", "team-a", active, 20, -10},
    {3, "web.example.com", "team-b", active, 5, -25},  {4, "web.example.com", "team-b", superseded, 4, -26},
    {5, "old.example.com", "alice", active, -3, -33},  {6, "bad.example.com", "alice", revoked, 50, 20},
    {7, "w_b.example.com", "team_a", active, 10, -20}, {8, "mail.example.org", "bob", active, 21, -60},
};

/// 90 days of life each; odd ones are on web1, 3 and 7 labelled, 8 with another profile, key and CA.
void fill(sql::Connection& db) {
  for (const auto& g : given) {
    CertificateRow row = certificate_row(g.number, g.name);
    row.owner = g.owner;
    row.status = g.status;
    row.expires_at = at + days(g.days_left);
    row.not_before = row.issued_at = row.expires_at - days(90);
    row.renew_at = at + days(g.days_to_renewal);
    if (g.number % 2 == 1) row.host = "web1";
    if (g.number == 3 || g.number == 7) row.labels = {{"env", "prod"}};
    if (g.number == 8) row.profile = "tls-client", row.key_algorithm = "ed25519", row.ca_name = "other";
    if (g.number == 7) row.device = "12345678", row.slot = "9a";
    inventory::insert(db, row);
  }
}

/// "3 7": the last digits of the ids in the order they came.
std::string numbers(const std::vector<CertificateRow>& rows) {
  std::string text;
  for (const auto& row : rows) text += (text.empty() ? "" : " ") + std::string(1, row.cert_id.back());
  return text;
}

std::string listed(sql::Connection& db, const inventory::ListQuery& query) {
  std::vector<CertificateRow> rows;
  inventory::list(db, query, at, [&](const CertificateRow& row) { rows.push_back(row); });
  return numbers(rows);
}

std::string due(sql::Connection& db, const inventory::DueQuery& query) {
  std::vector<CertificateRow> rows;
  inventory::due(db, query, [&](const CertificateRow& row) { rows.push_back(row); });
  CHECK(inventory::count_due(db, query) == static_cast<std::int64_t>(rows.size()));
  return numbers(rows);
}

inventory::DueQuery due_query() {
  inventory::DueQuery query;
  query.at = at;
  return query;
}

TEST_CASE("lists are ordered by expiry and filtered by status") {
  const test::TestDatabase db;
  fill(*db);
  inventory::ListQuery query;
  CHECK(listed(*db, query) == "5 4 3 7 2 8 6 1");
  query.limit = 3;
  CHECK(listed(*db, query) == "5 4 3");
  query = {};
  query.status = active;
  CHECK(listed(*db, query) == "3 7 2 8 1");
  query.status = superseded;
  CHECK(listed(*db, query) == "4");
  query.status = revoked;
  CHECK(listed(*db, query) == "6");
  query = {};
  query.expired = true;
  CHECK(listed(*db, query) == "5");
}

TEST_CASE("a selection means the same to lists and to what is due") {
  const test::TestDatabase db;
  fill(*db);
  struct Row {
    const char* selection;
    const char* listed;
    const char* due;
  };
  const Row rows[] = {
      {"owner=alice", "5 6 1", "5"},
      {"!owner=alice", "4 3 7 2 8", "3 7 2 8"},
      {"owner=team-*", "4 3 2", "3 2"},
      {"owner=team_*", "7", "7"},
      {"name=api*", "1", ""},
      {"name=API%*", "2", "2"},
      {"name=*%*", "2", "2"},
      {"name=w_b.*", "7", "7"},
      {"name=*.org", "8", "8"},
      {"!name=*.com", "8", "8"},
      {"name=web.example.com", "4 3", "3"},
      {"status=active", "3 7 2 8 1", "3 7 2 8"},
      {"status=expired", "5", "5"},
      {"!status=active", "5 4 6", "5"},
      {"status=revoked", "6", ""},
      {"host=web1", "5 3 7 1", "5 3 7"},
      {"!host=web1", "4 2 8 6", "2 8"},
      {"label.env=prod", "3 7", "3 7"},
      {"!label.env=prod", "5 4 2 8 6 1", "5 2 8"},
      {"label.env=test", "", ""},
      {"profile=tls-client", "8", "8"},
      {"key=ed25519", "8", "8"},
      {"ca=other", "8", "8"},
      {"device=12345678", "7", "7"},
      {"!device=12345678", "5 4 3 2 8 6 1", "5 3 2 8"},
      {"expires-before=2027-01-25", "5 4 3", "5 3"},
      {"expires-after=2027-01-25,expires-before=2027-02-05", "7 2", "7 2"},
      {"owner=team-b,status=active,label.env=prod,name=web*", "3", "3"},
      {"name=it's", "", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.selection);
    inventory::ListQuery list_query;
    list_query.selection = parse_selection(row.selection);
    CHECK(listed(*db, list_query) == row.listed);
    auto query = due_query();
    query.selection = list_query.selection;
    CHECK(due(*db, query) == row.due);
  }
}

TEST_CASE("due is what is active and past its renewal date, soonest expiry first") {
  const test::TestDatabase db;
  fill(*db);
  CHECK(due(*db, due_query()) == "5 3 7 2 8");
  auto query = due_query();
  query.limit = 2;
  CHECK(due(*db, query) == "5 3");
  query = due_query();
  query.only_host = true;
  query.host = "web1";
  CHECK(due(*db, query) == "5 3 7 2 8");  // 2 and 8 are installed nowhere
  query.host = "web2";
  CHECK(due(*db, query) == "2 8");
  query = due_query();
  query.at = at - days(25);
  CHECK(due(*db, query) == "5 3 8");
  query.at -= Duration(1);
  CHECK(due(*db, query) == "5 8");
}

TEST_CASE("another renewal time counts the same in SQL and in RenewBefore") {
  const test::TestDatabase db;
  fill(*db);
  for (const char* text :
       {"1d", "5d", "10d", "20d", "21d", "60d", "1%", "5%", "11%", "22%", "23%", "33%", "67%", "99%"}) {
    CAPTURE(text);
    const auto before = parse_renew_before(text);
    std::vector<CertificateRow> want;
    inventory::list(*db, {}, at, [&](const CertificateRow& row) {
      if (row.status == active && before.due_at(row.not_before, row.expires_at) <= at) want.push_back(row);
    });
    auto query = due_query();
    query.renew_before = before;
    CHECK(due(*db, query) == numbers(want));
  }
}

TEST_CASE("a share of a life that hundred does not divide is due at the same microsecond") {
  const test::TestDatabase db;
  CertificateRow row = certificate_row(1, "a.example.com");
  row.not_before = at - days(90) - Duration(77);
  row.expires_at = at + Duration(1234567);
  inventory::insert(*db, row);
  for (int percent = 1; percent < 100; ++percent) {
    CAPTURE(percent);
    auto query = due_query();
    query.renew_before = RenewBefore{{}, percent};
    query.at = query.renew_before->due_at(row.not_before, row.expires_at);
    CHECK(inventory::count_due(*db, query) == 1);
    query.at -= Duration(1);
    CHECK(inventory::count_due(*db, query) == 0);
  }
}

TEST_CASE("queries use the index that is made for them") {
  const test::TestDatabase db;
  fill(*db);
  test::ExplainingConnection explaining(*db);
  const auto first_index = [&] {
    const auto indexes = explaining.take_indexes();
    return indexes.substr(0, indexes.find(' '));
  };
  for (const char* selection :
       {"", "owner=alice", "name=web.example.com", "name=w*", "label.env=prod", "host=web1",
        "!owner=bob,profile=tls-server,key=ec-p256,ca=other", "status=expired", "expires-before=2027-01-20"}) {
    CAPTURE(selection);
    auto query = due_query();
    if (*selection != '\0') query.selection = parse_selection(selection);
    query.limit = 100;
    inventory::due(explaining, query, [](const auto&) {});
    CHECK(first_index() == "certificates_due");
  }
  CHECK(inventory::count_due(explaining, due_query()) == 5);
  CHECK(first_index() == "certificates_due");

  struct Row {
    const char* selection;
    const char* index;
  };
  const Row rows[] = {{"owner=alice", "certificates_owner"},
                      {"name=web.example.com", "certificates_name"},
                      {"name=web*", "certificates_name"},
                      {"label.env=prod", "sqlite_autoindex_certificates_1"},
                      {"expires-before=2027-01-20", "certificates_expiry"}};
  for (const auto& row : rows) {
    CAPTURE(row.selection);
    inventory::ListQuery query;
    query.selection = parse_selection(row.selection);
    query.status = active;
    inventory::list(explaining, query, at, [](const auto&) {});
    CHECK(first_index() == row.index);
  }
}

TEST_CASE("twenty thousand rows stream in order, while the database is asked about each") {
  const test::TestDatabase db;
  constexpr int count = 20'000;
  db->transaction(sql::Access::write, [&] {
    for (int i = 0; i < count; ++i) {
      CertificateRow row = certificate_row(i, "host" + std::to_string(i) + ".example.com");
      row.expires_at = at + days(i * 7919 % count - 100);
      row.not_before = row.issued_at = row.expires_at - days(90);
      row.renew_at = row.expires_at - days(30);
      row.status = i % 10 == 0 ? superseded : active;
      inventory::insert(*db, row);
    }
  });
  int seen = 0;
  Time last;
  inventory::list(*db, {}, at, [&](const CertificateRow& row) {
    CHECK_FALSE(row.expires_at < last);
    last = row.expires_at;
    if (seen++ % 1000 == 0) CHECK(inventory::by_id(*db, row.cert_id)->name == row.name);
  });
  CHECK(seen == count);

  auto query = due_query();
  const auto due_count = inventory::count_due(*db, query);
  CHECK(due_count == 117);
  query.limit = 50;
  seen = 0;
  last = {};
  inventory::due(*db, query, [&](const CertificateRow& row) {
    CHECK_FALSE(row.expires_at < last);
    last = row.expires_at;
    ++seen;
  });
  CHECK(seen == 50);
}

TEST_CASE("what is active in a slot is found by an index") {
  const test::TestDatabase db;
  fill(*db);
  test::ExplainingConnection explaining(*db);
  CHECK(numbers(inventory::active_in_slot(explaining, "12345678", "9a", at)) == "7");
  if (db->dialect() == sql::Dialect::sqlite) CHECK(explaining.take_indexes() == "certificates_device");
  CHECK(inventory::active_in_slot(*db, "12345678", "9c", at).empty());
  CHECK(inventory::active_in_slot(*db, "12345678", "9a", at + days(11)).empty());  // it has expired by then
}

}  // namespace
