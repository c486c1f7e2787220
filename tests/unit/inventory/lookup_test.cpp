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

/// Every column set, none twice alike.
CertificateRow full_row() {
  CertificateRow row = certificate_row(7, "www.example.com");
  row.sans = {{SanKind::dns, "www.example.com"}, {SanKind::ip, "192.0.2.1"}, {SanKind::uri, "spiffe://a/b"}};
  row.labels = {{"env", "prod"}, {"ort", "Zürich"}};
  row.violations = Json(Json::Array{Json::object({{"rule", "key"}, {"message", "too \"short\""}})});
  row.status = CertificateStatus::revoked;
  row.key_created_at = at - days(300);
  row.issued_at = at - days(30) + Duration(123456);
  row.renew_before = "33%";
  row.renewed_from = certificate_row(6, "").cert_id;
  row.revoked_at = at - days(1);
  row.invalidity_at = at - days(2);
  row.revocation_reason = "keyCompromise";
  row.csr = "-----BEGIN CERTIFICATE REQUEST-----\n";
  row.device = "12345678";
  row.slot = "9a";
  row.attestation = "-----BEGIN CERTIFICATE-----\n";
  row.host = "web1";
  row.installation = "nginx";
  row.hook_state = "pending";
  row.hook_message = "exit 1";
  row.hook_at = at - days(3);
  return row;
}

TEST_CASE("a row comes back as it was written") {
  const test::TestDatabase db;
  inventory::insert(*db, certificate_row(6, "www.example.com"));
  const CertificateRow in = full_row();
  inventory::insert(*db, in);
  const auto found = inventory::by_id(*db, in.cert_id);
  REQUIRE(found);
  const auto& out = *found;
  CHECK(out.name == in.name);
  CHECK(out.subject == in.subject);
  CHECK((out.sans == in.sans));
  CHECK(out.serial == in.serial);
  CHECK(out.issuer == in.issuer);
  CHECK(out.ca_name == in.ca_name);
  CHECK(out.key_reference == in.key_reference);
  CHECK(out.key_algorithm == in.key_algorithm);
  CHECK(out.public_key_sha256 == in.public_key_sha256);
  CHECK((out.key_created_at == in.key_created_at));
  CHECK(out.profile == in.profile);
  CHECK(out.owner == in.owner);
  CHECK((out.labels == in.labels));
  CHECK(out.policy_version == in.policy_version);
  CHECK(out.device == in.device);
  CHECK(out.slot == in.slot);
  CHECK(out.attestation == in.attestation);
  CHECK((out.violations == in.violations));
  CHECK((out.status == in.status));
  CHECK((out.issued_at == in.issued_at));
  CHECK((out.not_before == in.not_before));
  CHECK((out.expires_at == in.expires_at));
  CHECK(out.renew_before == in.renew_before);
  CHECK((out.renew_at == in.renew_at));
  CHECK(out.renewed_from == in.renewed_from);
  CHECK((out.revoked_at == in.revoked_at));
  CHECK((out.invalidity_at == in.invalidity_at));
  CHECK(out.revocation_reason == in.revocation_reason);
  CHECK(out.fingerprint == in.fingerprint);
  CHECK(out.pem == in.pem);
  CHECK(out.csr == in.csr);
  CHECK(out.host == in.host);
  CHECK(out.installation == in.installation);
  CHECK(out.hook_state == in.hook_state);
  CHECK(out.hook_message == in.hook_message);
  CHECK((out.hook_at == in.hook_at));
  CHECK(out.request_id == in.request_id);
  CHECK(out.issued_by == in.issued_by);
  CHECK(test::integer_of(*db, "SELECT count(*) FROM certificate_labels") == 2);
  CHECK(test::text_of(*db, "SELECT value FROM certificate_labels WHERE name = 'ort'") == "Zürich");
}

