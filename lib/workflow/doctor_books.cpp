#include <algorithm>

#include "authority/authority.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "inventory/inventory.hpp"
#include "inventory/tracked.hpp"
#include "sql/migrations.hpp"
#include "vault/pki.hpp"
#include "workflow/doctor_checks.hpp"
#include "workflow/heartbeat.hpp"
#include "workflow/init.hpp"
#include "workflow/migrate_profile.hpp"
#include "workflow/operation.hpp"
#include "workflow/stand_in.hpp"
#include "workflow/trail_clock.hpp"
#include "x509/revocation.hpp"

namespace ymgr::doctor {
namespace {

constexpr Duration day = std::chrono::hours(24);

bool answers(const CaInfo& ca, Time at) {
  return ca.certificate && (ca.status == "active" || ca.certificate->not_after >= at);
}

Finding look_at_crl(const Patient& patient, const CaInfo& ca) {
  const bool root = ca.kind == "root";
  const std::string what = "the CRL of " + patient.named(ca.name),
                    hint = root ? "ymgr ca crl --root --refresh" : "ymgr ca crl --refresh, or: ymgr renew --due";
  if (!ca.crl_next_update || !ca.crl_this_update)
    return root ? fine(what + " was not signed yet") : warning("there is no CRL of " + ca.name, hint);
  const auto life_of = *ca.crl_next_update - *ca.crl_this_update;
  return life(what, *ca.crl_next_update, patient.at, root ? life_of / 10 : life_of / 2, hint);
}

/// Of a team, as Vault serves it to anybody.
Finding look_at_team_crl(const Patient& patient) {
  vault::Pki pki(patient.vault.get(), patient.servers.pki);
  const auto crl = pki.crl("default", pki.chain().front());
  return life(
      "the CRL that Vault serves", crl.next_update, patient.at, std::chrono::hours(6),
      "bao write " + patient.servers.pki + "/config/crl auto_rebuild=true expiry=72h auto_rebuild_grace_period=12h");
}

/// The one that lives longest.
std::optional<Certificate> sample(sql::Connection& db, Time at) {
  std::optional<std::string> pem;
  db.run("SELECT pem FROM certificates WHERE status = 'active' AND expires_at >= $1 ORDER BY expires_at DESC LIMIT 1",
         {to_micros(at)}, [&](const sql::Row& row) { pem = std::string(row.text(0)); });
  return pem ? std::optional(parse_certificate(*pem)) : std::nullopt;
}

Finding look_at_served_crl(const Patient& patient, const std::string& url, const CaInfo& ca) {
  const auto answer = patient.fetch(url, {}, {});
  if (answer.status != 200)
    return failed(url + " answers " + std::to_string(answer.status), "curl -v " + shell_quote(url));
  const auto crl = parse_crl(answer.body, &*ca.certificate);
  if (crl.next_update < patient.at)
    return {State::failed, url + " serves a CRL that expired on " + format_time(crl.next_update),
            "ymgr ca crl --refresh", Expiry::over};
  if (crl.number < ca.crl_number)
    return warning(
        url + " serves CRL " + std::to_string(crl.number) + ", but " + std::to_string(ca.crl_number) + " is the newest",
        "see that what serves it gets the new files of the profile's folder ca");
  return fine(url + " serves CRL " + std::to_string(crl.number));
}

Finding look_at_ocsp(const Patient& patient, const std::string& url, const CaInfo& ca, const std::string& serial) {
  const auto answer = patient.fetch(url, "application/ocsp-request", make_ocsp_request(*ca.certificate, serial));
  if (answer.status != 200 || answer.content_type != "application/ocsp-response")
    return failed(url + " gives no OCSP answer: status " + std::to_string(answer.status),
                  "curl -v " + shell_quote(url));
  if (const int status = ocsp_response_status(answer.body); status != 0)
    return failed(url + " refuses to answer: OCSP status " + std::to_string(status),
                  "ymgr renew --due renews the responder's key");
  return fine(url + " answers OCSP requests");
}

Finding guarded(const std::string& url, const std::function<Finding()>& look) {
  try {
    return look();
  } catch (const Error& error) {
    return failed(url + ": " + error.what(), "curl -v " + shell_quote(url));
  }
}

std::int64_t number_of(sql::Connection& db, std::string_view text, std::initializer_list<sql::Value> values) {
  std::int64_t number = 0;
  db.run(text, values, [&](const sql::Row& row) { number = row.integer(0); });
  return number;
}

/// Certificates that a run on this host would have looked at: installed here, and in a profile all that stand nowhere.
std::int64_t left_to_nobody(const Patient& patient) {
  const std::string here = patient.is_team ? "host = $1" : "(host = $1 OR installation IS NULL)";
  return number_of(
      patient.database.get(),
      "SELECT count(*) FROM certificates WHERE status = 'active' AND issued_at < $2 AND expires_at >= $3 AND " + here,
      {patient.host, to_micros(patient.at - patient.heartbeat), to_micros(patient.at)});
}

}  // namespace

Finding look_at_schema(const Patient& patient) {
  if (!patient.is_team && !patient.has_profile) return skipped("there is no profile");
  const auto state = sql::schema_state(patient.database.get());
  const std::string text = "the database has schema " + std::to_string(state.version) + ", this ymgr knows " +
                           std::to_string(sql::schema_version());
  if (state.min_client > sql::schema_version())
    return failed(text + " and is too old for it",
                  "install the ymgr that the others use: it needs schema " + std::to_string(state.min_client));
  if (state.version > sql::schema_version())
    return warning(text + ": another ymgr is newer", "install the same release everywhere");
  if (!state.pending.empty())
    return patient.is_team ? failed(text, "whoever set the database up runs: ymgr db upgrade")
                           : warning(text, "ymgr db upgrade");
  return fine(text);
}

Finding look_at_trail_clock(const Patient& patient) {
  const auto found = trail_clock(patient.database.get(), patient.at);
  if (!found.last) return fine("nothing was recorded yet");
  const std::string last = "the last event was recorded at " + format_time(*found.last);
  if (!found.is_behind) return fine(last);
  const std::string both = "the clock says " + format_time(patient.at) + ", but " + last;
  if (!found.accepted_by.empty())
    return warning(both + "; accepted by " + patient.named(found.accepted_by),
                   "see that the clock is right: timedatectl set-ntp true");
  return failed(both, std::string("set the clock right: timedatectl set-ntp true") +
                          (patient.is_team ? "" : "; where the record's was wrong: ymgr login --accept-clock"));
}

Finding look_at_demo(const Patient& patient) {
  if (!is_demo(patient.database.get())) return fine("attestations of real YubiKeys alone are believed");
  return warning("this profile was made with --demo: attestations of the virtual YubiKey are believed",
                 "ymgr init, without --demo, for real work");
}

Finding look_at_move(const Patient& patient) {
  const auto context = patient.is_team ? std::nullopt : migrate::moved_to(patient.database.get());
  if (!context) return fine("nothing has moved elsewhere");
  return warning("this profile has moved to the team of the context " + patient.named(*context),
                 "ymgr --context " + shell_quote(*context) + " works there");
}

Finding look_at_cas(const Patient& patient) {
  std::vector<Finding> findings;
  for (const auto& ca : list_cas(patient.database.get())) {
    if (ca.status == "pending") {
      findings.push_back(
          warning("the request of " + patient.named(ca.name) + " waits for its answer", "ymgr ca import FILE"));
    } else if (ca.status == "active" && ca.certificate) {
      const bool root = ca.kind == "root";
      findings.push_back(life((root ? "the root CA " : "the issuing CA ") + patient.named(ca.name),
                              ca.certificate->not_after, patient.at, day * (root ? 365 : 180),
                              root              ? "make a new root: ymgr init in another profile, then ymgr migrate"
                              : patient.is_team ? "make a new issuer in Vault's PKI engine"
                                                : "ymgr ca rotate"));
    }
  }
  return sum_up(findings, "there is no CA yet");
}

Finding look_at_crls(const Patient& patient) {
  if (patient.is_team) return look_at_team_crl(patient);
  std::vector<Finding> findings;
  for (const auto& ca : list_cas(patient.database.get()))
    if (answers(ca, patient.at)) findings.push_back(look_at_crl(patient, ca));
  return sum_up(findings, "there is no CA yet");
}

Finding look_at_served_lists(const Patient& patient) {
  sql::Connection& db = patient.database.get();
  const auto found = sample(db, patient.at);
  if (!found) return skipped("no certificate says where");
  const Certificate& certificate = *found;
  const auto cas = list_cas(db);
  const CaInfo* ca = ca_of(cas, certificate);
  if (!ca || (certificate.urls.crl.empty() && certificate.urls.ocsp.empty()))
    return skipped("certificates name no URL of a CRL or of OCSP",
                   "ymgr init --crl-url --ocsp-url, for others who check them");
  std::vector<Finding> findings;
  for (const auto& url : certificate.urls.crl)
    findings.push_back(guarded(url, [&] { return look_at_served_crl(patient, url, *ca); }));
  for (const auto& url : certificate.urls.ocsp)
    findings.push_back(guarded(url, [&] { return look_at_ocsp(patient, url, *ca, certificate.serial); }));
  return sum_up(findings, {});
}

/// What should have been renewed by now.
struct Overdue {
  std::vector<std::string> late, over;

