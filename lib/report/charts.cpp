#include "report/charts.hpp"

#include <algorithm>

#include "report/words.hpp"

namespace ymgr {
namespace {

using std::chrono::sys_days;
constexpr std::int64_t recorded_weeks = 53;

std::int64_t count_where(sql::Connection& db, std::string_view condition, std::span<const sql::Value> params) {
  std::int64_t rows = 0;
  const std::string text = "SELECT count(*) FROM certificates " + std::string(condition);
  db.run(text, params, [&](const sql::Row& row) { rows = row.integer(0); });
  return rows;
}

std::vector<NamedCount> statuses(sql::Connection& db, const Report& report) {
  const std::int64_t all = count_where(db, "", {});
  const std::int64_t revoked = count_where(db, "WHERE status = 'revoked'", {});
  const std::int64_t not_due = report.active + report.expired - report.due;
  return {{"good", not_due},
          {"due", report.due - report.expired},
          {"expired", report.expired},
          {"superseded", all - revoked - report.active - report.expired},
          {"revoked", revoked}};
}

std::vector<NamedCount> algorithms(sql::Connection& db, Time at) {
  std::vector<NamedCount> counts;
  db.run(
      "SELECT key_algorithm, count(*) FROM certificates WHERE status = 'active' AND expires_at >= $1 GROUP BY "
      "key_algorithm",
      {to_micros(at)}, [&](const sql::Row& row) {
        counts.push_back({std::string(row.text(0)), row.integer(1)});
      });
  std::ranges::sort(counts, [](const NamedCount& a, const NamedCount& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  });
  return counts;
}

sys_days first_of(std::chrono::year_month month) {
  return sys_days(month / std::chrono::day(1));
}

ExpiryCalendar calendar_from(Time at) {
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(at));
  ExpiryCalendar calendar;
  calendar.first = today.year() / today.month();
  calendar.begin = first_of(calendar.first);
  calendar.end = first_of(calendar.first + std::chrono::months(calendar_months));
  calendar.days.resize(static_cast<std::size_t>((calendar.end - calendar.begin).count()));
  return calendar;
}

ExpiryCalendar calendar(sql::Connection& db, Time at) {
  auto calendar = calendar_from(at);
  const auto begin = to_micros(calendar.begin), end = to_micros(calendar.end);
  db.run(
      "SELECT expires_at / 86400000000, count(*) FROM certificates WHERE status = 'active' AND expires_at >= $1 AND "
      "expires_at < $2 GROUP BY expires_at / 86400000000",
      {to_micros(at), end}, [&](const sql::Row& row) {
        const auto day = row.integer(0) - begin / 86'400'000'000;
        calendar.days.at(static_cast<std::size_t>(day)) = row.integer(1);
      });
  const sql::Value later[] = {end};
  calendar.later = count_where(db, "WHERE status = 'active' AND expires_at >= $1", later);
  return calendar;
}

Json counts_json(const std::vector<NamedCount>& counts) {
  Json list = Json::array();
  for (const auto& [name, count] : counts) list.push(Json::object({{"name", name}, {"certificates", count}}));
  return list;
}

Json calendar_json(const ExpiryCalendar& calendar) {
  Json list = Json::array();
  for (std::size_t day = 0; day < calendar.days.size(); ++day) {
    if (calendar.days[day] == 0) continue;
    const Time at = calendar.begin + std::chrono::days(day);
    list.push(Json::object({{"date", date_text(at)}, {"certificates", calendar.days[day]}}));
  }
  return list;
}

Json week_json(const history::Week& week) {
  return Json::object({{"week", date_text(week.week)},
                       {"at", format_time(week.at)},
                       {"policy_version", week.policy_version},
                       {"policy_compliance_percent", week.compliance_percent()},
                       {"active", week.active},
                       {"expired", week.expired},
                       {"due", week.due},
                       {"expiring", week.expiring},
                       {"revoked", week.revoked},
                       {"offending", week.offending}});
}

}  // namespace

std::int64_t ExpiryCalendar::of_month(int month) const {
  const auto from = (first_of(first + std::chrono::months(month)) - begin).count();
  const auto to = (first_of(first + std::chrono::months(month + 1)) - begin).count();
  std::int64_t sum = 0;
  for (auto day = from; day < to; ++day) sum += days[static_cast<std::size_t>(day)];
  return sum;
}

ReportCharts make_charts(sql::Connection& db, const Report& report) {
  ReportCharts charts;
  db.transaction(sql::Access::read, [&] {
    const Time at = report.window.at;
    charts = {statuses(db, report), algorithms(db, at), calendar(db, at), history::weeks(db, recorded_weeks)};
  });
  return charts;
}

void add_to_json(const ReportCharts& charts, Json& document) {
  Json weeks = Json::array();
  for (const auto& week : charts.weeks) weeks.push(week_json(week));
  document.set("statuses", counts_json(charts.statuses));
  document.set("algorithms", counts_json(charts.algorithms));
  document.set("calendar", calendar_json(charts.calendar));
  document.set("expiring_later", charts.calendar.later);
  document.set("trend", std::move(weeks));
}

}  // namespace ymgr
