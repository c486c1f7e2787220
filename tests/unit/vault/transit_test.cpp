// Answers that a real server does not give.
#include "vault/transit.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;

Client answering(const Json& data) {
  const std::string body = dump_json(Json::object({{"data", data}}));
  return Client({.addresses = {"https://a"}}, [body](std::size_t, const http::ClientRequest&) -> http::ClientAnswer {
    return {.status = 200, .content_type = "application/json", .body = body, .headers = {}};
  });
}

TEST_CASE("a request is taken only with the key and the names that were asked for") {
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256),
                   other = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const RequestedNames names = {"a.example.com", {{SanKind::dns, "a.example.com"}, {SanKind::ip, "10.0.0.1"}}};
  const RequestedNames fewer = {"a.example.com", {{SanKind::dns, "a.example.com"}}},
                       renamed = {"b.example.com", names.sans};
  std::string broken = make_csr(key, names).bytes;
  broken.back() = static_cast<char>(broken.back() ^ 1);
  const struct {
    Der request;
    bool good;
  } rows[] = {{make_csr(key, names), true},    {make_csr(key, fewer), false}, {make_csr(key, renamed), false},
              {make_csr(other, names), false}, {Der{broken}, false},          {Der{"none"}, false}};
  for (const auto& row : rows) {
    Client client = answering(Json::object({{"csr", to_pem(row.request, "CERTIFICATE REQUEST")}}));
    const auto code = code_of([&] { Transit(client, "transit").certificate_request("k", names, key.public_key()); });
    CHECK(code == (row.good ? std::nullopt : std::optional(Code::vault_failed)));
  }
}

TEST_CASE("signatures are as many as inputs, and can be read") {
  const std::string inputs[] = {"a"};
  const auto with = [](const char* signature) { return Json::object({{"signature", signature}}); };
  const struct {
    Json results;
    bool good;
  } rows[] = {{Json(Json::Array{with("vault:v1:YQ==")}), true},
              {Json(Json::Array{with("other:v12:YQ==")}), true},
              {Json(Json::Array{}), false},
              {Json(Json::Array{with("vault:v1:YQ=="), with("vault:v1:YQ==")}), false},
              {Json(Json::Array{with("vault:v1:!")}), false},
              {Json(Json::Array{with("YQ==")}), false},
              {Json(Json::Array{Json::object()}), false}};
  for (const auto& row : rows) {
    Client client = answering(Json::object({{"batch_results", row.results}}));
    CAPTURE(dump_json(row.results));
    std::string got;
    const auto code = code_of([&] { got = Transit(client, "transit").sign("k", inputs, {}).front().signature; });
    CHECK(got == (row.good ? "a" : ""));
    CHECK(code == (row.good ? std::nullopt : std::optional(Code::vault_failed)));
  }
}

}  // namespace
