#include "report/charts.hpp"

#include <doctest/doctest.h>

#include "report/drawings.hpp"
#include "report/markup.hpp"
#include "report/page.hpp"
#include "report/prometheus.hpp"
#include "report/words.hpp"
#include "support/certificates.hpp"
#include "support/database.hpp"

namespace {
using namespace ymgr;
using test::certificate_row;
using test::days;

const Time at = test::inventory_now;  // a Friday

void insert(sql::Connection& db, int number, int days_left, const std::string& algorithm,
            CertificateStatus status = CertificateStatus::active) {
  CertificateRow row = certificate_row(number, "host" + std::to_string(number) + ".example.com");
  row.key_algorithm = algorithm;
  row.status = status;
  row.expires_at = at + days(days_left);
  row.renew_at = row.expires_at - days(30);
  inventory::insert(db, row);
}

int occurrences(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto place = text.find(part); place != std::string::npos; place = text.find(part, place + 1)) ++count;
  return count;
}

history::Week week(int number, std::int64_t offending) {
  history::Week week;
  week.week = history::week_of(at + days(7 * number));
  week.at = week.week + days(1);
  week.policy_version = "v" + std::to_string(number);
  week.active = 10;
  week.offending = offending;
  return week;
}

}  // namespace

TEST_CASE("a week begins on Monday, 00:00 UTC") {
  struct Row {
    const char *at, *week;
  };
  const Row rows[] = {{"2026-03-16T00:00:00Z", "2026-03-16"}, {"2026-03-15T23:59:59.999999Z", "2026-03-09"},
                      {"2026-03-22T23:59:59Z", "2026-03-16"}, {"2024-02-29T12:00:00Z", "2024-02-26"},
                      {"2027-01-01T00:00:00Z", "2026-12-28"}, {"1969-12-31T23:00:00Z", "1969-12-29"}};
  for (const auto& row : rows) {
    CAPTURE(row.at);
    CHECK(date_text(history::week_of(parse_time(row.at))) == row.week);
  }
}

TEST_CASE("the first record of a week stays, and weeks come back in order") {
  const test::TestDatabase db;
  CHECK(history::weeks(*db, 10).empty());
  CHECK(history::record(*db, week(3, 2), "alice"));
  CHECK(history::record(*db, week(1, 1), "alice"));
  CHECK_FALSE(history::record(*db, week(3, 9), "bob"));
  auto weeks = history::weeks(*db, 10);
  REQUIRE(weeks.size() == 2);
  CHECK(weeks[0].policy_version == "v1");
  CHECK(weeks[1].offending == 2);
  CHECK(weeks[1].compliance_percent() == 80);
  weeks = history::weeks(*db, 1);
  REQUIRE(weeks.size() == 1);
  CHECK(weeks[0].policy_version == "v3");
}

TEST_CASE("charts count statuses, algorithms and the days of twelve months") {
  const test::TestDatabase db;
  insert(*db, 1, 60, "ec-p256");
  insert(*db, 2, 60, "ec-p256");
  insert(*db, 3, 20, "rsa-3072");
  insert(*db, 4, -1, "ed25519");
  insert(*db, 5, 60, "ec-p256", CertificateStatus::superseded);
  insert(*db, 6, 60, "ec-p256", CertificateStatus::revoked);
  insert(*db, 7, 351, "ec-p256");  // 2028-01-01
  const Report report = make_report(*db, default_window(at), 0);
  const auto charts = make_charts(*db, report);
  const std::pair<const char*, int> statuses[] = {
      {"good", 3}, {"due", 1}, {"expired", 1}, {"superseded", 1}, {"revoked", 1}};
  for (std::size_t i = 0; i < 5; ++i) {
    CAPTURE(statuses[i].first);
    CHECK(charts.statuses[i].name == statuses[i].first);
    CHECK(charts.statuses[i].count == statuses[i].second);
  }
  REQUIRE(charts.algorithms.size() == 2);
  CHECK(charts.algorithms[0].name == "ec-p256");
  CHECK(charts.algorithms[0].count == 3);
  CHECK(charts.calendar.days.size() == 365);
  CHECK(charts.calendar.days[14 + 20] == 1);  // 2027-02-04
  CHECK(charts.calendar.days[14 + 60] == 2);  // 2027-03-16
  CHECK(charts.calendar.of_month(0) == 0);
  CHECK(charts.calendar.of_month(1) == 1);
  CHECK(charts.calendar.of_month(2) == 2);
  CHECK(charts.calendar.of_month(11) == 0);
  CHECK(charts.calendar.later == 1);
  Json document = Json::object();
  add_to_json(charts, document);
  CHECK(dump_json(document.at("calendar")) ==
        R"([{"date":"2027-02-04","certificates":1},{"date":"2027-03-16","certificates":2}])");
}

