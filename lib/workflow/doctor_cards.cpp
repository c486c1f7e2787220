#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/files.hpp"
#include "base/text.hpp"
#include "inventory/devices.hpp"
#include "workflow/doctor_checks.hpp"

namespace ymgr::doctor {
namespace {

constexpr int patience_milliseconds = 3000;
constexpr std::string_view polkit_rule =
    "write this to /etc/polkit-1/rules.d/50-ymgr.rules, with the right name in it:\n"
    "polkit.addRule(function(action, subject) {\n"
    "  if ((action.id == \"org.debian.pcsc-lite.access_pcsc\" || action.id == \"org.debian.pcsc-lite.access_card\") "
    "&&\n"
    "      subject.user == \"NAME\") return polkit.Result.YES;\n"
    "});";

bool is_socket(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

/// A connection to pcscd. @throws Error device-not-found
Fd call_pcscd(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Error(Code::device_not_found, "the path of pcscd's socket is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  throw Error(Code::device_not_found, "pcscd does not run: " + path + ": " + std::generic_category().message(errno),
              "systemctl enable --now pcscd.socket");
}

enum class Reception { answered, hung_up, silent };
/// pcscd lets everybody connect and hangs up on whom polkit refuses, before the answer to the first message: the versions of its
/// protocol, which change nothing. Source: pcsc-lite, winscard_svc.c and winscard_msg.h
Reception greet_pcscd(const Fd& fd) {
  const std::array<std::uint32_t, 5> message = {12, 0x11, 4, 4, 0};  // size, CMD_VERSION, major, minor, result
  if (::send(fd.get(), message.data(), sizeof message, MSG_NOSIGNAL) < 0) return Reception::hung_up;
  pollfd entry{fd.get(), POLLIN, 0};
  if (::poll(&entry, 1, patience_milliseconds) <= 0) return Reception::silent;
  std::array<char, 12> answer{};
  return ::recv(fd.get(), answer.data(), answer.size(), 0) > 0 ? Reception::answered : Reception::hung_up;
}

struct Process {
  std::string id, name;
  std::string text() const { return printable(name) + " (process " + id + ")"; }
};

/// Those that gpg or a library of PC/SC makes users of cards, as far as this user may see; ours and pcscd left out.
std::vector<Process> card_users() {
  std::vector<Process> found;
  for (const auto& id : list_folder("/proc")) {
    if (!parse_number(id)) continue;
    const std::string folder = "/proc/" + id;
    try {
      const std::string name(trim(read_file_if_there(folder + "/comm").value_or("")));
      if (name == "pcscd" || name.starts_with("ymgr") || name.empty()) continue;
      if (name == "scdaemon" || name == "yubikey-agent" ||
          read_file_if_there(folder + "/maps").value_or("").find("libpcsclite") != std::string::npos)
        found.push_back({id, name});
    } catch (const Error&) {
      continue;  // another user's, or it has ended
    }
  }
  return found;
}

std::string names_of(const std::vector<Process>& processes) {
  std::vector<std::string> names;
  for (const auto& process : processes) names.push_back(process.text());
  return some_of(names);
}

/// A profile that knows YubiKeys, or an agent that answers, needs cards.
bool uses_cards(const Patient& patient) {
  if (patient.agent.if_there()) return true;
  sql::Connection* db = patient.database.if_there();
  return db && !devices::list(*db).empty();
}

std::string line_of(const std::string& text, std::string_view name) {
  for (const auto& line : split(text, '\n'))
    if (line.starts_with(name)) return std::string(trim(std::string_view(line).substr(name.size())));
  return {};
}

std::string name_of(const agent::DiscoveredDevice& device) {
  return device.serial.empty() ? "the one in " + device.reader : device.serial;
}

/// What is no trouble yet.
Finding other_worries(const std::string& serial, const piv::DeviceInfo& info) {
  if (info.puk_tries && info.puk_tries->left == 0)
    return warning("the PUK of YubiKey " + serial + " is blocked: a blocked PIN could only be reset with all keys",
                   "ymgr device reset --confirm " + serial + " and ymgr enroll, before the PIN is needed");
  if (info.puk_tries && info.puk_tries->left == 1)
    return warning("YubiKey " + serial + " takes one more wrong PUK, then it blocks", "ymgr device show " + serial);
  std::vector<std::string> open;
  if (info.default_pin.value_or(false)) open.emplace_back("PIN");
  if (info.default_puk.value_or(false)) open.emplace_back("PUK");
  if (info.default_management_key.value_or(false)) open.emplace_back("management key");
  if (!open.empty())
    return warning("YubiKey " + serial + " has the factory's " + join(open, ", ") + ", which everybody knows",
                   "ymgr enroll --device " + serial);
  return fine("YubiKey " + serial + " answers");
}

/// Asks the card itself: what plug events left may be old.
Finding look_at_card(Plugged& plugged, const agent::DiscoveredDevice& device) {
  if (device.state == agent::DeviceState::failed)
    return failed("YubiKey " + name_of(device) + " can't be read: " + device.error, "pull it out and plug it in again");
  try {
    const auto info = plugged.client.info(device.serial).device;
    if (info.pin_tries && info.pin_tries->left == 0)
      return failed("the PIN of YubiKey " + device.serial + " is blocked", "ymgr device unblock " + device.serial);
    if (info.pin_tries && info.pin_tries->left == 1)
      return warning("YubiKey " + device.serial + " takes one more wrong PIN, then it blocks",
                     "ymgr device unblock " + device.serial + " sets a new one");
    return other_worries(device.serial, info);
  } catch (const Error& error) {
    if (error.code() != Code::device_busy) return failed(error.what(), error.suggestion());
    const auto others = card_users();
    return failed("YubiKey " + name_of(device) + " is held by another program" +
                      (others.empty() ? ", which this user can't see" : ": " + names_of(others)),
                  others.empty() ? error.suggestion() : "close it; gpg's: gpgconf --kill scdaemon");
  }
}

/// Then polkit can't tell who asks pcscd.
bool processes_hide() {
  const auto mounts = split(read_file_if_there("/proc/self/mounts").value_or(""), '\n');
  return std::ranges::any_of(mounts, [](const std::string& line) {
    const auto words = split(line, ' ');
    if (words.size() < 4 || words[1] != "/proc") return false;
    const auto options = split(words[3], ',');
    return std::ranges::any_of(options, [](const std::string& option) {
      return option.starts_with("hidepid=") && option != "hidepid=0" && option != "hidepid=off";
    });
  });
}

constexpr auto show_processes = "mount -o remount,hidepid=0 /proc; or with gid= a group that polkitd is in";

}  // namespace

Finding look_at_pcscd(const Patient& patient) {
  const bool needed = uses_cards(patient);
  if (!is_socket(patient.pcscd_socket)) {
    const std::string text = "there is no pcscd: " + patient.pcscd_socket + " is no socket";
    if (!needed) return skipped(text + "; only YubiKeys need it");
    return failed(text, "apt-get install pcscd && systemctl enable --now pcscd.socket");
  }
  const Fd fd = call_pcscd(patient.pcscd_socket);
  if (greet_pcscd(fd) == Reception::silent)
    return failed("pcscd takes connections and says nothing", "systemctl restart pcscd");
  return fine("pcscd answers at " + patient.pcscd_socket);
}

Finding look_at_polkit(const Patient& patient) {
  if (!is_socket(patient.pcscd_socket)) return skipped("there is no pcscd to ask");
  const Fd fd = call_pcscd(patient.pcscd_socket);
  switch (greet_pcscd(fd)) {
    case Reception::answered:
      if (!processes_hide()) return fine("pcscd lets this user in");
      return warning("pcscd lets this user in, but /proc hides processes (hidepid), so polkit can't tell who asks",
                     show_processes);
    case Reception::silent: return skipped("pcscd gives no answer");
    case Reception::hung_up: break;
  }
  const std::string text = "pcscd hangs up on this user (SCARD_W_SECURITY_VIOLATION): polkit lets nobody in ";
  if (processes_hide())
    return failed(text + "whose process it can't see, and /proc hides them (hidepid)", show_processes);
  return failed(text + "who is not logged in at the machine itself", std::string(polkit_rule));
}

Finding look_at_card_users(const Patient&) {
  const auto users = card_users();
  if (users.empty()) return fine("none that this user can see");
  const bool gpg = std::ranges::any_of(users, [](const Process& one) { return one.name == "scdaemon"; });
  if (gpg)
    return warning("gpg's scdaemon keeps YubiKeys for itself while it uses them: " + names_of(users),
                   "gpgconf --kill scdaemon; for good: 'pcsc-shared' and 'disable-ccid' in ~/.gnupg/scdaemon.conf");
  return fine("these may use YubiKeys, too: " + names_of(users));
}

Finding look_at_agent(const Patient& patient) {
  if (!exists(patient.agent_socket)) {
    sql::Connection* db = patient.database.if_there();
    const std::string text = "no agent runs: there is no " + patient.agent_socket;
    if (db && !devices::list(*db).empty()) return warning(text, "ymgr agent start");
    return skipped(text + "; only YubiKeys need it", "ymgr agent start");
  }
  const agent::Health& health = patient.agent.get();
  const std::string text = "ymgr-agentd " + health.version + " answers at " + patient.agent_socket;
  if (health.version != patient.version)
    return warning(text + ", but this is ymgr " + patient.version,
                   "restart it: systemctl --user restart ymgr-agentd.service, or end process " +
                       std::to_string(health.pid) + " and run: ymgr agent start");
  if (health.tcp == "taken")
    return warning(text + ", but another program has the TCP port that it serves other programs at",
                   "ss -ltnp 'sport = 56123' shows which; for good: sysctl -w net.ipv4.ip_local_reserved_ports=56123");
  return fine(text);
}

Finding look_at_agent_process(const Patient& patient) {
  agent::Health* health = patient.agent.if_there();
  if (!health || health->pid <= 0) return skipped("there is no agent whose process could be looked at");
  const std::string folder = "/proc/" + std::to_string(health->pid);
  const auto status = read_file_if_there(folder + "/status"), limits = read_file_if_there(folder + "/limits");
  if (!status || !limits) return skipped("the agent's process can't be seen from here");
  const auto tracer = line_of(*status, "TracerPid:");
  if (tracer != "0" && !tracer.empty())
    return failed("process " + tracer + " debugs the agent and can read what it knows",
                  "ps -p " + tracer + " tells who that is");
  const auto cores = split(line_of(*limits, "Max core file size"), ' ');
  if (cores.front() == "unlimited" || parse_number(cores.front()).value_or(0) > 1)
    return failed("the agent would leave a core dump with what it knows", "start it by its unit, or: ymgr agent start");
  return fine("nobody debugs the agent, and it leaves no core dumps");
}

Finding look_at_cards(const Patient& patient) {
  Plugged& plugged = patient.plugged.get();
  if (plugged.devices.empty()) return fine("no YubiKey is plugged in");
  std::vector<Finding> findings;
  for (const auto& device : plugged.devices) findings.push_back(look_at_card(plugged, device));
  if (plugged.devices.size() > 1) {
    std::vector<std::string> serials;
    for (const auto& device : plugged.devices) serials.push_back(name_of(device));
    findings.push_back(
        warning("there are several YubiKeys, so commands must name one: " + some_of(serials), "add --device SERIAL"));
  }
  return sum_up(findings, {});
}

Finding look_at_firmware(const Patient& patient) {
  std::vector<std::pair<std::string, std::string>> keys;  // serial, firmware
  if (sql::Connection* db = patient.database.if_there())
    for (const auto& row : devices::list(*db))
      if (row.status == DeviceStatus::enrolled || row.status == DeviceStatus::factory)
        keys.emplace_back(row.serial, row.firmware);
  if (keys.empty()) return skipped("no YubiKey is known here");
  std::vector<Finding> findings;
  for (const auto& [serial, version] : keys) {
    const auto firmware = agent::parse_firmware(version);
    if (!firmware) continue;
    for (const auto& weakness : piv::weaknesses(*firmware))
      findings.push_back(warning("YubiKey " + serial + " (" + version + "): " + weakness.id, weakness.text));
    if (*firmware < piv::Firmware{5, 7, 0})
      findings.push_back(fine("YubiKey " + serial + " (" + version +
                              ") makes no RSA keys above 2048 bits and no Ed25519: use ec-p384"));
  }
  return sum_up(findings, std::to_string(keys.size()) + " with firmware 5.7 or later, which can do all of it");
}

}  // namespace ymgr::doctor
