// A whole profile in one sealed file: a consistent copy of the database, the policy, the CA's files and the installation
// files that stand in the profile.
#pragma once
#include <string>
#include <vector>

#include "audit/audit.hpp"
#include "base/files.hpp"
#include "session/session.hpp"
#include "workflow/backup_archive.hpp"

namespace ymgr::backup {

/// The profile to be saved, by whom.
struct Origin {
  sql::Connection& db;
  const Session& session;
  const audit::HeadSigner* signer;
  std::string home, host, version;
};

struct Target {
  std::string path;  // empty: `sink`
  Existing existing = Existing::refuse;
  ByteSink sink{};
};

struct Made {
  Manifest manifest;
  std::int64_t bytes = 0;  // of the backup
  std::string request_id;
};

/// What a backup would hold; sizes as they are now. @throws Error role-denied
Manifest plan(const Origin&);
/// Others may go on working meanwhile; the copy of the database needs its size once more in the profile's folder. Audited
/// before and after. The file is 0600, and there whole or not at all.
/// @throws Error role-denied · password-weak · file-exists · disk-unusable · profile-busy: another backup is being made
Made create(const Origin&, const Secret& password, const Target&);

/// What a backup holds, after everything in it was read and checked.
struct Contents {
  Manifest manifest;
  std::int64_t users = 0, certificates = 0, active_certificates = 0, revoked_certificates = 0, audit_rows = 0;
  std::int64_t crl_number = 0;
  std::string audit_head, policy_version;
};
/// Opens all of it in a folder of its own below `work_folder`, which is removed again: every sealed piece, the database's
/// integrity, the audit chain and its signature, the policy.
/// @throws Error backup-invalid: wrong password, damaged · chain-broken · database-newer
Contents verify(const ByteSource&, const Secret& password, const std::string& work_folder);
/// @throws Error profile-exists
void refuse_existing(const std::string& home);
/// Makes a profile of it, in a folder beside `home` that is renamed at the very end. Sessions of the backup are over; CRL
/// numbers go on above all that the former profile can have given. Audited, unsigned until the next login.
/// @throws Error profile-exists, profile-busy, backup-invalid, database-newer, disk-unusable
Contents restore(const ByteSource&, const Secret& password, const std::string& home);

}  // namespace ymgr::backup
