// A key/value mount of its own on the test server.
#pragma once
#include <string>

#include "support/vault.hpp"

namespace ymgr::test {

struct VaultKv {
  VaultKv() {
    static int mounts = 0;
    mount = "yubikeys" + std::to_string(++mounts);
    test::mount(mount, Json::object({{"type", "kv"}, {"options", Json::object({{"version", "2"}})}}));
    openbao().api("POST", mount + "/config", Json::object({{"cas_required", true}, {"max_versions", 100}}));
  }
  vault::Client client = vault_of(openbao());
  std::string mount;
};

}  // namespace ymgr::test
