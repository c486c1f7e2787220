#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/text.hpp"
#include "session/session.hpp"

namespace ymgr {
namespace {

struct RoleName {
  Role role;
  std::string_view text;
};
constexpr std::array role_names{RoleName{Role::admin, "admin"}, RoleName{Role::operator_, "operator"},
                                RoleName{Role::user, "user"}, RoleName{Role::auditor, "auditor"}};

/// One row a right: who has it. A user's rights reach as far as what the user owns; the workflows see to that.
struct RightRow {
  Right right;
  std::string_view text;
  bool operator_, user, auditor;  // an admin has them all
};
constexpr std::array rights{
    RightRow{Right::issue, "issue", true, true, false},
    RightRow{Right::renew, "renew", true, true, false},
    RightRow{Right::revoke, "revoke", true, true, false},
    RightRow{Right::resume, "resume", true, true, false},
    RightRow{Right::reconcile, "reconcile", true, false, false},
    RightRow{Right::abandon, "abandon", true, false, false},
    RightRow{Right::approve, "approve", true, false, false},
    RightRow{Right::read_inventory, "read inventory", true, true, true},
    RightRow{Right::report, "report", true, false, true},
    RightRow{Right::read_audit, "read audit", false, false, true},
    RightRow{Right::checkpoint_audit, "checkpoint audit", false, false, false},
    RightRow{Right::show_policy, "show policy", true, false, true},
    RightRow{Right::manage_users, "manage users", false, false, false},
    RightRow{Right::manage_ca, "manage ca", false, false, false},
    RightRow{Right::manage_devices, "manage devices", true, false, false},
    RightRow{Right::use_devices, "use devices", true, true, false},
    RightRow{Right::backup, "backup", false, false, false},
};

const RightRow& row_of(Right right) noexcept {
  return *std::find_if(rights.begin(), rights.end(), [&](const RightRow& r) { return r.right == right; });
}

std::string roles_with(Right right) {
  std::vector<std::string> names;
  for (const auto& role : role_names) {
    if (allows(role.role, right)) names.emplace_back(role.text);
  }
  return join(names, ", ");
}

}  // namespace

std::string_view to_string(Role role) noexcept {
  return std::find_if(role_names.begin(), role_names.end(), [&](const RoleName& r) { return r.role == role; })->text;
}

Role parse_role(std::string_view text) {
  for (const auto& role : role_names) {
    if (role.text == text) return role.role;
  }
  throw Error(Code::usage, "no such role: " + printable(text),
              text == "renewer" ? "renewer is a role of teams; in a profile an operator renews: --role operator"
                                : "roles are admin, operator, user and auditor");
}

std::string_view to_string(Right right) noexcept {
  return row_of(right).text;
}

bool allows(Role role, Right right) noexcept {
  const auto& row = row_of(right);
  switch (role) {
    case Role::admin: return true;
    case Role::operator_: return row.operator_;
    case Role::user: return row.user;
    case Role::auditor: return row.auditor;
  }
  return false;
}

Session::Session(Identity identity, std::string session_id, Time expires_at, std::optional<DataKey> data_key)
    : identity_(std::move(identity)),
      session_id_(std::move(session_id)),
      expires_at_(expires_at),
      data_key_(std::move(data_key)) {}

const DataKey& Session::data_key() const {
  if (data_key_) return *data_key_;
  throw Error(Code::role_denied, identity_.user + " can't open the data key: auditors have none",
              "log in as a user with another role");
}

void Session::require(Right right) const {
  if (allows(identity_.role, right)) return;
  throw Error(Code::role_denied,
              identity_.user + " has the role " + std::string(to_string(identity_.role)) + " and may not " +
                  std::string(to_string(right)),
              "roles that may: " + roles_with(right));
}

bool Session::may_touch(std::string_view owner) const noexcept {
  return identity_.role != Role::user || owner == identity_.user;
}

void Session::require_touch(std::string_view owner, const std::string& what) const {
  if (may_touch(owner)) return;
  throw Error(Code::role_denied, what + " belongs to " + std::string(owner), "ask its owner or an operator");
}

}  // namespace ymgr
