#include "workflow/renew.hpp"

#include <doctest/doctest.h>

#include "support/profile.hpp"
#include "support/thrown.hpp"
#include "workflow/issue.hpp"
#include "workflow/resume.hpp"

using namespace ymgr;
using test::count;

namespace {

CertificateRow issued(test::Profile& profile, const std::string& name,
                      std::optional<Installation> place = std::nullopt) {
  IssueRequest request;
  request.name = name;
  request.place = std::move(place);
  issue(profile.bench(), {request}, {});
  return *inventory::active_by_name(profile.db(), name, now());
}

CertificateRow active(test::Profile& profile, const std::string& name) {
  return *inventory::active_by_name(profile.db(), name, now());
}

RenewOptions forced() {
  RenewOptions options;
  options.force = true;
  return options;
}

DueOptions due_at_once() {
  DueOptions due;
  due.renew_before = RenewBefore{std::chrono::hours(24 * 90) - std::chrono::seconds(30), 0};
  return due;
}

/// A hook that appends the named variable to a file.
std::vector<std::string> hook(const std::string& file, const std::string& variable) {
  return {"/bin/sh", "-c", "echo \"$" + variable + "\" >> " + file};
}

/// Files and all three hooks; each hook appends a line to the log.
Installation noisy_place(test::Profile& profile, const std::string& log) {
  Installation place;
  place.out = profile.folder() + "/tls";
  place.pre_hook = hook(log, "YMGR_HOOK_NAME-before");
  place.deploy_hook = hook(log, "YMGR_HOOK_SERIAL");
  place.post_hook = hook(log, "YMGR_HOOK_NAME-after");
  return place;
}

/// As a process leaves it that was killed before the first step.
NewOperation left_renewal(test::Profile& profile, const std::string& name) {
  const auto row = active(profile, name);
  NewOperation op{"req-20260101000000-abcdefabcdef", "renew", row.name, Json::object({{"due", true}}), {}, {}};
  CertificateItem item;
  item.name = row.name;
  item.owner = row.owner;
  item.profile = row.profile;
  item.renewed_from = row.cert_id;
  item.installation = row.installation;
  item.key_place = row.installation.empty() ? KeyPlace::sealed : KeyPlace::file;
  item.key_reference = row.key_reference;
  item.key_name = item.key_reference.substr(item.key_reference.find(':') + 1);
  item.key_created_at = row.key_created_at;
  item.key_reused = true;
  item.plan.names.common_name = row.name;
  item.plan.names.sans = row.sans;
  plan_certificate(item, profile.bench().policy.profile(row.profile), std::chrono::hours(24), now());
  op.items.push_back({row.name, item.journal()});
  profile.db().transaction(sql::Access::write, [&] { operations::create(profile.bench(), op); });
  return op;
}

}  // namespace

TEST_CASE("renew keeps name and key, makes the old one superseded, and remembers where it came from") {
  test::Profile profile;
  const auto old = issued(profile, "web.example.com");
  const auto answer = renew(profile.bench(), "web.example.com", {});
  CHECK(answer.items.front().at("key").text() == "reused");
  const auto fresh = active(profile, "web.example.com");
  CHECK(fresh.renewed_from == old.cert_id);
  CHECK(fresh.public_key_sha256 == old.public_key_sha256);
  CHECK(fresh.serial != old.serial);
  CHECK(inventory::by_id(profile.db(), old.cert_id)->status == CertificateStatus::superseded);
}

TEST_CASE("renew with a new key leaves the old key where it is") {
  test::Profile profile;
  const auto old = issued(profile, "web.example.com");
  RenewOptions options;
  options.key = KeyChoice::fresh;
  options.algorithm = KeyAlgorithm::ec_p384;
  renew(profile.bench(), old.cert_id, options);
  const auto fresh = active(profile, "web.example.com");
  CHECK(fresh.public_key_sha256 != old.public_key_sha256);
  CHECK(fresh.key_algorithm == "ec-p384");
  CHECK(fresh.key_reference != old.key_reference);
  CHECK(key_is_there(profile.db(), old.key_reference));
}

