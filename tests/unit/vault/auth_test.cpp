#include "vault/auth.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;

/// Always the same answer; notes the path that was asked last.
struct Server {
  int status;
  std::string body, path{};
  Client client() {
    return Client({.addresses = {"https://a"}},
                  [this](std::size_t, const http::ClientRequest& request) -> http::ClientAnswer {
                    path = request.path;
                    return {.status = status, .content_type = "application/json", .body = body, .headers = {}};
                  });
  }
};

// OpenBao has no directory login built in: these are the words of HashiCorp's.
TEST_CASE("a directory's wrong password is told apart from one that does not answer") {
  const struct {
    const char* text;
    Code code;
  } rows[] = {
      {"ldap operation failed: failed to bind as user", Code::wrong_password},
      {"ldap operation failed: unable to retrieve user bind DN", Code::wrong_password},
      {R"(LDAP Result Code 200 \"Network Error\": dial tcp 127.0.0.1:389: connect: connection refused)",
       Code::vault_failed},
      {R"(error connecting to host \"ldap://x\": LDAP Result Code 200 \"Network Error\": timeout)", Code::vault_failed},
      {"something else", Code::vault_refused},
  };
  for (const auto& row : rows) {
    Server server{400, std::string(R"({"errors":[")") + row.text + R"("]})"};
    Client client = server.client();
    CAPTURE(row.text);
    CHECK_CODE(login_ldap(client, "alice", Secret("sesame")), row.code);
    CHECK(server.path == "/v1/auth/ldap/login/alice");
  }
}

TEST_CASE("a login that is not finished, or gives no token, is refused") {
  for (const char* body :
       {R"({"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"1"}}})", R"({"auth":null})", "{}"}) {
    Server server{200, body};
    Client client = server.client();
    CAPTURE(body);
    CHECK_CODE(login_userpass(client, "alice", Secret("sesame")), Code::login_refused);
    CHECK(client.token().empty());
  }
}

}  // namespace