TEST_CASE("a day is as dark as its share of the busiest") {
  struct Row {
    std::int64_t count, busiest;
    int shade;
  };
  const Row rows[] = {{0, 0, 0},    {0, 8, 0},    {1, 1, 4},    {1, 100, 1},  {12, 100, 1},
                      {13, 100, 2}, {25, 100, 3}, {49, 100, 3}, {50, 100, 4}, {100, 100, 4}};
  for (const auto& row : rows) {
    CAPTURE(row.count);
    CHECK(drawings::shade(row.count, row.busiest) == row.shade);
  }
}

TEST_CASE("a week without a record is a gap in the line, and a single week a point") {
  CHECK(occurrences(drawings::trend({}), "<circle") == 0);
  CHECK(occurrences(drawings::trend({week(1, 0)}), "<polyline") == 0);
  const auto drawn = drawings::trend({week(1, 0), week(2, 1), week(4, 2), week(5, 3), week(7, 4)});
  CHECK(occurrences(drawn, "<polyline") == 2);
  CHECK(occurrences(drawn, "<circle") == 5);
}

TEST_CASE("nothing of the inventory becomes markup") {
  CHECK(markup::escape("<a href=\"x\" o='y'>&\n\x1b") == "&lt;a href=&quot;x&quot; o=&#39;y&#39;&gt;&amp;??");
  CHECK(markup::element("a", {{"b", "\"><c>"}}, "<d>") == "<a b=\"&quot;&gt;&lt;c&gt;\"><d></a>");
  CHECK(markup::coordinate(1.0 / 3) == "0.33");
  CHECK(markup::coordinate(-0.001) == "0");
  CHECK(markup::coordinate(120) == "120");
  const test::TestDatabase db;
  insert(*db, 1, 5, "<b>ec");
  const Report report = make_report(*db, default_window(at), 0);
  const auto page = report_page(report, make_charts(*db, report), {"<host>", "<v1>", "<ymgr>"});
  for (const auto* part : {"<b>ec", "<host>", "<v1>", "<ymgr>", "<script"}) CHECK(occurrences(page, part) == 0);
  CHECK(occurrences(page, "&lt;b&gt;ec") > 0);
}

TEST_CASE("values of labels are what Prometheus reads back") {
  CHECK(prometheus::label_value("a\"b\\c\nd") == R"("a\"b\\c?d")");
  CHECK(prometheus::label_value("") == "\"\"");
}

TEST_CASE("every metric says once what it is, and has a sample for each certificate that stands") {
  const test::TestDatabase db;
  insert(*db, 1, 60, "ec-p256");
  insert(*db, 2, -1, "ec-p256");
  insert(*db, 3, 60, "ec-p256", CertificateStatus::revoked);
  const Report report = make_report(*db, default_window(at), 0);
  std::string text;
  prometheus::write_metrics(*db, report, make_charts(*db, report).statuses, {{}, {}, "v1", "0"},
                            [&](std::string_view more) { text += more; });
  CHECK(occurrences(text, "\nymgr_certificate_not_after_timestamp_seconds{") == 2);
  CHECK(occurrences(text, "\nymgr_certificate_renew_at_timestamp_seconds{") == 2);
  CHECK(occurrences(text, "# TYPE ymgr_certificate_not_after_timestamp_seconds gauge\n") == 1);
  CHECK(occurrences(text, "\nymgr_policy_compliance_ratio{policy_version=\"v1\"} 1\n") == 1);
}

TEST_CASE("figures read as people write them") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1'234'567) == "1,234,567");
  CHECK(percent_text(66.6) == "66.6%");
  CHECK(percent_text(100) == "100%");
  CHECK(percent_of(1, 3) == 33.3);
  CHECK(percent_of(0, 0) == 100);
  CHECK(certificates_text(1) == "1 certificate");
}
