#include "vault/failure.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using std::chrono::milliseconds;
using std::chrono::seconds;

http::ClientAnswer answer(int status, std::string body, http::Headers headers = {}) {
  return {.status = status, .content_type = "application/json", .body = std::move(body), .headers = std::move(headers)};
}
http::ClientAnswer refusal(int status, const std::string& text) {
  return answer(status, R"({"errors":[")" + text + R"("]})");
}

TEST_CASE("every meaning of a refusal is told apart by its status and words") {
  const struct {
    http::ClientAnswer answer;
    Code code;
    Trouble trouble;
  } rows[] = {
      {refusal(400, "request signature invalid"), Code::vault_refused, Trouble::refused},
      {refusal(400, "Waiting for the primary to upgrade from non-versioned to versioned data."), Code::vault_standby,
       Trouble::busy},
      {refusal(400, "Upgrading from non-versioned to versioned data."), Code::vault_standby, Trouble::busy},
      {refusal(400, "Forbidden"), Code::vault_denied, Trouble::refused},
      {refusal(401, "unauthorized"), Code::vault_denied, Trouble::refused},
      {refusal(403, "permission denied"), Code::vault_denied, Trouble::refused},
      {refusal(403, R"(1 error occurred:\n\t* permission denied\n\n)"), Code::vault_denied, Trouble::refused},
      {answer(404, R"({"errors":[]})"), Code::vault_not_found, Trouble::refused},
      {answer(404, R"({"data":{"data":null}})"), Code::vault_not_found, Trouble::refused},
      {refusal(404, R"(no handler for route \"x/y\". route entry not found.)"), Code::vault_mount_missing,
       Trouble::refused},
      {refusal(404, "namespace not found"), Code::vault_mount_missing, Trouble::refused},
      {answer(405, R"({"errors":[]})"), Code::vault_refused, Trouble::refused},
      {answer(412, R"({"errors":[]})"), Code::vault_standby, Trouble::busy},
      {refusal(413, "http: request body too large"), Code::vault_refused, Trouble::refused},
      {answer(429, R"({"errors":[]})"), Code::vault_standby, Trouble::busy},
      {refusal(429, R"(request path \"kv1/x\": rate limit quota exceeded)"), Code::vault_rate_limited, Trouble::busy},
      {refusal(500, "local node not active but active cluster node not found"), Code::vault_standby,
       Trouble::no_leader},
      {refusal(500, "leadership lost while committing log"), Code::vault_standby, Trouble::lost},
      {refusal(500, R"(\"other\" is not an allowed role)"), Code::vault_refused, Trouble::refused},
      {refusal(500, "unable to find PKI issuer for reference: nope"), Code::vault_refused, Trouble::refused},
      {refusal(500, "write: no space left on device"), Code::vault_failed, Trouble::failed},
      {answer(502, "<html>"), Code::vault_unreachable, Trouble::lost},
      {refusal(503, "Vault is sealed"), Code::vault_sealed, Trouble::busy},
      {answer(503, "<html>no backend"), Code::vault_unreachable, Trouble::busy},
      {answer(504, ""), Code::vault_unreachable, Trouble::lost},
      {answer(307, "<a href>"), Code::vault_standby, Trouble::redirected},
      {answer(302, "<a href=login>"), Code::vault_unreachable, Trouble::refused},
      {answer(404, "404 page not found"), Code::vault_unreachable, Trouble::refused},
      {answer(500, "oops"), Code::vault_unreachable, Trouble::failed},
      {answer(400, "Client sent an HTTP request to an HTTPS server."), Code::vault_unreachable, Trouble::refused},
      {answer(400, R"({"errors":"text"})"), Code::vault_unreachable, Trouble::refused},
  };
  for (const auto& row : rows) {
    const Failure failure = judge(row.answer, {});
    CAPTURE(row.answer.status);
    CAPTURE(row.answer.body);
    CHECK(failure.code == row.code);
    CHECK(failure.trouble == row.trouble);
    CHECK(!failure.why.empty());
  }
}

TEST_CASE("a path's own meanings come first") {
  const Meaning meanings[] = {{400, "check-and-set", Code::version_conflict, "read it again"}};
  const Failure failure = judge(refusal(400, "check-and-set parameter did not match"), meanings);
  CHECK(failure.code == Code::version_conflict);
  CHECK(failure.hint == "read it again");
  CHECK(judge(refusal(400, "something else"), meanings).code == Code::vault_refused);
  CHECK(judge(refusal(500, "check-and-set"), meanings).code == Code::vault_failed);
}

TEST_CASE("only the denial that a dead token gets too is a plain one") {
  CHECK(judge(refusal(403, "permission denied"), {}).plain_denial);
  CHECK(!judge(refusal(403, R"(1 error occurred:\n\t* permission denied\n\n)"), {}).plain_denial);
  CHECK(!judge(refusal(400, "permission denied"), {}).plain_denial);
}

