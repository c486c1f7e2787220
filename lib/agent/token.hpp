// Identity tokens: compact JWTs (RFC 7519) that say who somebody is, signed by the embedded profile (EdDSA) or by Vault
// (ES256). The agent verifies them offline, against key files.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto.hpp"

namespace ymgr::agent {

inline constexpr std::string_view token_audience = "ymgr-agent";
inline constexpr Duration longest_token_life = std::chrono::minutes(15);

enum class TokenAlgorithm { eddsa, es256 };
struct TokenKey {
  std::string id;  // "kid"
  TokenAlgorithm algorithm = TokenAlgorithm::eddsa;
  std::string bytes;  // Ed25519: 32; P-256: x and y, 64
};
/// One key file: a JWK set (RFC 7517) with two members more, "issuer" and "audience".
struct TokenIssuer {
  std::string issuer, audience;
  std::vector<TokenKey> keys;
};
/// Keys of other kinds are skipped. @throws Error json-invalid, token-refused: not such a file
TokenIssuer parse_token_keys(std::string_view json);
std::string dump_token_keys(const TokenIssuer&);

struct IdentityToken {
  std::string issuer, user;
  Time issued_at, expires_at;
  std::optional<Time> session_expires_at;  // "session_exp" of the embedded profile: the end of the login
};
/// At most 8 KiB; the header may hold alg, kid and typ JWT only; the algorithm is the key's; issuer and audience are the
/// file's; life 15 minutes at most; 60 seconds of skew for iat and nbf, none for exp.
/// @throws Error token-refused
IdentityToken verify_token(std::string_view jwt, std::span<const TokenIssuer>, Time at);

/// The kid of an Ed25519 key: the first 16 bytes of its SHA-256, base64url.
std::string token_key_id(std::string_view public_key);
/// @param token  life at most 15 minutes
std::string make_token(const IdentityToken& token, const SigningKeys&);

}  // namespace ymgr::agent
