#include "workflow/doctor.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "workflow/doctor_checks.hpp"

namespace ymgr::doctor {
namespace {

constexpr Check table[] = {
    {"programs", "machine", "one ymgr, and the agent of the same release", look_at_programs},
    {"clock", "machine", "the clock is kept right", look_at_clock},
    {"disk", "machine", "there is room on the disks", look_at_disk},
    {"timers", "machine", "renewals are scheduled", look_at_timers},
    {"configuration", "files", "the configuration is right", look_at_configuration, State::failed},
    {"profile", "files", "the profile is ours alone", look_at_profile, State::failed},
    {"session-folder", "files", "session files stand in memory", look_at_session_folder, State::failed},
    {"secret-files", "files", "files with secrets are ours alone", look_at_secret_files, State::failed},
    {"installations", "files", "installed keys and certificates", look_at_installations, State::failed},
    {"policy", "files", "the policy is right and adopted", look_at_policy, State::failed},
    {"public-validity", "files", "validity of public TLS certificates", look_at_public_validity},
    {"pcscd", "cards", "pcscd answers", look_at_pcscd, State::failed},
    {"polkit", "cards", "pcscd lets this user in", look_at_polkit},
    {"card-users", "cards", "other programs that use YubiKeys", look_at_card_users},
    {"agent", "cards", "the agent answers", look_at_agent, State::failed},
    {"agent-process", "cards", "nobody reads the agent's memory", look_at_agent_process},
    {"cards", "cards", "YubiKeys that are plugged in", look_at_cards},
    {"firmware", "cards", "what the YubiKeys' firmware can't do", look_at_firmware},
    {"schema", "books", "the database's schema fits", look_at_schema, State::failed},
    {"trail-clock", "books", "the clock was not set back", look_at_trail_clock},
    {"demo", "books", "a real profile", look_at_demo},
    {"moved", "books", "the work is done here", look_at_move},
    {"ca", "books", "the CAs live long enough", look_at_cas},
    {"crl", "books", "revocation lists are fresh", look_at_crls},
    {"served-lists", "books", "CRL and OCSP are served as certificates say", look_at_served_lists},
    {"certificates", "books", "certificates are renewed in time", look_at_certificates},
    {"watched", "books", "certificates from elsewhere are renewed in time", look_at_watched},
    {"undelivered", "books", "what was done without the database is in it", look_at_undelivered},
    {"notices", "books", "notices reach people", look_at_notices},
    {"heartbeat", "books", "scheduled renewals succeed", look_at_heartbeat},
    {"hooks", "books", "no deploy hook is owed", look_at_hooks},
    {"operations", "books", "nothing waits to be finished", look_at_operations},
    {"login", "servers", "the login lives on", look_at_login, State::failed},
    {"login-certificate", "servers", "the certificate that logs in lives on", look_at_login_certificate, State::failed},
    {"vault", "servers", "Vault answers and can serve", look_at_vault, State::failed},
    {"vault-clock", "servers", "Vault's clock and ours agree", look_at_vault_clock},
    {"vault-certificate", "servers", "Vault's certificate lives on", look_at_vault_certificate},
    {"vault-audit", "servers", "Vault keeps an audit log", look_at_vault_audit},
    {"postgresql", "servers", "PostgreSQL answers and takes writes", look_at_postgres, State::failed},
    {"postgresql-clock", "servers", "PostgreSQL's clock and ours agree", look_at_postgres_clock},
    {"postgresql-certificate", "servers", "PostgreSQL's certificate lives on", look_at_postgres_certificate},
};

Finding look(const Check& check, const Patient& patient) {
  try {
    return check.look(patient);
  } catch (const Error& error) {
    const State state = error.code() == Code::not_logged_in ? State::skipped : check.unseen;
    return {.state = state, .text = error.what(), .hint = error.suggestion()};
  }
}

int badness(State state) noexcept {
  return state == State::failed ? 2 : state == State::warning ? 1 : 0;
}

void add(std::string& text, const std::string& more, std::string_view between) {
  if (more.empty() || text.find(more) != std::string::npos) return;
  if (!text.empty()) text += between;
  text += more;
}

}  // namespace

std::string_view to_string(State state) noexcept {
  switch (state) {
    case State::ok: return "ok";
    case State::warning: return "warning";
    case State::failed: return "failed";
    case State::skipped: return "skipped";
  }
  return "skipped";
}

std::span<const Check> checks() noexcept {
  return table;
}

const Check* find_check(std::string_view id) noexcept {
  const auto* found = std::ranges::find(table, id, &Check::id);
  return found == std::end(table) ? nullptr : found;
}

std::size_t Report::count(State state) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(lines, [&](const Line& line) { return line.finding.state == state; }));
}

int Report::exit_status() const noexcept {
  const auto any = [&](auto&& fits) { return std::ranges::any_of(lines, fits); };
  const auto is_over = [](const Line& line) { return line.finding.expiry == Expiry::over; };
  if (any([&](const Line& line) { return line.finding.state == State::failed && !is_over(line); })) return 1;
  if (any(is_over)) return 12;
  return any([](const Line& line) { return line.finding.expiry == Expiry::due; }) ? 11 : 0;
}

Report examine(const Patient& patient, const Check* only) {
  Report report;
  for (const Check& check : table)
    if (!only || only == &check) report.lines.push_back({&check, look(check, patient)});
  return report;
}

Finding sum_up(const std::vector<Finding>& findings, std::string text_if_none) {
  if (findings.empty()) return fine(std::move(text_if_none));
  const auto worst = std::ranges::max(findings, {}, [](const Finding& one) { return badness(one.state); }).state;
  Finding sum{.state = worst, .text = {}};
  for (const Finding& one : findings) {
    sum.expiry = std::max(sum.expiry, one.expiry);
    if (badness(one.state) == 0 && badness(worst) > 0) continue;
    add(sum.text, one.text, "; ");
    add(sum.hint, one.hint, "\n");
  }
  return sum;
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 5;
  std::vector<std::string> first(names.begin(),
                                 names.begin() + static_cast<std::ptrdiff_t>(std::min(shown, names.size())));
  for (auto& name : first) name = printable(name);
  const std::string text = join(first, ", ");
  return names.size() <= shown ? text : text + " and " + std::to_string(names.size() - shown) + " more";
}

Finding life_of_server(const std::string& server, const Certificate& certificate, Time at) {
  const Duration due =
      std::min<Duration>(std::chrono::hours(24 * 14), (certificate.not_after - certificate.not_before) / 4);
  return life("the TLS certificate of " + server, certificate.not_after, at, due, "renew it on the server");
}

Finding life(const std::string& what, Time ends, Time at, Duration due, const std::string& hint) {
  const std::string when = format_time(ends) + " (" + describe_distance(at, ends) + ")";
  if (ends < at) return {State::failed, what + " expired on " + when, hint, Expiry::over};
  if (ends - at < due) return {State::warning, what + " expires on " + when, hint, Expiry::due};
  return fine(what + " lives until " + when);
}

}  // namespace ymgr::doctor
