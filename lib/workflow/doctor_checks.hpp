// The checks of `ymgr doctor`, by what they look at. For lib/workflow/doctor*.cpp.
#pragma once
#include "workflow/doctor.hpp"
#include "x509/certificate.hpp"

namespace ymgr::doctor {

inline Finding fine(std::string text) {
  return {.state = State::ok, .text = std::move(text)};
}
inline Finding warning(std::string text, std::string hint) {
  return {.state = State::warning, .text = std::move(text), .hint = std::move(hint)};
}
inline Finding failed(std::string text, std::string hint) {
  return {.state = State::failed, .text = std::move(text), .hint = std::move(hint)};
}
inline Finding skipped(std::string text, std::string hint = {}) {
  return {.state = State::skipped, .text = std::move(text), .hint = std::move(hint)};
}
/// The worst of several: failed, warning, ok; texts and hints one after the other, those that are fine left out if others are not.
Finding sum_up(const std::vector<Finding>& findings, std::string text_if_none);
/// "web1, web2 and 3 more"
std::string some_of(const std::vector<std::string>& names);
/// The same of a server's TLS certificate.
Finding life_of_server(const std::string& server, const Certificate&, Time at);
/// How long something lives: expired, fewer than `due` left, or fine.
Finding life(const std::string& what, Time ends, Time at, Duration due, const std::string& hint);

// the machine
Finding look_at_programs(const Patient&);
Finding look_at_clock(const Patient&);
Finding look_at_disk(const Patient&);
Finding look_at_timers(const Patient&);

// cards and the agent
Finding look_at_pcscd(const Patient&);
Finding look_at_polkit(const Patient&);
Finding look_at_card_users(const Patient&);
Finding look_at_agent(const Patient&);
Finding look_at_agent_process(const Patient&);
Finding look_at_cards(const Patient&);
Finding look_at_firmware(const Patient&);

// files
Finding look_at_configuration(const Patient&);
Finding look_at_secret_files(const Patient&);
Finding look_at_profile(const Patient&);
Finding look_at_session_folder(const Patient&);
Finding look_at_installations(const Patient&);
Finding look_at_policy(const Patient&);
Finding look_at_public_validity(const Patient&);

// what the database has
Finding look_at_schema(const Patient&);
Finding look_at_trail_clock(const Patient&);
Finding look_at_cas(const Patient&);
Finding look_at_crls(const Patient&);
Finding look_at_served_lists(const Patient&);
Finding look_at_certificates(const Patient&);
Finding look_at_watched(const Patient&);
Finding look_at_undelivered(const Patient&);
Finding look_at_notices(const Patient&);
Finding look_at_heartbeat(const Patient&);
Finding look_at_hooks(const Patient&);
Finding look_at_operations(const Patient&);
Finding look_at_demo(const Patient&);
Finding look_at_move(const Patient&);

// servers and the login
Finding look_at_login(const Patient&);
Finding look_at_login_certificate(const Patient&);
Finding look_at_vault(const Patient&);
Finding look_at_vault_clock(const Patient&);
Finding look_at_vault_certificate(const Patient&);
Finding look_at_vault_audit(const Patient&);
Finding look_at_postgres(const Patient&);
Finding look_at_postgres_clock(const Patient&);
Finding look_at_postgres_certificate(const Patient&);

}  // namespace ymgr::doctor
