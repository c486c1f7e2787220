#include "session/session_file.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace ymgr {
namespace {

constexpr std::string_view heading = "ymgr-session 1";
constexpr std::size_t id_size = 32, secret_size = 32;

bool is_session_id(std::string_view text) noexcept {
  return text.size() == id_size &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// The next line without its LF, which the last one may lack.
std::string_view take_line(std::string_view& rest) noexcept {
  const auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return line;
}

std::optional<std::string_view> take_value(std::string_view& rest, std::string_view name) noexcept {
  const auto line = take_line(rest);
  if (!line.starts_with(name) || line.substr(name.size(), 1) != " ") return std::nullopt;
  return line.substr(name.size() + 1);
}

std::optional<Secret> decode_secret(std::string_view base64) {
  auto bytes = from_base64(base64);
  if (!bytes) return std::nullopt;
  Secret secret = Secret::absorb(*bytes);
  if (secret.size() != secret_size) return std::nullopt;
  return secret;
}

}  // namespace

bool is_profile_id(std::string_view text) noexcept {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= 64 && text.front() != '.' && std::all_of(text.begin(), text.end(), fits);
}

Secret format_session_file(const SessionFile& file) {
  std::string base64 = to_base64(file.secret.reveal());
  const std::array parts{std::string_view(heading),         std::string_view("\nid "),
                         std::string_view(file.session_id), std::string_view("\nsecret "),
                         std::string_view(base64),          std::string_view("\nprofile "),
                         std::string_view(file.profile_id), std::string_view("\n")};
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  Secret text(size);
  auto to = text.fill().begin();
  for (const auto part : parts) to = std::copy(part.begin(), part.end(), to);
  Secret::absorb(base64);
  return text;
}

std::optional<SessionFile> parse_session_file(std::string_view text) {
  if (take_line(text) != heading) return std::nullopt;
  const auto id = take_value(text, "id"), secret = take_value(text, "secret"), profile = take_value(text, "profile");
  if (!id || !is_session_id(*id) || !secret || !profile || !is_profile_id(*profile) || !text.empty()) {
    return std::nullopt;
  }
  auto bytes = decode_secret(*secret);
  if (!bytes) return std::nullopt;
  return SessionFile{std::string(*id), std::move(*bytes), std::string(*profile)};
}

}  // namespace ymgr
