// Files of this host against the inventory.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "keys/key_file.hpp"
#include "workflow/genuine.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr::reconciling {
namespace {

std::optional<struct stat> look_at(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) return found;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw system_error("look at", path, errno);
}

std::string octal(mode_t mode) {
  std::string text = "0";
  for (const unsigned shift : {6U, 3U, 0U}) text += static_cast<char>('0' + ((mode >> shift) & 7U));
  return text;
}

void mend_mode(Reconciliation& run, const std::string& path, const FileMode& wanted) {
  const auto found = look_at(path);
  if (!found) return;
  if (found->st_uid != ::geteuid() && found->st_uid != 0 && ::geteuid() != 0) {
    run.report("file_owner", path, path + " belongs to another user", "chown it to the user who runs ymgr");
    return;
  }
  const mode_t mode = found->st_mode & 07777;
  const bool other_group = wanted.group && found->st_gid != *wanted.group;
  if ((mode & ~wanted.mode) == 0 && !other_group) return;
  const mode_t mended = other_group ? wanted.mode : (mode & wanted.mode);
  run.repair_outside("file_mode", path, "mode " + octal(mode) + " became " + octal(mended), [&] {
    if (other_group && ::chown(path.c_str(), static_cast<uid_t>(-1), *wanted.group) != 0)
      throw system_error("change the group of", path, errno);
    if (::chmod(path.c_str(), mended) != 0) throw system_error("change the mode of", path, errno);
  });
}

std::vector<CertificateRow> installed_here(Reconciliation& run) {
  inventory::ListQuery query;
  query.status = CertificateStatus::active;
  query.selection.conditions.push_back({"host", run.bench.self.host});
  std::vector<CertificateRow> rows;
  inventory::list(run.bench.db, query, run.at, [&](const CertificateRow& row) {
    if (!row.installation.empty()) rows.push_back(row);
  });
  return rows;
}

/// Folders below OUT/versions, the one that is current first.
std::vector<std::string> version_folders(const Installation& place) {
  std::vector<std::string> folders;
  const auto current = read_link(place.out + "/current");
  if (current) folders.push_back(place.out + "/" + *current);
  for (const auto& name : list_folder(place.out + "/versions"))
    if (const auto path = place.out + "/versions/" + name; folders.empty() || folders.front() != path)
      folders.push_back(path);
  return folders;
}

/// A key below the installation that fits; empty: none.
Secret fitting_key(const Installation& place, const std::string& cert_id, const Certificate& certificate) {
  std::vector<std::string> paths{installation::pending_key(place, cert_id)};
  for (const auto& folder : version_folders(place)) paths.push_back(folder + "/privkey.pem");
  for (const auto& path : paths) {
    try {
      Secret pem = read_key_file(path);
      if (is_pair(certificate, PrivateKey::from_pem(pem))) return pem;
    } catch (const Error& error) {  // a damaged key is no key: look on
      if (error.code() != Code::key_invalid && error.code() != Code::key_not_found) throw;
    }
  }
  return {};
}

/// A version of that id whose files were changed stands in the way. It goes last: it may hold the only copy of the key.
void deliver_anew(const Installation& place, const installation::Delivery& delivery) {
  const std::string folder = place.out + "/versions/" + delivery.cert_id;
  const std::string aside = place.out + "/versions/.damaged-" + delivery.cert_id;
  if (exists(folder)) {
    remove_tree(aside);
    rename_file(folder, aside);
  }
  try {
    installation::deliver(place, delivery);
  } catch (const Error&) {
    if (!exists(folder) && exists(aside)) rename_file(aside, folder);
    throw;
  }
  remove_tree(aside);
}

void deliver_again(Reconciliation& run, const CertificateRow& row, const Installation& place,
                   const Certificate& certificate, const std::string& fault) {
  const Secret key = place.with_key ? fitting_key(place, row.cert_id, certificate) : Secret();
  if (!run.is_ours(certificate) || place.out.empty() || (place.with_key && key.empty())) {
    run.report("installation_differs", row.name, fault + ", and its key is not there",
               "ymgr renew " + shell_quote(row.name) + " --new-key");
    return;
  }
  run.repair_outside("installation_differs", row.name, fault + ": delivered again", [&] {
    const auto chain = chain_above(list_cas(run.bench.db), certificate);
    deliver_anew(place, {row.cert_id, certificate, chain, key.empty() ? nullptr : &key});
    if (!place.deploy_hook.empty()) inventory::set_hook_result(run.bench.db, row.cert_id, "pending", "", run.at);
  });
}

/// false: a key stands there that must not be read as it is.
bool mend_modes(Reconciliation& run, const Installation& place) {
  const auto before = static_cast<std::ptrdiff_t>(run.answer.findings.size());
  const auto mode = installation::file_mode(place);
  if (!place.pkcs12.empty()) mend_mode(run, place.pkcs12, mode);
  if (!place.out.empty())
    for (const auto& folder : version_folders(place)) mend_mode(run, folder + "/privkey.pem", mode);
  return std::all_of(run.answer.findings.begin() + before, run.answer.findings.end(),
                     [](const Finding& finding) { return finding.action == "repaired"; });
}

