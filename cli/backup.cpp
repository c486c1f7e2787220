#include "workflow/backup.hpp"

#include <unistd.h>

#include <cerrno>

#include "cli/certificates.hpp"
#include "cli/environment.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {
namespace {

constexpr Option password_option = {.name = "--password-file",
                                    .value = "FILE",
                                    .help = "password of the backup, - for standard input; else asked for",
                                    .complete = "file"};

constexpr Argument create_argument[] = {{"FILE", "where to; - is standard output", Argument::Count::one, "file"}};
constexpr Option create_options[] = {password_option, {.name = "--force", .value = "", .help = "overwrite the file"}};
constexpr Field create_fields[] = {{"file", "string", "where it is"},
                                   {"bytes", "?integer", "its size; null with --dry-run"},
                                   {"profile_id", "string", "id of the profile"},
                                   {"created_at", "time", "when"},
                                   {"files", "array of object", "what is in it"},
                                   {"files.name", "string", "path below the profile"},
                                   {"files.size", "integer", "bytes"},
                                   {"audit_reference", "?string", "request id under which the audit trail has it"}};
constexpr Example create_examples[] = {
    {"ymgr backup create /mnt/backup/ymgr-$(date +%F).backup --password-file backup.password", "every night from cron"},
    {"ymgr backup create - --password-file backup.password | ssh vault 'cat > ymgr.backup'", "elsewhere at once"}};

constexpr Argument read_argument[] = {{"FILE", "the backup; - is standard input", Argument::Count::one, "file"}};
constexpr Option verify_options[] = {password_option};
constexpr Field content_fields[] = {{"file", "string", "the backup"},
                                    {"profile", "?string", "folder of the profile that was made of it"},
                                    {"profile_id", "string", "id of the profile"},
                                    {"created_at", "time", "when the backup was made"},
                                    {"created_by", "string", "who made it"},
                                    {"host", "string", "where"},
                                    {"version", "string", "ymgr that made it"},
                                    {"policy_version", "string", "version of its policy"},
                                    {"users", "integer", "users"},
                                    {"certificates", "integer", "certificates, all of them"},
                                    {"active_certificates", "integer", "active ones, expired or not"},
                                    {"revoked_certificates", "integer", "revoked ones"},
                                    {"audit_rows", "integer", "rows of the audit trail"},
                                    {"audit_head", "string", "hash of the last of them"},
                                    {"crl_number", "integer", "CRL numbers go on above this one"},
                                    {"files", "array of object", "what is in it"},
                                    {"files.name", "string", "path below the profile"},
                                    {"files.size", "integer", "bytes"}};
constexpr Example verify_examples[] = {
    {"ymgr backup verify ymgr.backup --password-file backup.password", "opens all of it, changes nothing"}};

constexpr Option restore_options[] = {
    password_option,
    {.name = "--home", .value = "DIR", .help = "folder of the new profile, else as configured", .complete = "folder"}};
constexpr Example restore_examples[] = {
    {"ymgr backup restore ymgr.backup --password-file backup.password", "where the configuration says"},
    {"ymgr backup restore ymgr.backup --password-file pw --home /srv/ymgr", "somewhere else"}};

Json files_json(const backup::Manifest& manifest) {
  Json files = Json::array();
  for (const auto& file : manifest.files) files.push(Json::object({{"name", file.name}, {"size", file.size}}));
  return files;
}

void set_contents(Json& json, const backup::Contents& found) {
  const auto& manifest = found.manifest;
  json.set("profile_id", manifest.profile_id)
      .set("created_at", format_time(manifest.created_at))
      .set("created_by", manifest.created_by)
      .set("host", manifest.host)
      .set("version", manifest.version)
      .set("policy_version", found.policy_version)
      .set("users", found.users)
      .set("certificates", found.certificates)
      .set("active_certificates", found.active_certificates)
      .set("revoked_certificates", found.revoked_certificates)
      .set("audit_rows", found.audit_rows)
      .set("audit_head", found.audit_head)
      .set("crl_number", found.crl_number)
      .set("files", files_json(manifest));
}

std::string describe(const backup::Contents& found, std::string_view first, const std::string& value) {
  const auto& manifest = found.manifest;
  return format_pairs(
      {{std::string(first), value},
       {"profile id", manifest.profile_id},
       {"made", format_time(manifest.created_at) + " by " + manifest.created_by + " on " + manifest.host},
       {"policy", found.policy_version},
       {"users", std::to_string(found.users)},
       {"certificates", std::to_string(found.certificates) + ", " + std::to_string(found.active_certificates) +
                            " active, " + std::to_string(found.revoked_certificates) + " revoked"},
       {"audit rows", std::to_string(found.audit_rows)}});
}

/// Both can't come from standard input.
void refuse_two_inputs(const Invocation& call) {
  if (call.text("FILE") == "-" && call.text("--password-file") == "-")
    throw Error(Code::usage, "backup and password can't both come from standard input", "Name a file for one of them");
}

ByteSource source_of(const std::string& path) {
  auto reader =
      std::make_shared<FileReader>(path == "-" ? FileReader::standard_input() : FileReader(absolute_path(path)));
  return [reader](std::span<char> out) { return reader->read(out); };
}

void write_stdout(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) throw system_error("write", "standard output", errno);
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

backup::Target target_of(Invocation& call, const std::string& file) {
  const auto existing = call.has("--force") ? Existing::replace : Existing::refuse;
  if (file != "-") return {.path = absolute_path(file), .existing = existing};
  if (call.globals().format == Format::json || call.globals().format == Format::jsonl)
    throw Error(Code::usage, "a backup on standard output leaves no room for JSON", "Name a file");
  if (::isatty(STDOUT_FILENO) == 1)
    throw Error(Code::usage, "a backup is not for a terminal", "Name a file, or send it on: ymgr backup create - | …");
  return {.path = {}, .existing = existing, .sink = write_stdout};
}

Result run_create(Invocation& call) {
  call.wiring().require_embedded("backups", "Back up PostgreSQL with pg_dump and Vault with its snapshots");
  auto& wiring = call.wiring();
  const backup::Origin origin{wiring.database(),   wiring.session(),    wiring.head_signer(),
                              wiring.paths().home, Wiring::host_name(), YMGR_VERSION};
  const std::string file = call.text("FILE");
  const auto target = target_of(call, file);
  origin.session.require(Right::backup);
  Result result{.json = Json::object({{"file", file}})};
  backup::Made made;
  if (call.globals().dry_run) {
    made.manifest = backup::plan(origin);
    result.text = "would write a backup of " + origin.home + " to " + file + "\n";
  } else {
    made = backup::create(origin, call.new_secret("--password-file", "Password of the backup:"), target);
    result.text = "wrote " + std::to_string(made.bytes) + " bytes to " + file + "\n";
    result.changed = true;
  }
  result.json.set("bytes", call.globals().dry_run ? Json() : Json(made.bytes))
      .set("profile_id", made.manifest.profile_id)
      .set("created_at", format_time(made.manifest.created_at))
      .set("files", files_json(made.manifest))
      .set("audit_reference", made.request_id.empty() ? Json() : Json(made.request_id));
  if (target.path.empty() && !call.globals().dry_run) {
    result.text.clear();
    result.raw = true;
  }
  return result;
}

Result run_verify(Invocation& call) {
  refuse_two_inputs(call);
  const std::string file = call.text("FILE");
  const auto source = source_of(file);
  const auto found = backup::verify(source, call.secret("--password-file", "Password of the backup:"),
                                    environment("TMPDIR").value_or("/var/tmp"));
  Result result{.json = Json::object({{"file", file}})};
  set_contents(result.json, found);
  result.text = "The backup is whole.\n" + describe(found, "backup", file);
  return result;
}

Result run_restore(Invocation& call) {
  refuse_two_inputs(call);
  const std::string file = call.text("FILE");
  const std::string home = call.has("--home") ? absolute_path(call.text("--home")) : call.wiring().paths().home;
  const auto source = source_of(file);
  const auto password = call.secret("--password-file", "Password of the backup:");
  Result result{.json = Json::object({{"file", file}, {"profile", home}})};
  if (call.globals().dry_run) {
    backup::refuse_existing(home);
    set_contents(result.json, backup::verify(source, password, environment("TMPDIR").value_or("/var/tmp")));
    result.text = "would make a profile at " + home + "\n";
    return result;
  }
  const auto found = backup::restore(source, password, home);
  set_contents(result.json, found);
  result.text = "The profile is restored.\n" + describe(found, "profile", home) +
                format_pairs({{"next", "ymgr login, then ymgr reconcile; revoke again what was revoked since"}});
  result.changed = true;
  return result;
}

}  // namespace

