#include "workflow/backup.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "authority/crl.hpp"
#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "policy/policy.hpp"
#include "sql/settings.hpp"
#include "workflow/new_profile.hpp"

namespace ymgr::backup {
namespace {

constexpr std::size_t block = 256 * 1024;
constexpr std::size_t most_small = 1024UL * 1024 * 1024;
/// CRL numbers run ahead of the clock when many lists are signed in a short time; nobody signs so many more than seconds
/// pass.
constexpr Duration crl_number_lead = std::chrono::days(1);

struct stat look_at(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) throw system_error("look at", path, errno);
  return found;
}

File file_at(const std::string& home, const std::string& name) {
  const auto found = look_at(home + "/" + name);
  const bool shared = (found.st_mode & 0044) != 0;
  return {name, found.st_size, shared ? "0644" : "0600"};
}

/// Everything but the database.
std::vector<File> small_files(const std::string& home) {
  std::vector<File> files{file_at(home, "policy.yaml")};
  for (const std::string folder : {"ca", "install.d"})
    for (const auto& name : list_folder(home + "/" + folder))
      if (!name.starts_with('.')) files.push_back(file_at(home, folder + "/" + name));
  return files;
}

Manifest describe(const Origin& origin) {
  const auto profile_id = sql::read_setting(origin.db, "profile_id");
  if (!profile_id) throw Error(Code::database_corrupt, "the profile at " + origin.home + " has no id");
  return {*profile_id, origin.session.identity().user, origin.host, origin.version, now(), {}};
}

/// One backup at a time; the next one clears away what a killed one left.
class Copy {
 public:
  explicit Copy(const std::string& home) : lock_path_(home + "/.backup-lock"), lock_(try_lock(lock_path_)) {
    if (!lock_) throw Error(Code::profile_busy, "another backup of " + home + " is being made", "Wait for it to end");
    for (const auto& name : list_folder(home))
      if (name.starts_with(".backup-copy-")) remove_tree(home + "/" + name);
    folder_.emplace(home + "/.backup-copy");
  }
  ~Copy() {
    std::error_code ignored;
    std::filesystem::remove(lock_path_, ignored);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  const std::string& path() const { return folder_->path(); }

 private:
  std::string lock_path_;
  std::optional<Fd> lock_;
  std::optional<TemporaryFolder> folder_;
};

void record(const Origin& origin, const std::string& request_id, std::string event, Json data) {
  origin.db.transaction(sql::Access::write, [&] {
    audit::append(origin.db, origin.session.identity().user, {{request_id, std::move(event), "profile", data}},
                  origin.signer);
  });
}

void write_database(SealedWriter& writer, const std::string& path) {
  FileReader reader(path);
  std::string buffer(block, '\0');
  while (const auto count = reader.read(buffer)) {
    throw_if_interrupted();
    writer.write(std::string_view(buffer).substr(0, count));
  }
}

/// The database's copy first: the CRL number beside it is then never older.
Manifest write_all(const Origin& origin, const Secret& password, const ByteSink& sink) {
  const Copy copy(origin.home);
  Manifest manifest = describe(origin);
  const std::string database = copy.path() + "/ymgr.db";
  sql::backup_sqlite(origin.home + "/ymgr.db", database);
  manifest.files.push_back(file_at(copy.path(), "ymgr.db"));
  std::vector<Secret> contents;
  for (auto& file : small_files(origin.home)) {
    std::string bytes = read_file(origin.home + "/" + file.name, most_small);
    file.size = static_cast<std::int64_t>(bytes.size());
    contents.push_back(Secret::absorb(bytes));
    manifest.files.push_back(std::move(file));
  }
  SealedWriter writer(password, sink);
  write_manifest(writer, manifest);
  write_database(writer, database);
  for (const auto& bytes : contents) writer.write(bytes.reveal());
  writer.finish();
  return manifest;
}

std::int64_t count_of(sql::Connection& db, std::string_view rest) {
  std::int64_t count = 0;
  db.run("SELECT count(*) FROM " + std::string(rest), {}, [&](const sql::Row& row) { count = row.integer(0); });
  return count;
}

/// @throws Error backup-invalid
void check_integrity(sql::Connection& db) {
  for (const auto* check : {"PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"}) {
    std::string fault;
    db.run(check, {}, [&](const sql::Row& row) { fault = row.text(0); });
    if (!fault.empty() && fault != "ok")
      throw Error(Code::backup_invalid, "the database in the backup is damaged: " + printable(fault),
                  "use another backup");
  }
}

std::int64_t known_crl_number(sql::Connection& db, const std::string& folder) {
  std::int64_t number = 0;
  db.run("SELECT max(crl_number) FROM issuers", {}, [&](const sql::Row& row) { number = row.integer(0); });
  const auto text = read_file_if_there(folder + "/ca/crl-number", 64);
  return text ? std::max(number, parse_number(trim(*text)).value_or(0)) : number;
}

Contents look_into(sql::Connection& db, Manifest manifest, const std::string& folder) {
  if (sql::read_setting(db, "profile_id") != manifest.profile_id)
    throw Error(Code::backup_invalid, "the database in the backup is of another profile", "use another backup");
  Contents contents;
  contents.manifest = std::move(manifest);
  contents.users = count_of(db, "users");
  contents.certificates = count_of(db, "certificates");
  contents.active_certificates = count_of(db, "certificates WHERE status = 'active'");
  contents.revoked_certificates = count_of(db, "certificates WHERE status = 'revoked'");
  contents.audit_rows = count_of(db, "audit_events");
  contents.crl_number = known_crl_number(db, folder);
  db.run("SELECT hash FROM audit_head", {}, [&](const sql::Row& row) { contents.audit_head = row.text(0); });
  contents.policy_version = Policy::parse(read_file(folder + "/policy.yaml"), "policy.yaml").version();
  return contents;
}

std::unique_ptr<sql::Connection> open_copy(const std::string& folder) {
  auto db = sql::open_sqlite({.path = folder + "/ymgr.db"});
  sql::check_schema(*db);
  check_integrity(*db);
  return db;
}

/// What was true of the former profile only.
void begin_anew(sql::Connection& db, const Manifest& manifest) {
  const auto at = to_micros(now());
  db.transaction(sql::Access::write, [&] {
    db.run("UPDATE user_sessions SET ended_at = $1, data_key_box = NULL WHERE ended_at IS NULL", {at});
    db.run("SELECT issuer_id FROM issuers WHERE kind = 'issuing'", {},
           [&](const sql::Row& row) { ca::mark_crl_stale(db, row.text(0)); });
    audit::append(db, "restore",
                  {{"", "backup.restored", "profile",
                    Json::object({{"created_at", format_time(manifest.created_at)},
                                  {"created_by", manifest.created_by},
                                  {"host", manifest.host}})}},
                  nullptr);
  });
}

}  // namespace

Manifest plan(const Origin& origin) {
  origin.session.require(Right::backup);
  Manifest manifest = describe(origin);
  manifest.files = small_files(origin.home);
  manifest.files.insert(manifest.files.begin(), file_at(origin.home, "ymgr.db"));
  return manifest;
}

Made create(const Origin& origin, const Secret& password, const Target& target) {
  origin.session.require(Right::backup);
  users::check_password(password);
  Made made{.manifest = {}, .bytes = 0, .request_id = new_id("req", now())};
  std::optional<FileWriter> file;
  if (!target.path.empty()) file.emplace(target.path, FileMode{}, target.existing);
  const std::string where = target.path.empty() ? "-" : target.path;
  record(origin, made.request_id, "backup.requested", Json::object({{"file", where}}));
  failpoint("backup_created", "before");
  made.manifest = write_all(origin, password, [&](std::string_view bytes) {
    made.bytes += static_cast<std::int64_t>(bytes.size());
    if (file)
      file->write(bytes);
    else
      target.sink(bytes);
  });
  if (file) file->commit();
  failpoint("backup_created", "after");
  record(origin, made.request_id, "backup.created", Json::object({{"file", where}, {"bytes", made.bytes}}));
  return made;
}

Contents verify(const ByteSource& source, const Secret& password, const std::string& work_folder) {
  const TemporaryFolder folder(work_folder + "/ymgr-backup");
  SealedReader reader(password, source);
  Manifest manifest = unpack(reader, folder.path());
  const auto db = open_copy(folder.path());
  const auto chain = audit::verify(*db, {});
  if (!chain.findings.empty())
    throw Error(Code::chain_broken, "the audit chain in the backup is broken: " + chain.findings.front().message,
                "compare with an older backup and the last checkpoint");
  return look_into(*db, std::move(manifest), folder.path());
}

void refuse_existing(const std::string& home) {
  refuse_existing_profile(home);
}

Contents restore(const ByteSource& source, const Secret& password, const std::string& home) {
  refuse_existing_profile(home);
  SealedReader reader(password, source);
  NewProfile profile(home);
  failpoint("profile_restored", "before");
  Manifest manifest = unpack(reader, profile.folder());
  auto db = open_copy(profile.folder());
  begin_anew(*db, manifest);
  Contents contents = look_into(*db, std::move(manifest), profile.folder());
  db.reset();
  contents.crl_number = std::max(contents.crl_number, to_seconds(now() + crl_number_lead));
  make_folders(profile.folder() + "/ca", 0700);
  write_file(profile.folder() + "/ca/crl-number", std::to_string(contents.crl_number) + "\n");
  failpoint("profile_restored", "after");
  profile.put_into_place();
  profile.sync();
  return contents;
}

}  // namespace ymgr::backup
