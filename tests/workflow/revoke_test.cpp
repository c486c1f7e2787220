#include "workflow/revoke.hpp"

#include <doctest/doctest.h>

#include "support/profile.hpp"
#include "support/thrown.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew.hpp"

using namespace ymgr;
using test::count;

namespace {

CertificateRow issued(test::Profile& profile, const std::string& name, WhenActive when = WhenActive::refuse) {
  IssueRequest request;
  request.name = name;
  IssueOptions options;
  options.when_active = when;
  issue(profile.bench(), {request}, options);
  return inventory::by_name(profile.db(), name).front();
}

CertificateRow delivered(test::Profile& profile, const std::string& name) {
  IssueRequest request;
  request.name = name;
  request.place.emplace().out = profile.folder() + "/" + name;
  issue(profile.bench(), {request}, {});
  return inventory::by_name(profile.db(), name).front();
}

/// Where its private key stands.
std::string key_of(test::Profile& profile, const CertificateRow& row) {
  return profile.folder() + "/" + row.name + "/versions/" + row.cert_id + "/privkey.pem";
}

RevokeAnswer revoke_for(Workbench& bench, const std::string& argument, Reason reason, bool destroy = false) {
  RevokeOptions options;
  options.reason = reason;
  options.destroy_key = destroy;
  return revoke(bench, revocation_targets(bench, {argument}, {}, reason), options);
}

}  // namespace

TEST_CASE("a revoked certificate is on a new CRL that was read back") {
  test::Profile profile;
  const auto row = issued(profile, "web.example.com");
  const auto answer = revoke_for(profile.bench(), "web.example.com", Reason::superseded);
  CHECK(answer.exit == 0);
  REQUIRE(answer.crl_confirmed.has_value());
  CHECK(*answer.crl_confirmed);
  CHECK(answer.crl_number > 0);
  const auto after = inventory::by_id(profile.db(), row.cert_id);
  CHECK(after->status == CertificateStatus::revoked);
  CHECK(after->revocation_reason == "superseded");
  CHECK(key_is_there(profile.db(), row.key_reference));
}

TEST_CASE("revoking twice is harmless and may raise the reason to keyCompromise") {
  test::Profile profile;
  const auto row = issued(profile, "web.example.com");
  revoke_for(profile.bench(), row.cert_id, Reason::superseded);
  const auto again = revoke_for(profile.bench(), row.cert_id, Reason::superseded);
  CHECK(again.items.front().at("result").text() == "already_revoked");
  CHECK_FALSE(again.changed);
  CHECK(revoke_for(profile.bench(), row.cert_id, Reason::affiliation_changed).items.front().at("result").text() ==
        "already_revoked");
  CHECK(revoke_for(profile.bench(), row.cert_id, Reason::key_compromise).items.front().at("result").text() ==
        "revoked");
  CHECK(inventory::by_id(profile.db(), row.cert_id)->revocation_reason == "keyCompromise");
}

TEST_CASE("keyCompromise reaches every certificate of the key, denies it and destroys it") {
  test::Profile profile;
  const auto first = issued(profile, "web.example.com");
  renew(profile.bench(), "web.example.com", {});
  const auto answer = revoke_for(profile.bench(), "web.example.com", Reason::key_compromise);
  CHECK(answer.items.size() == 2);
  CHECK(count(profile.db(), "certificates WHERE status = 'revoked'") == 2);
  CHECK(inventory::is_key_denied(profile.db(), first.public_key_sha256));
  CHECK_FALSE(key_is_there(profile.db(), first.key_reference));
}

TEST_CASE("destroying a key that another active certificate uses is refused") {
  test::Profile profile;
  const auto old = issued(profile, "web.example.com");
  renew(profile.bench(), "web.example.com", {});
  CHECK(code_of([&] { revoke_for(profile.bench(), old.cert_id, Reason::superseded, true); }) == Code::key_in_use);
  CHECK(inventory::by_id(profile.db(), old.cert_id)->status == CertificateStatus::superseded);
  revoke_for(profile.bench(), "web.example.com", Reason::cessation_of_operation, true);
  CHECK_FALSE(key_is_there(profile.db(), old.key_reference));
}

