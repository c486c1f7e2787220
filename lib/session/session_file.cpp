#include "session/session_file.hpp"

#include <algorithm>

#include "session/lines.hpp"

namespace ymgr {
namespace {

constexpr std::string_view heading = "ymgr-session 1";
constexpr std::size_t secret_size = 32;

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
  Secret text =
      session::write_lines(heading, {{"id", file.session_id}, {"secret", base64}, {"profile", file.profile_id}});
  Secret::absorb(base64);
  return text;
}

std::optional<SessionFile> parse_session_file(std::string_view text) {
  using session::take_value;
  if (session::take_line(text) != heading) return std::nullopt;
  const auto id = take_value(text, "id");
  auto secret = session::take_secret(text, "secret");
  const auto profile = take_value(text, "profile");
  if (!id || !session::is_session_id(*id) || !secret || secret->size() != secret_size || !profile ||
      !is_profile_id(*profile) || !text.empty())
    return std::nullopt;
  return SessionFile{std::string(*id), std::move(*secret), std::string(*profile)};
}

}  // namespace ymgr