TEST_CASE("words of a server are short and can be printed, and its wishes are kept within bounds") {
  const auto texts = error_texts(R"({"errors":[" a\u001b[31m\n)" + std::string(2000, 'x') + R"("]})");
  REQUIRE(texts);
  CHECK(texts->front().size() == 500);
  CHECK(texts->front().starts_with("a?[31m?"));
  CHECK(!error_texts("<html>"));
  CHECK(!error_texts("[]"));
  CHECK(judge(answer(429, R"({"errors":[]})", {{"retry-after", "1"}}), {}).wait == Duration(seconds(1)));
  CHECK(judge(answer(429, R"({"errors":[]})", {{"retry-after", "99999"}}), {}).wait == Duration(seconds(30)));
  CHECK(!judge(answer(429, R"({"errors":[]})", {{"retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"}}), {}).wait);
}

TEST_CASE("an address is https, a host and a port") {
  CHECK(normal_address("https://Vault.Example.com:8200/") == "https://vault.example.com:8200");
  CHECK(normal_address("HTTPS://vault") == "https://vault:443");
  CHECK(normal_address("https://[::1]") == "https://[::1]:443");
  CHECK(normal_address("https://[::1]:8200") == "https://[::1]:8200");
  for (const char* bad : {"", "http://vault:8200", "vault:8200", "https://", "https://:8200", "https://vault/v1",
                          "https://a@b", "https://a b", "https://a?b"}) {
    CAPTURE(bad);
    CHECK_CODE(normal_address(bad), Code::usage);
  }
}

TEST_CASE("a redirect is followed to configured addresses and to the same path only") {
  const std::vector<std::string> addresses = {"https://a:8200", "https://b:443"};
  CHECK(redirect_target("https://a:8200/v1/x?y=1", "/v1/x?y=1", addresses) == 0U);
  CHECK(redirect_target("https://B/v1/x", "/v1/x", addresses) == 1U);
  for (const char* bad : {"", "/v1/x", "http://a:8200/v1/x", "https://a:8200/v1/z", "https://a:8201/v1/x",
                          "https://a/v1/x", "https://a:8200@evil/v1/x", "https://evil/v1/x", "https://a:8200"}) {
    CAPTURE(bad);
    CHECK(!redirect_target(bad, "/v1/x", addresses));
  }
}

Failure of(Trouble trouble, Code code, std::optional<Duration> wait = {}) {
  return {trouble, code, "", "", wait, false};
}
/// The waits until it gives up, in milliseconds; each try takes 10 ms.
std::vector<int> waits(std::size_t addresses, Duration timeout, const Failure& failure) {
  Retries retries(addresses, timeout);
  std::vector<int> out;
  while (const auto wait = retries.next(failure, milliseconds(10))) {
    out.push_back(static_cast<int>(*wait / milliseconds(1)));
    if (out.size() > 1000) break;
  }
  return out;
}

TEST_CASE("a single address is asked three times more, after 1, 2 and 4 seconds") {
  const Failure down = of(Trouble::busy, Code::vault_unreachable), sealed = of(Trouble::busy, Code::vault_sealed);
  CHECK(waits(1, seconds(60), down) == std::vector{1000, 2000, 4000});
  CHECK(waits(1, seconds(60), sealed) == std::vector{1000, 2000, 4000});
  CHECK(waits(1, seconds(5), down) == std::vector{1000, 2000});
  CHECK(waits(1, seconds(60), of(Trouble::unreachable, Code::vault_unreachable)).empty());
}

TEST_CASE("a cluster without a leader, a quota and several addresses are asked until the timeout") {
  const Failure no_leader = of(Trouble::busy, Code::vault_standby);
  const auto single = waits(1, seconds(10), no_leader);
  REQUIRE(single.size() > 5);
  CHECK(single.at(0) == 250);
  CHECK(single.at(1) == 500);
  CHECK(single.back() == 2000);
  const auto three = waits(3, seconds(10), of(Trouble::busy, Code::vault_sealed));
  REQUIRE(three.size() > 10);
  CHECK(std::vector(three.begin(), three.begin() + 6) == std::vector{0, 0, 250, 0, 0, 500});
  int total = 0;
  for (const int wait : three) total += wait + 10;
  CHECK(total < 10'000);
  CHECK(total > 7'000);
  CHECK(waits(3, seconds(10), of(Trouble::unreachable, Code::vault_unreachable)) == std::vector{0, 0});
  CHECK(waits(1, seconds(10), of(Trouble::busy, Code::vault_rate_limited, seconds(3))) ==
        std::vector{3000, 3000, 3000});
}

}  // namespace
