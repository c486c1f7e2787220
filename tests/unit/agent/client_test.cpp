#include "agent/client.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <mutex>

#include "agent/sealed.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "http/listen.hpp"
#include "http/server.hpp"
#include "support/thrown.hpp"
#include "x509/certificate.hpp"
#include "x509/key.hpp"

namespace {
using namespace ymgr;
using agent::AgentSession;
using agent::Client;

http::Response json(const Json& body, int status = 200) {
  return {status, "application/json", dump_json(body), {}};
}
http::Response problem(const char* code, int status = 400) {
  return json(Json::object({{"code", code}, {"detail", "why"}}), status);
}

/// An agent that a test scripts: sessions "secret-1", "secret-2" and so on; it knows the last one only.
struct FakeAgent {
  TemporaryFolder folder{"ymgr-agent"};
  PrivateKey key = PrivateKey::generate(KeyAlgorithm::rsa_2048);
  std::mutex mutex;
  std::vector<std::string> asked;  // "POST /session"
  std::vector<std::string> bodies;
  std::map<std::string, std::function<http::Response(const http::Request&)>> extra;
  int sessions = 0, refuse_keys = 0;
  std::string held_path;  // its answer is for the test to give
  http::Answer held;
  std::optional<http::Server> server;

  FakeAgent() {
    std::vector<Fd> listeners;
    listeners.push_back(http::open_unix_listener(socket()));
    server.emplace(http::ServerSettings{}, std::move(listeners),
                   [this](const http::Request& request, http::Answer answer) {
                     const std::lock_guard lock(mutex);
                     asked.push_back(request.method + " " + request.path);
                     bodies.push_back(request.body);
                     if (request.path == held_path) {
                       held = std::move(answer);
                       return;
                     }
                     answer(respond(request));
                   });
  }
  std::string socket() const { return folder.path() + "/s"; }

  http::Response respond(const http::Request& request) {
    const std::string pem = to_pem(key.public_key().spki, "PUBLIC KEY");
    if (request.path == "/pubkey") return json(Json::object({{"public_key", pem}, {"key_id", "k"}}));
    if (request.path == "/session" && request.method == "POST") {
      if (refuse_keys-- > 0) return problem("agent-key-changed", 409);
      return json(Json::object({{"session", "secret-" + std::to_string(++sessions)},
                                {"expires_at", "2999-01-01T00:00:00Z"},
                                {"public_key", pem}}));
    }
    const std::string* bearer = request.header("authorization");
    if (bearer == nullptr || *bearer != "Bearer secret-" + std::to_string(sessions)) {
      return problem("agent-session-unknown", 401);
    }
    if (request.path == "/nonce") return json(Json::object({{"nonce", "n-1"}}));
    if (const auto at = extra.find(request.path); at != extra.end()) return at->second(request);
    return json(Json::object({{"success", true}}));
  }

