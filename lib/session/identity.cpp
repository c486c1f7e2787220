#include "session/identity.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "sql/settings.hpp"

namespace ymgr {
namespace {

constexpr std::string_view key_path = "session/token-key";
constexpr std::size_t largest_file = 64UL * 1024;

SigningKeys open_keys(sql::Connection& db, const DataKey& key) {
  const auto secrets = open_sealed_secrets(db, key);
  if (auto document = secrets->read(key_path)) return signing_keys_from_seed(std::move(document->value));
  std::optional<SigningKeys> keys;
  db.transaction(sql::Access::write, [&] {
    if (auto document = secrets->read(key_path)) {
      keys = signing_keys_from_seed(std::move(document->value));
      return;
    }
    keys = make_signing_keys();
    secrets->write(key_path, keys->seed, 0);
  });
  return std::move(*keys);
}

/// What stands there is no profile's but that issuer's.
bool is_free_for(const std::string& path, const std::string& issuer) {
  const auto text = read_file_if_there(path, largest_file);
  if (!text) return true;
  try {
    return agent::parse_token_keys(*text).issuer == issuer;
  } catch (const Error&) {
    return false;  // somebody's own work
  }
}

void write_when_new(const std::string& path, const std::string& text) {
  if (read_file_if_there(path, largest_file) != text) write_file(path, text);
}

class SealedTokens : public IdentityTokens {
 public:
  SealedTokens(std::string name, SigningKeys keys) : name_(std::move(name)), keys_(std::move(keys)) {}

  agent::TokenIssuer issuer() override {
    return {name_,
            std::string(agent::token_audience),
            {{agent::token_key_id(keys_.public_key), agent::TokenAlgorithm::eddsa, keys_.public_key}}};
  }

  IdentityToken token(const Session& session) override {
    const Time at = floor_seconds(now());
    const Time end = std::min(at + agent::longest_token_life, floor_seconds(session.expires_at()));
    return {agent::make_token({.issuer = name_,
                               .user = session.identity().user,
                               .issued_at = at,
                               .expires_at = end,
                               .session_expires_at = session.expires_at()},
                              keys_),
            end};
  }

 private:
  std::string name_;  // "ymgr:PROFILE_ID"
  SigningKeys keys_;
};

}  // namespace

std::unique_ptr<IdentityTokens> open_sealed_tokens(sql::Connection& db, const DataKey& key) {
  return std::make_unique<SealedTokens>("ymgr:" + sql::read_setting(db, "profile_id").value_or(""), open_keys(db, key));
}

void publish_token_keys(const std::string& folder, const agent::TokenIssuer& issuer, const std::string& profile_id) {
  make_folders(folder, 0700);
  const std::string text = agent::dump_token_keys(issuer), first = folder + "/token-keys.json";
  if (is_free_for(first, issuer.issuer)) return write_when_new(first, text);
  make_folder(folder + "/token-keys.d", 0700);
  write_when_new(folder + "/token-keys.d/" + profile_id + ".json", text);
}

}  // namespace ymgr
