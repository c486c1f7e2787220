#include "base/failpoint.hpp"

namespace ymgr {
void failpoint(std::string_view, std::string_view) {}
void arm_failpoints() {}
}  // namespace ymgr
