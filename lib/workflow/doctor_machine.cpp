#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <set>

#include "base/files.hpp"
#include "base/text.hpp"
#include "workflow/doctor_checks.hpp"
#include "workflow/installation.hpp"

namespace ymgr::doctor {
namespace {

constexpr std::string_view renewal_timer = "ymgr-renew.timer", renewal_service = "ymgr-renew.service";

bool can_be_run(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && (found.st_mode & 0111) != 0;
}

/// Through all links; the path itself where it can't be followed.
std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  return ::realpath(path.c_str(), real.data()) ? std::string(real.data()) : path;
}

/// Different files of that name, as a shell would find them.
std::vector<std::string> programs_named(const std::string& name, const std::vector<std::string>& path) {
  std::vector<std::string> found;
  for (const auto& folder : path) {
    const std::string candidate = folder + "/" + name;
    if (folder.empty() || !can_be_run(candidate)) continue;
    if (const auto real = real_path(candidate); std::ranges::find(found, real) == found.end()) found.push_back(real);
  }
  return found;
}

std::string folder_that_is_there(std::string path) {
  while (path.size() > 1 && !exists(path)) path.resize(std::max<std::size_t>(path.rfind('/'), 1));
  return path;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t mebibyte = 1024UL * 1024;
  return bytes < 10 * 1024 * mebibyte ? std::to_string(bytes / mebibyte) + " MiB"
                                      : std::to_string(bytes / (1024 * mebibyte)) + " GiB";
}

Finding room_in(const std::string& folder) {
  constexpr std::uint64_t little = 100UL * 1024 * 1024, none = 10UL * 1024 * 1024;
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0)
    return warning("nothing can be told of the disk of " + folder, "ls -ld " + shell_quote(folder));
  const std::string hint = "df -h " + shell_quote(folder);
  if ((disk.f_flag & ST_RDONLY) != 0)
    return failed("the disk of " + folder + " is mounted read-only", "findmnt -T " + shell_quote(folder));
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  const std::string text = size_text(free) + " free for " + folder;
  if (free < none) return failed(text, hint);
  if (disk.f_files > 0 && disk.f_favail < 100)
    return failed("no files can be made any more for " + folder, "df -i " + shell_quote(folder));
  return free < little ? warning(text, hint) : fine(text);
}

/// The line that runs renewals, if the file has one.
bool schedules_renewal(const std::string& path) {
  if (is_folder(path)) {
    return std::ranges::any_of(list_folder(path),
                               [&](const auto& name) { return schedules_renewal(path + "/" + name); });
  }
  try {
    const auto text = read_file_if_there(path, 1024UL * 1024);
    const auto lines = text ? split(*text, '\n') : std::vector<std::string>();
    return std::ranges::any_of(lines, [](const std::string& line) {
      return !trim(line).starts_with('#') && line.find("ymgr") != std::string::npos &&
             line.find("renew") != std::string::npos;
    });
  } catch (const Error&) {
    return false;  // of somebody else
  }
}

}  // namespace

Finding look_at_programs(const Patient& patient) {
  const auto found = programs_named("ymgr", patient.path);
  const std::string self = real_path(patient.program);
  if (found.size() > 1) {
    return warning("there are " + std::to_string(found.size()) + " programs of this name in PATH: " + some_of(found) +
                       "; this is " + self,
                   "remove the ones that are not meant, or change their order in PATH: type -a ymgr");
  }
  if (!found.empty() && found.front() != self)
    return warning("PATH leads to " + found.front() + ", but this is " + self, "type -a ymgr");
  const auto agents = programs_named("ymgr-agentd", patient.path);
  if (agents.size() > 1) return warning("there are several agents in PATH: " + some_of(agents), "type -a ymgr-agentd");
  return fine("ymgr " + patient.version + " at " + self);
}

Finding look_at_clock(const Patient& patient) {
  timex state{};
  const int found = ::adjtimex(&state);
  const std::string says = "the clock says " + format_time(patient.at);
  if (found < 0) return skipped("the kernel does not tell how the clock is kept");
  if (found == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
    return warning(says + ", and nothing keeps it right", "timedatectl set-ntp true, or install chrony");
  return fine(says + " and is synchronised");
}

Finding look_at_disk(const Patient& patient) {
  std::set<std::string> folders;
  if (!patient.is_team) folders.insert(folder_that_is_there(patient.home));
  folders.insert(folder_that_is_there(patient.session_folder));
  for (const auto& name : list_folder(patient.installations)) {
    if (!name.ends_with(".yaml")) continue;
    try {
      const auto place = installation::parse(read_file(patient.installations + "/" + name), name);
      if (!place.out.empty()) folders.insert(folder_that_is_there(place.out));
    } catch (const Error&) {
      continue;  // the check of installations tells
    }
  }
  std::vector<Finding> findings;
  for (const auto& folder : folders) findings.push_back(room_in(folder));
  return sum_up(findings, "nothing to write to");
}

/// A service that needs a file which is not there is passed over every night, without a word.
std::optional<std::string> missing_login(const std::string& folder, const std::string& link, const Patient& patient) {
  const auto place = real_path(link);
  const auto unit = read_file_if_there(place.substr(0, place.rfind('/') + 1) + std::string(renewal_service));
  if (!unit) return std::nullopt;
  for (const auto& line : split(*unit, '\n')) {
    constexpr std::string_view condition = "ConditionPathExists=";
    if (!line.starts_with(condition)) continue;
    auto path = line.substr(condition.size());
    if (path.starts_with("%E")) path.replace(0, 2, folder.ends_with("/system") ? "/etc" : patient.config_folder);
    if (path.starts_with('/') && !exists(path)) return path;
  }
  return std::nullopt;
}

Finding look_at_timers(const Patient& patient) {
  for (const auto& folder : patient.unit_folders) {
    const std::string link = folder + "/timers.target.wants/" + std::string(renewal_timer);
    if (exists(link)) {
      const auto missing = missing_login(folder, link, patient);
      if (!missing) return fine("systemd runs renewals: " + link);
      return failed("systemd passes renewals over every night, since there is no " + *missing,
                    "write it: who logs in for them; README, Renewal, has its lines");
    }
    if (read_link(link)) return failed(link + " leads to no unit", "systemctl reenable " + std::string(renewal_timer));
  }
  for (const auto& file : patient.cron_files)
    if (schedules_renewal(file)) return fine("cron runs renewals: " + file);
  if (!patient.has_profile && !patient.is_team) return skipped("there is nothing to renew: no profile and no team");
  return warning(
      "nothing runs `ymgr renew --due` on this host, as far as can be seen",
      "systemctl enable --now ymgr-renew.timer (--user: a person's own), and who logs in stands in renew.env; README, "
      "Renewal, has that file and a line of cron");
}

}  // namespace ymgr::doctor