TEST_CASE("a second renewal within the minimum interval needs force") {
  test::Profile profile;
  issued(profile, "web.example.com");
  renew(profile.bench(), "web.example.com", {});
  CHECK(code_of([&] { renew(profile.bench(), "web.example.com", {}); }) == Code::renewed_recently);
  renew(profile.bench(), "web.example.com", forced());
  CHECK(count(profile.db(), "certificates") == 3);
}

TEST_CASE("only what is due is renewed, and nothing due is no failure") {
  test::Profile profile;
  issued(profile, "a.example.com");
  issued(profile, "b.example.com");
  const auto nothing = renew_due(profile.bench(), {}, {});
  CHECK(nothing.exit == 0);
  CHECK(nothing.items.empty());
  CHECK(nothing.next_expiry.has_value());
  auto due = due_at_once();
  due.selection = parse_selection("name=a.example.com");
  const auto one = renew_due(profile.bench(), due, {});
  CHECK(one.items.size() == 1);
  CHECK(count(profile.db(), "certificates WHERE status = 'superseded'") == 1);
}

TEST_CASE("renewing what is due again under the same request id gives the stored answer") {
  test::Profile profile;
  issued(profile, "a.example.com");
  RenewOptions options;
  options.request_id = "nightly-7";
  const auto first = renew_due(profile.bench(), due_at_once(), options);
  issued(profile, "b.example.com");
  const auto second = renew_due(profile.bench(), due_at_once(), options);
  REQUIRE(second.items.size() == 1);
  CHECK(second.items.front().at("cert_id") == first.items.front().at("cert_id"));
  CHECK(second.request_id == "nightly-7");
  CHECK_FALSE(second.changed);
  CHECK(count(profile.db(), "certificates") == 3);
  auto others = due_at_once();
  others.limit = 1;
  CHECK(code_of([&] { renew_due(profile.bench(), others, options); }) == Code::request_id_used);
}

TEST_CASE("a renewal with other wishes is another one, and takes no unfinished one over") {
  struct Row {
    const char* what;
    void (*change)(RenewOptions&);
  };
  const Row rows[] = {{"validity", [](RenewOptions& o) { o.validity = std::chrono::hours(24 * 7); }},
                      {"algorithm", [](RenewOptions& o) { o.algorithm = KeyAlgorithm::ec_p384; }},
                      {"force", [](RenewOptions& o) { o.force = true; }}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    test::Profile profile;
    issued(profile, "web.example.com");
    RenewOptions options;
    options.key = KeyChoice::fresh;
    options.request_id = "nightly-7";
    renew(profile.bench(), "web.example.com", options);
    row.change(options);
    CHECK(code_of([&] { renew(profile.bench(), "web.example.com", options); }) == Code::request_id_used);
  }
}

TEST_CASE("a dry run of what is due changes nothing") {
  test::Profile profile;
  issued(profile, "a.example.com");
  RenewOptions options;
  options.dry_run = true;
  const auto events = count(profile.db(), "audit_events");
  CHECK(renew_due(profile.bench(), due_at_once(), options).items.front().at("result").text() == "planned");
  CHECK(count(profile.db(), "certificates") == 1);
  CHECK(count(profile.db(), "audit_events") == events);
}

TEST_CASE("files, versions and hooks follow a renewal") {
  test::Profile profile;
  const std::string log = profile.folder() + "/log";
  const auto place = noisy_place(profile, log);
  const std::string out = place.out;
  const auto old = issued(profile, "web.example.com", place);
  CHECK_FALSE(exists(log));
  const auto answer = renew(profile.bench(), "web.example.com", {});
  CHECK(answer.exit == 0);
  CHECK(answer.hooks.run == 3);
  const auto fresh = active(profile, "web.example.com");
  CHECK(read_file(log) == "-before\n" + fresh.serial + "\n-after\n");
  CHECK(read_file(out + "/cert.pem") == fresh.pem);
  CHECK(exists(out + "/versions/" + old.cert_id + "/cert.pem"));
  CHECK(fresh.hook_state == "ok");
}

