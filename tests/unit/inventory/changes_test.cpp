#include <doctest/doctest.h>

#include "inventory/inventory.hpp"
#include "support/certificates.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::certificate_row;
using test::days;

const Time at = test::inventory_now;
const std::string first = certificate_row(1, "").cert_id, second = certificate_row(2, "").cert_id;

/// `second` renews `first`.
class Lineage {
 public:
  Lineage() {
    inventory::insert(*db, certificate_row(1, "a.example.com"));
    CertificateRow row = certificate_row(2, "a.example.com");
    row.renewed_from = first;
    inventory::insert(*db, row);
    inventory::supersede(*db, first);
  }
  CertificateRow row(const std::string& cert_id) const { return *inventory::by_id(*db, cert_id); }
  test::TestDatabase db;
};

TEST_CASE("a renewed certificate is superseded, a revoked one stays revoked") {
  const Lineage lineage;
  CHECK((lineage.row(first).status == CertificateStatus::superseded));
  inventory::mark_revoked(*lineage.db, second, at, Reason::superseded, {});
  inventory::supersede(*lineage.db, second);
  CHECK((lineage.row(second).status == CertificateStatus::revoked));
}

TEST_CASE("the date of a revocation stays when its reason changes") {
  const Lineage lineage;
  inventory::mark_revoked(*lineage.db, second, at, Reason::superseded, at - days(1));
  inventory::mark_revoked(*lineage.db, second, at + days(5), Reason::key_compromise, {});
  auto row = lineage.row(second);
  CHECK((row.revoked_at == at));
  CHECK((row.invalidity_at == at - days(1)));
  CHECK(row.revocation_reason == "keyCompromise");
  inventory::mark_revoked(*lineage.db, second, at, Reason::key_compromise, at - days(9));
  CHECK((lineage.row(second).invalidity_at == at - days(9)));
}

TEST_CASE("a hold is lifted to what the certificate was") {
  const Lineage lineage;
  for (const auto& [cert_id, status] :
       {std::pair(first, CertificateStatus::superseded), std::pair(second, CertificateStatus::active)}) {
    CAPTURE(cert_id);
    inventory::mark_revoked(*lineage.db, cert_id, at, Reason::certificate_hold, {});
    inventory::mark_active(*lineage.db, cert_id);
    const auto row = lineage.row(cert_id);
    CHECK((row.status == status));
    CHECK_FALSE(row.revoked_at);
    CHECK(row.revocation_reason.empty());
  }
}

TEST_CASE("only a hold is lifted") {
  const Lineage lineage;
  CHECK_CODE(inventory::mark_active(*lineage.db, second), Code::certificate_state);
  inventory::mark_revoked(*lineage.db, second, at, Reason::superseded, {});
  CHECK_CODE(inventory::mark_active(*lineage.db, second), Code::certificate_state);
}

TEST_CASE("changes of a certificate that is not there are errors") {
  const test::TestDatabase db;
  CHECK_CODE(inventory::mark_revoked(*db, "cert-x", at, Reason::superseded, {}), Code::certificate_not_found);
  CHECK_CODE(inventory::set_hook_result(*db, "cert-x", "ok", "", at), Code::certificate_not_found);
  CHECK_CODE(inventory::set_installation(*db, "cert-x", "web1", "nginx"), Code::certificate_not_found);
  CHECK_CODE(inventory::set_violations(*db, "cert-x", "v1", {}), Code::certificate_not_found);
}

TEST_CASE("pending hooks are those of active certificates on the host") {
  const Lineage lineage;
  auto& db = *lineage.db;
  for (const auto& cert_id : {first, second}) {
    inventory::set_installation(db, cert_id, "web1", "nginx");
    inventory::set_hook_result(db, cert_id, "pending", "exit 1", at);
  }
  const auto pending = inventory::with_pending_hooks(db, "web1");
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].cert_id == second);
  CHECK(pending[0].installation == "nginx");
  CHECK(pending[0].hook_message == "exit 1");
  CHECK((pending[0].hook_at == at));
  CHECK(inventory::with_pending_hooks(db, "web2").empty());
  inventory::set_hook_result(db, second, "ok", "", at);
  CHECK(inventory::with_pending_hooks(db, "web1").empty());
  CHECK(lineage.row(second).hook_state == "ok");
}

