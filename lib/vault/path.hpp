// Paths of Vault's API, made of checked parts: a part can't reach another path than it names.
#pragma once
#include <string>
#include <string_view>

namespace ymgr::vault {

/// Below /v1/. Two '/' in a row, "." and ".." would be cleaned away by the server, which then answers for another path; "%2F" is a
/// separator to it.
class Path {
 public:
  /// A fixed path, or a mount, an auth method's mount, a namespace: "pki", "team1/pki", "auth/userpass". Slashes at its ends are dropped.
  /// @throws Error usage: an empty part, "." or "..", or a control character
  explicit Path(std::string_view parts);
  /// One part more. @throws Error usage: as above, or a slash in it
  Path operator/(std::string_view part) const&;
  Path operator/(std::string_view part) &&;
  /// Several parts more: "12345678/pin".
  Path operator+(std::string_view parts) const;
  /// A parameter of the query, any text.
  Path& ask(std::string_view name, std::string_view value);

  /// As policies write it: "yubikeys/data/12345678/pin".
  const std::string& text() const noexcept { return text_; }
  /// As a request line writes it, with the query.
  std::string url() const;

 private:
  void append(std::string_view part);

  std::string text_, query_;
};

/// Everything but letters, digits and "-._~" as %XX.
std::string percent_encode(std::string_view text, std::string_view kept = {});

}  // namespace ymgr::vault