TEST_CASE("a renewal that is resumed has its pre- and post-hooks around it") {
  struct Row {
    const char* what;
    void (*resume_it)(Workbench&, const std::string& id);
  };
  const Row rows[] = {{"resume", [](Workbench& bench, const std::string& id) { resume(bench, id); }},
                      {"renew --due", [](Workbench& bench, const std::string&) { renew_due(bench, {}, {}); }}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    test::Profile profile;
    const std::string log = profile.folder() + "/log";
    issued(profile, "web.example.com", noisy_place(profile, log));
    const auto op = left_renewal(profile, "web.example.com");
    row.resume_it(profile.bench(), op.request_id);
    CHECK(read_file(log) == "-before\n" + active(profile, "web.example.com").serial + "\n-after\n");
    CAPTURE(dump_json(operations::items(profile.db(), op.request_id).at(0).error));
    CHECK(operations::get(profile.db(), op.request_id).state == "done");
  }
}

TEST_CASE("what a pre-hook stopped comes up again when the renewal throws") {
  test::Profile profile;
  const std::string log = profile.folder() + "/log";
  issued(profile, "web.example.com", noisy_place(profile, log));
  profile.db().transaction(sql::Access::write, [&] {
    profile.db().run("UPDATE issuers SET status = 'retired' WHERE kind = 'issuing'", {});
  });
  CHECK(code_of([&] { renew(profile.bench(), "web.example.com", {}); }) == Code::ca_not_ready);
  CHECK(read_file(log) == "-before\n-after\n");
}

TEST_CASE("hooks run under a lease that outlasts them, and not when somebody else has it") {
  test::Profile profile;
  Installation place;
  place.pre_hook = {"/bin/true"};
  place.post_hook = {"/bin/true"};
  issued(profile, "web.example.com");
  const auto op = left_renewal(profile, "web.example.com");
  const auto until = [&] { return operations::get(profile.db(), op.request_id).lease_until; };
  hooks::Outcome outcome;
  hooks::around(profile.bench(), op.request_id, {place}, outcome, [&](const auto& before_end) {
    CHECK(until() > now() + hooks::time_limit);
    before_end();
  });
  CHECK(outcome.run == 2);
  profile.db().transaction(sql::Access::write,
                           [&] { profile.db().run("UPDATE operations SET lease_holder = 'other/boot/1/1'", {}); });
  outcome = {};
  CHECK(code_of([&] { hooks::around(profile.bench(), op.request_id, {place}, outcome, [](const auto&) {}); }) ==
        Code::operation_running);
  CHECK(outcome.run == 1);  // the post-hook
}

TEST_CASE("a hook that fails is owed until it succeeds") {
  test::Profile profile;
  const std::string flag = profile.folder() + "/flag";
  Installation place;
  place.out = profile.folder() + "/tls";
  place.deploy_hook = {"/usr/bin/test", "-e", flag};
  issued(profile, "web.example.com", place);
  const auto failed = renew(profile.bench(), "web.example.com", {});
  CHECK(failed.exit == 10);
  CHECK(failed.hooks.failed == 1);
  CHECK(active(profile, "web.example.com").hook_state == "pending");
  CHECK(renew_due(profile.bench(), {}, {}).exit == 10);
  write_file(flag, "");
  const auto later = renew_due(profile.bench(), {}, {});
  CHECK(later.exit == 0);
  CHECK(later.hooks.run == 1);
  CHECK(active(profile, "web.example.com").hook_state == "ok");
  CHECK(renew_due(profile.bench(), {}, {}).hooks.run == 0);
}

