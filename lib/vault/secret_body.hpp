// Secrets in what is sent to Vault and in what comes back: they pass through no memory that does not clear itself.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"

namespace ymgr::vault {

enum class SecretForm { text, json };

/// A member of a request's body: a text, or a whole value that is JSON already.
struct SecretMember {
  std::string_view name;
  const Secret* value = nullptr;
  SecretForm form = SecretForm::text;
};
/// `plain` (an object, or null) with these members behind its own.
Secret body_with(const Json& plain, std::span<const SecretMember> secrets);

/// What stands at `path` ("auth.client_token") in the text of a JSON object: a text without its quotes and escapes, any other value as it
/// is written; an empty Secret: it is absent or null. There it becomes null in `text`.
/// @throws Error json-invalid
Secret cut_secret(std::string& text, std::string_view path);

}  // namespace ymgr::vault
