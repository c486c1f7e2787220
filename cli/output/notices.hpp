// Warnings, details and progress on standard error.
#pragma once
#include <chrono>
#include <string_view>

#include "base/notice.hpp"

namespace ymgr::cli {

struct NoticeLook {
  bool color = false, verbose = false;
  bool bar = false;  // standard error is a terminal, and nobody said --quiet or --no-progress
};

class TerminalNotices final : public Notices {
 public:
  explicit TerminalNotices(NoticeLook look) noexcept : look_(look) {}
  ~TerminalNotices() override { clear_bar(); }
  void warn(std::string_view message) override;
  void detail(std::string_view message) override;
  void progress(std::size_t done, std::size_t total) override;

 private:
  void clear_bar() noexcept;

  NoticeLook look_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// "ymgr: warning: " in front, in colour or not; for errors and hints too.
std::string notice_line(std::string_view kind, std::string_view message, bool color);

}  // namespace ymgr::cli
