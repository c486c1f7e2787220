#include "workflow/notices.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "support/certificates.hpp"
#include "support/profile.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using test::days;

namespace {

/// Channels that remember what they were given, as "expiry/cert-…/7", and fail on demand.
struct People {
  std::vector<std::string> told;
  std::optional<Error> failure;

  notices::Channel channel(std::string name = "mail") {
    return {std::move(name), std::chrono::seconds(30), [this](const Digest& digest) {
              for (const auto& notice : digest.notices) told.push_back(notice.id + (notice.repeated ? " again" : ""));
              if (failure) throw Error(*failure);
            }};
  }
  std::string take() { return join(std::exchange(told, {}), ", "); }
};

const notices::Settings settings;
const notices::Failures well;

struct Scene {
  test::TestClock clock{test::inventory_now};
  test::Profile profile;
  People people;

  /// Of 90 days, of which `left` are left. Its renewal is due 30 days before its end, and an hour, so that no offset excuses it then.
  CertificateRow add(int number, const std::string& name, Duration left) {
    auto row = test::certificate_row(number, name);
    row.expires_at = now() + left;
    row.not_before = row.issued_at = row.expires_at - days(90);
    row.renew_at = row.expires_at - days(30) - std::chrono::hours(1);
    insert(row);
    return row;
  }
  void insert(const CertificateRow& row) {
    profile.db().transaction(sql::Access::write, [&] { inventory::insert(profile.db(), row); });
  }
  /// What one run tells.
  std::string run(const notices::Failures* failures = &well) {
    const notices::Channel channels[] = {people.channel()};
    notices::send_due(profile.bench(), settings, channels, failures);
    return people.take();
  }
};

std::string expiry(const CertificateRow& row, int window) {
  return "expiry/" + row.cert_id + "/" + std::to_string(window);
}

notices::Failures failing(const std::string& subject, const std::string& code) {
  Notice notice;
  notice.name = subject;
  notice.code = code;
  notice.message = "it is so";
  return {{subject, notice}};
}

}  // namespace

TEST_CASE("a certificate that nobody renews is told of once in each window, and at its end") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(31));
  std::vector<std::string> told;
  for (int left = 31; left >= -40; --left) {
    if (const auto one = scene.run(); !one.empty()) told.push_back(std::to_string(left) + " " + one);
    CHECK(scene.run() == "");  // a second run on the same day
    scene.clock.go(days(1));
  }
  CHECK(join(told, ", ") == "30 " + expiry(row, 30) + ", 14 " + expiry(row, 14) + ", 7 " + expiry(row, 7) + ", 1 " +
                                expiry(row, 1) + ", -1 " + expiry(row, 0));
}

TEST_CASE("after runs that were missed the narrowest window alone is told") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(29));
  CHECK(scene.run() == expiry(row, 30));
  scene.clock.go(days(23));
  CHECK(scene.run() == expiry(row, 7));
  scene.clock.go(days(10));
  CHECK(scene.run() == expiry(row, 0));
  CHECK(scene.run() == "");
}

TEST_CASE("what was renewed, revoked or replaced is not told of") {
  Scene scene;
  auto old = scene.add(1, "renewed.example.com", days(6));
  auto renewed = scene.add(2, "renewed.example.com", days(80));
  const auto revoked = scene.add(3, "revoked.example.com", days(6));
  scene.add(4, "again.example.com", -days(3));  // expired, and issued again instead of renewed
  scene.add(5, "again.example.com", days(80));
  const auto missed = scene.add(6, "missed.example.com", days(6));
  scene.profile.db().transaction(sql::Access::write, [&] {
    inventory::supersede(scene.profile.db(), old.cert_id);
    inventory::mark_revoked(scene.profile.db(), revoked.cert_id, now(), Reason::superseded, {});
  });
  CHECK(scene.run() == expiry(missed, 7));
}

TEST_CASE("a certificate whose renewal has its time still is not told of, however short its life") {
  Scene scene;
  auto row = test::certificate_row(1, "short.example.com");
  row.not_before = row.issued_at = now();
  row.expires_at = now() + days(2);
  row.renew_at = now() + days(1) - std::chrono::hours(1);
  scene.insert(row);
  CHECK(scene.run() == "");
  scene.clock.go(days(1));
  CHECK(scene.run() == expiry(row, 1));
}

TEST_CASE("where no run has just ended, and on other hosts, renewal has a day more") {
  Scene scene;
  const auto own = scene.add(1, "own.example.com", days(30));
  auto other = test::certificate_row(2, "other.example.com");
  other.expires_at = own.expires_at;
  other.renew_at = own.renew_at;
  other.host = "another";
  other.installation = "other";
  scene.insert(other);
  CHECK(scene.run(nullptr) == "");
  CHECK(scene.run() == expiry(own, 30));
  scene.clock.go(days(1));
  CHECK(scene.run(nullptr) == expiry(other, 30));
}

