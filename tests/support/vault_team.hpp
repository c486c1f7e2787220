// A profile whose CA is Vault's PKI engine, for tests of workflows.
#pragma once
#include <memory>
#include <string>

#include "authority/authority_vault.hpp"
#include "support/profile.hpp"
#include "support/vault.hpp"
#include "vault/pki.hpp"

namespace ymgr::test {

class VaultTeam {
 public:
  VaultTeam() {
    static int mounts = 0;
    mount_ = "pki-team" + std::to_string(++mounts);
    mount(mount_, Json::object({{"type", "pki"}, {"config", Json::object({{"max_lease_ttl", "87600h"}})}}));
    const auto call = [&](const std::string& path, const Json& body) { openbao().api("POST", mount_ + path, body); };
    call(
        "/root/generate/internal",
        Json::object({{"common_name", "Team CA " + mount_}, {"ttl", "80000h"}, {"key_type", "ec"}, {"key_bits", 256}}));
    call("/roles/any", Json::object({{"allow_any_name", true},
                                     {"key_type", "any"},
                                     {"max_ttl", "9000h"},
                                     {"use_csr_common_name", false},
                                     {"use_csr_sans", false}}));
    call("/config/crl",
         Json::object({{"auto_rebuild", true}, {"expiry", "72h"}, {"auto_rebuild_grace_period", "12h"}}));
    profile.db().run("DELETE FROM issuers", {});
    adopt_vault_issuers(profile.db(), client, mount_);
    authority = open_vault_authority(profile.db(), client, {mount_, [](const SigningRequest&) { return "any"; }});
    const auto& real = profile.bench();
    bench.reset(new Workbench{real.db, real.session, real.stores, real.policy, *authority, real.head_signer,
                              real.notices, real.self, 1, real.ca_folder, real.installations, real.environment});
  }
  vault::Pki pki() { return {client, mount_}; }
  const std::string& pki_mount() const { return mount_; }
  sql::Connection& db() { return profile.db(); }

  Profile profile;
  vault::Client client = vault_of(openbao());
  std::unique_ptr<Authority> authority;
  std::unique_ptr<Workbench> bench;

 private:
  std::string mount_;
};

}  // namespace ymgr::test
