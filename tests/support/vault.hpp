// Clients of lib/vault for a test server.
#pragma once
#include <string>

#include "support/openbao.hpp"
#include "vault/client.hpp"

namespace ymgr::test {

/// As root.
inline vault::Client vault_of(const OpenBao& bao, Duration timeout = std::chrono::seconds(60),
                              std::string name_space = {}) {
  vault::Client client({.addresses = {bao.address()},
                        .name_space = std::move(name_space),
                        .ca_file = bao.ca_file(),
                        .identity = {},
                        .timeout = timeout});
  if (!bao.root_token().empty()) client.use_token(bao.root_token());
  return client;
}

/// A new mount, once it can be used. @param in  "team1/": a namespace
inline void mount(const std::string& name, const Json& what, const std::string& in = {}) {
  openbao().api("POST", in + "sys/mounts/" + name, what);
}

/// With a token that has this policy alone, and default's.
inline vault::Client vault_with_policy(const std::string& name, const std::string& policy) {
  openbao().api("PUT", "sys/policies/acl/" + name, Json::object({{"policy", policy.empty() ? "# nothing" : policy}}));
  const Json made = openbao().api("POST", "auth/token/create", Json::object({{"policies", Json::texts({name})}}));
  vault::Client client = vault_of(openbao());
  client.use_token(Secret(made.at("auth").at("client_token").text()));
  return client;
}

}  // namespace ymgr::test
