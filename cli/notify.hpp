// What other commands tell people of.
#pragma once
#include "cli/invocation.hpp"
#include "workflow/notices.hpp"

namespace ymgr::cli {

/// Sends what is due after a run of `renew --due`, within the time limits of the channels. What keeps it from that is a warning, and
/// owed to the next run: the run itself ends as it would without. Nothing where no channel is set up, or the user has no right to.
/// @param watched  what else ends, as the run saw it; nullptr: it came to no answer
void tell_of_run(Invocation&, const notices::Failures& run, const std::vector<Watched>* watched);

/// renew_due with notices after it, also when it ends with an error. A dry run tells nobody.
RenewAnswer renew_due_and_tell(Invocation&, Workbench&, const DueOptions&, const RenewOptions&);

}  // namespace ymgr::cli
