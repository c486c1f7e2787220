#include <array>

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/types.hpp"

namespace ymgr {
namespace {

/// By number; 7 does not exist.
constexpr std::array<std::string_view, 11> names = {
    "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
    "superseded",    "cessationOfOperation", "certificateHold", "",
    "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};

std::string right_ones() {
  std::string text = "use a name or its number:";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == 7 || i == 8) continue;
    text += (i == 0 ? " " : ", ") + std::string(names[i]) + " " + std::to_string(i);
  }
  return text;
}

}  // namespace

std::string_view to_string(Reason reason) noexcept {
  return names[static_cast<std::size_t>(reason)];
}

std::optional<Reason> reason_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!name.empty() && name == names[i]) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

Reason parse_reason(std::string_view text) {
  const auto number = parse_number(text);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool named = !names[i].empty() && lower(text) == lower(names[i]);
    if (!named && number != static_cast<std::int64_t>(i)) continue;
    if (i == 7) throw Error(Code::reason_invalid, "revocation reason 7 does not exist", right_ones());
    if (i == 8) throw Error(Code::reason_invalid, "removeFromCRL is no reason to revoke", "lift a hold with --unhold");
    return static_cast<Reason>(i);
  }
  throw Error(Code::reason_invalid, "\"" + printable(text.substr(0, 80)) + "\" is not a revocation reason",
              right_ones());
}

}  // namespace ymgr
