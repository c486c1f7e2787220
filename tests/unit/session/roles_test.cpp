#include <doctest/doctest.h>

#include "session/session.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

TEST_CASE("each right belongs to the roles of the table") {
  struct Row {
    Right right;
    const char* roles;  // a: admin, o: operator, u: user, d: auditor
  };
  const Row rows[] = {
      {Right::issue, "aou"},           {Right::renew, "aou"},       {Right::revoke, "aou"},
      {Right::resume, "aou"},          {Right::reconcile, "ao"},    {Right::abandon, "ao"},
      {Right::read_inventory, "aoud"}, {Right::report, "aod"},      {Right::read_audit, "ad"},
      {Right::checkpoint_audit, "a"},  {Right::show_policy, "aod"}, {Right::manage_users, "a"},
      {Right::manage_ca, "a"},         {Right::backup, "a"},
  };
  for (const auto& row : rows) {
    CAPTURE(to_string(row.right));
    std::string roles;
    if (allows(Role::admin, row.right)) roles += 'a';
    if (allows(Role::operator_, row.right)) roles += 'o';
    if (allows(Role::user, row.right)) roles += 'u';
    if (allows(Role::auditor, row.right)) roles += 'd';
    CHECK(roles == row.roles);
  }
}

TEST_CASE("a role is one of four words") {
  for (const Role role : {Role::admin, Role::operator_, Role::user, Role::auditor}) {
    CHECK(parse_role(to_string(role)) == role);
  }
  for (const char* text : {"", "Admin", "root", "operator_", "admin "}) {
    CAPTURE(text);
    const auto error = thrown([&] { parse_role(text); });
    REQUIRE(error);
    CHECK(error->code() == Code::usage);
    CHECK(error->hint() == "roles are admin, operator, user and auditor");
  }
}

TEST_CASE("a session refuses what its role may not do and says who may") {
  const Session session({"carol", Role::operator_}, "", Time(), std::nullopt);
  session.require(Right::issue);
  const auto error = thrown([&] { session.require(Right::read_audit); });
  REQUIRE(error);
  CHECK(error->code() == Code::role_denied);
  CHECK(std::string(error->what()) == "carol has the role operator and may not read audit");
  CHECK(error->hint() == "roles that may: admin, auditor");
}

TEST_CASE("a session without the data key says so") {
  const Session session({"dora", Role::auditor}, "", Time(), std::nullopt);
  CHECK_FALSE(session.has_data_key());
  CHECK_CODE(session.data_key(), Code::role_denied);
}

}  // namespace
