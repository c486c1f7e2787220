// What configuration, flags and environment say of a team's servers and of who logs in there.
#pragma once
#include <optional>
#include <string>

#include "cli/config.hpp"
#include "workflow/team_login.hpp"

namespace ymgr::cli {

class Invocation;

/// Whether the commands work with a team's servers: both are configured. An embedded profile that stands there is taken nevertheless
/// where it is named more closely: by YMGR_HOME, or when only the environment speaks of servers.
/// @throws Error config-invalid: a file names a database and no Vault; or one of them, and the environment another one than it
bool is_team(const Config&, const std::string& embedded_database);

/// Whether it would so even if an embedded profile stood there.
bool hides_profile(const Config&);

/// As far as it is known; empty addresses pass. @throws Error config-invalid: a value that can't be
team::Settings known_team_settings(const Config&);
/// @throws Error config-invalid: also when an address or a host is missing
team::Settings team_settings(const Config&);
/// One value from elsewhere, looked at as one of a file is. @throws Error config-invalid
void check_setting(const ConfigKey& key, const Setting& setting);

/// @throws Error config-invalid: a certificate without key; those of reading them
team::Reach team_reach(const Config&);

/// BAO_TOKEN, else VAULT_TOKEN.
std::optional<Secret> environment_token();
/// Who logs in without being asked: by BAO_TOKEN or VAULT_TOKEN, or by YMGR_USER and YMGR_PASSWORD_FILE. nullopt: nobody
std::optional<team::LoginRequest> environment_login(const Config&);
/// By files that the configuration names: of jwt, kubernetes, approle and cert. nullopt: nobody
std::optional<team::LoginRequest> configured_login(const Config&);
/// What `ymgr login` says, where it says nothing the configuration, and else what is asked for on the terminal.
team::LoginRequest asked_login(Invocation&);

/// --user, YMGR_USER, or asked for.
std::string asked_user(Invocation&);
/// --password-file, YMGR_PASSWORD_FILE, or asked for.
Secret asked_password(Invocation&, const std::string& user);

/// --vault-token-file, BAO_TOKEN, VAULT_TOKEN, or asked for.
Secret vault_token(Invocation&);

}  // namespace ymgr::cli
