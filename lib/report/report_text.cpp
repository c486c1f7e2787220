#include <algorithm>

#include "base/text.hpp"
#include "report/report.hpp"
#include "report/words.hpp"

namespace ymgr {
namespace {

constexpr std::size_t label_width = 18, number_width = 11;

std::string span_text(Time from, Time to) {
  return format_time(from) + " to " + format_time(to);
}

std::string line(std::string_view label, const std::string& number, const std::string& note) {
  std::string text = "  " + std::string(label);
  text.resize(2 + label_width, ' ');
  text.append(number_width - std::min(number_width, number.size()), ' ').append(number);
  if (!note.empty()) text += "   " + note;
  return text + "\n";
}

std::string offenders(const Report& report) {
  if (report.offending == 0) return "every active certificate complies";
  return grouped(report.offending) + (report.offending == 1 ? " offender" : " offenders");
}

std::string waiting(const Report& report) {
  return report.due_on_devices == 0 ? "" : grouped(report.due_on_devices) + " with a key in a YubiKey";
}

using Cells = std::vector<std::string>;

/// Columns as wide as their widest cell, two blanks apart, none after the last.
std::string table(const std::vector<Cells>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string out = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      out.append(widths[i] - display_width(row[i]) + 2, ' ');
    }
    text += out.substr(0, out.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string section(const std::string& title, std::int64_t total, const std::vector<ReportItem>& items,
                    const std::function<Cells(const ReportItem&)>& lead) {
  if (items.empty()) return {};
  std::vector<Cells> rows;
  for (const auto& item : items) {
    Cells row = lead(item);
    for (const auto* cell : {&item.name, &item.owner, &item.profile, &item.serial, &item.note}) {
      row.push_back(printable(*cell));
    }
    rows.push_back(std::move(row));
  }
  std::string text = "\n" + title + "\n" + table(rows);
  const auto hidden = total - static_cast<std::int64_t>(items.size());
  if (hidden > 0) text += "  and " + grouped(hidden) + " more\n";
  return text;
}

}  // namespace

std::string report_text(const Report& report) {
  const auto& window = report.window;
  const std::string expiring = span_text(window.expiring_from, window.expiring_to);
  const std::string revoked = span_text(window.revoked_from, window.revoked_to);
  const auto expiry = [&](const ReportItem& item) {
    return Cells{format_time(item.expires_at), describe_distance(window.at, item.expires_at)};
  };
  return "Certificates at " + format_time(window.at) + "\n" + line("active", grouped(report.active), "") +
         line("expired", grouped(report.expired), report.expired > 0 ? "not replaced" : "") +
         line("due for renewal", grouped(report.due), waiting(report)) +
         line("expiring", grouped(report.expiring), expiring) + line("revoked", grouped(report.revoked), revoked) +
         (report.tracked > 0
              ? line("from elsewhere", grouped(report.tracked), "watched: cert list --select status=tracked")
              : "") +
         line("policy compliance", percent_text(report.compliance_percent()), offenders(report)) +
         line("hooks pending", grouped(report.hooks_pending), "") +
         (report.notices_owed > 0 ? line("notices owed", grouped(report.notices_owed), "") : "") +
         line("operations open", grouped(report.operations_open), "") +
         section("Expiring, " + expiring, report.expiring, report.expiring_items, expiry) +
         section("Revoked, " + revoked, report.revoked, report.revoked_items,
                 [](const ReportItem& item) { return Cells{format_time(item.revoked_at.value_or(Time()))}; }) +
         section("Against the policy", report.offending, report.offending_items, expiry);
}

}  // namespace ymgr