TEST_CASE("a key that is not ours is renewed by nobody, so its certificate is told of in all windows") {
  Scene scene;
  auto row = test::certificate_row(1, "theirs.example.com");
  row.key_reference = "external";
  row.expires_at = now() + days(20);
  row.renew_at = now() + days(10);
  scene.insert(row);
  CHECK(scene.run() == expiry(row, 30));
}

TEST_CASE("a failure is told once, again when it changes, and when it is over") {
  Scene scene;
  auto row = scene.add(1, "www.example.com", days(29));
  CHECK(scene.run(nullptr) == expiry(row, 30));
  const auto subject = std::string("renewal/www.example.com");
  const auto away = failing(subject, "vault-unreachable"), refused = failing(subject, "policy-violation");
  CHECK(scene.run(&away) == subject + "/1");
  CHECK(scene.run(&away) == "");
  CHECK(scene.run(&refused) == subject + "/2");
  CHECK(scene.run() == "");  // not asked for in this run, and due still
  scene.profile.db().transaction(sql::Access::write, [&] { inventory::supersede(scene.profile.db(), row.cert_id); });
  CHECK(scene.run() == subject + "/3");
  CHECK(scene.run() == "");
  CHECK(scene.run(&away) == subject + "/4");
  const auto entries = notices::list(scene.profile.db(), {});
  REQUIRE(entries.size() == 5);
  CHECK(std::ranges::count(entries, NoticeKind::recovery, [](const auto& e) { return e.notice.kind; }) == 1);
}

TEST_CASE(
    "a run that failed is over with the next one of the same host, and a failure that nobody was told of ends in "
    "silence") {
  Scene scene;
  const auto here = failing("run/testhost", "vault-unreachable"), there = failing("run/another", "internal");
  CHECK(scene.run(&here) == "run/testhost/1");
  CHECK(scene.run(&there) == "run/another/1, run/testhost/2");
  CHECK(scene.run(nullptr) == "");
  CHECK(scene.run() == "");
  scene.people.failure = Error(Code::channel_unreachable, "down");
  CHECK(scene.run(&here) == "run/testhost/3");
  scene.people.failure.reset();
  CHECK(scene.run() == "");
  CHECK(notices::list(scene.profile.db(), {"", "dropped", 10}).size() == 1);
}

TEST_CASE("a hook that failed is told once, again with other words, and when it ran") {
  Scene scene;
  auto row = test::certificate_row(1, "www.example.com");
  row.host = "testhost";
  row.installation = "www";
  scene.insert(row);
  const auto hook = [&](const char* state, const char* message) {
    scene.profile.db().transaction(sql::Access::write, [&] {
      inventory::set_hook_result(scene.profile.db(), row.cert_id, state, message, now());
    });
  };
  hook("pending", "");
  CHECK(scene.run() == "");
  hook("pending", "exit status 1");
  CHECK(scene.run() == "hook/testhost/www/1");
  CHECK(scene.run() == "");
  hook("pending", "exit status 2");
  CHECK(scene.run() == "hook/testhost/www/2");
  hook("ok", "");
  CHECK(scene.run(nullptr) == "hook/testhost/www/3");
  CHECK(scene.run() == "");
}

TEST_CASE("a channel that is down is owed, and the others are not told twice") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(20));
  People others;
  const notices::Channel channels[] = {scene.people.channel("mail"), others.channel("webhook")};
  const auto run = [&] { return notices::send_due(scene.profile.bench(), settings, channels, &well); };
  scene.people.failure = Error(Code::channel_unreachable, "down");
  auto deliveries = run();
  REQUIRE(deliveries.size() == 2);
  CHECK(deliveries[0].error);
  CHECK_FALSE(deliveries[1].error);
  CHECK(others.take() == expiry(row, 30));
  CHECK(scene.people.take() == expiry(row, 30));
  const auto owed = notices::list(scene.profile.db(), {"", "owed", 10});
  REQUIRE(owed.size() == 1);
  CHECK(owed[0].channel == "mail");
  CHECK(owed[0].error == "down");
  CHECK(owed[0].attempts == 1);
  scene.people.failure.reset();
  CHECK(run().size() == 1);
  CHECK(scene.people.take() == expiry(row, 30));
  CHECK(others.take() == "");
  CHECK(run().empty());
}

