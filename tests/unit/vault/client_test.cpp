// The client with answers that the tests make.
#include "vault/client.hpp"

#include <doctest/doctest.h>

#include <deque>

#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using http::ClientAnswer;
using http::ClientRequest;
using http::Effect;
using std::chrono::seconds;

/// Waits are counted and cost nothing.
struct NoWaiting {
  NoWaiting() {
    waited() = {};
    set_pause([](Duration time) { waited() += time; });
  }
  ~NoWaiting() { set_pause(nullptr); }
  static Duration& waited() {
    static Duration sum;
    return sum;
  }
};

struct Sent {
  std::size_t address;
  std::string method, path, body, token;
  http::Headers headers;
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "";
  }
};

ClientAnswer json(int status, std::string body, http::Headers headers = {}) {
  return {.status = status, .content_type = "application/json", .body = std::move(body), .headers = std::move(headers)};
}
const ClientAnswer ok = json(200, R"({"data":{"a":1}})");
const ClientAnswer sealed = json(503, R"({"errors":["Vault is sealed"]})");

/// Answers from a list, then for ever with its last; notes what it was asked. sys/health: `active` is the active node.
struct Fake {
  using Step = std::function<ClientAnswer(std::size_t address, const ClientRequest&)>;
  std::deque<Step> steps;
  std::vector<Sent> sent{};
  std::optional<std::size_t> active{};

  ClientAnswer operator()(std::size_t address, const ClientRequest& request) {
    if (request.path == "/v1/sys/health") return json(active == address ? 200 : 429, "{}");
    if (request.path == "/v1/sys/seal-status") return json(200, R"({"initialized":true})");
    sent.push_back({address, request.method, request.path,
                    std::string(request.secret_body == nullptr ? "" : request.secret_body->reveal()),
                    std::string(request.bearer == nullptr ? "" : request.bearer->reveal()), request.headers});
    const Step step = steps.front();
    if (steps.size() > 1) steps.pop_front();
    return step(address, request);
  }
};
Fake::Step gives(const ClientAnswer& answer) {
  return [answer](std::size_t, const ClientRequest&) { return answer; };
}
Fake::Step breaks(Outcome outcome) {
  return [outcome](std::size_t, const ClientRequest& request) -> ClientAnswer {
    const bool unknown = outcome == Outcome::unknown && request.effect == Effect::changes;
    throw Error(Code::vault_unreachable, "Vault at x gives no answer", {}, {}, unknown ? outcome : Outcome::known);
  };
}
Fake::Step sends_to(const std::string& location) {
  return [location](std::size_t, const ClientRequest& request) {
    return json(307, "", {{"location", location + request.path}});
  };
}

Client client_of(Fake& fake, std::size_t addresses, Duration timeout = seconds(60)) {
  ClientSettings settings{.addresses = {"https://a", "https://b", "https://c"}, .timeout = timeout};
  settings.addresses.resize(addresses);
  return Client(settings,
                [&fake](std::size_t address, const ClientRequest& request) { return fake(address, request); });
}
const Call read{.path = Path("kv/x")};
const Call write{.method = "POST", .path = Path("kv/x"), .body = Json::object({{"a", 1}}), .effect = Effect::changes};
const Call safe{.method = "POST", .path = Path("kv/x"), .effect = Effect::changes, .repeat = Repeat::safe};

TEST_CASE("a single address that answers 503 is asked four times, changes too, in seven seconds") {
  const NoWaiting quick;
  for (const Call* call : {&read, &write}) {
    Fake fake{{gives(sealed)}};
    Client client = client_of(fake, 1);
    const auto error = thrown([&] { client.call(*call); });
    REQUIRE(error);
    CHECK(error->code() == Code::vault_sealed);
    CHECK(!error->outcome_unknown());
    CHECK(*error->detail("retries") == "3");
    CHECK(fake.sent.size() == 4);
    CHECK(NoWaiting::waited() == Duration(seconds(7)));
    NoWaiting::waited() = {};
    Fake better{{gives(sealed), gives(sealed), gives(ok)}};
    CHECK(client_of(better, 1).call(*call).data().at("a").integer() == 1);
    NoWaiting::waited() = {};
  }
}

