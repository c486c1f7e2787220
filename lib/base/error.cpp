#include "base/error.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>

namespace ymgr {
namespace {

constexpr CodeInfo table[] = {
#define YMGR_ERROR(id, text, kind, sentence, explanation) {Code::id, text, Kind::kind, sentence, explanation},
#include "base/error_codes.def"
#undef YMGR_ERROR
};

Code code_of(int error_number) noexcept {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EIO: return Code::disk_unusable;
    case ENOENT: return Code::file_not_found;
    case EACCES:
    case EPERM: return Code::file_denied;
    default: return Code::system_error;
  }
}

std::string hint_of(Code code) {
  switch (code) {
    case Code::disk_unusable: return "free space or make the file system writable, then run the same command again";
    case Code::file_not_found: return "check the path";
    case Code::file_denied: return "check owner and mode of the file and of the folders above it";
    default: return {};
  }
}

}  // namespace

const CodeInfo& info(Code code) noexcept {
  return table[static_cast<std::size_t>(code)];
}

std::span<const CodeInfo> all_codes() noexcept {
  return table;
}

const CodeInfo* find_code(std::string_view text) noexcept {
  const auto* row = std::ranges::find(table, text, &CodeInfo::text);
  return row == std::end(table) ? nullptr : row;
}

Error::Error(Code code, std::string message, std::string hint, Details details, Outcome outcome)
    : code_(code),
      message_(std::move(message)),
      hint_(std::move(hint)),
      details_(std::move(details)),
      outcome_(outcome) {}

std::string Error::suggestion() const {
  if (const std::string* own = detail("suggestion")) return *own;
  return hint_.empty() ? std::string(info(code_).explanation) : hint_;
}

const std::string* Error::detail(std::string_view name) const noexcept {
  const auto found = std::ranges::find(details_, name, &Details::value_type::first);
  return found == details_.end() ? nullptr : &found->second;
}

bool retryable(Code code) noexcept {
  switch (code) {
    case Code::device_not_found:
    case Code::device_removed:
    case Code::device_busy:
    case Code::device_failed:
    case Code::touch_timeout: return true;
    default: return info(code).kind == Kind::unreachable;
  }
}

int exit_status(Kind kind) noexcept {
  return static_cast<int>(kind) + 1;
}

Error system_error(std::string_view action, std::string_view path, int error_number) {
  std::string reason = std::system_category().message(error_number);
  if (!reason.empty() && reason != "Success") {
    reason.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(reason.front())));
  }
  const Code code = code_of(error_number);
  return Error(code, "cannot " + std::string(action) + " " + std::string(path) + ": " + reason, hint_of(code),
               {{"path", std::string(path)}});
}

}  // namespace ymgr