TEST_CASE("what a row lacks is NULL, and comes back empty") {
  const test::TestDatabase db;
  CertificateRow in = certificate_row(1, "a.example.com");
  in.violations = Json::array();
  inventory::insert(*db, in);
  CHECK(test::integer_of(*db,
                         "SELECT count(*) FROM certificates WHERE violations IS NULL AND renew_before IS NULL AND "
                         "renewed_from IS NULL AND revoked_at IS NULL AND revocation_reason IS NULL AND invalidity_at "
                         "IS NULL AND csr IS NULL AND host IS NULL AND installation IS NULL AND hook_state IS NULL AND "
                         "hook_message IS NULL AND hook_at IS NULL") == 1);
  const auto out = inventory::by_id(*db, in.cert_id);
  REQUIRE(out);
  CHECK(out->violations.is_null());
  CHECK_FALSE(out->revoked_at);
  CHECK(out->host.empty());
  CHECK(out->labels.empty());
}

TEST_CASE("names of a kind that nobody knows are an error, names that are no longer allowed are not") {
  const test::TestDatabase db;
  CertificateRow row = certificate_row(1, "under_score");
  inventory::insert(*db, row);
  CHECK((inventory::by_id(*db, row.cert_id)->sans == row.sans));
  db->run("UPDATE certificates SET sans = '[\"fax:1\"]'", {});
  CHECK_CODE(inventory::by_id(*db, row.cert_id), Code::database_corrupt);
}

TEST_CASE("the same issuer and serial number are not stored twice") {
  const test::TestDatabase db;
  inventory::insert(*db, certificate_row(1, "a.example.com"));
  CertificateRow second = certificate_row(2, "b.example.com");
  second.serial = certificate_row(1, "").serial;
  CHECK_CODE(inventory::insert(*db, second), Code::database_failed);
  second.issuer = "CN=another";
  inventory::insert(*db, second);
}

TEST_CASE("serial number and certificate of a row never change") {
  const test::TestDatabase db;
  inventory::insert(*db, certificate_row(1, "a.example.com"));
  CHECK_CODE(db->run("UPDATE certificates SET serial_number = '00'", {}), Code::database_failed);
  CHECK_CODE(db->run("UPDATE certificates SET pem = ''", {}), Code::database_failed);
  CHECK_CODE(db->run("DELETE FROM certificates", {}), Code::database_failed);
}

/// a: superseded, active; b: expired; c: two active ones; d: revoked.
void fill(const test::TestDatabase& db) {
  const auto add = [&](int number, const char* name, CertificateStatus status, int age) {
    CertificateRow row = certificate_row(number, name);
    row.status = status;
    row.issued_at = row.not_before = at - days(age);
    row.expires_at = row.not_before + days(90);
    inventory::insert(*db, row);
  };
  add(1, "a.example.com", CertificateStatus::superseded, 60);
  add(2, "a.example.com", CertificateStatus::active, 10);
  add(3, "b.example.com", CertificateStatus::superseded, 190);
  add(4, "b.example.com", CertificateStatus::active, 100);
  add(5, "c.example.com", CertificateStatus::active, 20);
  add(6, "c.example.com", CertificateStatus::active, 10);
  add(7, "d.example.com", CertificateStatus::revoked, 10);
}

TEST_CASE("certificates of a name come newest first") {
  const test::TestDatabase db;
  fill(db);
  const auto rows = inventory::by_name(*db, "a.example.com");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].cert_id == certificate_row(2, "").cert_id);
  CHECK(rows[1].cert_id == certificate_row(1, "").cert_id);
  CHECK(inventory::by_name(*db, "a.example").empty());
  CHECK(inventory::by_public_key(*db, certificate_row(3, "").public_key_sha256).size() == 1);
  CHECK(inventory::by_public_key(*db, "00").empty());
}

TEST_CASE("an active certificate is neither superseded nor revoked nor expired") {
  const test::TestDatabase db;
  fill(db);
  const auto found = inventory::active_by_name(*db, "a.example.com", at);
  REQUIRE(found);
  CHECK(found->cert_id == certificate_row(2, "").cert_id);
  CHECK(inventory::active_by_name(*db, "c.example.com", at)->cert_id == certificate_row(6, "").cert_id);
  CHECK_FALSE(inventory::active_by_name(*db, "b.example.com", at));
  CHECK_FALSE(inventory::active_by_name(*db, "d.example.com", at));
  const Time end = at + days(80);
  CHECK(inventory::active_by_name(*db, "a.example.com", end));
  CHECK_FALSE(inventory::active_by_name(*db, "a.example.com", end + Duration(1)));
}