  std::size_t count(std::string_view what) const {
    return static_cast<std::size_t>(std::count(asked.begin(), asked.end(), what));
  }
  agent::ClientSettings settings() {
    return {.socket = socket(), .timeout = std::chrono::seconds(20), .token = [] { return std::string("token"); }};
  }
};

TEST_CASE("a session is opened when it is needed, once, and told") {
  FakeAgent fake;
  auto settings = fake.settings();
  int told = 0;
  settings.on_session = [&](const AgentSession& session) {
    ++told;
    CHECK(session.secret.reveal() == "secret-1");
    CHECK(session.public_key == fake.key.public_key().spki);
  };
  Client client(std::move(settings));
  CHECK(client.known_session() == nullptr);
  client.reset("1001");
  client.reset("1001");
  CHECK(told == 1);
  CHECK(fake.count("POST /session") == 1);
}

TEST_CASE("a key that somebody else took meanwhile is asked for again once") {
  FakeAgent fake;
  fake.refuse_keys = 1;
  Client(fake.settings()).session();
  CHECK(fake.count("GET /pubkey") == 2);
  fake.refuse_keys = 2;
  CHECK_CODE(Client(fake.settings()).session(), Code::agent_key_changed);
}

TEST_CASE("a session that the agent does not know is opened anew once, and the request made again under it") {
  FakeAgent fake;
  auto settings = fake.settings();
  settings.session = AgentSession{Secret("forgotten"), fake.key.public_key().spki, parse_time("2999-01-01T00:00:00Z")};
  Client client(std::move(settings));
  client.set_pin("1001", Secret("123456"), Secret("28405517"));
  CHECK(fake.count("POST /session") == 1);
  CHECK(fake.count("POST /piv/set-pin") == 1);
  CHECK(client.known_session()->secret.reveal() == "secret-1");
  fake.extra["/piv/reset"] = [](const auto&) { return problem("agent-session-unknown", 401); };
  CHECK_CODE(client.reset("1001"), Code::agent_session_unknown);
  CHECK(fake.count("POST /piv/reset") == 2);
}

TEST_CASE("secrets travel sealed, in the fields of the endpoint, and nowhere else") {
  FakeAgent fake;
  Client client(fake.settings());
  client.set_pin("1001", Secret("123456"), Secret("28405517"));
  const std::string& text = fake.bodies.back();
  const Json body = parse_json(text);
  constexpr std::string_view fields[] = {"pin", "current_pin"};
  const auto opened = agent::open_request("/piv/set-pin", text, body, fields, fake.key);
  CHECK(opened.at("pin").reveal() == "28405517");
  CHECK(opened.at("current_pin").reveal() == "123456");
  CHECK(body.at("serial").text() == "1001");
  for (const std::string& sent : fake.bodies) {
    CHECK(sent.find("28405517") == std::string::npos);
    CHECK(sent.find("123456") == std::string::npos);
  }
}

TEST_CASE("a management key travels as hex beside the name of its algorithm") {
  FakeAgent fake;
  Client client(fake.settings());
  client.verify_management_key("", {piv::ManagementAlgorithm::aes_128, Secret(std::string(16, '\xAB'))});
  const Json body = parse_json(fake.bodies.back());
  constexpr std::string_view fields[] = {"management_key"};
  const auto opened = agent::open_request("/piv/verify", fake.bodies.back(), body, fields, fake.key);
  std::string want;
  for (int i = 0; i < 16; ++i) want += "ab";
  CHECK(opened.at("management_key").reveal() == want);
  CHECK(body.at("algorithm").text() == "aes-128");
  CHECK(body.find("serial") == nullptr);
}

TEST_CASE("a problem becomes the error that it was") {
  struct Row {
    const char* body;
    Code code;
    bool unknown;
  };
  const Row rows[] = {
      {R"({"code":"wrong-pin","detail":"the PIN is wrong","tries_left":"2"})", Code::wrong_pin, false},
      {R"({"code":"wrong-pin","detail":"the PIN is wrong","tries_left":2})", Code::wrong_pin, false},
      {R"({"code":"device-removed","detail":"gone","outcome_unknown":true})", Code::device_removed, true},
      {R"({"code":"device-removed","detail":"gone","outcome":"unknown"})", Code::device_removed, true},
      {R"({"code":"no-such-code","detail":"x"})", Code::agent_unreachable, false},
      {R"({"detail":"x"})", Code::agent_unreachable, false},
      {R"({"code":"wrong-pin"})", Code::agent_unreachable, false},
      {R"({"code":7,"detail":"x"})", Code::agent_unreachable, false},
      {"[]", Code::agent_unreachable, false},
      {"", Code::agent_unreachable, false},
      {R"({"code":"wrong-pin","detail":"x","a":[[[[[[1]]]]]]})", Code::agent_unreachable, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.body);
    const Error error = agent::error_from_problem(409, row.body);
    CHECK(error.code() == row.code);
    CHECK(error.outcome_unknown() == row.unknown);
    if (row.code == Code::wrong_pin) CHECK(*error.detail("tries_left") == "2");
  }
  const Error odd =
      agent::error_from_problem(409, "{\"code\":\"wrong-pin\",\"detail\":\"a\\u001b[2J\",\"hint\":\"try\"}");
  CHECK(std::string(odd.what()) == "a?[2J");
  CHECK(odd.hint() == "try");
}

TEST_CASE("an answer that makes no sense leaves a question after a change alone") {
  FakeAgent fake;
  for (const char* path : {"/piv/reset", "/discover", "/piv/attest"}) {
    fake.extra[path] = [](const auto&) { return json(Json::array()); };
  }
  Client client(fake.settings());
  const auto reset = thrown([&] { client.reset("1001"); });
  REQUIRE(reset);
  CHECK(reset->code() == Code::agent_unreachable);
  CHECK(reset->outcome_unknown());
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { client.discover(); }, [&] { client.attest("1001", piv::Slot::authentication); }}) {
    const auto error = thrown(call);
    REQUIRE(error);
    CHECK(error->code() == Code::agent_unreachable);
    CHECK(!error->outcome_unknown());
  }
}

TEST_CASE("a finger that is waited for is asked for once, and only for the key that was meant") {
  FakeAgent fake;
  fake.held_path = "/piv/reset";
  int looks = 0;
  fake.extra["/touch"] = [&](const auto&) {
    const char* const waiting[] = {"2002", "1001", "1001"};
    auto answer = Json::object({{"waiting", Json::texts({waiting[looks++]})}});
    if (looks == 3) fake.held(json(Json::object({{"success", true}})));
    return json(answer);
  };
  auto settings = fake.settings();
  std::vector<std::string> told;
  settings.on_touch = [&](const std::string& serial) { told.push_back(serial); };
  Client(std::move(settings)).reset("1001");
  CHECK(told == std::vector<std::string>{"1001"});
}

TEST_CASE("a serial number that is no number never reaches a query") {
  FakeAgent fake;
  Client client(fake.settings());
  CHECK_CODE(client.info("1&slot=9a"), Code::usage);
  CHECK(fake.asked.empty());
}

TEST_CASE("a closed session is closed for good, and one that the agent lost is no error") {
  FakeAgent fake;
  Client client(fake.settings());
  CHECK(!client.close_session());
  client.session();
  CHECK(client.close_session());
  CHECK(fake.count("DELETE /session") == 1);
  auto settings = fake.settings();
  settings.session = AgentSession{Secret("forgotten"), fake.key.public_key().spki, parse_time("2999-01-01T00:00:00Z")};
  CHECK(!Client(std::move(settings)).close_session());
}

TEST_CASE("without a token there is no session") {
  FakeAgent fake;
  auto settings = fake.settings();
  settings.token = nullptr;
  CHECK_CODE(Client(std::move(settings)).discover(), Code::token_refused);
  CHECK(fake.asked.empty());
}

}  // namespace