TEST_CASE("a lost answer is asked for again where that is safe, by another node") {
  const NoWaiting quick;
  const auto lost = json(500, R"({"errors":["leadership lost while committing log"]})");
  for (const auto& step : {breaks(Outcome::unknown), gives(lost), gives(json(504, ""))}) {
    Fake fake{{step, gives(ok)}};
    fake.active = 0;
    Client client = client_of(fake, 2);
    const auto error = thrown([&] { client.call(write); });
    REQUIRE(error);
    CHECK(error->outcome_unknown());
    CHECK(fake.sent.size() == 1);
    for (const Call* call : {&read, &safe}) {
      Fake other{{step, gives(ok)}};  // no active node: they are asked all the same
      Client again = client_of(other, 2);
      CHECK(again.call(*call).status == 200);
      REQUIRE(other.sent.size() == 2);
      CHECK(other.sent.at(0).address != other.sent.at(1).address);
    }
  }
}

TEST_CASE("an error of the server leaves a question after a change, and is not asked again") {
  const NoWaiting quick;
  Fake fake{{gives(json(500, R"({"errors":["write: no space left on device"]})"))}};
  Client client = client_of(fake, 1);
  const auto changed = thrown([&] { client.call(write); });
  REQUIRE(changed);
  CHECK(changed->code() == Code::vault_failed);
  CHECK(changed->outcome_unknown());
  CHECK(std::string(changed->what()) == "Vault at https://a:443 can't do POST kv/x: write: no space left on device");
  CHECK(!thrown([&] { client.call(read); })->outcome_unknown());
  CHECK(fake.sent.size() == 2);
}

TEST_CASE("redirects lead one hop, to configured addresses, with the same request") {
  const NoWaiting quick;
  Fake fake{{sends_to("https://b:443"), gives(ok)}};
  fake.active = 0;
  Client client = client_of(fake, 2);
  client.use_token(Secret("s.token"));
  CHECK(client.call(write).status == 200);
  REQUIRE(fake.sent.size() == 2);
  CHECK(fake.sent.at(1).address == 1);
  CHECK(fake.sent.at(1).body == fake.sent.at(0).body);
  CHECK(fake.sent.at(1).token == "s.token");
  client.call(write);
  CHECK(fake.sent.back().address == 1);  // it is the leader
  Fake foreign{{sends_to("https://evil:443")}};
  const auto error = thrown([&] { client_of(foreign, 1, seconds(3)).call(read); });
  REQUIRE(error);
  CHECK(error->code() == Code::vault_standby);
  CHECK(error->hint().find("https://evil:443") != std::string::npos);
  for (const auto& sent : foreign.sent) CHECK(sent.address == 0);
}

const auto no_leader = json(500, R"({"errors":["local node not active but active cluster node not found"]})");

TEST_CASE("a redirect to the leader that was is a cluster without a leader: until the next, or the timeout") {
  const NoWaiting quick;
  Fake fake{{sends_to("https://b:443"), breaks(Outcome::known), gives(no_leader), sends_to("https://b:443"),
             breaks(Outcome::known), gives(ok)}};
  fake.active = 0;
  CHECK(client_of(fake, 3).call(write).status == 200);
  Fake dead{{sends_to("https://a:443")}};
  const auto error = thrown([&] { client_of(dead, 1, seconds(20)).call(read); });
  REQUIRE(error);
  CHECK(error->code() == Code::vault_standby);
  CHECK(dead.sent.size() > 10);
}

