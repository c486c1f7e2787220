// What the library wants to tell a person while it works: the library itself never prints.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace ymgr {

class Notices {
 public:
  virtual ~Notices() = default;
  virtual void warn(std::string_view message) = 0;
  /// Only shown with --verbose.
  virtual void detail(std::string_view message) = 0;
  /// done of total; a terminal shows a bar.
  virtual void progress(std::size_t done, std::size_t total) = 0;
};
/// Swallows everything.
Notices& no_notices() noexcept;

}  // namespace ymgr
