#include "workflow/login.hpp"

#include <chrono>
#include <functional>

#include "base/error.hpp"

namespace ymgr {

namespace {

audit::Event event(std::string name, std::string_view target, Json data = Json::object()) {
  return {.request_id = "", .event = std::move(name), .target = std::string(target), .data = std::move(data)};
}

void record(sql::Connection& db, std::string_view actor, audit::Event what, const audit::HeadSigner* signer) {
  db.transaction(sql::Access::write, [&] { audit::append(db, actor, {what}, signer); });
}

/// The change and its audit event, in one transaction.
void change_user(const UserAdmin& admin, audit::Event what, const std::function<void()>& change) {
  admin.db.transaction(sql::Access::write, [&] {
    change();
    audit::append(admin.db, admin.session.identity().user, {what}, admin.signer);
  });
}

}  // namespace

Duration session_life(Role role) noexcept {
  return role == Role::admin ? std::chrono::hours(1) : std::chrono::hours(8);
}

Authenticated authenticate(sql::Connection& db, Authenticator& authenticator, const Credentials& credentials) {
  try {
    return authenticator.authenticate(credentials);
  } catch (const Error& error) {
    if (error.kind() == Kind::denied) {
      record(db, credentials.user,
             event("login.refused", credentials.user, Json::object({{"code", info(error.code()).text}})), nullptr);
    }
    throw;
  }
}

Authenticated authenticate(sql::Connection& db, const Credentials& credentials) {
  return authenticate(db, *open_local_authenticator(db), credentials);
}

Session login(sql::Connection& db, Authenticator& authenticator, const SessionPlace& place,
              const Credentials& credentials) {
  Authenticated who = authenticate(db, authenticator, credentials);
  const Duration life = session_life(who.identity.role);
  std::optional<audit::HeadSigner> signer;
  if (who.data_key) signer = audit::HeadSigner::open(db, *who.data_key);
  return session::start(db, place, std::move(who), life, [&](Time expires_at) {
    const auto what = event("login", credentials.user, Json::object({{"expires_at", format_time(expires_at)}}));
    audit::append(db, credentials.user, {what}, signer ? &*signer : nullptr);
  });
}

Session login(sql::Connection& db, const SessionPlace& place, const Credentials& credentials) {
  return login(db, *open_local_authenticator(db), place, credentials);
}

bool logout(sql::Connection& db, const SessionPlace& place) {
  return session::end(db, place,
                      [&](const std::string& user) { audit::append(db, user, {event("logout", user)}, nullptr); });
}

void add_user(const UserAdmin& admin, std::string_view name, Role role, const Secret& password) {
  admin.session.require(Right::manage_users);
  const auto hashed = users::hash_password(name, password);
  change_user(admin, event("user.added", name, Json::object({{"role", to_string(role)}})), [&] {
    users::add(admin.db, name, role, hashed, admin.session.data_key(), admin.session.identity().user);
  });
}

bool set_user_enabled(const UserAdmin& admin, std::string_view name, bool enabled) {
  admin.session.require(Right::manage_users);
  const User user = users::get(admin.db, name);
  if (user.enabled == enabled && !user.locked_until) return false;
  change_user(admin, event(enabled ? "user.enabled" : "user.disabled", name),
              [&] { users::set_enabled(admin.db, name, enabled); });
  return true;
}

bool set_user_role(const UserAdmin& admin, std::string_view name, Role role) {
  admin.session.require(Right::manage_users);
  const Role before = users::get(admin.db, name).role;
  if (before == role) return false;
  change_user(
      admin,
      event("user.role_set", name, Json::object({{"role", to_string(role)}, {"previous_role", to_string(before)}})),
      [&] { users::set_role(admin.db, name, role, admin.session.data_key()); });
  return true;
}

bool needs_present_password(const Session& session, std::string_view name) noexcept {
  return name == session.identity().user && !session.session_id().empty();
}

void set_user_password(const UserAdmin& admin, std::string_view name, const Secret& password, const Secret* present) {
  const auto& session = admin.session;
  if (name != session.identity().user) session.require(Right::manage_users);
  if (needs_present_password(session, name)) {
    if (present == nullptr) throw Error(Code::input_needed, "your present password is needed to set a new one");
    authenticate(admin.db, {session.identity().user, present->clone()});
  }
  const auto hashed = users::hash_password(name, password);
  const DataKey* key = session.has_data_key() ? &session.data_key() : nullptr;
  change_user(admin, event("user.password_set", name), [&] { users::set_password(admin.db, name, hashed, key); });
}

void recover_user(sql::Connection& db, const Secret& recovery_key, std::string_view name, const Secret& password) {
  const DataKey data_key = users::open_recovery(db, recovery_key);
  const auto signer = audit::HeadSigner::open(db, data_key);
  const auto hashed = users::hash_password(name, password);
  db.transaction(sql::Access::write, [&] {
    users::set_password(db, name, hashed, &data_key);
    audit::append(db, "recovery-key", {event("user.password_set", name)}, &signer);
  });
}

}  // namespace ymgr
