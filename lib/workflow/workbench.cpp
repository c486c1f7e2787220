#include "workflow/workbench.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

/// Field 22 of /proc/PID/stat: clock ticks after boot; empty when there is no such process.
std::string start_time_of(long pid) {
  const auto stat = read_file_if_there("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return {};
  const auto name_end = stat->rfind(')');  // the name may hold blanks and brackets
  if (name_end == std::string::npos) return {};
  const auto fields = split(std::string_view(*stat).substr(name_end + 2), ' ');
  return fields.size() > 19 ? fields[19] : std::string();
}

constexpr std::string_view initial_namespace = "4026531836";  // PROC_PID_INIT_INO of linux/proc_ns.h

std::string own_pid_namespace() {
  struct stat state {};
  return ::stat("/proc/self/ns/pid", &state) == 0 ? std::to_string(state.st_ino) : std::string();
}

}  // namespace

std::string LeaseHolder::to_text() const {
  return host + "/" + boot_id + "/" + std::to_string(pid) + "/" + start_time + "/" + pid_namespace;
}

LeaseHolder this_process(std::string_view host) {
  LeaseHolder self;
  self.host = host;
  self.boot_id = trim(read_file_if_there("/proc/sys/kernel/random/boot_id", 128).value_or(""));
  self.pid = getpid();
  self.start_time = start_time_of(self.pid);
  self.pid_namespace = own_pid_namespace();
  return self;
}

agent::Client& Workbench::agent() const {
  if (!open_agent) throw Error(Code::agent_unreachable, "there is no agent here");
  return open_agent();
}

void Workbench::begins(const std::string& request_id) const {
  if (name_operation) name_operation(request_id);
}

AttestationTrust Workbench::trust() const {
  return attestation_trust ? attestation_trust() : AttestationTrust{};
}

bool is_dead(std::string_view text, const LeaseHolder& self) {
  const auto parts = split(text, '/');
  if (parts.size() != 5 || parts[0] != self.host || parts[4] != self.pid_namespace) return false;
  if (parts[1] != self.boot_id) return self.pid_namespace == initial_namespace;
  const auto pid = parse_number(parts[2]);
  return !pid || start_time_of(static_cast<long>(*pid)) != parts[3];
}

}  // namespace ymgr
