#include "report/weekly_mail.hpp"

#include "report/words.hpp"

namespace ymgr {
namespace {

std::string subject(const Report& report) {
  return "Certificates, week of " + date_text(history::week_of(report.window.at)) + ": " + grouped(report.active) +
         " active, " + grouped(report.expiring) + " expiring, " + grouped(report.revoked) + " revoked, " +
         percent_text(report.compliance_percent()) + " compliant";
}

}  // namespace

mail::Message weekly_message(const Report& report, const ReportCharts& charts, const PageFacts& facts) {
  const Time at = report.window.at;
  const std::string text = report_text(report) + "\nPolicy " + facts.policy_version + ". Made on " + facts.host +
                           " by " + facts.program + ".\n";
  return {.subject = subject(report),
          .text = text,
          .html = report_page(report, charts, facts),
          .attachments = {{"certificates-" + date_text(at) + ".csv", "text/csv; charset=utf-8", report_csv(report)}},
          .id = "report-" + format_compact(at),
          .date = at};
}

}  // namespace ymgr
