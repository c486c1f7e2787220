#include <algorithm>

#include "base/error.hpp"
#include "session/password.hpp"
#include "session/session.hpp"

namespace ymgr {
namespace {

constexpr std::int64_t free_tries = 5;
constexpr Duration first_lock = std::chrono::minutes(1), longest_lock = std::chrono::hours(1);

struct Account {
  Role role = Role::user;
  bool enabled = true;
  std::optional<Time> locked_until;
  PasswordRecord password;
  std::string data_key_box;
};

std::optional<Account> find_account(sql::Connection& db, std::string_view name) {
  std::optional<Account> found;
  db.run(
      "SELECT role, status, locked_until, password_salt, password_cost, password_verifier, box_public, box_private, "
      "data_key_box FROM users WHERE name = $1",
      {name}, [&](const sql::Row& row) {
        auto& account = found.emplace();
        account.role = parse_role(row.text(0));
        account.enabled = row.text(1) == "active";
        if (!row.is_null(2)) account.locked_until = from_micros(row.integer(2));
        account.password = {std::string(row.text(3)), std::string(row.text(4)), std::string(row.text(5)),
                            std::string(row.text(6)), std::string(row.text(7))};
        account.data_key_box = row.text(8);
      });
  return found;
}

void refuse_locked(std::string_view name, const std::optional<Time>& locked_until, Time at) {
  if (!locked_until || *locked_until <= at) return;
  const std::string until = format_time(*locked_until);
  throw Error(Code::locked_out, "user " + std::string(name) + " is locked until " + until + " after wrong passwords",
              "wait, or have an admin run: ymgr user enable " + std::string(name), {{"locked_until", until}});
}

std::optional<Time> lock_after(std::int64_t failures, Time at) {
  if (failures < free_tries) return std::nullopt;
  const auto doublings = std::min<std::int64_t>(failures - free_tries, 6);
  return at + std::min(first_lock * (std::int64_t{1} << doublings), longest_lock);
}

/// The same statements for a name that does not exist.
void count_failure(sql::Connection& db, std::string_view name, Time at) {
  db.transaction(sql::Access::write, [&] {
    std::int64_t failures = 0;
    db.run("SELECT failed_logins FROM users WHERE name = $1", {name},
           [&](const sql::Row& row) { failures = row.integer(0); });
    const auto lock = lock_after(++failures, at);
    db.run("UPDATE users SET failed_logins = $2, locked_until = $3 WHERE name = $1",
           {name, failures, lock ? sql::Value(to_micros(*lock)) : sql::Value()});
  });
}

/// The account as it stands now: others may have locked, disabled or changed it while the password was stretched.
Account record_login(sql::Connection& db, std::string_view name, const Account& checked, Time at) {
  std::optional<Account> account;
  db.transaction(sql::Access::write, [&] {
    account = find_account(db, name);
    if (!account || account->password.verifier != checked.password.verifier) {
      throw Error(Code::wrong_password, "the password was changed during the login", "log in with the new password");
    }
    refuse_locked(name, account->locked_until, at);
    if (!account->enabled) throw Error(Code::user_disabled, "user " + std::string(name) + " is disabled");
    db.run("UPDATE users SET failed_logins = 0, locked_until = NULL, last_login_at = $2 WHERE name = $1",
           {name, to_micros(at)});
  });
  return std::move(*account);
}

class LocalAuthenticator final : public Authenticator {
 public:
  explicit LocalAuthenticator(sql::Connection& db) : db_(db) {}

  Authenticated authenticate(const Credentials& credentials) override {
    const Time at = now();
    const auto found = find_account(db_, credentials.user);
    if (found) refuse_locked(credentials.user, found->locked_until, at);
    const auto& password = found ? found->password : stand_in_record();
    const PasswordKeys keys = stretch(password, credentials.password);
    if (!is_right(password, keys) || !found) {
      count_failure(db_, credentials.user, at);
      throw Error(Code::wrong_password, "login refused: user or password is wrong",
                  "an admin can set a new password with: ymgr user set-password NAME");
    }
    const Account account = record_login(db_, credentials.user, *found, at);
    return {{credentials.user, account.role}, open_data_key(account, credentials.user, keys)};
  }

 private:
  static std::optional<DataKey> open_data_key(const Account& account, std::string_view user, const PasswordKeys& keys) {
    if (account.role == Role::auditor || account.data_key_box.empty()) return std::nullopt;
    return DataKey{open_sealed_to(open_box_keys(account.password, user, keys),
                                  decode_column(account.data_key_box, "data_key_box"))};
  }

  sql::Connection& db_;
};

}  // namespace

std::unique_ptr<Authenticator> open_local_authenticator(sql::Connection& db) {
  return std::make_unique<LocalAuthenticator>(db);
}

}  // namespace ymgr
