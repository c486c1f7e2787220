#include "workflow/license.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"
#include "sql/statements.hpp"
#include "workflow/operation.hpp"

namespace ymgr {
namespace {

using namespace license;

constexpr std::string_view id_setting = "installation_id", newest_setting = "license.newest";
constexpr const char *profile_event = "profile.created", *created_event = "installation.created";
constexpr const char* installed_event = "license.installed";

/// A profile's trail is whole for everybody who opens it; a team's database refuses another id by itself.
bool is_profile(const LicensePorts& ports) {
  return ports.stores.keeps(KeyPlace::sealed);
}

/// Which ids those events made, the first one first.
std::vector<std::string> ids_made(sql::Connection& db, const char* event, std::string target = {}) {
  std::vector<std::string> ids;
  for (const auto& row : audit::list(db, {.event = event, .target = std::move(target)}))
    if (auto id = text_in(journaled(row.data), "installation_id"); !id.empty()) ids.push_back(std::move(id));
  return ids;
}

/// With the profile, or by an admin's command later.
std::optional<std::string> recorded_id(sql::Connection& db) {
  for (const char* event : {profile_event, created_event})
    if (const auto ids = ids_made(db, event); !ids.empty()) return ids.front();
  return std::nullopt;
}

bool is_replaced(const LicensePorts& ports, const std::string& id) {
  if (!is_profile(ports) || !ids_made(ports.db, created_event, id).empty()) return false;
  const auto ids = ids_made(ports.db, profile_event, sql::read_setting(ports.db, "profile_id").value_or(""));
  return std::ranges::find(ids, id) == ids.end();
}

Time latest_recorded(sql::Connection& db) {
  Time at{};
  db.run(sql::latest_time(db.dialect()), {}, [&](const sql::Row& row) { at = from_micros(row.integer(0)); });
  return at;
}

std::optional<Time> newest_installed(sql::Connection& db) {
  const auto text = sql::read_setting(db, newest_setting);
  return text ? std::optional(parse_time(*text)) : std::nullopt;
}

/// What an installation can do nothing for: it is TRIAL while its days last.
bool keeps_silent(const Error& error) {
  return error.kind() == Kind::unreachable || error.code() == Code::vault_denied;
}

Evidence evidence_of(const LicensePorts& ports) {
  Evidence evidence;
  evidence.installation_id = installation_id(ports.db).value_or("");
  evidence.id_replaced = !evidence.installation_id.empty() && is_replaced(ports, evidence.installation_id);
  evidence.clock = now();
  evidence.recorded = latest_recorded(ports.db);
  evidence.newest_installed = newest_installed(ports.db);
  return evidence;
}

LicenseReport judged(const Evidence& evidence, const LicensePorts& ports, std::optional<Error> store_error = {}) {
  return {evidence.installation_id, judge(evidence, ports.keys), std::move(store_error)};
}

/// @throws Error license-invalid, license-expired
void require_usable(const License& license, const Standing& standing, const Evidence& evidence,
                    const LicensePorts& ports) {
  const auto refuse = [&](Code code, const std::string& what) {
    throw Error(code, "the licence " + license.license_id + " " + what,
                "ask the vendor for one for " + evidence.installation_id);
  };
  if (const auto fault = fault_of(license, evidence.installation_id, ports.keys, standing.at))
    refuse(Code::license_invalid, *fault);
  if (license.expires_at <= standing.at) refuse(Code::license_expired, "ended " + format_time(license.expires_at));
  if (evidence.newest_installed && license.issued_at < *evidence.newest_installed)
    refuse(Code::license_invalid, "was issued " + format_time(license.issued_at) + ", before the one of " +
                                      format_time(*evidence.newest_installed) + " that was installed here already");
}

bool is_kept(const Book& book, const License& license) {
  return std::ranges::find(book.entries, license.text, &Entry::text) != book.entries.end();
}

/// The time only grows, so that what the store loses is missed.
void record_installed(const LicensePorts& ports, const License& license, const std::string& signed_by) {
  ports.db.transaction(sql::Access::write, [&] {
    sql::write_setting(ports.db, newest_setting, format_time(license.issued_at));
    audit::append(ports.db, ports.session.identity().user,
                  {{"", installed_event, license.license_id,
                    Json::object({{"customer", license.customer},
                                  {"installation_id", license.installation_id},
                                  {"issued_at", format_time(license.issued_at)},
                                  {"expires_at", format_time(license.expires_at)},
                                  {"signed_by", signed_by},
                                  {"sha256", hex(sha256(license.text))}})}},
                  ports.signer);
  });
}

LicenseHistoryItem item_of(const Entry& entry, const std::vector<VendorKey>& keys) {
  LicenseHistoryItem item;
  item.installed_at = entry.installed_at;
  item.installed_by = entry.installed_by;
  item.kept = "damaged";
  try {
    const auto license = parse_license(entry.text);
    item.license_id = license.license_id;
    item.customer = license.customer;
    item.issued_at = license.issued_at;
    item.not_before = license.not_before;
    item.expires_at = license.expires_at;
    item.signed_by = signer_of(license, keys).value_or("");
    if (!item.signed_by.empty() || keys.empty()) item.kept = "kept";
  } catch (const Error&) {
    item.license_id = "?";
  }
  return item;
}

/// nullopt: the event was written past ymgr, as whoever may write the trail can, and is none of an installation.
std::optional<LicenseHistoryItem> item_of(const audit::Row& row, const Json& data) {
  LicenseHistoryItem item;
  item.license_id = row.target;
  item.customer = text_in(data, "customer");
  try {
    item.issued_at = parse_time(text_in(data, "issued_at"));
    item.expires_at = parse_time(text_in(data, "expires_at"));
  } catch (const Error&) {
    return std::nullopt;
  }
  item.installed_at = row.at;
  item.installed_by = row.actor;
  item.signed_by = text_in(data, "signed_by");
  item.kept = "missing";
  return item;
}

void warn_of_end(Workbench& bench, const LicenseReport& report) {
  const auto& standing = report.standing;
  const bool trial_ends_soon = standing.state == State::trial && *standing.trial_ends - standing.at <= expiring_from;
  if (standing.state == State::expiring || trial_ends_soon || report.store_error)
    bench.notices.warn(standing.reason + ": then no YubiKey is enrolled and no certificate issued anew");
}

}  // namespace

std::string begin_installation(sql::Connection& db, Time at) {
  auto id = new_installation_id(at);
  sql::write_setting(db, id_setting, id, at);
  return id;
}

std::optional<std::string> installation_id(sql::Connection& db) {
  return sql::read_setting(db, id_setting);
}

std::string require_installation_id(const LicensePorts& ports) {
  if (auto id = installation_id(ports.db)) return *id;
  if (ports.session.identity().role != Role::admin)
    throw Error(Code::role_denied, "the installation has no id yet, and only admins make one",
                "an admin runs: ymgr license id");
  std::string id;
  ports.db.transaction(sql::Access::write, [&] {
    const auto known = is_profile(ports) ? recorded_id(ports.db) : std::nullopt;
    if (known) return sql::write_setting(ports.db, id_setting, id = *known);
    id = begin_installation(ports.db, now());
    audit::append(ports.db, ports.session.identity().user,
                  {{"", created_event, id, Json::object({{"installation_id", id}})}}, ports.signer);
  });
  return id;
}

LicenseReport license_report(const LicensePorts& ports) {
  auto evidence = evidence_of(ports);
  if (ports.keys.empty()) return judged(evidence, ports);
  try {
    evidence.entries = ports.stores.licenses().read().entries;
  } catch (const Error& error) {
    if (error.code() == Code::license_invalid)
      evidence.damage = error.what();
    else if (keeps_silent(error))
      evidence.store_is = error.what();
    else
      throw;
    if (evidence.store_is) return judged(evidence, ports, error);
  }
  return judged(evidence, ports);
}

InstalledLicense install_license(const LicensePorts& ports, std::string_view text, DryRun dry_run) {
  ports.session.require(Right::manage_ca);
  if (ports.keys.empty())
    throw Error(Code::usage, "no key of a vendor is configured: nothing is limited, and no licence can be checked",
                "set license.vendor_key in the configuration");
  InstalledLicense installed{.report = {}, .license = parse_license(text), .signed_by = {}, .changed = false};
  require_installation_id(ports);
  auto evidence = evidence_of(ports);
  auto shelf = ports.stores.licenses();
  Book book;
  try {
    book = shelf.read();
  } catch (const Error& error) {  // what is damaged is replaced, as a next version
    if (error.code() != Code::license_invalid) throw;
    book.version = shelf.version();
  }
  evidence.entries = book.entries;
  require_usable(installed.license, judge(evidence, ports.keys), evidence, ports);
  installed.signed_by = signer_of(installed.license, ports.keys).value_or("");
  const bool kept = is_kept(book, installed.license), noted = evidence.newest_installed == installed.license.issued_at;
  installed.changed = !kept || !noted;
  const Entry entry{installed.license.text, floor_seconds(now()), ports.session.identity().user};
  if (!kept) evidence.entries.push_back(entry);
  evidence.newest_installed = installed.license.issued_at;
  if (dry_run == DryRun::no && !kept) shelf.add(std::move(book), entry);
  if (dry_run == DryRun::no && installed.changed) record_installed(ports, installed.license, installed.signed_by);
  installed.report = judged(evidence, ports);
  return installed;
}

std::vector<LicenseHistoryItem> license_history(const LicensePorts& ports) {
  const auto entries = ports.stores.licenses().read().entries;
  const auto here = installation_id(ports.db);
  std::vector<LicenseHistoryItem> items;
  std::vector<std::string> kept;
  for (const auto& entry : entries) {
    items.push_back(item_of(entry, ports.keys));
    kept.push_back(hex(sha256(entry.text)));
  }
  for (const auto& row : audit::list(ports.db, {.event = installed_event})) {
    const Json data = journaled(row.data);
    const auto digest = text_in(data, "sha256");
    const bool is_here = is_profile(ports) || text_in(data, "installation_id") == here;  // not a moved profile's
    if (!is_here || std::ranges::find(kept, digest) != kept.end()) continue;
    auto item = item_of(row, data);
    if (!item) continue;
    kept.push_back(digest);
    items.push_back(std::move(*item));
  }
  std::ranges::stable_sort(items, {}, &LicenseHistoryItem::installed_at);
  return items;
}

std::optional<license::Standing> license_standing(Workbench& bench) {
  auto keys = bench.vendor_keys ? bench.vendor_keys() : std::vector<VendorKey>();
  if (keys.empty()) return std::nullopt;
  try {
    return license_report({bench.db, bench.session, bench.stores, bench.head_signer, std::move(keys)}).standing;
  } catch (const Error& error) {
    if (error.code() == Code::interrupted) throw;
    return std::nullopt;  // its gate tells
  }
}

std::optional<Error> license_refusal(Workbench& bench) {
  auto keys = bench.vendor_keys ? bench.vendor_keys() : std::vector<VendorKey>();
  if (keys.empty()) return std::nullopt;
  const auto report = license_report({bench.db, bench.session, bench.stores, bench.head_signer, std::move(keys)});
  if (!report.standing.refuses()) {
    warn_of_end(bench, report);
    return std::nullopt;
  }
  if (report.store_error) return report.store_error;
  return Error(report.standing.state == State::expired ? Code::license_expired : Code::license_invalid,
               report.standing.reason + ": no YubiKey is enrolled and no certificate issued anew",
               "install a licence for " +
                   (report.installation_id.empty() ? "the id that 'ymgr license id' prints" : report.installation_id) +
                   ": ymgr license install FILE; renewals, revocations and all else go on",
               {{"license_state", std::string(to_string(report.standing.state))}});
}

void refuse_unlicensed(Workbench& bench, std::string_view target, const Error& refusal) {
  if (refusal.kind() == Kind::policy)
    bench.db.transaction(sql::Access::write, [&] {
      audit::append(
          bench.db, bench.session.identity().user,
          {{"", "license.refused", std::string(target), Json::object({{"reason", std::string(refusal.what())}})}},
          bench.head_signer);
    });
  throw Error(refusal);
}

void require_license(Workbench& bench, std::string_view target, DryRun dry_run) {
  const auto refusal = license_refusal(bench);
  if (!refusal) return;
  if (dry_run == DryRun::yes) throw Error(*refusal);
  refuse_unlicensed(bench, target, *refusal);
}

}  // namespace ymgr
