// Identity tokens of an embedded profile: who is logged in, told to the agent.
#pragma once
#include <string>

#include "agent/token.hpp"
#include "session/session.hpp"

namespace ymgr {

/// Has the profile's Ed25519 key for them, a secret of the profile.
class TokenSigner {
 public:
  /// Makes the key when there is none yet. Joins the caller's transaction. @throws Error box-invalid
  static TokenSigner open(sql::Connection&, const DataKey&);
  /// What the agent is given to check tokens with.
  agent::TokenIssuer issuer() const;
  struct Token {
    std::string text;
    Time expires_at;  // 15 minutes at most, never after the login
  };
  Token token(const Session&) const;

 private:
  TokenSigner(std::string name, SigningKeys keys) : name_(std::move(name)), keys_(std::move(keys)) {}
  std::string name_;  // "ymgr:PROFILE_ID"
  SigningKeys keys_;
};

/// Writes the public half where the agent looks for it: FOLDER/token-keys.json, or FOLDER/token-keys.d/PROFILE_ID.json when that
/// holds another profile's. Does nothing when it stands there already. @throws Error file-unsafe, file-denied, disk-unusable
void publish_token_keys(const std::string& folder, const agent::TokenIssuer&, const std::string& profile_id);

}  // namespace ymgr