TEST_CASE("what a narrower window says goes out in the place of what a channel could not be told") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(20));
  scene.people.failure = Error(Code::channel_unreachable, "down");
  scene.run();
  scene.clock.go(days(7));
  scene.people.failure.reset();
  CHECK(scene.run() == expiry(row, 14));
}

TEST_CASE("what is owed is not sent any more once it is renewed, and again when it was only on hold") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(20));
  scene.people.failure = Error(Code::channel_unreachable, "down");
  CHECK(scene.run() == expiry(row, 30));
  auto& db = scene.profile.db();
  db.transaction(sql::Access::write,
                 [&] { inventory::mark_revoked(db, row.cert_id, now(), Reason::certificate_hold, {}); });
  scene.people.failure.reset();
  CHECK(scene.run() == "");
  db.transaction(sql::Access::write, [&] { inventory::mark_active(db, row.cert_id); });
  CHECK(scene.run() == expiry(row, 30));
}

TEST_CASE("what was recorded by a run stays owed where none has just ended") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(30));
  scene.people.failure = Error(Code::channel_unreachable, "down");
  CHECK(scene.run() == expiry(row, 30));
  scene.people.failure.reset();
  CHECK(scene.run(nullptr) == expiry(row, 30));
}

TEST_CASE("an attempt without an answer is made again and says so; a claim of somebody who lives is left alone") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(20));
  scene.people.failure = Error(Code::channel_unreachable, "no answer", {}, {}, Outcome::unknown);
  CHECK(scene.run() == expiry(row, 30));
  scene.people.failure.reset();
  CHECK(scene.run() == expiry(row, 30) + " again");
  auto& db = scene.profile.db();
  const auto claim = [&](const std::string& holder, Duration time) {
    db.run("UPDATE notifications SET state = 'sending', unsure = 0, holder = $1, held_until = $2",
           {holder, to_micros(now() + time)});
  };
  auto alive = scene.profile.bench().self;
  alive.host = "elsewhere";
  claim(alive.to_text(), std::chrono::seconds(60));
  CHECK(scene.run() == "");
  scene.clock.go(std::chrono::seconds(61));
  CHECK(scene.run() == expiry(row, 30) + " again");
  auto dead = scene.profile.bench().self;
  dead.pid = 4194305;  // more than there can be
  claim(dead.to_text(), std::chrono::seconds(60));
  CHECK(scene.run() == expiry(row, 30) + " again");
}

TEST_CASE("of two processes at the same time one tells") {
  Scene scene;
  const auto row = scene.add(1, "www.example.com", days(20));
  const auto other = scene.profile.second_bench(Role::operator_, "olga");
  other->self.host = "elsewhere";
  People others;
  const notices::Channel theirs[] = {others.channel()};
  const notices::Channel mine[] = {{"mail", std::chrono::seconds(30), [&](const Digest& digest) {
                                      notices::send_due(*other, settings, theirs, &well);
                                      scene.people.channel().send(digest);
                                    }}};
  notices::send_due(scene.profile.bench(), settings, mine, &well);
  CHECK(scene.people.take() == expiry(row, 30));
  CHECK(others.take() == "");
}

TEST_CASE("a preview tells what would be sent and changes nothing") {
  Scene scene;
  scene.add(1, "www.example.com", days(20));
  const notices::Channel channels[] = {scene.people.channel()};
  const auto deliveries = notices::preview(scene.profile.bench(), settings, channels);
  REQUIRE(deliveries.size() == 1);
  CHECK(deliveries[0].notices.size() == 1);
  CHECK(scene.people.take() == "");
  CHECK(notices::list(scene.profile.db(), {}).empty());
}

TEST_CASE("failures_of names what failed by what it is over with") {
  RenewAnswer answer;
  answer.items = {Json::object({{"name", "a"}, {"success", true}}),
                  failed_item(Json::object({{"name", "b"}}), Error(Code::policy_violation, "too small")),
                  failed_item(Json::object({{"name", "3 certificates"}, {"request_id", "req-1"}}),
                              Error(Code::vault_unreachable, "away"))};
  answer.hooks.messages = {"b: reload: exit status 1", "pre-hook: stop: exit status 1"};
  answer.upkeep.failures = {Error(Code::disk_unusable, "full")};
  const auto failures = notices::failures_of(answer, "web1");
  REQUIRE(failures.size() == 3);
  CHECK(failures.at("renewal/b").code == "policy-violation");
  CHECK(failures.at("operation/req-1").message == "away");
  CHECK(failures.at("run/web1").code == "disk-unusable, hook-failed");
  CHECK(failures.at("run/web1").message == "full; pre-hook: stop: exit status 1");
}
