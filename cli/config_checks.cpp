#include "cli/config_checks.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/config.hpp"
#include "license/license.hpp"

namespace ymgr::cli {
namespace {

void check_word(const std::string& value, std::string_view characters, std::string_view what) {
  if (!is_word_of(value, characters))
    throw Error(Code::config_invalid, "'" + printable(value) + "' is no " + std::string(what));
}
constexpr std::string_view name_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
constexpr std::string_view path_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/.";
constexpr std::string_view host_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/.:,[]";

}  // namespace

bool is_word_of(std::string_view value, std::string_view characters) noexcept {
  return !value.empty() && value.find_first_not_of(characters) == std::string_view::npos;
}

void check_folder(const std::string& value) {
  if (value.starts_with('/') || value.starts_with("~/")) return;
  throw Error(Code::config_invalid, "'" + value + "' is not an absolute path", "Begin it with / or ~/");
}
void check_format(const std::string& value) {
  parse_format(value);
}
void check_duration(const std::string& value) {
  parse_duration(value);
}
void check_renew_before(const std::string& value) {
  parse_renew_before(value);
}
void check_jobs(const std::string& value) {
  const auto jobs = parse_number(value);
  if (!jobs || *jobs < 1 || *jobs > 256)
    throw Error(Code::config_invalid, "'" + value + "' is not a number from 1 to 256");
}
void check_name(const std::string& value) {
  if (value.empty()) throw Error(Code::config_invalid, "a context needs a name");
}

void check_pin_mode(const std::string& value) {
  parse_pin_mode(value);
}
void check_tries(const std::string& value) {
  const auto tries = parse_number(value);
  if (!tries || *tries < 3 || *tries > 15)
    throw Error(Code::config_invalid, "'" + value + "' is not a number of tries from 3 to 15");
}
/// Paths one after another with colons between them, as in $PATH.
void check_files(const std::string& value) {
  if (value.empty()) return;
  for (const auto& path : split(value, ':')) check_folder(path);
}
/// Files, or keys themselves, with commas between them.
void check_vendor_keys(const std::string& value) {
  if (value.empty()) return;
  for (const auto& one : split(value, ','))
    if (!license::inline_vendor_key(one)) check_folder(one);
}

void check_addresses(const std::string& value) {
  if (value.empty()) return;
  for (const auto& address : split(value, ',')) {
    if (!address.starts_with("https://"))
      throw Error(Code::config_invalid, "'" + printable(address) + "' is no address of a Vault",
                  "It begins with https://; several stand with commas between them");
    check_word(address.substr(8), host_characters, "host and port");
  }
}
/// A mount or a namespace: segments with slashes between them.
void check_mount(const std::string& value) {
  check_word(value, path_characters, "path of a mount");
  if (value.starts_with('/') || value.ends_with('/') || value.find("//") != std::string::npos ||
      value.find("..") != std::string::npos)
    throw Error(Code::config_invalid, "'" + value + "' is no path of a mount", "Write it without slashes at its ends");
}
void check_namespace(const std::string& value) {
  if (!value.empty()) check_mount(value);
}
void check_file(const std::string& value) {
  if (!value.empty()) check_folder(value);
}
void check_role(const std::string& value) {
  if (!value.empty()) check_word(value, std::string(name_characters) + ".@", "name of a role");
}
void check_auth(const std::string& value) {
  check_word(value, name_characters, "way to log in");
}
void check_prefix(const std::string& value) {
  check_word(value, "abcdefghijklmnopqrstuvwxyz0123456789-_", "beginning of names");
  if (value.size() > 24) throw Error(Code::config_invalid, "'" + value + "' is too long: 24 characters at most");
}
void check_hosts(const std::string& value) {
  if (!value.empty()) check_word(value, host_characters, "host");
}
void check_port(const std::string& value) {
  for (const auto& text : split(value, ',')) {
    const auto port = parse_number(text);
    if (!port || *port < 1 || *port > 65535) throw Error(Code::config_invalid, "'" + printable(text) + "' is no port");
  }
}
void check_database(const std::string& value) {
  check_word(value, name_characters, "name of a database");
}
void check_domains(const std::string& value) {
  if (!value.empty()) check_word(value, std::string(path_characters) + ",:", "list of domains and networks");
}

void check_program(const std::string& value) {
  const auto words = split_words(value);
  if (words.empty() && !value.empty()) throw Error(Code::config_invalid, "no program is named");
  if (!words.empty()) check_folder(words.front());
}

}  // namespace ymgr::cli
