// The client of lib/http against a real server with TLS.
#include <doctest/doctest.h>

#include "http/client.hpp"
#include "support/openbao.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::openbao;

http::ClientSettings settings(std::string address, std::string ca_file = openbao().ca_file()) {
  return {.base_url = std::move(address),
          .peer_name = "the server",
          .ca_file = std::move(ca_file),
          .unreachable = Code::resumable,
          .untrusted = Code::host_refused};
}

TEST_CASE("a server is trusted by its CA file, name and dates alone") {
  http::Client client(settings(openbao().address()));
  CHECK(client.send({.path = "/v1/sys/health"}).status == 200);
  const auto port = openbao().address().substr(openbao().address().rfind(':'));
  const TemporaryFolder folder("ymgr-test");
  const test::TestTlsCa stranger(folder.path());
  write_file(folder.path() + "/empty", "");
  const struct {
    http::ClientSettings settings;
    Code code;
    const char* why;
  } rows[] = {
      {settings(openbao().address(), ""), Code::host_refused, "self-signed certificate"},
      {settings(openbao().address(), stranger.file()), Code::host_refused, "can't be trusted"},
      {settings("https://localhost" + port), Code::host_refused, "target host name"},
      {settings(openbao().expired_address()), Code::host_refused, "expired"},
      {settings(openbao().plain_address()), Code::host_refused, "wrong version number"},
      {settings("https://127.0.0.1:1"), Code::resumable, "Connection refused"},
      {settings("https://no-such-host.invalid"), Code::resumable, "Could not resolve"},
      {settings(openbao().address(), folder.path() + "/none"), Code::file_not_found, "none"},
      {settings(openbao().address(), folder.path() + "/empty"), Code::certificate_invalid, "empty"},
  };
  for (const auto& row : rows) {
    const auto error = thrown([&] { http::Client(row.settings).send({.path = "/v1/sys/health"}); });
    CAPTURE(row.why);
    REQUIRE(error);
    CAPTURE(error->what());
    CHECK(error->code() == row.code);
    CHECK(std::string(error->what()).find(row.why) != std::string::npos);
    CHECK(!error->outcome_unknown());
  }
}

TEST_CASE("methods, headers, secret bodies and the headers of answers travel") {
  openbao().api("POST", "sys/mounts/http-test", Json::object({{"type", "kv"}}));
  http::Client client(settings(openbao().address()));
  const Secret body(R"({"a":"b"})");
  http::ClientRequest write{.method = "PUT", .path = "/v1/http-test/one", .effect = http::Effect::changes};
  write.secret_body = &body;
  write.bearer = &openbao().root_token();
  write.bearer_prefix = "X-Vault-Token: ";
  CHECK(client.send(write).status == 204);
  http::ClientRequest list{.method = "LIST", .path = "/v1/http-test"};
  list.bearer = &openbao().root_token();
  list.bearer_prefix = "X-Vault-Token: ";
  const auto names = client.send(list);
  CHECK(names.body.find(R"("keys":["one"])") != std::string::npos);
  REQUIRE(names.header("content-type") != nullptr);
  CHECK(*names.header("content-type") == "application/json");
  CHECK(names.header("nothing") == nullptr);
  list.headers = {{"X-Vault-Namespace", "nowhere"}};
  CHECK(client.send(list).status == 404);
}

TEST_CASE("a server sees the client's certificate") {
  auto settings_with = settings(openbao().address());
  settings_with.identity = std::make_shared<http::ClientIdentity>(openbao().tls_ca().issue("piv", "", "clientAuth"));
  openbao().api("POST", "sys/auth/http-cert", Json::object({{"type", "cert"}}));
  openbao().api("POST", "auth/http-cert/certs/piv",
                Json::object({{"certificate", read_file(openbao().ca_file())}, {"allowed_common_names", "piv"}}));
  const http::ClientRequest login{.method = "POST", .path = "/v1/auth/http-cert/login", .body = R"({"name":"piv"})"};
  CHECK(http::Client(settings_with).send(login).status == 200);
  CHECK(http::Client(settings(openbao().address())).send(login).status == 400);
  settings_with.identity = std::make_shared<http::ClientIdentity>(http::ClientIdentity{"no PEM", Secret("none")});
  CHECK_CODE(http::Client(settings_with).send(login), Code::key_invalid);
}

TEST_CASE("a header can't carry a second one") {
  http::Client client(settings(openbao().address()));
  http::ClientRequest request{.path = "/v1/sys/health"};
  request.headers = {{"X-Vault-Namespace", "a\r\nX-Other: b"}};
  CHECK_CODE(client.send(request), Code::usage);
  request.headers.clear();
  const Secret token("a\nb");
  request.bearer = &token;
  CHECK_CODE(client.send(request), Code::usage);
}

}  // namespace