  void look_at(const Patient& patient, const std::string& name, Time expires_at, Time renew_at) {
    if (expires_at < patient.at)
      over.push_back(patient.named(name));
    else if (renew_at + day < patient.at)
      late.push_back(patient.named(name));
  }
  Finding finding(std::string hint, std::string if_none) const {
    if (!over.empty())
      return {State::failed, "expired and not replaced: " + some_of(over), std::move(hint), Expiry::over};
    if (!late.empty())
      return {State::warning, "due for more than a day: " + some_of(late), std::move(hint), Expiry::due};
    return fine(std::move(if_none));
  }
};

Finding look_at_certificates(const Patient& patient) {
  Overdue overdue;
  inventory::due(
      patient.database.get(),
      {.at = patient.at, .selection = {}, .renew_before = {}, .host = patient.host, .only_host = true, .limit = 1000},
      [&](const CertificateRow& row) { overdue.look_at(patient, row.name, row.expires_at, row.renew_at); });
  return overdue.finding("ymgr renew --due; ymgr cert explain NAME tells why one was not renewed",
                         "none is due for more than a day on this host");
}

Finding look_at_watched(const Patient& patient) {
  Overdue overdue;
  for (const auto& row : tracked::list(patient.database.get(), {}))
    overdue.look_at(patient, row.name, row.expires_at, row.renew_at);
  return overdue.finding(
      "renew them where they are from and look again with ymgr cert track, or give them up: ymgr cert untrack NAME",
      "none from elsewhere is due for more than a day");
}

Finding look_at_undelivered(const Patient& patient) {
  if (!patient.is_team) return skipped("only a team's database can be away");
  if (!is_folder(patient.stand_in_folder)) return fine("nothing was done without the database");
  std::vector<std::string> files;
  for (const auto& name : list_folder(patient.stand_in_folder))
    if (name.starts_with(patient.stand_in_prefix) && name.ends_with(".db"))
      if (const auto path = patient.stand_in_folder + "/" + name; stand_in::is_undelivered(path)) files.push_back(path);
  if (files.empty()) return fine("nothing waits to be delivered to the database");
  return warning(
      "what was done while the database was away is not in it yet: " + some_of(files),
      "ymgr resume --all, as whoever did it and in the same context, delivers it when the database is there");
}

Finding look_at_notices(const Patient& patient) {
  if (patient.channels.empty())
    return skipped("nobody is told of what fails or ends: no channel is set up",
                   "notify: of the configuration; README, Renewal");
  std::vector<std::string> owed;
  std::int64_t count = 0;
  patient.database.get().run(
      "SELECT channel, count(*), max(error) FROM notifications WHERE state IN ('owed','sending') AND created_at < $1 "
      "GROUP BY channel ORDER BY channel",
      {to_micros(patient.at - day)}, [&](const sql::Row& row) {
        count += row.integer(1);
        owed.push_back(std::string(row.text(0)) +
                       (row.is_null(2) ? "" : " (" + patient.named(std::string(row.text(2))) + ")"));
      });
  if (count == 0) return fine("channels: " + join(patient.channels, ", ") + "; nothing is owed for more than a day");
  return warning("owed for more than a day: " + std::to_string(count) + " notices by " + some_of(owed),
                 "ymgr notify test, then ymgr notify send");
}

Finding look_at_heartbeat(const Patient& patient) {
  const auto beat = heartbeat::of_host(patient.database.get(), patient.host);
  if (beat.actor.empty()) {
    const std::string hint = "ymgr renew --due, by a timer or cron";
    if (const auto waiting = left_to_nobody(patient); waiting > 0)
      return failed("renewals were never run here by a schedule, and certificates of this host wait for one: " +
                        std::to_string(waiting),
                    hint);
    return skipped("renewals were never run here by a schedule", hint);
  }
  patient.named(beat.message);
  const std::string text = beat.describe(patient.at);
  if (!beat.is_stale(patient.heartbeat, patient.at)) return fine(text);
  return failed(text, "ymgr renew --due shows what fails; journalctl -u ymgr-renew tells of the last runs");
}

Finding look_at_hooks(const Patient& patient) {
  std::vector<std::string> owed;
  for (const auto& row : inventory::with_pending_hooks(patient.database.get(), patient.host))
    owed.push_back(patient.named(row.name) +
                   (row.hook_message.empty() ? "" : " (" + patient.named(row.hook_message) + ")"));
  if (owed.empty()) return fine("none is owed on this host");
  return failed("services still use the old certificate, since the deploy hook did not succeed: " + some_of(owed),
                "mend what it says, then: ymgr renew --due");
}

Finding look_at_operations(const Patient& patient) {
  sql::Connection& db = patient.database.get();
  const auto before = to_micros(patient.at - day);
  const auto open =
      number_of(db, "SELECT count(*) FROM operations WHERE state IN ('open','waiting') AND created_at < $1", {before});
  if (open == 0) return fine("nothing was begun more than a day ago and not finished");
  std::vector<std::string> ids;
  for (const auto& one : operations::list(db, true, 1000))
    if (one.created_at < from_micros(before)) ids.push_back(one.request_id + " (" + one.kind + ", " + one.state + ")");
  return warning(std::to_string(open) + " begun more than a day ago and not finished: " + some_of(ids),
                 "ymgr operation list, then: ymgr resume --all");
}

}  // namespace ymgr::doctor
