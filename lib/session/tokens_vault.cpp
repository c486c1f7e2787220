#include "session/tokens_vault.hpp"

#include "vault/identity.hpp"

namespace ymgr {
namespace {

class VaultTokens : public IdentityTokens {
 public:
  VaultTokens(vault::Client& client, std::string role) : client_(client), role_(std::move(role)) {}

  agent::TokenIssuer issuer() override {
    const auto found = vault::identity_issuer(client_);
    agent::TokenIssuer issuer{found.issuer, std::string(agent::token_audience), {}};
    for (const auto& key : found.keys)
      issuer.keys.push_back(
          {key.id, key.algorithm == "ES256" ? agent::TokenAlgorithm::es256 : agent::TokenAlgorithm::eddsa, key.bytes});
    return issuer;
  }

  IdentityToken token(const Session&) override {
    const auto made = vault::identity_token(client_, role_);
    return {std::string(made.jwt.reveal()), made.expires_at};
  }

 private:
  vault::Client& client_;
  std::string role_;
};

}  // namespace

std::unique_ptr<IdentityTokens> open_vault_tokens(vault::Client& client, std::string role) {
  return std::make_unique<VaultTokens>(client, std::move(role));
}

}  // namespace ymgr
