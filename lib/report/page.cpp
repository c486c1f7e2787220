#include "report/page.hpp"

#include <algorithm>

#include "report/drawings.hpp"
#include "report/markup.hpp"
#include "report/words.hpp"

namespace ymgr {
namespace {

using markup::element;
using markup::word;

struct Style {
  std::string_view name, text;
};
constexpr Style styles[] = {
#include "report/page.inc"
};

/// What is not named here a browser must not fetch or run.
constexpr std::string_view content_policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

using Cells = std::vector<std::string>;  // markup

std::string row(std::string_view cell, const Cells& cells, std::string_view scope = {}) {
  std::string content;
  for (const auto& text : cells)
    content += scope.empty() ? element(cell, {}, text) : element(cell, {{"scope", std::string(scope)}}, text);
  return element("tr", {}, content);
}

/// The first column is the row's header.
std::string table(std::string_view caption, const std::vector<std::string>& header, const std::vector<Cells>& rows) {
  std::string body;
  for (const auto& cells : rows) {
    const Cells others(cells.begin() + 1, cells.end());
    std::string line = element("th", {{"scope", "row"}}, cells.front());
    for (const auto& cell : others) line += element("td", {}, cell);
    body += element("tr", {}, line);
  }
  return element(
      "table", {},
      word("caption", {}, caption) + element("thead", {}, row("th", header, "col")) + element("tbody", {}, body));
}

/// Long and wide ones scroll; somebody without a mouse gets there by the tab key.
std::string scrolling(std::string_view label, std::string_view kind, const std::string& content) {
  return element(
      "div", {{"class", std::string(kind)}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", std::string(label)}},
      content);
}

std::string day(Time at) {
  return word("time", {}, date_text(at));
}

/// @param note  markup
std::string tile(std::string_view kind, std::string_view label, const std::string& number, std::string_view note) {
  return element(
      "div", {{"class", "tile " + std::string(kind)}},
      word("dt", {}, label) + word("dd", {{"class", "figure"}}, number) + element("dd", {{"class", "note"}}, note));
}

std::string tiles(const Report& report) {
  const auto& window = report.window;
  const auto kind = [](std::int64_t count, std::string_view bad) { return count > 0 ? bad : std::string_view("fine"); };
  const auto hooks = (report.hooks_pending == 0 ? std::string("no hook is owed")
                                                : grouped(report.hooks_pending) + " deploy hooks are owed") +
                     (report.due_on_devices == 0 ? "" : "; " + grouped(report.due_on_devices) + " on YubiKeys");
  const auto elsewhere =
      report.tracked == 0 ? std::string() : "; " + grouped(report.tracked) + " from elsewhere are watched";
  const auto offenders = report.offending == 0 ? std::string("every active certificate complies")
                                               : grouped(report.offending) + " against the policy";
  return element("dl", {{"class", "tiles"}},
                 tile("plain", "Active", grouped(report.active), "neither expired nor replaced" + elsewhere) +
                     tile(kind(report.expiring, "plain"), "Expiring", grouped(report.expiring),
                          day(window.expiring_from) + " to " + day(window.expiring_to)) +
                     tile(kind(report.due, "warn"), "Due for renewal", grouped(report.due), hooks) +
                     tile(kind(report.expired, "bad"), "Expired", grouped(report.expired), "and not replaced") +
                     tile("plain", "Revoked", grouped(report.revoked),
                          day(window.revoked_from) + " to " + day(window.revoked_to)) +
                     tile(kind(report.offending, "warn"), "Policy compliance",
                          percent_text(report.compliance_percent()), offenders));
}

std::string card(std::string_view kind, std::string_view title, std::string_view lead, const std::string& content) {
  const std::string id = std::string(kind) + "-heading";
  return element(
      "section", {{"class", "card " + std::string(kind)}, {"aria-labelledby", id}},
      word("h2", {{"id", id}}, title) + (lead.empty() ? "" : word("p", {{"class", "lead"}}, lead)) + content);
}

std::string beside(const std::string& chart, const std::string& other) {
  return element("div", {{"class", "split"}}, element("figure", {}, chart) + other);
}

std::string legend() {
  std::string content = word("span", {}, "fewer");
  for (const char level : {'0', '1', '2', '3', '4'})
    content += element(
        "svg", {{"viewBox", "0 0 12 12"}, {"aria-hidden", "true"}},
        element("rect", {{"class", std::string("heat-") + level}, {"width", "12"}, {"height", "12"}, {"rx", "3"}}, ""));
  return element("p", {{"class", "legend"}}, content + word("span", {}, "more"));
}

std::string calendar_lead(const ExpiryCalendar& calendar) {
  std::int64_t all = 0;
  for (const auto count : calendar.days) all += count;
  if (all + calendar.later == 0) return "No active certificate expires: there is none.";
  std::string text = certificates_text(all) + (all == 1 ? " expires" : " expire") + " in these twelve months";
  if (const auto busiest = std::ranges::max_element(calendar.days); *busiest > 0) {
    const Time day = calendar.begin + std::chrono::days(busiest - calendar.days.begin());
    text += ", most on " + date_text(day) + ": " + grouped(*busiest);
  }
  return text + (calendar.later > 0 ? "; " + grouped(calendar.later) + " later." : ".");
}

std::string calendar_card(const Report& report, const ExpiryCalendar& calendar) {
  std::vector<Cells> rows;
  for (int month = 0; month < calendar_months; ++month) {
    const Time first = std::chrono::sys_days((calendar.first + std::chrono::months(month)) / std::chrono::day(1));
    rows.push_back({date_text(first).substr(0, 7), grouped(calendar.of_month(month))});
  }
  rows.push_back({"later", grouped(calendar.later)});
  return card("expiry", "Expiry calendar", calendar_lead(calendar),
              beside(drawings::calendar(calendar, report.window.at) + legend(),
                     table("Expiring by month", {"Month", "Certificates"}, rows)));
}

std::string share(std::int64_t part, std::int64_t all) {
  return all == 0 ? "0%" : percent_text(percent_of(part, all));
}

std::string status_card(const std::vector<NamedCount>& statuses) {
  std::int64_t all = 0;
  for (const auto& one : statuses) all += one.count;
  std::vector<Cells> rows;
  for (const auto& one : statuses)
    rows.push_back({element("span", {{"class", "swatch " + one.name}}, "") + markup::escape(one.name),
                    grouped(one.count), share(one.count, all)});
  return card("status", "Status", "Every certificate that was ever issued.",
              beside(drawings::ring(statuses, all), table("By status", {"Status", "Certificates", "Share"}, rows)));
}

std::string algorithms_card(const std::vector<NamedCount>& algorithms, std::int64_t active) {
  std::vector<Cells> rows;
  for (const auto& one : algorithms)
    rows.push_back({markup::escape(one.name), grouped(one.count), share(one.count, active)});
  if (rows.empty()) return card("algorithms", "Key algorithms", "No certificate is active.", "");
  return card(
      "algorithms", "Key algorithms", "Of active certificates.",
      beside(drawings::bars(algorithms), table("By key algorithm", {"Algorithm", "Certificates", "Share"}, rows)));
}

/// This week's figures are those of now where nothing was recorded.
std::vector<history::Week> weeks_until_now(const Report& report, const ReportCharts& charts, const PageFacts& facts) {
  auto weeks = charts.weeks;
  const auto present = history::week_of(report, facts.policy_version);
  if (weeks.empty() || weeks.back().week < present.week) weeks.push_back(present);
  return weeks;
}

std::string trend_card(const std::vector<history::Week>& weeks, std::size_t recorded) {
  std::vector<Cells> rows;
  for (auto week = weeks.rbegin(); week != weeks.rend(); ++week)
    rows.push_back({date_text(week->week), percent_text(week->compliance_percent()), grouped(week->offending),
                    grouped(week->active), markup::escape(week->policy_version)});
  const std::string lead =
      weeks.size() > 1
          ? "Share of active certificates that keep the policy of their day, recorded by the weekly report."
          : "The history begins here: the weekly report records one point a week.";
  const std::string note =
      recorded < weeks.size() ? word("p", {{"class", "lead"}}, "The last point is of now and not recorded yet.") : "";
  return card(
      "history", "Compliance trend", lead,
      beside(drawings::trend(weeks) + note,
             scrolling("Compliance by week", "tall",
                       table("Compliance by week", {"Week of", "Compliance", "Against", "Active", "Policy"}, rows))));
}

struct ItemList {
  std::string_view kind, title, none, note_title;
  const std::vector<ReportItem>& items;
  std::int64_t total;
};

std::string list_card(const ItemList& list, Time at) {
  if (list.items.empty()) return card(list.kind, list.title, list.none, "");
  std::vector<Cells> rows;
  for (const auto& item : list.items) {
    const Time when = item.revoked_at.value_or(item.expires_at);
    Cells cells = {markup::escape(item.name), word("time", {{"datetime", format_time(when)}}, date_text(when)),
                   markup::escape(describe_distance(at, when))};
    if (!list.note_title.empty()) cells.push_back(word("div", {{"class", "why"}}, item.note));
    cells.insert(cells.end(), {word("div", {{"class", "who"}}, item.owner), markup::escape(item.profile),
                               word("code", {}, item.serial)});
    rows.push_back(std::move(cells));
  }
  std::vector<std::string> header = {"Name", list.items.front().revoked_at ? "Revoked" : "Expires", "When"};
  if (!list.note_title.empty()) header.emplace_back(list.note_title);
  header.insert(header.end(), {"Owner", "Profile", "Serial number"});
  const auto hidden = list.total - static_cast<std::int64_t>(list.items.size());
  const std::string more = hidden > 0 ? word("p", {{"class", "lead"}}, "and " + grouped(hidden) + " more") : "";
  return card(list.kind, list.title, certificates_text(list.total),
              scrolling(list.title, "wide", table(list.title, header, rows)) + more);
}

std::string lists(const Report& report) {
  const Time at = report.window.at;
  return list_card(
             {"list", "Expiring soon", "Nothing expires in this window.", "", report.expiring_items, report.expiring},
             at) +
         list_card({"list", "Against the policy", "Every active certificate complies.", "Because",
                    report.offending_items, report.offending},
                   at) +
         list_card(
             {"list", "Revoked", "Nothing was revoked in this window.", "Reason", report.revoked_items, report.revoked},
             at);
}

std::string head(const Report& report) {
  return element("head", {},
                 "<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                 "<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"" +
                     markup::escape(content_policy) + "\">" +
                     word("title", {}, "Certificates, " + date_text(report.window.at)) +
                     element("style", {}, styles[0].text));
}

std::string header(const Report& report, const PageFacts& facts) {
  const std::string at = format_time(report.window.at);
  return element("header", {},
                 word("p", {{"class", "brand"}}, "ymgr") + word("h1", {}, "Certificate report") +
                     element("p", {{"class", "meta"}},
                             word("time", {{"datetime", at}}, at) + " on " + word("b", {}, facts.host) + ", policy " +
                                 word("b", {}, facts.policy_version)));
}

std::string footer(const PageFacts& facts) {
  return element("footer", {}, word("p", {}, "Made by " + facts.program + ". All dates are UTC."));
}

}  // namespace

std::string report_page(const Report& report, const ReportCharts& charts, const PageFacts& facts) {
  const auto weeks = weeks_until_now(report, charts, facts);
  const std::string main = header(report, facts) + tiles(report) + calendar_card(report, charts.calendar) +
                           element("div", {{"class", "pair"}},
                                   status_card(charts.statuses) + algorithms_card(charts.algorithms, report.active)) +
                           trend_card(weeks, charts.weeks.size()) + lists(report) + footer(facts);
  return "<!doctype html>\n" +
         element("html", {{"lang", "en"}}, head(report) + element("body", {}, element("main", {}, main))) + "\n";
}

}  // namespace ymgr