TEST_CASE("a hook that somebody else runs just now is left to them, unless they died") {
  struct Row {
    const char* what;
    std::string holder;
    Duration until;
    std::int64_t runs;
  };
  test::Profile profile;
  const auto& self = profile.bench().self;
  const Row rows[] = {
      {"alive, for all we know", "other/boot/1/1", std::chrono::minutes(1), 0},
      {"its time is over", "other/boot/1/1", -std::chrono::minutes(1), 1},
      {"dead", self.host + "/" + self.boot_id + "/4194305/1/" + self.pid_namespace, std::chrono::minutes(1), 1},
      {"ourselves", self.to_text(), std::chrono::minutes(1), 1}};
  Installation place;
  place.out = profile.folder() + "/tls";
  place.deploy_hook = {"/bin/true"};
  const auto row = issued(profile, "web.example.com", place);
  for (const auto& claimed : rows) {
    CAPTURE(claimed.what);
    profile.db().transaction(sql::Access::write, [&] {
      inventory::set_hook_result(profile.db(), row.cert_id, "pending", "", now());
      const auto seen = inventory::with_pending_hooks(profile.db(), self.host).at(0);
      CHECK(inventory::claim_hook(profile.db(), seen, {claimed.holder, now(), now() + claimed.until}, {}));
    });
    CHECK(hooks::run_pending(profile.bench()).run == claimed.runs);
    CHECK(active(profile, "web.example.com").hook_state == (claimed.runs == 1 ? "ok" : "pending"));
  }
}

TEST_CASE("an installation file that can't be read keeps no other hook from running") {
  test::Profile profile;
  Installation place;
  place.deploy_hook = {"/bin/true"};
  for (const std::string name : {"a.example.com", "b.example.com", "c.example.com"}) {
    place.out = profile.folder() + "/" + name;
    const auto row = issued(profile, name, place);
    profile.db().transaction(sql::Access::write,
                             [&] { inventory::set_hook_result(profile.db(), row.cert_id, "pending", "", now()); });
  }
  write_file(profile.bench().installations + "/" + installation::file_name("a.example.com"), "out: [");
  const auto answer = renew_due(profile.bench(), {}, {});
  CHECK(answer.exit == 10);
  CHECK(answer.hooks.run == 3);
  CHECK(answer.hooks.failed == 1);
  CHECK(active(profile, "a.example.com").hook_state == "pending");
  CHECK(active(profile, "c.example.com").hook_state == "ok");
}

TEST_CASE("what keeps the CA from being looked after takes nothing from the answer") {
  test::Profile profile;
  issued(profile, "web.example.com");
  const std::string signer = profile.bench().ca_folder + "/ocsp.pem";
  remove_file(signer);
  make_folders(signer, 0700);
  const auto answer = renew_due(profile.bench(), due_at_once(), {});
  CHECK(answer.items.size() == 1);
  CHECK(answer.items.front().at("success").boolean());
  REQUIRE(answer.upkeep.failures.size() == 1);
  CHECK(answer.upkeep.failures.front().code() == Code::file_unsafe);
  CHECK(answer.exit == 9);
  remove_tree(signer);
  CHECK(renew_due(profile.bench(), {}, {}).upkeep.ocsp_refreshed);
}

TEST_CASE("what is done for the CA is audited") {
  test::Profile profile;
  const auto events = [&](const std::string& event) {
    return count(profile.db(), "audit_events WHERE event = '" + event + "'");
  };
  renew_due(profile.bench(), {}, {});
  const auto crls = events("ca.crl_signed"), signers = events("ca.ocsp_signer_renewed");
  renew_due(profile.bench(), {}, {});
  CHECK(events("ca.crl_signed") == crls);
  CHECK(events("ca.ocsp_signer_renewed") == signers);
  remove_file(profile.bench().ca_folder + "/ocsp.pem");
  profile.db().transaction(sql::Access::write, [&] {
    profile.db().run("UPDATE issuers SET crl_this_update = NULL WHERE kind = 'issuing'", {});
  });
  const auto answer = renew_due(profile.bench(), {}, {});
  CHECK(answer.upkeep.crl_refreshed);
  CHECK(events("ca.crl_signed") == crls + 1);
  CHECK(events("ca.ocsp_signer_renewed") == signers + 1);
}

