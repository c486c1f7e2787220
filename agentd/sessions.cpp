#include "agentd/sessions.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::agentd {
namespace {

std::string new_secret(std::size_t bytes) {
  return to_base64url(random_bytes(bytes));
}

std::string_view view(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

Session::Session(std::string who, PrivateKey own_key, Time until)
    : user(std::move(who)), key(std::move(own_key)), expires_at(until), deadline_(Steady::now() + (until - now())) {}

Sessions::Sessions(std::function<void()> changed) : changed_(std::move(changed)) {}

Time Sessions::end_of(const agent::IdentityToken& token, Time wanted) {
  const Time end =
      std::min({token.session_expires_at.value_or(token.expires_at), now() + Duration(longest_life), wanted});
  if (end <= now()) throw Error(Code::token_refused, "the identity token is refused: its login has ended");
  return floor_seconds(end);
}

Sessions::Opened Sessions::open(const std::string& user, PrivateKey key, Time end) {
  Opened opened{std::make_shared<Session>(user, std::move(key), end), new_secret(32)};
  opened.session->secret_hash_ = sha256(opened.secret);
  {
    const std::lock_guard lock(mutex_);
    if (live_.size() >= most_sessions) live_.pop_back();
    live_.push_front(opened.session);
  }
  changed_();
  return opened;
}

std::shared_ptr<Session> Sessions::find(std::string_view secret) {
  sweep();
  const Sha256 hash = sha256(secret);
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(live_.begin(), live_.end(), [&](const auto& session) {
    return equal_constant_time(view(session->secret_hash_), view(hash));
  });
  if (at == live_.end()) throw Error(Code::agent_session_unknown, "no session has this secret");
  live_.splice(live_.begin(), live_, at);
  return live_.front();
}

void Sessions::close(const std::shared_ptr<Session>& session) {
  {
    const std::lock_guard lock(mutex_);
    live_.remove(session);
    session->nonces_.clear();
  }
  changed_();
}

std::string Sessions::new_nonce(Session& session) {
  const std::lock_guard lock(mutex_);
  if (session.nonces_.size() >= most_nonces) session.nonces_.pop_front();
  return session.nonces_.emplace_back(Session::Nonce{new_secret(16), Session::Steady::now() + nonce_life}).text;
}

void Sessions::spend_nonce(Session& session, std::string_view nonce) {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(session.nonces_.begin(), session.nonces_.end(),
                               [&](const auto& known) { return known.text == nonce; });
  const bool good = at != session.nonces_.end() && Session::Steady::now() < at->until;
  if (at != session.nonces_.end()) session.nonces_.erase(at);
  if (!good) throw Error(Code::sealed_invalid, "the sealed secret can't be opened");
}

std::size_t Sessions::sweep() {
  const std::lock_guard lock(mutex_);
  const Time at = now();
  const auto steady = Session::Steady::now();
  return std::erase_if(live_, [&](const auto& s) { return s->expires_at <= at || s->deadline_ <= steady; });
}

std::optional<std::chrono::milliseconds> Sessions::next_expiry() {
  const std::lock_guard lock(mutex_);
  if (live_.empty()) return std::nullopt;
  const auto first = std::min_element(live_.begin(), live_.end(),
                                      [](const auto& a, const auto& b) { return a->deadline_ < b->deadline_; });
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>((*first)->deadline_ - Session::Steady::now());
  return std::max(rest, std::chrono::milliseconds(0));
}

}  // namespace ymgr::agentd