void look_at_installation(Reconciliation& run, const CertificateRow& row) {
  const auto place = installation::load(run.bench.installations, row.installation);
  if (!place) {
    run.report("installation_missing", row.name,
               "there is no installation file for " + row.installation + " in " + run.bench.installations,
               "ymgr issue " + shell_quote(row.name) + " --out DIR --ensure writes one");
    return;
  }
  if (const auto against = against_place(run.bench, row)) {
    run.report("installation_differs", row.name, against->what(),
               "whoever owns the row changed it: ymgr cert show " + shell_quote(row.cert_id));
    return;
  }
  if (!mend_modes(run, *place)) return;
  const auto certificate = parse_certificate(row.pem);
  const auto fault = installation::delivery_fault(*place, certificate);
  if (!fault.empty()) deliver_again(run, row, *place, certificate, fault);
}

/// What can't be read is nothing to adopt.
std::optional<Certificate> read_certificate(const std::string& path) {
  const auto text = read_file_if_there(path);
  if (!text) return std::nullopt;
  try {
    return parse_certificate(*text);
  } catch (const Error& error) {  // the comparison with the inventory says more of it
    if (error.code() != Code::certificate_invalid) throw;
    return std::nullopt;
  }
}

/// The certificate that stands there, when it is one and the inventory does not have it.
std::optional<Certificate> unknown_certificate(Reconciliation& run, const Installation& place) {
  if (place.out.empty()) return std::nullopt;
  auto certificate = read_certificate(place.out + "/cert.pem");
  if (!certificate) return std::nullopt;
  if (run.is_in_inventory(certificate->issuer, certificate->serial)) return std::nullopt;
  return certificate;
}

/// The id that the certificate had when it was delivered, if that is free.
std::string id_for(sql::Connection& db, const Installation& place, const Certificate& certificate) {
  const auto current = read_link(place.out + "/current").value_or("");
  const auto id = current.substr(current.rfind('/') + 1);
  return is_id("cert", id) && !inventory::by_id(db, id) ? id : new_id("cert", certificate.not_before);
}

CertificateRow successor(const CertificateRow& before, const Certificate& certificate, const Reconciliation& run) {
  CertificateRow row = before;
  row.subject = certificate.subject;
  row.sans = certificate.sans;
  row.serial = certificate.serial;
  row.issuer = certificate.issuer;
  row.ca_name = run.issuer_of(certificate.issuer)->name;
  row.key_algorithm =
      certificate.key.algorithm ? std::string(to_string(*certificate.key.algorithm)) : certificate.key.family;
  if (hex(certificate.key.sha256) != before.public_key_sha256) row.key_created_at = certificate.not_before;
  row.public_key_sha256 = hex(certificate.key.sha256);
  row.issued_at = row.not_before = certificate.not_before;
  row.expires_at = certificate.not_after;
  row.renew_at = row.renew_before.empty() ? default_due_at(row.not_before, row.expires_at)
                                          : parse_renew_before(row.renew_before).due_at(row.not_before, row.expires_at);
  row.renewed_from = before.cert_id;
  row.fingerprint = hex(certificate.fingerprint);
  row.pem = certificate.pem;
  row.request_id = run.answer.request_id;
  row.issued_by = run.bench.session.identity().user;
  return row;
}

/// After a restore: a renewal that the backup did not have yet.
void adopt(Reconciliation& run, const Installation& place, const Certificate& certificate) {
  auto& db = run.bench.db;
  const auto before = inventory::active_by_name(db, place.name, from_micros(0));
  const bool fits = before && before->host == run.bench.self.host && before->installation == place.name &&
                    certificate.not_before >= before->not_before && certificate.sans == before->sans;
  const bool key_known = fits && (place.with_key || hex(certificate.key.sha256) == before->public_key_sha256);
  if (!run.is_ours(certificate) || !key_known) {
    run.report("installation_unknown", place.name,
               place.out + "/cert.pem is a certificate that the inventory does not have: " + certificate.serial,
               "issue or renew " + place.name + ", or move the files away");
    return;
  }
  run.repair(
      "certificate_adopted", place.name,
      "our CA signed " + certificate.serial + ", installed in " + place.out + ", which the inventory did not have",
      [&] {
        auto row = successor(*before, certificate, run);
        row.cert_id = id_for(db, place, certificate);
        inventory::insert(db, row);
        inventory::supersede(db, before->cert_id);
      },
      [&] { return !run.is_in_inventory(certificate.issuer, certificate.serial); });
}

}  // namespace

void adopt_installed(Reconciliation& run) {
  std::vector<Installation> places;
  run.examine("installation_invalid", run.bench.installations,
              [&] { places = installation::load_all(run.bench.installations); });
  for (const auto& place : places)
    run.examine("installation_unknown", place.name, [&] {
      if (const auto certificate = unknown_certificate(run, place)) adopt(run, place, *certificate);
    });
}

void compare_installations(Reconciliation& run) {
  for (const auto& row : installed_here(run)) {
    ++run.answer.installations;
    run.examine("installation_differs", row.name, [&] { look_at_installation(run, row); });
  }
}

void look_at_profile_files(Reconciliation& run) {
  if (run.bench.ca_folder.empty()) return;  // a team has no profile here
  const std::string home = run.bench.ca_folder.substr(0, run.bench.ca_folder.rfind('/'));
  std::vector<std::string> paths{home + "/ymgr.db", home + "/policy.yaml"};
  for (const auto& name : list_folder(run.bench.ca_folder))
    if (name.ends_with(".key")) paths.push_back(run.bench.ca_folder + "/" + name);
  for (const auto& path : paths) run.examine("file_mode", path, [&] { mend_mode(run, path, {0600, std::nullopt}); });
}

}  // namespace ymgr::reconciling
