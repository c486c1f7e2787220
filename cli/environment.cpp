#include "cli/environment.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"

namespace ymgr::cli {

std::optional<std::string> environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (!value || *value == '\0') return std::nullopt;
  return value;
}

std::string home_folder() {
  if (auto home = environment("HOME"); home && home->front() == '/') return *home;
  const passwd* entry = ::getpwuid(::getuid());
  if (entry && entry->pw_dir && entry->pw_dir[0] == '/') return entry->pw_dir;
  throw Error(Code::config_invalid, "this user has no home folder", "Set HOME, or YMGR_HOME to the profile's folder");
}

std::string xdg_folder(std::string_view variable, std::string_view fallback) {
  if (auto folder = environment(variable); folder && folder->front() == '/') return *folder;
  return home_folder() + "/" + std::string(fallback);
}

std::vector<std::string> environment_for_others() {
  constexpr std::string_view ours[] = {"VAULT_", "BAO_", "PG", "YMGR_", "CREDENTIALS_DIRECTORY="};
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (std::ranges::none_of(ours, [&](auto prefix) { return variable.starts_with(prefix); }))
      all.emplace_back(variable);
  }
  return all;
}

}  // namespace ymgr::cli
