// What a user's row keeps of a password. One Argon2id run gives a key from which two are derived: a verifier, which is
// stored, and the key that the user's X25519 private half is sealed under, which is not.
#pragma once
#include <string>
#include <string_view>

#include "base/crypto.hpp"
#include "base/secret.hpp"

namespace ymgr {

/// Columns of `users` that change with the password: base64, `cost` JSON.
struct PasswordRecord {
  std::string salt, cost, verifier, box_public, box_private;
};

struct PasswordKeys {
  Secret verifier, box_key;  // 32 bytes each
};

/// New salt, new X25519 pair, today's cost.
PasswordRecord make_password_record(std::string_view user, const Secret& password);
/// What an unknown user is compared with: the same work, and no password fits.
PasswordRecord stand_in_record();
/// @throws Error database-corrupt: salt or cost can't be read, or the cost is absurd
PasswordKeys stretch(const PasswordRecord&, const Secret& password);
bool is_right(const PasswordRecord&, const PasswordKeys&);
/// @throws Error box-invalid
BoxKeys open_box_keys(const PasswordRecord&, std::string_view user, const PasswordKeys&);

/// base64 of a column. @throws Error database-corrupt naming `what`
std::string decode_column(std::string_view base64, std::string_view what);

}  // namespace ymgr