TEST_CASE("of many names and ids those that are there are found") {
  const test::TestDatabase db;
  fill(db);
  const auto active = inventory::active_by_names(*db, {"a.example.com", "c.example.com", "b.example.com", "none"}, at);
  REQUIRE(active.size() == 2);
  for (const auto& [name, row] : active) CHECK(row.cert_id == inventory::active_by_name(*db, name, at)->cert_id);
  const auto& known = active.begin()->second;
  const auto rows = inventory::by_ids(*db, {known.cert_id, "cert-none"});
  REQUIRE(rows.size() == 1);
  CHECK(rows.begin()->second.serial == known.serial);
  const std::string other = known.key_reference + "x";
  CHECK(inventory::names_with_keys(*db, {known.name, "none"}, {known.key_reference, known.key_reference}) ==
        std::set{known.name});
  CHECK(inventory::names_with_keys(*db, {known.name, "none"}, {other, known.key_reference}).empty());
}

TEST_CASE("an argument is a cert_id, then a name, then a serial number") {
  const test::TestDatabase db;
  fill(db);
  struct Row {
    std::string argument;
    int want;
  };
  const Row rows[] = {{certificate_row(1, "").cert_id, 1},
                      {"a.example.com", 2},
                      {"A.Example.COM", 2},
                      {"b.example.com", 4},
                      {"d.example.com", 7},
                      {"4A:00:00:00:03", 3},
                      {"4a00000005", 5},
                      {"4A:00:00:00:06", 6}};
  for (const auto& row : rows) {
    CAPTURE(row.argument);
    CHECK(inventory::resolve(*db, row.argument, at).cert_id == certificate_row(row.want, "").cert_id);
  }
}

TEST_CASE("a name that looks like a serial number is a name first") {
  const test::TestDatabase db;
  fill(db);
  inventory::insert(*db, certificate_row(8, "4a00000001"));
  CHECK(inventory::resolve(*db, "4a00000001", at).cert_id == certificate_row(8, "").cert_id);
  CHECK(inventory::resolve(*db, "4A:00:00:00:01", at).cert_id == certificate_row(1, "").cert_id);
}

TEST_CASE("an argument that fits several certificates names them") {
  const test::TestDatabase db;
  fill(db);
  const std::string both = certificate_row(6, "").cert_id + ", " + certificate_row(5, "").cert_id;
  const auto error = thrown([&] { inventory::resolve(*db, "c.example.com", at); });
  REQUIRE(error);
  CHECK(error->code() == Code::certificate_ambiguous);
  CHECK(error->hint() == "name one of them: " + both);

  CertificateRow other = certificate_row(9, "e.example.com");
  other.serial = certificate_row(1, "").serial;
  other.issuer = "CN=another";
  inventory::insert(*db, other);
  CHECK_CODE(inventory::resolve(*db, "4a00000001", at), Code::certificate_ambiguous);
}

TEST_CASE("an argument that fits nothing gets the nearest name") {
  const test::TestDatabase db;
  fill(db);
  struct Row {
    const char* argument;
    const char* hint;
  };
  const Row rows[] = {{"d.exmaple.com", "did you mean d.example.com?"},
                      {"bb.example.com", "did you mean b.example.com?"},
                      {"zzzzzzzz", "`ymgr cert list` shows them"},
                      {"", "`ymgr cert list` shows them"}};
  for (const auto& row : rows) {
    CAPTURE(row.argument);
    const auto error = thrown([&] { inventory::resolve(*db, row.argument, at); });
    REQUIRE(error);
    CHECK(error->code() == Code::certificate_not_found);
    CHECK(error->hint() == row.hint);
  }
}

}  // namespace
