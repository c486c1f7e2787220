#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "session/session_file.hpp"
#include "session/session_vault.hpp"
#include "sql/statements.hpp"
#include "workflow/doctor_checks.hpp"
#include "x509/peer.hpp"

namespace ymgr::doctor {
namespace {

constexpr Duration drift_told = std::chrono::seconds(10), drift_allowed = std::chrono::seconds(60);
constexpr int oldest_postgres = 130000, first_tested = 150000, after_tested = 180000;

Finding no_team() {
  return skipped("no servers of a team are configured");
}

Finding clocks(const std::string& who, Time theirs, Time ours) {
  const Duration apart = theirs > ours ? theirs - ours : ours - theirs;
  const std::string text = who + " says " + format_time(theirs) + ", and this host " + format_time(ours);
  const std::string hint = "timedatectl set-ntp true, on whichever of the two is wrong";
  if (apart > drift_allowed) return failed(text + ": tokens and certificates will be refused", hint);
  return apart > drift_told ? warning(text, hint) : fine(text);
}

/// "2.7.2", "1.19.0+ent": major and minor.
std::pair<int, int> version_of(const std::string& text) {
  const auto parts = split(text, '.');
  const auto number = [&](std::size_t i) {
    return i < parts.size() ? static_cast<int>(parse_number(parts[i]).value_or(0)) : 0;
  };
  return {number(0), number(1)};
}

Finding look_at_node(const VaultNode& node) {
  const std::string name = node.address + " (" + node.version + ")";
  if (node.failure) return failed(node.failure->what(), node.failure->suggestion());
  if (!node.initialised) return failed(name + " was never initialised", "bao operator init");
  if (node.sealed) return failed(name + " is sealed", "bao operator unseal, by those who have its keys");
  const auto version = version_of(node.version);
  if (version < std::pair(1, 11) || version >= std::pair(3, 0))
    return warning(name + " is not known to work: OpenBao 2 and Vault 1.11 to 1.x are", "see README");
  return fine(name + (node.standby ? " stands by" : " is active"));
}

struct ServerFacts {
  int version = 0;
  Time time;
  bool read_only = false;
};
ServerFacts facts_of(sql::Connection& db) {
  ServerFacts facts;
  db.run(sql::server_facts(db.dialect()), {}, [&](const sql::Row& row) {
    facts = {static_cast<int>(row.integer(0)), from_micros(row.integer(1)), row.integer(2) != 0};
  });
  return facts;
}

Finding look_at_session(const Patient& patient, const std::string& text) {
  const auto file = parse_session_file(text);
  if (!file) return failed("the session's file is damaged", "ymgr login");
  std::optional<Finding> finding;
  patient.database.get().run("SELECT user_name, expires_at, ended_at FROM user_sessions WHERE session_id = $1",
                             {file->session_id}, [&](const sql::Row& row) {
                               const Time ends = from_micros(row.integer(1));
                               const std::string who = "the session of " + patient.named(printable(row.text(0)));
                               if (!row.is_null(2))
                                 finding = warning(who + " was ended", "ymgr login");
                               else if (ends <= patient.at)
                                 finding = warning(who + " expired at " + format_time(ends), "ymgr login");
                               else
                                 finding = fine(who + " lives until " + format_time(ends));
                             });
  return finding ? *finding : warning("the session's file belongs to no session of this profile", "ymgr login");
}

Finding look_at_token(const Patient& patient) {
  const auto token = vault::look_up_self(patient.vault.get());
  const std::string who =
      "the token of " + (token.display_name.empty() ? std::string("somebody") : patient.named(token.display_name));
  if (!token.term.expires_at) return warning(who + " never expires", "log in with one that does: ymgr login");
  if (token.entity_id.empty())
    return failed(who + " belongs to no entity, so it gets no login to the database",
                  "ymgr login, by a method that has people");
  const std::string text = who + " lives until " + format_time(*token.term.expires_at) +
                           (token.term.renewable ? " and can be renewed" : " and can't be renewed");
  if (*token.term.expires_at - patient.at < std::chrono::minutes(5)) return warning(text, "ymgr login");
  return fine(text);
}

}  // namespace

Finding look_at_login(const Patient& patient) {
  if (patient.is_team) {
    if (!patient.vault.if_there()) return skipped("nobody is logged in", "ymgr login");
    const auto& nodes = patient.nodes.get();
    if (std::ranges::all_of(nodes, [](const VaultNode& node) { return node.failure.has_value(); }))
      return skipped("Vault gives no answer");
    return look_at_token(patient);
  }
  if (!patient.has_profile) return skipped("there is no profile to log in to");
  const std::string* text = patient.session.if_there();
  return text ? look_at_session(patient, *text) : skipped("nobody is logged in", "ymgr login");
}

Finding look_at_login_certificate(const Patient& patient) {
  if (patient.login_certificate.empty()) return skipped("no certificate logs in: vault.certificate_file is not set");
  const auto shown = parse_certificate(read_file(patient.login_certificate));
  return life("the certificate " + patient.login_certificate, shown.not_after, patient.at,
              shown.not_after - default_due_at(shown.not_before, shown.not_after),
              "renew it before nobody can log in with it any more");
}

Finding look_at_vault(const Patient& patient) {
  if (!patient.is_team) return no_team();
  std::vector<Finding> findings;
  bool active = false;
  for (const auto& node : patient.nodes.get()) {
    findings.push_back(look_at_node(node));
    active = active || (!node.failure && node.initialised && !node.sealed && !node.standby);
  }
  auto sum = sum_up(findings, {});
  if (sum.state == State::failed && active) sum.state = State::warning;  // the others serve meanwhile
  if (sum.state == State::ok && !active)
    return failed(sum.text + "; none is active: a cluster without leader", "bao operator raft list-peers");
  return sum;
}

Finding look_at_vault_clock(const Patient& patient) {
  if (!patient.is_team) return no_team();
  std::vector<Finding> findings;
  for (const auto& node : patient.nodes.get())
    if (node.time) findings.push_back(clocks(node.address, *node.time, node.asked_at));
  if (findings.empty()) return skipped("Vault gives no answer");
  return sum_up(findings, {});
}

Finding look_at_vault_certificate(const Patient& patient) {
  if (!patient.is_team) return no_team();
  std::vector<Finding> findings;
  for (const auto& node : patient.nodes.get()) {
    if (node.certificate.empty()) continue;
    findings.push_back(life_of_server(node.address, parse_certificate(node.certificate), patient.at));
  }
  if (findings.empty()) return skipped("Vault gives no answer");
  return sum_up(findings, {});
}

Finding look_at_vault_audit(const Patient& patient) {
  if (!patient.is_team) return no_team();
  vault::Client& client = patient.vault.get();
  const auto answer = client.call({.path = vault::Path("sys/audit")});
  const Json& devices = answer.data();
  if (!devices.is_object() || devices.members().empty())
    return warning("Vault has no audit device, so nobody can tell later who asked for what",
                   "add an 'audit' block to its configuration");
  return fine(std::to_string(devices.members().size()) + " audit devices");
}

Finding look_at_postgres(const Patient& patient) {
  if (!patient.is_team) return no_team();
  const auto facts = facts_of(patient.database.get());
  const std::string name =
      "PostgreSQL " + std::to_string(facts.version / 10000) + "." + std::to_string(facts.version % 10000);
  if (facts.version < oldest_postgres) return failed(name + " is too old", "PostgreSQL 15 to 17 are known to work");
  if (facts.read_only)
    return failed(name + " takes no writes: a standby, or read-only",
                  "name the primary in database.host, or all of them with commas");
  if (facts.version < first_tested || facts.version >= after_tested)
    return warning(name + " was never tried", "PostgreSQL 15 to 17 are known to work");
  return fine(name + " takes writes");
}

Finding look_at_postgres_clock(const Patient& patient) {
  if (!patient.is_team) return no_team();
  return clocks("PostgreSQL", facts_of(patient.database.get()).time, now());
}

Finding look_at_postgres_certificate(const Patient& patient) {
  if (!patient.is_team) return no_team();
  sql::Connection& db = patient.database.get();
  facts_of(db);  // a connection is opened by its first question
  const auto certificate = peer_certificate(db.tls_session());
  if (!certificate) return skipped("there is no TLS on a Unix socket");
  return life_of_server("PostgreSQL", *certificate, patient.at);
}

}  // namespace ymgr::doctor