TEST_CASE("a change goes to an active node only, since a standby may lose what it passes on") {
  const NoWaiting quick;
  Fake nobody{{gives(ok)}};
  const auto none = thrown([&] { client_of(nobody, 3, seconds(5)).call(write); });
  REQUIRE(none);
  CHECK(none->code() == Code::vault_standby);
  CHECK(!none->outcome_unknown());
  CHECK(nobody.sent.empty());
  CHECK(client_of(nobody, 3).call(read).status == 200);
  CHECK(client_of(nobody, 3).call(safe).status == 200);
  Fake later{{gives(ok)}};
  static Fake* elected = nullptr;
  elected = &later;
  set_pause([](Duration) { elected->active = 2; });
  CHECK(client_of(later, 3).call(write).status == 200);
  CHECK(later.sent.front().address == 2);
  for (const auto& answer : {no_leader, json(307, "", {{"location", "https://gone:443/v1/kv/x"}})}) {
    Fake alone{{gives(answer), gives(ok)}};  // it stands before a cluster, or is a standby
    const auto error = thrown([&] { client_of(alone, 1).call(write); });
    REQUIRE(error);
    CHECK(error->code() == Code::vault_standby);
    CHECK(error->outcome_unknown());
    Fake again{{gives(answer), gives(ok)}};
    CHECK(client_of(again, 1).call(safe).status == 200);
  }
}

TEST_CASE("addresses that all refuse, are sealed or not initialised are told as that") {
  const NoWaiting quick;
  const struct {
    int health;
    Code code;
  } rows[] = {{0, Code::vault_unreachable},
              {501, Code::vault_uninitialised},
              {503, Code::vault_sealed},
              {429, Code::vault_standby}};
  for (const auto& row : rows) {
    Client client({.addresses = {"https://a", "https://b"}, .timeout = seconds(3)},
                  [&](std::size_t, const ClientRequest&) -> ClientAnswer {
                    if (row.health == 0) throw Error(Code::vault_unreachable, "Vault at x can't be reached");
                    return json(row.health, "{}");
                  });
    CAPTURE(row.health);
    CHECK_CODE(client.call(write), row.code);
    CHECK((NoWaiting::waited() > Duration{}) == (row.health != 0));
    NoWaiting::waited() = {};
  }
}

TEST_CASE("of several addresses the active node is asked, before and after it changes") {
  const NoWaiting quick;
  Fake fake{{gives(ok), gives(ok), breaks(Outcome::known), gives(ok)}};
  fake.active = 2;
  Client client = client_of(fake, 3);
  client.call(read);
  client.call(read);
  CHECK(fake.sent.at(1).address == 2);
  client.call(read);
  CHECK(fake.sent.at(2).address == 2);
  CHECK(fake.sent.at(3).address == 0);
}

TEST_CASE("what was written is asked for with the state that it left") {
  Fake fake{{gives(json(200, "{}", {{"x-vault-index", "state-1"}})), gives(ok)}};
  Client client = client_of(fake, 1);
  client.name_operation("req-1");
  client.call(write);
  CHECK(fake.sent.back().header("X-Vault-Index").empty());
  client.call(read);
  CHECK(fake.sent.back().header("X-Vault-Index") == "state-1");
  CHECK(fake.sent.back().header("X-Vault-Inconsistent") == "forward-active-node");
  CHECK(fake.sent.back().header("X-Ymgr-Op") == "req-1");
  CHECK(fake.sent.back().header("X-Vault-Request") == "true");
  Client other = client.for_another_thread();
  CHECK(other.state() == "state-1");
  other.call(read);
  CHECK(fake.sent.back().header("X-Vault-Index") == "state-1");
}

TEST_CASE("whether a server was ever initialised is asked outside of the namespace") {
  const NoWaiting quick;
  Client client({.addresses = {"https://a"}, .name_space = "team1"}, [](std::size_t, const ClientRequest& request) {
    if (request.path == "/v1/sys/seal-status")
      return json(200, request.headers.empty() ? R"({"initialized":false})" : "{}");
    return sealed;
  });
  CHECK_CODE(client.call(read), Code::vault_uninitialised);
}

TEST_CASE("a node that lags behind is asked again, be it with 412 or 429") {
  const NoWaiting quick;
  for (const int status : {412, 429}) {
    Fake fake{{gives(json(status, R"({"errors":[]})", {{"retry-after", "1"}})), gives(ok)}};
    CHECK(client_of(fake, 1).call(read).status == 200);
    CHECK(NoWaiting::waited() == Duration(seconds(1)));
    NoWaiting::waited() = {};
  }
}

