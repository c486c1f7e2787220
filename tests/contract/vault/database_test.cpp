#include "vault/database.hpp"

#include <doctest/doctest.h>

#include "support/postgres.hpp"
#include "support/shell.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using std::chrono::minutes;
using test::openbao;
using test::Postgres;
using test::vault_of;

std::string psql(const std::string& statement) {
  return test::run_shell("psql -X -qAt -h " + Postgres::here().host() + " -U " + Postgres::user + " -d postgres -c \"" +
                         statement + "\"")
      .output;
}

void connect_vault() {
  static bool done = false;
  if (std::exchange(done, true)) return;
  test::mount("database", Json::object({{"type", "database"}}));
  openbao().api("POST", "database/config/ymgr",
                Json::object({{"plugin_name", "postgresql-database-plugin"},
                              {"allowed_roles", Json::texts({"app"})},
                              {"connection_url", "host=" + Postgres::here().host() +
                                                     " user={{username}} password={{password}} dbname=postgres"},
                              {"username", Postgres::user},
                              {"password", "none"}}));
  for (const char* role : {"app", "stranger"}) {
    openbao().api(
        "POST", std::string("database/roles/") + role,
        Json::object(
            {{"db_name", "ymgr"},
             {"creation_statements",
              Json::texts({"CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"})},
             {"default_ttl", "30m"},
             {"max_ttl", "2h"}}));
  }
}

TEST_CASE("database credentials live as long as their lease, which is renewed when it is due") {
  connect_vault();
  Client client = vault_of(openbao());
  DatabaseCredentials made = database_credentials(client, "database", "app");
  CHECK(made.password.size() >= 20);
  const std::string query = "SELECT rolname FROM pg_roles WHERE rolname = '" + made.username + "'";
  CHECK(psql(query) == made.username + "\n");
  REQUIRE(made.lease.term.expires_at);
  CHECK(*made.lease.term.expires_at - made.lease.term.began == Duration(minutes(30)));
  CHECK(!tend(client, made.lease));
  {
    test::TestClock clock(now() + minutes(20));
    CHECK(tend(client, made.lease));
    CHECK(!tend(client, made.lease));
  }
  renew(client, made.lease, minutes(90));
  CHECK(*made.lease.term.expires_at - made.lease.term.began == Duration(minutes(90)));
  CHECK(database_credentials(client, "database", "app").username != made.username);
  revoke(client, made.lease);
  CHECK(psql(query).empty());
  CHECK_NOTHROW(revoke(client, made.lease));
  CHECK_CODE(renew(client, made.lease, minutes(5)), Code::vault_not_found);
}

TEST_CASE("credentials that are not to be had are told apart") {
  connect_vault();
  Client client = vault_of(openbao());
  CHECK_CODE(database_credentials(client, "database", "none"), Code::vault_not_found);
  CHECK_CODE(database_credentials(client, "database", "stranger"), Code::vault_refused);
  CHECK_CODE(database_credentials(client, "nowhere", "app"), Code::vault_mount_missing);
  Client limited = test::vault_with_policy("database-limited", "");
  CHECK_CODE(database_credentials(limited, "database", "app"), Code::vault_denied);
  openbao().api("POST", "database/roles/app",
                Json::object({{"db_name", "ymgr"}, {"creation_statements", Json::texts({"SELECT 1 / 0"})}}));
  CHECK_CODE(database_credentials(client, "database", "app"), Code::vault_failed);
}

}  // namespace