TEST_CASE("a hold can be taken off, any other reason can't") {
  test::Profile profile;
  const auto row = issued(profile, "web.example.com");
  revoke_for(profile.bench(), row.cert_id, Reason::certificate_hold);
  const auto targets = revocation_targets(profile.bench(), {row.cert_id}, {}, Reason::unspecified);
  const auto answer = unhold(profile.bench(), targets, {});
  CHECK(*answer.crl_confirmed);
  CHECK(inventory::by_id(profile.db(), row.cert_id)->status == CertificateStatus::active);
  revoke_for(profile.bench(), row.cert_id, Reason::superseded);
  CHECK(code_of([&] {
          unhold(profile.bench(), revocation_targets(profile.bench(), {row.cert_id}, {}, Reason::unspecified), {});
        }) == Code::certificate_state);
}

TEST_CASE("an unknown serial is an error, a selection reaches what it names") {
  test::Profile profile;
  issued(profile, "a.example.com");
  issued(profile, "b.example.com");
  CHECK(code_of([&] { revoke_for(profile.bench(), "01:02:03", Reason::unspecified); }) == Code::certificate_not_found);
  const auto targets = revocation_targets(profile.bench(), {}, parse_selection("name=a*"), Reason::unspecified);
  REQUIRE(targets.size() == 1);
  CHECK(targets.front().name == "a.example.com");
}

TEST_CASE("an auditor revokes nothing") {
  test::Profile profile;
  issued(profile, "web.example.com");
  const auto auditor = profile.second_bench(Role::auditor, "eve");
  CHECK(code_of([&] { revoke_for(*auditor, "web.example.com", Reason::superseded); }) == Code::role_denied);
}

TEST_CASE("the key of an old certificate is destroyed, the key that replaced it stays") {
  test::Profile profile;
  const std::string out = profile.folder() + "/tls";
  IssueRequest request;
  request.name = "web.example.com";
  request.place.emplace().out = out;
  issue(profile.bench(), {request}, {});
  const auto old = *inventory::active_by_name(profile.db(), "web.example.com", now());
  RenewOptions fresh;
  fresh.key = KeyChoice::fresh;
  renew(profile.bench(), "web.example.com", fresh);
  const auto current = *inventory::active_by_name(profile.db(), "web.example.com", now());
  revoke_for(profile.bench(), old.cert_id, Reason::key_compromise);
  CHECK_FALSE(exists(out + "/versions/" + old.cert_id + "/privkey.pem"));
  CHECK(exists(out + "/privkey.pem"));
  revoke_for(profile.bench(), current.cert_id, Reason::key_compromise);
  CHECK_FALSE(exists(out + "/versions/" + current.cert_id + "/privkey.pem"));
  CHECK_FALSE(read_link(out + "/privkey.pem").has_value());
}

TEST_CASE("keyCompromise reaches the key that a failed delivery left in the journal") {
  test::Profile profile;
  IssueRequest request;
  request.name = "web.example.com";
  request.place.emplace().pkcs12 = profile.folder() + "/web.p12";
  request.place->pkcs12_password_file = profile.folder() + "/missing";
  issue(profile.bench(), {request}, {});
  CHECK(count(profile.db(), "operation_items WHERE data LIKE '%key_box%'") == 1);
  revoke_for(profile.bench(), "web.example.com", Reason::key_compromise);
  CHECK(count(profile.db(), "operation_items WHERE data LIKE '%key_box%'") == 0);
}

TEST_CASE("a key that can't be destroyed keeps no other certificate from the CRL, nor its key from its end") {
  test::Profile profile;
  const auto bad = delivered(profile, "a.example.com");
  const auto good = delivered(profile, "b.example.com");
  const auto unknown = delivered(profile, "c.example.com");
  remove_file(key_of(profile, bad));
  make_folder(key_of(profile, bad), 0700);
  write_file(profile.bench().installations + "/c.example.com.yaml", "no: installation\n");
  RevokeOptions options;
  options.reason = Reason::key_compromise;
  const auto answer = revoke(
      profile.bench(), revocation_targets(profile.bench(), {}, parse_selection("name=*"), options.reason), options);
  CHECK(answer.crl_confirmed == true);
  CHECK(answer.exit == 9);
  REQUIRE(answer.items.size() == 3);
  for (const auto& item : answer.items)
    CHECK(item.at("success").boolean() == (item.at("cert_id").text() == good.cert_id));
  for (const auto& row : {bad, good, unknown}) {
    CHECK(inventory::by_id(profile.db(), row.cert_id)->status == CertificateStatus::revoked);
    CHECK(inventory::is_key_denied(profile.db(), row.public_key_sha256));
  }
  CHECK_FALSE(exists(key_of(profile, good)));
}
