// One exception type for the whole program. Thrown deep; shown in three places: cli/main.cpp, the engine's guard, which ends
// one item and not the batch, and the HTTP server. Elsewhere it is caught to clean up, or to become part of an answer.
#pragma once
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ymgr {

/// Becomes the exit status (see exit_status).
enum class Kind { failure, usage, not_found, denied, policy, device, pin, unreachable };

/// One row of error_codes.def.
enum class Code {
#define YMGR_ERROR(id, text, kind, sentence, explanation) id,
#include "base/error_codes.def"
#undef YMGR_ERROR
};

struct CodeInfo {
  Code code;
  std::string_view text;  // "csr-bad-signature": what JSON, `ymgr explain` and the agent's problem types show
  Kind kind;
  std::string_view sentence;     // one sentence, shown by `ymgr explain`
  std::string_view explanation;  // what to do, one or more sentences
};

const CodeInfo& info(Code code) noexcept;
/// Every row, in the table's order.
std::span<const CodeInfo> all_codes() noexcept;
/// nullptr: no such code.
const CodeInfo* find_code(std::string_view text) noexcept;

/// The same command may work later: unreachable backends, full disks, busy databases; a YubiKey that is absent, busy, was pulled out
/// or was not touched.
bool retryable(Code code) noexcept;

/// Name and value pairs for JSON: policy_version, tries_left, file, line. Never a secret.
using Details = std::vector<std::pair<std::string, std::string>>;

enum class Outcome { known, unknown };

class Error : public std::exception {
 public:
  /// @param message  what failed, on what: lower case, no full stop, never a secret
  /// @param hint     the next thing to try; may be empty
  Error(Code code, std::string message, std::string hint = {}, Details details = {}, Outcome outcome = Outcome::known);
  Code code() const noexcept { return code_; }
  Kind kind() const noexcept { return info(code_).kind; }
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& hint() const noexcept { return hint_; }
  /// The hint, or what the table says to do; never empty.
  std::string suggestion() const;
  const Details& details() const noexcept { return details_; }
  /// nullptr when absent.
  const std::string* detail(std::string_view name) const noexcept;
  /// The effect may have happened: look before doing it again.
  bool outcome_unknown() const noexcept { return outcome_ == Outcome::unknown; }
  bool retryable() const noexcept { return ymgr::retryable(code_); }

 private:
  Code code_;
  std::string message_, hint_;
  Details details_;
  Outcome outcome_;
};

/// failure 1 · usage 2 · not_found 3 · denied 4 · policy 5 · device 6 · pin 7 · unreachable 8
int exit_status(Kind kind) noexcept;

/// The Error for a failed system call: disk full, read-only, quota and I/O errors are unreachable (`disk-unusable`),
/// a missing file `file-not-found`, a forbidden one `file-denied`, anything else `system-error`.
/// @param action  "write", @param path  what it was done to
Error system_error(std::string_view action, std::string_view path, int error_number);

}  // namespace ymgr
