// The weekly report as a mail.
#pragma once
#include "report/mail.hpp"
#include "report/page.hpp"

namespace ymgr {

/// Text as `ymgr report` prints it, the page for programs that show it, and the listed certificates as CSV.
mail::Message weekly_message(const Report&, const ReportCharts&, const PageFacts&);

}  // namespace ymgr
