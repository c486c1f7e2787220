// What ymgr reads of Vault, or of whoever answers in its place. The first byte chooses a call, the second a status.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "vault/auth.hpp"
#include "vault/database.hpp"
#include "vault/identity.hpp"
#include "vault/kv.hpp"
#include "vault/pki.hpp"
#include "vault/transit.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;

const PublicKey& some_key() {
  static const PublicKey key = PrivateKey::generate(KeyAlgorithm::ec_p256).public_key();
  return key;
}

using Ask = void (*)(Client&);
constexpr std::array<Ask, 20> calls = {
    [](Client& client) { login_userpass(client, "alice", Secret("sesame")); },
    [](Client& client) { look_up_self(client); },
    [](Client& client) { unwrap_secret_id(client, Secret("s.wrapping"), "ci"); },
    [](Client& client) { Kv(client, "kv").read("12/pin"); },
    [](Client& client) { Kv(client, "kv").write("12/pin", Secret("{}"), 0); },
    [](Client& client) { Kv(client, "kv").metadata("12/pin"); },
    [](Client& client) { Kv(client, "kv").list("", 2); },
    [](Client& client) { Transit(client, "transit").ensure("k", KeyAlgorithm::ec_p256); },
    [](Client& client) { Transit(client, "transit").read("k")->public_key(); },
    [](Client& client) {
      Transit(client, "transit").certificate_request("k", {"a.example.com", {}}, some_key());
    },
    [](Client& client) {
      Transit(client, "transit").sign("k", std::array<std::string, 2>{"a", "b"}, {});
    },
    [](Client& client) {
      Pki(client, "pki").sign({.csr = {}, .role = "web", .names = {"a.example.com", {}}});
    },
    [](Client& client) { Pki(client, "pki").find({.common_name = "a.example.com"}); },
    [](Client& client) { Pki(client, "pki").read("4A:3F"); },
    [](Client& client) { Pki(client, "pki").revoke("4A:3F"); },
    [](Client& client) { Pki(client, "pki").issuers(); },
    [](Client& client) { Pki(client, "pki").chain(); },
    [](Client& client) { identity_token(client, "agent"); },
    [](Client& client) { entity_by_id(client, "1"); },
    [](Client& client) { database_credentials(client, "database", "app"); },
};
constexpr std::array<int, 16> statuses = {200, 204, 400, 403, 404, 429, 500, 503,
                                          307, 412, 401, 405, 413, 502, 100, 999};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  set_pause([](Duration) {});
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const int status = statuses[data[1] % statuses.size()];
  Client client(
      {.addresses = {"https://a", "https://b"}, .timeout = std::chrono::seconds(1)},
      [&](std::size_t, const http::ClientRequest& request) -> http::ClientAnswer {
        return {.status = status,
                .content_type = "application/json",
                .body = body,
                .headers = {{"location", body.substr(0, 100) + request.path}, {"retry-after", body.substr(0, 3)}}};
      });
  client.use_token(Secret("s.token"));
  try {
    calls[data[0] % calls.size()](client);
  } catch (const Error& error) {
    if (error.suggestion().empty()) __builtin_trap();
    if (error.kind() == Kind::usage && error.code() != Code::vault_mount_missing)
      __builtin_trap();  // it was no usage of ours
  } catch (const std::bad_optional_access&) {
    __builtin_trap();
  }
  return 0;
}