extern const Command backup_create_command, backup_verify_command, backup_restore_command;
constinit const Command backup_create_command = {
    .path = "backup create",
    .summary = "save the whole profile in one sealed file",
    .description =
        "Copies database, policy, CA files and the installation files that stand in the profile, consistently while "
        "others go on working, and seals them under a password of its own (Argon2id, then XChaCha20-Poly1305 piece by "
        "piece). Who has the file and the password still needs a user's password to open the keys in it.\n\n"
        "The file has mode 0600 and is there whole or not at all. The copy of the database needs its size once more "
        "in the profile's folder while it is made. A root key kept in a file elsewhere and the files that `--out` "
        "wrote are not in it.",
    .arguments = create_argument,
    .options = create_options,
    .fields = create_fields,
    .examples = create_examples,
    .run = run_create,
    .effect = Effect::changes,
};
constinit const Command backup_verify_command = {
    .path = "backup verify",
    .summary = "check that a backup can be restored",
    .description =
        "Opens every piece of a backup below TMPDIR (or /var/tmp), checks the integrity of the database, the audit "
        "chain with its signature and the policy, and removes the copy again. Needs neither profile nor session.",
    .arguments = read_argument,
    .options = verify_options,
    .fields = content_fields,
    .examples = verify_examples,
    .run = run_verify,
};
constinit const Command backup_restore_command = {
    .path = "backup restore",
    .summary = "make a profile from a backup",
    .description =
        "Makes the profile of a backup where none is yet. The folder appears at once and complete, or not at all. "
        "Sessions are over: log in with the passwords of the backup's time. CRL numbers go on above all that the "
        "former profile can have given.\n\n"
        "What happened after the backup is not in it: revoke again what was revoked since, and run `ymgr reconcile`, "
        "which takes up newer certificates that it finds installed on this host. Keys that were destroyed since are "
        "there again.",
    .arguments = read_argument,
    .options = restore_options,
    .fields = content_fields,
    .examples = restore_examples,
    .run = run_restore,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
