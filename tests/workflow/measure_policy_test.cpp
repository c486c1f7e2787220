#include "workflow/measure_policy.hpp"

#include <doctest/doctest.h>

#include "support/certificates.hpp"
#include "support/profile.hpp"

using namespace ymgr;
using test::count;

namespace {

Policy policy_of(std::string_view version, std::string_view rest) {
  return Policy::parse("version: " + std::string(version) + "\npreset: internal\n" + std::string(rest), "policy.yaml");
}

const char* const only_p384 =
    "keys: {algorithms: [ec-p384]}\n"
    "profiles:\n  tls-server: {eku: [serverAuth], key_usage: [digitalSignature], default_key: ec-p384, san_kinds: "
    "[dns]}\n";

void put_in_force(sql::Connection& db, const Policy& policy) {
  db.transaction(sql::Access::write, [&] {
    db.run(
        "INSERT INTO settings (name, value, updated_at) VALUES ('policy.version', $1, 0) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {policy.version()});
    begin_measuring(db, now());
  });
}

/// Two of three have a key that only_p384 refuses.
void fill(sql::Connection& db, int rows) {
  db.transaction(sql::Access::write, [&] {
    for (int i = 1; i <= rows; ++i) {
      auto row = test::certificate_row(i, "host" + std::to_string(i) + ".example.com");
      if (i % 3 == 0) row.key_algorithm = "ec-p384";
      inventory::insert(db, row);
    }
  });
}

}  // namespace

TEST_CASE("a new policy measures every certificate, over several groups") {
  test::Profile profile;
  auto& db = profile.db();
  fill(db, 2100);
  CHECK_FALSE(is_measuring(db));
  const auto policy = policy_of("v9", only_p384);
  put_in_force(db, policy);
  CHECK(is_measuring(db));
  measure_policy(db, policy, no_notices());
  CHECK_FALSE(is_measuring(db));
  CHECK(count(db, "certificates WHERE violations IS NOT NULL AND policy_version = 'v9'") == 1400);
  CHECK(count(db, "certificates WHERE violations IS NULL AND policy_version = 'v9'") == 700);
}

TEST_CASE("a policy that is no longer in force measures nothing") {
  test::Profile profile;
  auto& db = profile.db();
  fill(db, 3);
  put_in_force(db, policy_of("v10", only_p384));
  measure_policy(db, policy_of("v9", only_p384), no_notices());
  CHECK(is_measuring(db));
  CHECK(count(db, "certificates WHERE violations IS NOT NULL") == 0);
}

TEST_CASE("what has ended keeps what it was measured by, except a hold") {
  test::Profile profile;
  auto& db = profile.db();
  fill(db, 3);
  const auto id = [](int number) { return test::certificate_row(number, "").cert_id; };
  inventory::mark_revoked(db, id(1), now(), Reason::superseded, {});
  inventory::mark_revoked(db, id(2), now(), Reason::certificate_hold, {});
  const auto policy = policy_of("v9", only_p384);
  put_in_force(db, policy);
  measure_policy(db, policy, no_notices());
  CHECK(inventory::by_id(db, id(1))->policy_version == "v1.0");
  CHECK(inventory::by_id(db, id(2))->violations.is_array());
  CHECK(inventory::by_id(db, id(3))->policy_version == "v9");
}

TEST_CASE("what a policy has against a certificate") {
  test::Profile profile;
  auto& db = profile.db();
  auto row = test::certificate_row(1, "web.example.com");
  const auto rules_of = [&](std::string_view rest) {
    std::string rules;
    const Json violations = violations_of(db, policy_of("v9", rest), row);
    if (violations.is_null()) return rules;
    for (const auto& violation : violations.items()) rules += violation.at("rule").text() + " ";
    return rules;
  };
  const std::string any =
      "profiles:\n  tls-server: {eku: [serverAuth], key_usage: [digitalSignature], san_kinds: [dns]}\n";
  CHECK(rules_of(any) == "");
  CHECK(rules_of(only_p384) == "key.algorithms ");
  CHECK(rules_of("names: {allowed: ['*.example.org']}\n" + any) == "names.allowed ");
  CHECK(rules_of("validity: {max: 89d}\n" + any) == "validity.max ");
  CHECK(rules_of("profiles:\n  other: {eku: [serverAuth], key_usage: [digitalSignature], san_kinds: [dns]}\n") ==
        "profile ");
  // Who issued it does not matter.
  CHECK(rules_of("profiles:\n  tls-server: {eku: [serverAuth], key_usage: [digitalSignature], san_kinds: [dns], roles: "
                 "[user]}\n") == "");
  inventory::deny_key(db, row.public_key_sha256, "keyCompromise", "", now());
  CHECK(rules_of(any) == "key.denied ");
}
