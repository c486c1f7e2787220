// The report as one HTML page that stands for itself: styles and charts inside, no script, nothing that is fetched.
#pragma once
#include <string>

#include "report/charts.hpp"
#include "report/report.hpp"

namespace ymgr {

struct PageFacts {
  std::string host;            // that made it
  std::string policy_version;  // in force
  std::string program;         // "ymgr 0.1.0"
};
/// For light and dark screens, and for paper.
std::string report_page(const Report&, const ReportCharts&, const PageFacts&);

}  // namespace ymgr
