// Linked, not compiled in: the release links failpoint_off.cpp; the second ymgr of the tests links failpoint_on.cpp
// with the same objects otherwise.
#pragma once
#include <string_view>

namespace ymgr {

/// A place where the test build may kill the process, throw an error, or make the disk full. Does nothing in releases.
/// @param state  the step or effect   @param where  "before", "after", "marked"
void failpoint(std::string_view state, std::string_view where);
/// Called first in main with the environment's YMGR_FAILPOINT and YMGR_TEST_CLOCK; the release ignores both.
/// YMGR_FAILPOINT is kill@N | error@N | full@N for the N-th call of failpoint, counted across threads from 1, or several
/// of them with commas; an injected error has an unknown outcome at "after".
/// YMGR_TEST_CLOCK is an RFC 3339 time that now() starts from. Prints "failpoints: N" to the file named by
/// YMGR_FAILPOINT_COUNT at the end, so that a loop knows when it is through. @throws Error usage, time-invalid
void arm_failpoints();

}  // namespace ymgr
