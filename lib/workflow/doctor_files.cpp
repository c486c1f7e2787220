#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/child.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "inventory/tracked.hpp"
#include "keys/key_file.hpp"
#include "workflow/adopt_policy.hpp"
#include "workflow/doctor_checks.hpp"
#include "workflow/installation.hpp"
#include "x509/certificate.hpp"

namespace ymgr::doctor {
namespace {

constexpr Duration soon = std::chrono::hours(24 * 90);

struct Owned {
  bool there = false, is_file = false;
  uid_t owner = 0;
  mode_t mode = 0;
};
Owned look_at_path(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  return {true, S_ISREG(found.st_mode), found.st_uid, static_cast<mode_t>(found.st_mode & 07777)};
}

bool is_ours(const Owned& found) noexcept {
  return found.owner == ::geteuid() || found.owner == 0;
}

/// What lets others do what `forbidden` says with it.
std::optional<Finding> fault_of(const std::string& path, mode_t forbidden, const std::string& what) {
  const Owned found = look_at_path(path);
  if (!found.there) return std::nullopt;
  if (!is_ours(found))
    return failed(what + " " + path + " belongs to another user",
                  "chown " + std::to_string(::geteuid()) + " " + shell_quote(path));
  if ((found.mode & forbidden) == 0) return std::nullopt;
  const bool readable = (found.mode & forbidden & 0055) != 0;
  return failed(what + " " + path + (readable ? " can be read by others" : " can be written by others"),
                "chmod " + std::string(readable ? "go-rwx " : "go-w ") + shell_quote(path));
}

bool is_on_network(const std::string& folder) {
  constexpr unsigned long kinds[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC,
                                     SMB2_SUPER_MAGIC, V9FS_MAGIC,      AFS_SUPER_MAGIC};
  struct statfs disk {};
  return ::statfs(folder.c_str(), &disk) == 0 &&
         std::ranges::find(kinds, static_cast<unsigned long>(disk.f_type)) != std::end(kinds);
}

void take(std::vector<Finding>& findings, std::optional<Finding> finding) {
  if (finding) findings.push_back(std::move(*finding));
}

/// An installation's key: its owner, who may read it, and whether it is the certificate's.
void look_at_key(std::vector<Finding>& findings, const Patient& patient, const Installation& place,
                 const std::string& pem) {
  if (!place.with_key || place.out.empty()) return;
  const std::string path = installation::paths(place).key;
  try {
    const auto key = PrivateKey::from_pem(installation::read_key(place));
    if (!is_pair(parse_certificate(pem), key))
      findings.push_back(failed("certificate and key in " + place.out + " are no pair",
                                "ymgr renew " + shell_quote(patient.named(place.name)) + " --force"));
  } catch (const Error& error) {
    findings.push_back(failed("the key of " + patient.named(place.name) + ": " + error.what(), error.suggestion()));
  }
}

/// A program of a hook that is gone.
void look_at_hooks_of(std::vector<Finding>& findings, const Patient& patient, const Installation& place,
                      const std::string& file) {
  for (const auto* hook : {&place.pre_hook, &place.deploy_hook, &place.post_hook})
    if (!hook->empty() && !is_program(hook->front(), patient.path))
      findings.push_back(
          warning("the hook of " + patient.named(place.name) + " can't be run: " + patient.named(hook->front()),
                  "put the program there, or name another in " + patient.named(file)));
}

/// What the inventory says against the certificate that is installed.
std::optional<Finding> outdated(const Patient& patient, const Installation& place, const std::string& pem,
                                const std::string& file) {
  sql::Connection* db = patient.database.if_there();
  const auto rows = db ? inventory::by_name(*db, place.name) : std::vector<CertificateRow>();
  const auto row = std::ranges::find(rows, hex(parse_certificate(pem).fingerprint), &CertificateRow::fingerprint);
  if (row == rows.end()) return std::nullopt;
  const std::string what = "what is installed in " + (place.out.empty() ? place.pkcs12 : place.out);
  const std::string name = shell_quote(patient.named(place.name));
  if (row->status == CertificateStatus::revoked)
    return failed(what + " is revoked since " + format_time(row->revoked_at.value_or(patient.at)),
                  "ymgr issue " + name + " --out DIR, or remove " + file);
  const auto is_successor = [&](const CertificateRow& other) {
    return other.status == CertificateStatus::active && other.installation == place.name && other.host == patient.host;
  };
  if (row->status == CertificateStatus::superseded && std::ranges::any_of(rows, is_successor))
    return warning(what + " is an older certificate than the inventory has there",
                   "ymgr renew " + name + " --force, which writes its files anew");
  return std::nullopt;
}

/// Another CA's certificate is still in use; ours comes when it is due.
bool awaits_successor(const Patient& patient, const std::string& name) {
  sql::Connection* db = patient.database.if_there();
  return db && std::ranges::any_of(tracked::list(*db, {}), [&](const TrackedRow& row) {
           return row.installation == name && row.host == patient.host;
         });
}

void look_at_installation(std::vector<Finding>& findings, const Patient& patient, const std::string& file) {
  const std::string& folder = patient.installations;
  std::optional<Installation> place;
  try {
    place = installation::load(folder, installation::parse(read_file(folder + "/" + file), folder + "/" + file).name);
  } catch (const Error& error) {
    findings.push_back(failed(error.what(), error.suggestion()));
    return;
  }
  if (!place) return;
  look_at_hooks_of(findings, patient, *place, folder + "/" + file);
  if (place->out.empty()) return;
  const auto pem = installation::delivered_pem(*place);
  if (!pem && awaits_successor(patient, place->name)) return;
  if (!pem) {
    findings.push_back(
        warning("nothing is installed in " + place->out + ", where " + patient.named(place->name) + " should be",
                "ymgr reconcile writes it or says how; or remove " + folder + "/" + file));
    return;
  }
  try {
    parse_certificate(*pem);
  } catch (const Error& error) {
    findings.push_back(failed(
        "the certificate in " + place->out + " of " + patient.named(place->name) + " can't be read: " + error.what(),
        "ymgr reconcile writes it anew"));
    return;
  }
  if (auto finding = outdated(patient, *place, *pem, folder + "/" + file)) {
    findings.push_back(std::move(*finding));
    return;
  }
  const auto ends = parse_certificate(*pem).not_after;
  if (ends < patient.at)
    findings.push_back({State::failed, "the certificate in " + place->out + " expired on " + format_time(ends),
                        "ymgr renew " + shell_quote(patient.named(place->name)), Expiry::over});
  look_at_key(findings, patient, *place, *pem);
}

bool serves_tls(const ProfileRules& rules) {
  return std::ranges::find(rules.eku, "serverAuth") != rules.eku.end();
}

Policy policy_of(const Patient& patient) {
  const auto file = read_policy_file(patient.policy_file);
  return Policy::parse(file.text, file.origin);
}

}  // namespace

Finding look_at_configuration(const Patient& patient) {
  if (patient.configuration) return failed(patient.configuration->what(), patient.configuration->suggestion());
  std::vector<Finding> findings;
  for (const auto& file : patient.config_files) take(findings, fault_of(file, 0022, "the configuration file"));
  return sum_up(findings, patient.config_files.empty() ? "there is no configuration file, so the defaults apply"
                                                       : "right: " + join(patient.config_files, ", "));
}

Finding look_at_profile(const Patient& patient) {
  if (patient.is_team) return skipped("the servers of a team are used, no profile on this machine");
  if (!patient.has_profile)
    return skipped("there is no profile at " + patient.home, "ymgr init makes one; YMGR_HOME leads to another");
  std::vector<Finding> findings;
  take(findings, fault_of(patient.home, 0077, "the profile"));
  for (const char* name : {"ymgr.db", "ymgr.db-wal", "ymgr.db-shm", "ca/ocsp.key"})
    take(findings, fault_of(patient.home + "/" + name, 0077, "the file"));
  for (const auto& path : {patient.policy_file, patient.home + "/ca"})
    take(findings, fault_of(path, 0022, "what stands at"));
  if (is_on_network(patient.home))
    findings.push_back(warning(patient.home + " is on another machine's disk, whose locks SQLite can't rely on",
                               "move the profile to a disk of this machine: YMGR_HOME"));
  if (findings.empty()) patient.database.get();
  return sum_up(findings, "the profile at " + patient.home + " is this user's alone");
}

Finding look_at_session_folder(const Patient& patient) {
  const std::string& folder = patient.session_folder;
  if (!is_folder(folder)) return fine("there is no " + folder + " yet: nobody has logged in");
  if (auto fault = fault_of(folder, 0077, "the folder of sessions")) return *fault;
  for (const auto& name : list_folder(folder)) {
    const auto path = folder + "/" + name;
    if (!look_at_path(path).is_file) continue;
    if (auto fault = fault_of(path, 0077, "the session's file")) return *fault;
  }
  struct statfs disk {};
  if (::statfs(folder.c_str(), &disk) != 0) return skipped("the file system of " + folder + " can't be told");
  if (disk.f_type == TMPFS_MAGIC || disk.f_type == RAMFS_MAGIC) return fine("session files stand in memory: " + folder);
  return warning("session files stand on a disk, which keeps what was deleted: " + folder,
                 "set XDG_RUNTIME_DIR, or session.folder, to a folder on a tmpfs");
}

Finding look_at_secret_files(const Patient& patient) {
  std::vector<Finding> findings;
  for (const auto& path : patient.secret_files) {
    if (!exists(path))
      findings.push_back(failed("the configuration or the environment names " + path + ", which is not there",
                                "ymgr config show --origin"));
    take(findings, fault_of(path, 0077, "the file"));
  }
  take(findings, fault_of(patient.token_keys, 0022, "the file of the keys that tokens are checked with"));
  return sum_up(findings, patient.secret_files.empty() ? "none is named"
                                                       : "this user's alone: " + join(patient.secret_files, ", "));
}

Finding look_at_installations(const Patient& patient) {
  std::vector<Finding> findings;
  if (!is_folder(patient.installations)) return fine("nothing is installed on this host");
  take(findings, fault_of(patient.installations, 0022, "the folder"));
  std::size_t count = 0;
  for (const auto& name : list_folder(patient.installations)) {
    if (!name.ends_with(".yaml")) continue;
    ++count;
    look_at_installation(findings, patient, name);
  }
  return sum_up(findings, std::to_string(count) + " installed here, keys and certificates in order");
}

Finding look_at_policy(const Patient& patient) {
  if (patient.is_team) return skipped("a team's policy stands in its database: ymgr policy show");
  if (!patient.has_profile) return skipped("there is no profile");
  const auto policy = policy_of(patient);
  const auto change = compare_policy(patient.database.get(), policy, read_policy_file(patient.policy_file).text);
  if (change == PolicyChange::unversioned)
    return failed(patient.policy_file + " changed, but its version is still " + policy.version(),
                  "give it another version");
  if (change == PolicyChange::fresh)
    return warning("policy " + policy.version() + " waits for an admin to adopt it", "ymgr policy show, by an admin");
  return fine("policy " + policy.version() + " is in force");
}

Finding look_at_public_validity(const Patient& patient) {
  if (patient.is_team || !patient.has_profile) return skipped("there is no policy file here");
  const auto policy = policy_of(patient);
  std::vector<Finding> findings;
  for (const auto& [name, rules] : policy.profiles()) {
    if (policy.preset() != "cabf" || !serves_tls(rules)) continue;
    const auto today = policy.max_validity(rules, patient.at), later = policy.max_validity(rules, patient.at + soon);
    if (later < today)
      findings.push_back(warning("within 90 days public CAs may sign " + format_duration(later) +
                                     " at most, and no longer " + format_duration(today) + ": profile " + name,
                                 "see that renewals run by themselves before that day"));
  }
  return sum_up(findings, policy.preset() == "cabf" ? "as public CAs have it" : "the policy is not for public CAs");
}

}  // namespace ymgr::doctor
