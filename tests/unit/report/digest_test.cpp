#include "report/digest.hpp"

#include <doctest/doctest.h>

#include "report/webhook.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

const Time at = parse_time("2026-03-15T00:00:00Z");

Notice expiry(const std::string& name, int days_left) {
  Notice notice;
  notice.id = "expiry/" + name + "/7";
  notice.kind = NoticeKind::expiry;
  notice.name = name;
  notice.owner = "alice";
  notice.expires_at = at + std::chrono::days(days_left);
  notice.window_days = 7;
  return notice;
}

Notice failure(NoticeKind kind, const std::string& message) {
  Notice notice;
  notice.id = "renewal/b/1";
  notice.kind = kind;
  notice.name = "renewal of b";
  notice.code = "vault-unreachable";
  notice.message = message;
  return notice;
}

Digest digest(std::vector<Notice> notices) {
  return {.id = "digest-1", .at = at, .host = "web1", .notices = std::move(notices)};
}

}  // namespace

TEST_CASE("a digest says first what fails, then what ends, then what is over") {
  auto again = expiry("a", 6);
  again.repeated = true;
  const auto given = digest({failure(NoticeKind::failure, "Vault does not answer"), again, expiry("c", -1),
                             failure(NoticeKind::recovery, "Vault does not answer")});
  CHECK(digest_subject(given) == "ymgr: 1 failure, 2 certificates not renewed, 1 failure over");
  CHECK(digest_text(given, 10) ==
        "Failed:\n  renewal of b: Vault does not answer (vault-unreachable)\n\nNot renewed so far:\n"
        "  a expires in 6 days (2026-03-21T00:00:00Z), owner alice [may have been told before]\n"
        "  c has expired, 1 day ago (2026-03-14T00:00:00Z), owner alice\n\nOver:\n"
        "  renewal of b is well again; before: Vault does not answer\n\n"
        "Sent by ymgr on web1 at 2026-03-15T00:00:00Z, digest-1.\n");
  CHECK(digest_text(given, 1).find("and 3 more: ymgr notify list") != std::string::npos);
}

TEST_CASE("of what is not in the inventory a notice says where it is from, or what to do") {
  auto given = expiry("a", 6);
  given.message = "seen at tls:a:443, not our CA's: it is renewed elsewhere";
  CHECK(notice_text(given, at) ==
        "a expires in 6 days (2026-03-21T00:00:00Z), owner alice; seen at tls:a:443, not our CA's: it is renewed "
        "elsewhere");
}

TEST_CASE("what came from outside can't break a line or become markup") {
  const auto given = digest({failure(NoticeKind::failure, "a\r\nto <!channel> & b\x1b[31m")});
  CHECK(digest_text(given, 10).find("a??to <!channel> & b?[31m") != std::string::npos);
  CHECK(slack_json(given).at("text").text().find("&lt;!channel&gt; &amp; b") != std::string::npos);
}

TEST_CASE("a notice comes back from its JSON as it was") {
  auto notice = expiry("a", 6);
  notice.cert_id = "cert-1";
  notice.host = "web1";
  const auto back = notice_from(to_json(notice));
  CHECK(to_json(back) != to_json(notice));  // the kind stands beside it
  auto same = back;
  same.kind = notice.kind;
  CHECK(to_json(same) == to_json(notice));
  CHECK(notice_from(to_json(failure(NoticeKind::failure, "x"))).message == "x");
}

TEST_CASE("URLs of webhooks are https, or http to this host") {
  for (const char* url : {"https://a.example", "https://a.example:8443/x?y=z", "http://localhost:8080/",
                          "http://127.0.0.1/", "http://[::1]:80/", "https://[2001:db8::1]/"})
    CHECK(webhook::is_url(url));
  for (const char* url :
       {"", "http://a.example/", "ftp://a.example/", "https://", "https:///x", "https://u:p@a.example/", "https://a b/",
        "https://a.example/\r\nX: y", "http://127.0.0.1.example/", "http://localhost@evil/",
        "http://127.0.0.1:80@evil/", "https://a#b", "https://a\\b", "http://localhost.evil/"}) {
    CAPTURE(url);
    CHECK_FALSE(webhook::is_url(url));
  }
}
