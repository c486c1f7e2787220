#include "base/ids.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_lower_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

bool is_generated(std::string_view kind, std::string_view text) noexcept {
  if (text.size() != kind.size() + 28 || !text.starts_with(kind)) return false;
  const std::string_view rest = text.substr(kind.size());
  return rest[0] == '-' && std::ranges::all_of(rest.substr(1, 14), is_digit) && rest[15] == '-' &&
         std::ranges::all_of(rest.substr(16), is_lower_hex);
}

std::string swap_kind(std::string_view id, std::string_view from, std::string_view to) {
  return is_generated(from, id) ? std::string(to) + std::string(id.substr(from.size())) : std::string(id);
}

}  // namespace

std::string new_id(std::string_view kind, Time at) {
  return std::string(kind) + "-" + format_compact(at) + "-" + to_hex(random_bytes(6));
}

std::string resume_id(std::string_view request_id) {
  return swap_kind(request_id, "req", "resume");
}

std::string request_id(std::string_view resume_or_request_id) {
  return swap_kind(resume_or_request_id, "resume", "req");
}

std::string numbered_id(std::string_view request_id, int number) {
  const std::string end = "-" + std::to_string(number);
  if (request_id.size() + end.size() <= longest_request_id) return std::string(request_id) + end;
  const std::string own = "-" + hex(sha256(request_id)).substr(0, 16) + end;
  return std::string(request_id.substr(0, longest_request_id - own.size())) + own;
}

bool is_id(std::string_view kind, std::string_view text) noexcept {
  if (kind != "req") return is_generated(kind, text);
  return !text.empty() && text.size() <= longest_request_id && (is_letter(text[0]) || is_digit(text[0])) &&
         std::ranges::all_of(text,
                             [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace ymgr
