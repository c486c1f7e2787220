// Questions to the person at the terminal, whatever standard input and output are.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/secret.hpp"

namespace ymgr::cli {

class Terminal {
 public:
  /// nullopt: the process has no terminal.
  static std::optional<Terminal> open();
  /// One line, without its end. @throws Error interrupted; input-needed: the terminal was closed
  std::string ask(std::string_view question);
  /// The same without echo, which comes back on every way out.
  Secret ask_secret(std::string_view question);

 private:
  explicit Terminal(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace ymgr::cli
