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

/// Counts how often a CRL is read, and may fail to write one.
class WatchedAuthority : public Authority {
 public:
  explicit WatchedAuthority(Authority& real) : real_(real) {}
  std::unique_ptr<Signer> open_signer() override { return real_.open_signer(); }
  void record_issued(const IssuedCertificate& issued, std::string_view id) override { real_.record_issued(issued, id); }
  void revoke(std::string_view issuer, const RevocationRequest& request) override { real_.revoke(issuer, request); }
  void unhold(std::string_view issuer, std::string_view serial) override { real_.unhold(issuer, serial); }
  std::vector<Crl> refresh_crls(bool force, const CrlRecord& record) override {
    if (is_disk_full) throw Error(Code::disk_unusable, "no space left");
    return real_.refresh_crls(force, record);
  }
  std::optional<Crl> crl(std::string_view issuer) override {
    ++crl_reads;
    return real_.crl(issuer);
  }
  std::vector<Known> find_by_public_key(const Sha256& key) override { return real_.find_by_public_key(key); }

  int crl_reads = 0;
  bool is_disk_full = false;

 private:
  Authority& real_;
};

Workbench bench_with(test::Profile& profile, Authority& authority) {
  auto& real = profile.bench();
  return {real.db,      real.session, real.stores, real.policy,    authority,          real.head_signer,
          real.notices, real.self,    real.jobs,   real.ca_folder, real.installations, real.environment};
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

TEST_CASE("a hold that a CRL still has is taken off by the same command") {
  test::Profile profile;
  const auto half = issued(profile, "half.example.com"), held = issued(profile, "held.example.com");
  for (const auto& row : {half, held}) revoke_for(profile.bench(), row.cert_id, Reason::certificate_hold);
  WatchedAuthority authority(profile.bench().authority);
  auto bench = bench_with(profile, authority);
  const auto taken_off = [&](const std::vector<std::string>& ids, bool dry_run = false) {
    RevokeOptions options;
    options.dry_run = dry_run;
    return unhold(bench, revocation_targets(bench, ids, {}, Reason::unspecified), options);
  };
  authority.is_disk_full = true;
  CHECK(code_of([&] { taken_off({half.cert_id}); }) == Code::disk_unusable);
  CHECK(inventory::by_id(profile.db(), half.cert_id)->status == CertificateStatus::active);
  authority.is_disk_full = false;
  CHECK(taken_off({half.cert_id}, true).items.front().at("result").text() == "planned");
  const auto answer = taken_off({half.cert_id, held.cert_id});
  REQUIRE(answer.items.size() == 2);
  for (const auto& item : answer.items) CHECK(item.at("result").text() == "unheld");
  CHECK(answer.crl_confirmed == true);
  CHECK(answer.changed);
  CHECK(count(profile.db(), "audit_events WHERE event = 'unheld'") == 2);
  CHECK(code_of([&] { taken_off({half.cert_id}); }) == Code::certificate_state);
}

TEST_CASE("an unknown serial is an error, a selection reaches what it names") {
  test::Profile profile;
  issued(profile, "a.example.com");
  issued(profile, "b.example.com");
  CHECK(code_of([&] { revoke_for(profile.bench(), "01:02:03", Reason::unspecified); }) == Code::certificate_not_found);
  const auto targets = revocation_targets(profile.bench(), {}, parse_selection("name=a*"), Reason::unspecified);
  REQUIRE(targets.rows.size() == 1);
  CHECK(targets.rows.front().name == "a.example.com");
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

TEST_CASE("a CRL is read back once for all certificates that it must list") {
  test::Profile profile;
  for (const auto* name : {"a.example.com", "b.example.com", "c.example.com"}) issued(profile, name);
  WatchedAuthority authority(profile.bench().authority);
  auto bench = bench_with(profile, authority);
  const auto answer = revoke(bench, revocation_targets(bench, {}, parse_selection("name=*"), Reason::superseded), {});
  CHECK(answer.items.size() == 3);
  CHECK(answer.crl_confirmed == true);
  CHECK(authority.crl_reads == 1);
}

TEST_CASE("each CRL that a revocation signs is in the audit trail, under its request id") {
  test::Profile profile;
  issued(profile, "web.example.com");
  const auto signed_under = [&](const std::string& request_id) {
    return count(profile.db(), "audit_events WHERE event = 'ca.crl_signed' AND request_id = '" + request_id + "'");
  };
  const auto held = revoke_for(profile.bench(), "web.example.com", Reason::certificate_hold);
  CHECK(signed_under(held.request_id) == 1);
  const auto targets = revocation_targets(profile.bench(), {"web.example.com"}, {}, Reason::unspecified);
  CHECK(signed_under(unhold(profile.bench(), targets, {}).request_id) == 1);
  revoke_for(profile.bench(), "web.example.com", Reason::superseded);
  revoke_for(profile.bench(), "web.example.com", Reason::superseded);
  CHECK(count(profile.db(), "audit_events WHERE event = 'ca.crl_signed'") == 3);
}

TEST_CASE("a key is destroyed after all when a revoked certificate is revoked again with --destroy-key") {
  test::Profile profile;
  const auto sealed = issued(profile, "sealed.example.com");
  const auto filed = delivered(profile, "filed.example.com");
  for (const auto& row : {sealed, filed}) {
    CAPTURE(row.name);
    const auto is_there = [&] {
      return row.name == sealed.name ? key_is_there(profile.db(), row.key_reference) : exists(key_of(profile, row));
    };
    revoke_for(profile.bench(), row.cert_id, Reason::superseded);
    CHECK(is_there());
    const auto first = revoke_for(profile.bench(), row.cert_id, Reason::unspecified, true);
    CHECK(first.items.front().at("result").text() == "already_revoked");
    CHECK(first.items.front().at("revocation_reason").text() == "superseded");
    CHECK(first.items.front().at("key_destroyed").boolean());
    CHECK(first.changed);
    CHECK(first.crl_confirmed == true);
    CHECK_FALSE(is_there());
    CHECK(inventory::by_id(profile.db(), row.cert_id)->revocation_reason == "superseded");
    const auto second = revoke_for(profile.bench(), row.cert_id, Reason::unspecified, true);
    CHECK(second.items.front().at("key_destroyed").boolean());
    CHECK_FALSE(second.changed);
  }
}

TEST_CASE("a request id given again answers what was answered, and is no other request's") {
  test::Profile profile;
  const auto row = issued(profile, "web.example.com");
  RevokeOptions options;
  options.request_id = "ticket-4711";
  options.reason = Reason::superseded;
  const auto again = [&] {
    return revoke(profile.bench(), revocation_targets(profile.bench(), {row.cert_id}, {}, options.reason), options);
  };
  const auto first = again(), second = again();
  CHECK(second.request_id == "ticket-4711");
  CHECK(second.items.front() == first.items.front());
  CHECK(second.crl_number == first.crl_number);
  CHECK(second.crl_confirmed == true);
  CHECK_FALSE(second.changed);
  options.destroy_key = true;
  CHECK(code_of([&] { again(); }) == Code::request_id_used);
}

TEST_CASE("rules of a revocation hold without the command line") {
  test::Profile profile;
  issued(profile, "web.example.com");
  CHECK(code_of([&] { revoke_for(profile.bench(), "web.example.com", Reason::certificate_hold, true); }) ==
        Code::usage);
  RevokeOptions options;
  options.invalidity_date = now() + std::chrono::hours(1);
  const auto targets = revocation_targets(profile.bench(), {"web.example.com"}, {}, Reason::unspecified);
  CHECK(code_of([&] { revoke(profile.bench(), targets, options); }) == Code::time_invalid);
  CHECK(count(profile.db(), "operations WHERE kind = 'revoke'") == 0);
}
