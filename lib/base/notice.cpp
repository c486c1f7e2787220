#include "base/notice.hpp"

namespace ymgr {
namespace {

class Silence final : public Notices {
 public:
  void warn(std::string_view) override {}
  void detail(std::string_view) override {}
  void progress(std::size_t, std::size_t) override {}
};

}  // namespace

Notices& no_notices() noexcept {
  static constinit Silence silence;
  return silence;
}

}  // namespace ymgr
