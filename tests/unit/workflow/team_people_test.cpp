#include "workflow/team_people.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

namespace ymgr::team {
namespace {

TEST_CASE("a new person has names that no pattern of Vault's takes for more than they are") {
  struct Row {
    NewPerson who;
    std::optional<Code> refusal;
  };
  const Row rows[] = {
      {{"bob", "operator", "", "bob@corp.test", "bob@ad.corp.test"}, std::nullopt},
      {{"bob", "renewer", "0a1b-role-id", "", ""}, std::nullopt},
      {{"Bob", "user", "", "", ""}, Code::user_invalid},
      {{"mail.corp.test", "user", "", "", ""}, Code::user_invalid},
      {{"corp.test", "user", "", "", ""}, Code::user_invalid},
      {{"bob", "root", "", "", ""}, Code::usage},
      {{"bob", "user", "bob/x", "", ""}, Code::name_invalid},
      {{"bob", "user", "+", "", ""}, Code::name_invalid},
      {{"bob", "user", "", "nobody", ""}, Code::name_invalid},
      {{"bob", "user", "", "*@corp.test", ""}, Code::name_invalid},
      {{"bob", "user", "", "", "*@ad.corp.test"}, Code::name_invalid},
  };
  Settings settings;
  settings.auth = "ldap";
  settings.domains = {"corp.test", "10.0.0.0/8"};
  for (const auto& row : rows) {
    CAPTURE(row.who.name + " " + row.who.login + " " + row.who.mail + " " + row.who.upn);
    CHECK(code_of([&] { checked(settings, row.who); }) == row.refusal);
  }
  CHECK(checked(settings, rows[0].who).login == "bob");
  CHECK(checked(settings, {"bob", "user", "", "Bob@Corp.Test", ""}).mail == "Bob@corp.test");
  settings.auth = "userpass";
  CHECK_CODE(checked(settings, {"bob", "user", "ada", "", ""}), Code::usage);
}

TEST_CASE("the subject of a token is a login as it is, where it stands in no path") {
  Settings settings;
  settings.auth = "jwt";
  for (const std::string subject :
       {"repo:corp/shop:ref:refs/heads/main", "auth0|5f7c8ec7c33c6c004bbafe82", "ci/renewer"})
    CHECK(checked(settings, {"bob", "renewer", subject, "", ""}).login == subject);
  for (const std::string subject : {"two words", "quote\"d", "back\\slash", "new\nline", "star*"}) {
    CAPTURE(subject);
    CHECK_CODE(checked(settings, {"bob", "renewer", subject, "", ""}), Code::name_invalid);
  }
  CHECK_CODE(checked(settings, {"bob", "renewer", std::string(513, 'a'), "", ""}), Code::name_invalid);
}

TEST_CASE("a renewer is an operator in the table of users, and everybody else what the role says") {
  CHECK(row_role("renewer") == Role::operator_);
  CHECK(row_role("admin") == Role::admin);
  CHECK(row_role("auditor") == Role::auditor);
}

}  // namespace
}  // namespace ymgr::team
