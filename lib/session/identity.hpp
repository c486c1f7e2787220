// Identity tokens: who is logged in, told to the agent.
#pragma once
#include <memory>
#include <string>

#include "agent/token.hpp"
#include "session/session.hpp"

namespace ymgr {

struct IdentityToken {
  std::string text;
  Time expires_at;  // 15 minutes at most, never after the login
};

/// Makes the tokens that prove a login to the agent.
class IdentityTokens {
 public:
  virtual ~IdentityTokens() = default;
  /// What the agent is given to check tokens with.
  virtual agent::TokenIssuer issuer() = 0;
  virtual IdentityToken token(const Session&) = 0;
};

/// Signed with the profile's Ed25519 key, a secret of the profile, which is made when there is none yet. Joins the caller's
/// transaction. @throws Error box-invalid
std::unique_ptr<IdentityTokens> open_sealed_tokens(sql::Connection&, const DataKey&);

/// Writes the public half where the agent looks for it: FOLDER/token-keys.json, or FOLDER/token-keys.d/PROFILE_ID.json when that
/// holds another profile's. Does nothing when it stands there already. @throws Error file-unsafe, file-denied, disk-unusable
void publish_token_keys(const std::string& folder, const agent::TokenIssuer&, const std::string& profile_id);

}  // namespace ymgr
