// Secrets in texts: written and read in memory that clears itself.
#pragma once
#include <optional>
#include <string_view>

#include "base/secret.hpp"

namespace ymgr {

/// Fills a Secret whose size is chosen before.
class SecretWriter {
 public:
  explicit SecretWriter(std::size_t size) : out_(size) {}
  /// @throws Error internal: it does not fit
  void put(std::string_view bytes);
  /// As it stands between the quotes of a JSON string: at most six times as long.
  void put_escaped(std::string_view text);
  /// A JSON string.
  void put_quoted(std::string_view text);
  /// What was put; nothing can be put afterwards.
  Secret finish();

 private:
  Secret out_;
  std::size_t size_ = 0;
};

/// Takes what stands behind the backslash of a JSON string off `rest`. nullopt: not an escape, or beyond ASCII.
std::optional<char> take_json_escape(std::string_view& rest);

}  // namespace ymgr