TEST_CASE("violations are set and taken back") {
  const Lineage lineage;
  const Json violations(Json::Array{Json::object({{"rule", "key"}})});
  inventory::set_violations(*lineage.db, second, "v2.0", violations);
  CHECK((lineage.row(second).violations == violations));
  CHECK(lineage.row(second).policy_version == "v2.0");
  inventory::set_violations(*lineage.db, second, "v2.1", Json::array());
  CHECK(lineage.row(second).violations.is_null());
  CHECK(test::integer_of(*lineage.db, "SELECT count(*) FROM certificates WHERE violations IS NOT NULL") == 0);
}

TEST_CASE("a denied key stays denied, with its first reason") {
  const test::TestDatabase db;
  CHECK_FALSE(inventory::is_key_denied(*db, "aa"));
  inventory::deny_key(*db, "aa", "keyCompromise", first, at);
  inventory::deny_key(*db, "aa", "weak", "", at + days(1));
  inventory::deny_key(*db, "bb", "weak", "", at);
  CHECK(inventory::is_key_denied(*db, "aa"));
  CHECK(inventory::is_key_denied(*db, "bb"));
  CHECK(test::text_of(*db, "SELECT reason FROM denied_keys WHERE public_key_sha256 = 'aa'") == "keyCompromise");
}

TEST_CASE("a denied key is found among few and among many") {
  const test::TestDatabase db;
  for (const int more : {2, 1500}) {
    db->transaction(sql::Access::write, [&] {
      for (int n = 0; n < more; ++n) inventory::deny_key(*db, "key-" + std::to_string(n), "weak", "", at);
    });
    inventory::DeniedKeys denied(*db);
    CHECK(denied.contain("key-0"));
    CHECK(denied.contain("key-" + std::to_string(more - 1)));
    CHECK_FALSE(denied.contain("key"));
    CHECK_FALSE(denied.contain("key-" + std::to_string(more)));
  }
}

TEST_CASE("an answer shows every member, absent ones as null") {
  CertificateRow row = certificate_row(1, "a.example.com");
  const Json json = inventory::to_json(row, at, inventory::WithPem::no);
  CHECK(
      dump_json(json) ==
      R"({"cert_id":"cert-20270115080000-000000000001","name":"a.example.com","subject":"CN=a.example.com",)"
      R"("sans":["dns:a.example.com"],"serial_number":"4A:00:00:00:01","status":"active",)"
      R"("issuer":"CN=ymgr Issuing CA 1,O=ymgr","ca_name":"ymgr Issuing CA 1","key_reference":"sealed:a.example.com",)"
      R"("key_algorithm":"ec-p256","device":null,"slot":null,"attested":null,"profile":"tls-server","owner":"alice","labels":{},"policy_version":"v1.0",)"
      R"("violations":null,"issued_at":"2026-12-16T08:00:00Z","not_before":"2026-12-16T08:00:00Z",)"
      R"("expires_at":"2027-03-16T08:00:00Z","renew_at":"2027-02-14T08:00:00Z","renew_before":null,)"
      R"("renewed_from":null,"revoked_at":null,"revocation_reason":null,)"
      R"("fingerprint":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000001","host":null,)"
      R"("installation":null,"hook_state":null,"request_id":"req-20270115080000-000000000001","issued_by":"alice"})");
  const Json whole = inventory::to_json(row, at, inventory::WithPem::yes);
  CHECK(whole.members().back().first == "certificate");
  CHECK(whole.at("certificate").text() == row.pem);
}

TEST_CASE("an active certificate past its end is shown as expired") {
  CertificateRow row = certificate_row(1, "a.example.com");
  const auto status = [&](Time when) {
    return inventory::to_json(row, when, inventory::WithPem::no).at("status").text();
  };
  CHECK(status(row.expires_at) == "active");
  CHECK(status(row.expires_at + Duration(1)) == "expired");
  row.status = CertificateStatus::superseded;
  CHECK(status(row.expires_at + Duration(1)) == "superseded");
  row.status = CertificateStatus::revoked;
  CHECK(status(at) == "revoked");
}

}  // namespace
