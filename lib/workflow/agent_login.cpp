#include "workflow/agent_login.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "session/agent_session.hpp"
#include "x509/certificate.hpp"

namespace ymgr {
namespace {

std::string new_token(Stores& stores, const SessionPlace& place, const AgentPlace& agent, const Session& session) {
  const auto tokens = stores.tokens();
  publish_token_keys(agent.key_folder, tokens->issuer(), place.profile_id);
  return tokens->token(session).text;
}

/// Secrets are sealed for the file's key: only the one that stands on the login's row too is believed.
std::optional<agent::AgentSession> known_session(sql::Connection& db, const SessionPlace& place,
                                                 const Session& session) {
  if (session.session_id().empty()) return std::nullopt;
  auto file = session::read_agent_file(place);
  if (!file || file->session_id != session.session_id()) return std::nullopt;
  if (session::agent_key(db, file->session_id) != to_pem(file->session.public_key, "PUBLIC KEY")) return std::nullopt;
  return std::move(file->session);
}

AgentFile file_of(const Session& session, const agent::AgentSession& opened) {
  return {session.session_id(), {opened.secret.clone(), opened.public_key, opened.expires_at}};
}

void warn(Notices& notices, const char* what, const Error& error) {
  notices.warn(std::string(what) + ": " + error.what() + "; " + error.suggestion());
}

}  // namespace

std::unique_ptr<agent::Client> open_agent(sql::Connection& db, const SessionPlace& place, const AgentPlace& agent,
                                          const Session& session, Stores& stores, Duration timeout, Notices& notices) {
  agent::ClientSettings settings{.socket = agent.socket, .timeout = timeout, .token = {}};
  settings.token = [&stores, place, agent, &session] { return new_token(stores, place, agent, session); };
  settings.session = known_session(db, place, session);
  settings.session_end = session.expires_at();
  if (!session.session_id().empty()) {
    settings.on_session = [&db, place, &session](const agent::AgentSession& opened) {
      session::remember_agent(db, place, file_of(session, opened));
    };
  }
  settings.on_touch = [&notices](const std::string& serial) {
    notices.warn("touch the YubiKey " + serial + ": it waits for your finger");
  };
  return std::make_unique<agent::Client>(std::move(settings));
}

void greet_agent(sql::Connection& db, const SessionPlace& place, const AgentPlace& agent, const Session& session,
                 Stores& stores, Duration timeout, Notices& notices) {
  if (!stores.is_open()) return;
  try {
    publish_token_keys(agent.key_folder, stores.tokens()->issuer(), place.profile_id);
    if (exists(agent.socket)) open_agent(db, place, agent, session, stores, timeout, notices)->session();
  } catch (const Error& error) {
    if (error.code() == Code::agent_unreachable) return notices.detail(error.what());
    warn(notices, "not registered with the agent", error);
  }
}

void forget_agent(const SessionPlace& place, const AgentPlace& agent, Duration timeout, Notices& notices) {
  auto file = session::read_agent_file(place);
  session::remove_agent_file(place);
  if (!file || !exists(agent.socket)) return;
  try {
    agent::Client({.socket = agent.socket, .timeout = timeout, .token = {}, .session = std::move(file->session)})
        .close_session();
  } catch (const Error& error) {
    warn(notices, "the agent may know the session until it expires", error);
  }
}

}  // namespace ymgr
