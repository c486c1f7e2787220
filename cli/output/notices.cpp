#include "cli/output/notices.hpp"

#include <string>

#include "base/text.hpp"
#include "cli/output/stream.hpp"

namespace ymgr::cli {

std::string notice_line(std::string_view kind, std::string_view message, bool color) {
  std::string line = "ymgr: ";
  if (color) line += kind == "error" ? "\033[1;31m" : kind == "warning" ? "\033[33m" : "\033[36m";
  line.append(kind).append(":");
  if (color) line += "\033[0m";
  return line + " " + printable(message) + "\n";
}

void TerminalNotices::warn(std::string_view message) {
  clear_bar();
  write_error(notice_line("warning", message, look_.color));
}

void TerminalNotices::detail(std::string_view message) {
  if (!look_.verbose) return;
  clear_bar();
  write_error("ymgr: " + printable(message) + "\n");
}

void TerminalNotices::progress(std::size_t done, std::size_t total) {
  if (!look_.bar || total == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && done < total && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  constexpr std::size_t width = 30;
  const std::size_t filled = done >= total ? width : width * done / total;
  write_error("\r[" + std::string(filled, '#') + std::string(width - filled, ' ') + "] " + std::to_string(done) + "/" +
              std::to_string(total));
  drawn_ = true;
  if (done >= total) clear_bar();
}

void TerminalNotices::clear_bar() noexcept {
  if (drawn_) write_error("\r\033[K");
  drawn_ = false;
}

}  // namespace ymgr::cli