TEST_CASE("a denial names the path, the capability and the line of policy; a dead token is told apart") {
  const auto denied = json(403, R"({"errors":["1 error occurred:\n\t* permission denied\n\n"]})");
  const auto dead = json(403, R"({"errors":["permission denied"]})");
  Fake fake{{gives(denied)}};
  Client client = client_of(fake, 1);
  client.use_token(Secret(" s.token\n"));
  const auto error = thrown([&] { client.call(write); });
  REQUIRE(error);
  CHECK(error->code() == Code::vault_denied);
  CHECK(std::string(error->what()) == "Vault denies update on kv/x");
  CHECK(*error->detail("policy") == R"(path "kv/x" { capabilities = ["update"] })");
  CHECK(error->hint().find(*error->detail("policy")) != std::string::npos);
  CHECK(fake.sent.size() == 1);
  CHECK(fake.sent.front().token == "s.token");
  Fake expired{{gives(dead)}};
  Client with_expired = client_of(expired, 1);
  CHECK_CODE(with_expired.call(read), Code::vault_token_dead);
  CHECK(expired.sent.size() == 1);  // no token at all
  with_expired.use_token(Secret("s.old"));
  CHECK_CODE(with_expired.call(read), Code::vault_token_dead);
  CHECK(expired.sent.back().path == "/v1/auth/token/lookup-self");
  Fake alive{{gives(dead), gives(ok)}};
  Client with_live = client_of(alive, 1);
  with_live.use_token(Secret("s.live"));
  CHECK_CODE(with_live.call(read), Code::vault_denied);
}

TEST_CASE("no message repeats a secret that the server echoes") {
  Fake fake{{gives(json(400, R"({"errors":["bad password hunter22 of s.token1"]})"))}};
  Client client = client_of(fake, 1);
  client.use_token(Secret("s.token1"));
  const Secret password("hunter22");
  Call call = write;
  call.secrets = {{"password", &password}};
  CHECK(message_of([&] { client.call(call); }) == "Vault refuses POST kv/x: bad password *** of ***");
  CHECK(fake.sent.back().body == R"({"a":1,"password":"hunter22"})");
}

TEST_CASE("an answer that makes no sense leaves a question after a change") {
  for (const char* body : {"<html>", R"({"data")", "[1", R"({"a":1,"a":2})"}) {
    Fake fake{{gives(json(200, body))}};
    Client client = client_of(fake, 1);
    const auto error = thrown([&] { client.call(write); });
    REQUIRE(error);
    CHECK(error->code() == Code::vault_failed);
    CHECK(error->outcome_unknown());
  }
  Fake fake{{gives(json(200, R"({"data":{"a":"text"}})"))}};
  Client client = client_of(fake, 1);
  const auto number = [](const Answer& answer) { return answer.data().at("a").integer(); };
  CHECK_CODE(client.call(read, number), Code::vault_failed);
}

TEST_CASE("names come page by page, also from a server that knows no pages") {
  const auto page = [](const char* keys) { return gives(json(200, std::string(R"({"data":{"keys":)") + keys + "}}")); };
  Fake paged{{page(R"(["a","b/"])"), page(R"(["c"])")}};
  Client client = client_of(paged, 1);
  CHECK(list(client, Path("kv/metadata"), 2) == std::vector<std::string>{"a", "b/", "c"});
  CHECK(paged.sent.at(0).method == "LIST");
  CHECK(paged.sent.at(1).path == "/v1/kv/metadata?limit=2&after=b%2f");
  Fake whole{{page(R"(["a","b"])")}};
  Client old = client_of(whole, 1);
  CHECK(list(old, Path("kv/metadata"), 2).size() == 2);
  Fake none{{gives(json(404, R"({"errors":[]})"))}};
  Client empty = client_of(none, 1);
  CHECK(list(empty, Path("kv/metadata")).empty());
  Fake missing{{gives(json(404, R"({"errors":["no handler for route \"kv\""]})"))}};
  Client wrong = client_of(missing, 1);
  CHECK_CODE(list(wrong, Path("kv/metadata")), Code::vault_mount_missing);
}

}  // namespace
