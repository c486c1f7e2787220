// A team's database that does not answer. Renewals and revocations then go on in a stand-in: a SQLite file of this host with the team's
// policy and CAs, the certificates of this host and what is due of them, as the last command that reached the database noted them. The same
// workflows run on it: each plan is on disk before Vault is asked to sign. The next renew, revoke, resume, issue or reconcile that reaches
// the database delivers what came of it, in one transaction. Holds no secret: keys are files of this host, or never leave Vault.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "workflow/workbench.hpp"

namespace ymgr::stand_in {

/// One for each team, person and context on a host.
struct Place {
  std::string folder;  // 0700, ours; made when it is needed
  std::string name;    // see team::stand_in_name
  std::string path() const { return folder + "/" + name + ".db"; }
};

/// The database can't be reached now, and may be later.
bool is_away(const Error&) noexcept;

/// What the next bad day will need, in place of what was noted before. Does nothing while there is something to deliver, or while
/// another process works with the file. @throws Error disk-unusable, file-unsafe
void note(Workbench&, const Place&, const std::string& entity_id);

/// Held by one process at a time.
struct Opened {
  Fd lock;
  std::unique_ptr<sql::Connection> db;
  Identity who;
  Time noted_at;
};
/// nullopt: nothing was noted for that entity.
/// @throws Error file-unsafe, database-corrupt · database-busy: another process holds it for longer than `patience`
std::optional<Opened> open(const Place&, const std::string& entity_id, Duration patience);

/// There is something to deliver, and nobody works with it. @throws Error what open throws
bool waits(const Place&);

/// The same by a look that changes nothing and takes no lock. @throws Error what open_sqlite throws
bool is_undelivered(const std::string& path);

struct Delivery {
  std::int64_t operations = 0, certificates = 0, revocations = 0;
  std::vector<std::string>
      unwanted;             // names of new certificates whose former one was revoked meanwhile, or whose key was denied
  bool is_revoked = false;  // those are; else this person may not revoke, and they are orphans of the CA
};
/// Operations, certificates, revocations and audit events of the stand-in go into the database, each once, whoever was killed when; then
/// the file is removed. What is in it is believed as far as the CAs and the database bear it out.
/// nullopt: there was nothing, or another process works with it
/// @throws Error database-corrupt: it says what can't be; nothing of it is delivered, and the file stays
std::optional<Delivery> deliver(Workbench&, const Place&);

}  // namespace ymgr::stand_in