TEST_CASE("hooks end within their time, with everything they started") {
  CHECK(hooks::run({"/bin/sh", "-c", "exit 3"}, {}, {}, std::chrono::seconds(5)) == "exit status 3");
  CHECK(hooks::run({"/nonexistent"}, {}, {}, std::chrono::seconds(5)).starts_with("can't be started"));
  CHECK(hooks::run({"/bin/sleep", "60"}, {}, {}, std::chrono::milliseconds(200)).starts_with("took longer"));
  CHECK(hooks::run({"/bin/true"}, {}, {}, std::chrono::seconds(5)).empty());
}

TEST_CASE("a certificate whose key was compromised is renewed with a new key when it is due") {
  test::Profile profile;
  const auto old = issued(profile, "web.example.com");
  profile.db().transaction(sql::Access::write, [&] {
    inventory::deny_key(profile.db(), old.public_key_sha256, "keyCompromise", old.cert_id, now());
  });
  renew_due(profile.bench(), due_at_once(), {});
  CHECK(active(profile, "web.example.com").public_key_sha256 != old.public_key_sha256);
}

TEST_CASE("a key that is not ours needs a new request where the policy forbids its reuse") {
  test::Profile profile;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  IssueRequest request;
  request.csr = to_pem(make_csr(key, {"svc.example.com", {{SanKind::dns, "svc.example.com"}}}), "CERTIFICATE REQUEST");
  issue(profile.bench(), {request}, {});
  CHECK(renew(profile.bench(), "svc.example.com", {}).items.front().at("key").text() == "reused");
  RenewOptions with_csr = forced();
  with_csr.csr = to_pem(
      make_csr(PrivateKey::generate(KeyAlgorithm::ec_p256), {"svc.example.com", {{SanKind::dns, "svc.example.com"}}}),
      "CERTIFICATE REQUEST");
  renew(profile.bench(), "svc.example.com", with_csr);
  CHECK(active(profile, "svc.example.com").public_key_sha256 != hex(key.public_key().sha256));
}

TEST_CASE("a user renews only what is theirs") {
  test::Profile profile;
  issued(profile, "web.example.com");
  const auto mallory = profile.second_bench(Role::user, "mallory");
  CHECK(code_of([&] { renew(*mallory, "web.example.com", {}); }) == Code::role_denied);
  CHECK(renew_due(*mallory, due_at_once(), {}).items.empty());
}

TEST_CASE("a renewal that can't be finished keeps no other from being renewed") {
  test::Profile profile;
  issued(profile, "stuck.example.com");
  issued(profile, "web.example.com");
  const auto row = active(profile, "stuck.example.com");
  left_renewal(profile, row.name);
  profile.db().transaction(sql::Access::write, [&] {
    inventory::deny_key(profile.db(), row.public_key_sha256, "keyCompromise", row.cert_id, now());
  });
  const auto answer = renew_due(profile.bench(), due_at_once(), {});
  CHECK(answer.exit != 0);
  CHECK(answer.items.size() == 3);  // the old attempt failed, then both names are renewed
  CHECK(active(profile, "stuck.example.com").public_key_sha256 != row.public_key_sha256);
  CHECK_FALSE(active(profile, "web.example.com").renewed_from.empty());
}

TEST_CASE("a user takes up no operation of another") {
  test::Profile profile;
  IssueRequest request;
  request.name = "web.example.com";
  IssueOptions options;
  options.request_id = "req-20260101000000-abcdefabcdef";
  issue(profile.bench(), {request}, options);
  request.owner = profile.bench().session.identity().user;
  const auto mallory = profile.second_bench(Role::user, "mallory");
  CHECK(code_of([&] { issue(*mallory, {request}, options); }) == Code::role_denied);
}
