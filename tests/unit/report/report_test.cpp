#include "report/report.hpp"

#include <doctest/doctest.h>

#include "base/csv.hpp"
#include "support/certificates.hpp"
#include "support/database.hpp"
#include "support/query_plan.hpp"

namespace {
using namespace ymgr;
using test::certificate_row;
using test::days;

const Time at = test::inventory_now;

/// Two expiring (one of them offends), one expired, one superseded, two revoked of which one this week, one that is fine.
void fill(sql::Connection& db) {
  struct Given {
    int number;
    const char* name;
    CertificateStatus status;
    int days_left, revoked_days_ago;
    const char* violation;
  };
  constexpr auto active = CertificateStatus::active, superseded = CertificateStatus::superseded,
                 revoked = CertificateStatus::revoked;
  const Given given[] = {{1, "soon.example.com", active, 5, 0, nullptr},
                         {2, "sooner.example.com", active, 2, 0, "Key size 2048 below minimum 3072"},
                         {3, "late.example.com", active, 31, 0, nullptr},
                         {4, "gone.example.com", active, -1, 0, "Key size 1024 below minimum 3072"},
                         {5, "old.example.com", superseded, 5, 0, nullptr},
                         {6, "bad.example.com", revoked, 5, 3, nullptr},
                         {7, "worse.example.com", revoked, 5, 8, nullptr}};
  for (const auto& g : given) {
    CertificateRow row = certificate_row(g.number, g.name);
    row.status = g.status;
    row.expires_at = at + days(g.days_left);
    row.renew_at = row.expires_at - days(30);
    if (g.status == revoked) {
      row.revoked_at = at - days(g.revoked_days_ago);
      row.revocation_reason = "superseded";
    }
    if (g.violation != nullptr) row.violations = Json(Json::Array{Json::object({{"message", g.violation}})});
    if (g.number == 1) row.hook_state = "pending";
    inventory::insert(db, row);
  }
  db.run(
      "INSERT INTO operations (request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, created_at, "
      "updated_at) VALUES ('req-1', 'issue', 'x', 'open', '{}', '', 'alice', 1, 0, 0), "
      "('req-2', 'issue', 'y', 'done', '{}', '', 'alice', 1, 0, 0)",
      {});
}

TEST_CASE("a report counts what its windows hold") {
  const test::TestDatabase db;
  fill(*db);
  const Report report = make_report(*db, default_window(at), 10);
  CHECK(report.active == 3);
  CHECK(report.expired == 1);
  CHECK(report.expiring == 2);
  CHECK(report.revoked == 1);
  CHECK(report.offending == 1);
  CHECK(report.due == 3);
  CHECK(report.hooks_pending == 1);
  CHECK(report.operations_open == 1);
  REQUIRE(report.expiring_items.size() == 2);
  CHECK(report.expiring_items[0].name == "sooner.example.com");
  CHECK(report.expiring_items[1].name == "soon.example.com");
  REQUIRE(report.revoked_items.size() == 1);
  CHECK(report.revoked_items[0].name == "bad.example.com");
  CHECK(report.revoked_items[0].note == "superseded");
  CHECK((report.revoked_items[0].revoked_at == at - days(3)));
  REQUIRE(report.offending_items.size() == 1);
  CHECK(report.offending_items[0].note == "Key size 2048 below minimum 3072");
}

TEST_CASE("both ends belong to a window") {
  const test::TestDatabase db;
  fill(*db);
  struct Row {
    Time from, to;
    int expiring;
  };
  const Row rows[] = {{at + days(2), at + days(5), 2},
                      {at + days(2) + Duration(1), at + days(5), 1},
                      {at + days(2), at + days(5) - Duration(1), 1},
                      {at - days(1), at - days(1), 1},
                      {at + days(5), at + days(2), 0}};
  for (const auto& row : rows) {
    auto window = default_window(at);
    window.expiring_from = row.from;
    window.expiring_to = row.to;
    CHECK(make_report(*db, window, 0).expiring == row.expiring);
  }
  auto window = default_window(at);
  window.revoked_from = window.revoked_to = at - days(8);
  CHECK(make_report(*db, window, 0).revoked_items.at(0).name == "worse.example.com");
}

TEST_CASE("compliance is never rounded up") {
  struct Row {
    std::int64_t active, offending;
    double want;
  };
  const Row rows[] = {{0, 0, 100},
                      {1, 0, 100},
                      {1, 1, 0},
                      {3, 1, 66.6},
                      {1000, 1, 99.9},
                      {1001, 1, 99.9},
                      {1'000'000, 1, 99.9},
                      {1'000'000, 999'999, 0}};
  for (const auto& row : rows) {
    Report report;
    report.active = row.active;
    report.offending = row.offending;
    CHECK(report.compliance_percent() == row.want);
  }
}

TEST_CASE("the text names both windows, counts and certificates") {
  const test::TestDatabase db;
  fill(*db);
  CHECK(report_text(make_report(*db, default_window(at), 1)) ==
        "Certificates at 2027-01-15T08:00:00Z\n"
        "  active                      3\n"
        "  expired                     1   not replaced\n"
        "  due for renewal             3\n"
        "  expiring                    2   2027-01-15T08:00:00Z to 2027-02-14T08:00:00Z\n"
        "  revoked                     1   2027-01-08T08:00:00Z to 2027-01-15T08:00:00Z\n"
        "  policy compliance       66.6%   1 offender\n"
        "  hooks pending               1\n"
        "  operations open             1\n"
        "\n"
        "Expiring, 2027-01-15T08:00:00Z to 2027-02-14T08:00:00Z\n"
        "  2027-01-17T08:00:00Z  in 2 days  sooner.example.com  alice  tls-server  4A:00:00:00:02  Key size 2048 below "
        "minimum 3072\n"
        "  and 1 more\n"
        "\n"
        "Revoked, 2027-01-08T08:00:00Z to 2027-01-15T08:00:00Z\n"
        "  2027-01-12T08:00:00Z  bad.example.com  alice  tls-server  4A:00:00:00:06  superseded\n"
        "\n"
        "Against the policy\n"
        "  2027-01-17T08:00:00Z  in 2 days  sooner.example.com  alice  tls-server  4A:00:00:00:02  Key size 2048 below "
        "minimum 3072\n");
}

TEST_CASE("the text of an empty inventory is short, large numbers are grouped") {
  const test::TestDatabase db;
  Report report = make_report(*db, default_window(at), 10);
  auto text = report_text(report);
  CHECK(text.find("policy compliance        100%   every active certificate complies\n") != std::string::npos);
  CHECK(text.ends_with("  operations open             0\n"));
  report.active = 1'234'567;
  report.due = 999;
  report.expired = 1000;
  text = report_text(report);
  CHECK(text.find("  active              1,234,567\n") != std::string::npos);
  CHECK(text.find("  due for renewal           999\n") != std::string::npos);
  CHECK(text.find("  expired                 1,000   not replaced\n") != std::string::npos);
}

TEST_CASE("JSON holds the same") {
  const test::TestDatabase db;
  fill(*db);
  const Json json = to_json(make_report(*db, default_window(at), 10));
  CHECK(json.at("active").integer() == 3);
  CHECK(json.at("policy_compliance_percent").real() == 66.6);
  CHECK(json.at("expiring_window").at("to").text() == "2027-02-14T08:00:00Z");
  CHECK(json.at("revoked_window").at("from").text() == "2027-01-08T08:00:00Z");
  CHECK(
      dump_json(json.at("revoked_certificates")) ==
      R"([{"cert_id":"cert-20270115080000-000000000006","name":"bad.example.com","owner":"alice",)"
      R"("profile":"tls-server","serial_number":"4A:00:00:00:06","expires_at":"2027-01-20T08:00:00Z","device":null,"slot":null,)"
      R"("revoked_at":"2027-01-12T08:00:00Z","reason":"superseded"}])");
  CHECK(json.at("offending_certificates").items().at(0).at("violations").text() == "Key size 2048 below minimum 3072");
  CHECK(json.at("expiring_certificates").items().size() == 2);
}

TEST_CASE("CSV has one row a listed certificate") {
  const test::TestDatabase db;
  fill(*db);
  const auto rows = parse_csv(report_csv(make_report(*db, default_window(at), 10)));
  REQUIRE(rows.size() == 5);
  const std::vector<std::string> heading = {"kind",       "cert_id",    "name", "owner",  "profile", "serial_number",
                                            "expires_at", "revoked_at", "note", "device", "slot"};
  CHECK((rows[0].fields == heading));
  std::string kinds;
  for (const auto& row : rows) kinds += row.fields.at(0) + " " + row.fields.at(2) + "\n";
  CHECK(kinds ==
        "kind name\nexpiring sooner.example.com\nexpiring soon.example.com\nrevoked bad.example.com\noffending "
        "sooner.example.com\n");
  CHECK(rows[3].fields.at(7) == "2027-01-12T08:00:00Z");
}

TEST_CASE("every figure of a report comes from an index") {
  const test::TestDatabase db;
  fill(*db);
  test::ExplainingConnection explaining(*db);
  make_report(explaining, default_window(at), 10);
  CHECK(explaining.take_indexes() ==
        "certificates_expiry certificates_expiry certificates_expiry certificates_revoked certificates_offending "
        "certificates_due certificates_due tracked_certificates_due certificates_hooks notifications_owed "
        "operations_open "
        "certificates_expiry certificates_revoked certificates_offending");
}

}  // namespace
