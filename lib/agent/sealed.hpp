// Secrets on their way to the agent: RSA-OAEP to the session's key, bound by the label to the whole request.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "x509/key.hpp"

namespace ymgr::agent {

/// "ymgr-agent-v1" NUL path NUL field NUL nonce NUL and the 32 bytes of `body`: the SHA-256 of the request's body with each
/// sealed value replaced by "".
std::string sealed_label(std::string_view path, std::string_view field, std::string_view nonce, const Sha256& body);

/// The text of a request's body: `body` (an object, without the fields below) with "encrypted": true, "nonce" and each
/// secret as base64 in the field it names.
/// @param key  SubjectPublicKeyInfo of the session's key  @throws Error key-invalid, sealed-invalid: too long for it
std::string seal_request(std::string_view path, Json body, std::string_view nonce,
                         std::span<const std::pair<std::string, Secret>> secrets, const Der& key);

/// Opens the named fields that are there. The caller spends the nonce first.
/// @param text  the body as it arrived  @param body  the same, parsed
/// @throws Error sealed-invalid, with one text for every reason
std::map<std::string, Secret> open_request(std::string_view path, std::string_view text, const Json& body,
                                           std::span<const std::string_view> fields, const PrivateKey& key);

}  // namespace ymgr::agent
