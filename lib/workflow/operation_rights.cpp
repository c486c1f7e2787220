// Whose rights an operation needs, in a team, where the servers know whose they are.
#include "base/text.hpp"
#include "workflow/operation.hpp"

namespace ymgr::operations {
namespace {

Role role_of(sql::Connection& db, const std::string& user) {
  Role role = Role::user;
  db.run("SELECT role FROM users WHERE name = $1", {user},
         [&](const sql::Row& row) { role = parse_role(row.text(0)); });
  return role;
}

}  // namespace

void require_same_rights(Workbench& bench, const StoredOperation& op) {
  const Identity& self = bench.session.identity();
  if (bench.session.has_data_key() || op.actor == self.user) return;
  if (self.role == Role::operator_ && role_of(bench.db, op.actor) == Role::operator_) return;
  throw Error(Code::role_denied,
              "the operation " + op.request_id + " was begun by " + op.actor + ", whose rights are other than yours",
              op.actor + " goes on with it; or give it up: ymgr operation abandon " + shell_quote(op.request_id));
}

bool outranks(Workbench& bench, const StoredOperation& op) {
  const Identity& self = bench.session.identity();
  return !bench.session.has_data_key() && self.role != Role::user && op.actor != self.user &&
         role_of(bench.db, op.actor) == Role::user;
}

std::vector<StoredOperation> unfinished(Workbench& bench, std::string_view kind) {
  const Identity& self = bench.session.identity();
  std::string whose;
  if (self.role == Role::user)
    whose = " AND actor = $2";
  else if (!bench.session.has_data_key())
    whose = " AND (actor = $2 OR actor NOT IN (SELECT name FROM users WHERE role = 'user'))";
  std::vector<std::string> ids;
  bench.db.run("SELECT request_id FROM operations WHERE kind = $1 AND ($2 <> '') AND state IN ('open', 'waiting')" +
                   whose + " ORDER BY created_at DESC, request_id",
               {kind, self.user}, [&](const sql::Row& row) { ids.emplace_back(row.text(0)); });
  std::vector<StoredOperation> found;
  for (const auto& id : ids) found.push_back(get(bench.db, id));
  return found;
}

}  // namespace ymgr::operations
