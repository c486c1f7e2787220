// Clauses of several commands.
#pragma once
#include "plain/rules.hpp"

namespace ymgr::plain {

inline constexpr Rule changing_rules[] = {
    {"[as] [a] dry-run|simulation", "--dry-run", on},
    {"[as] [a] dry run", "--dry-run", on},
};

inline constexpr Rule note_rules[] = {{"[with] [the|a] note|comment [:] {text}", "--note"}};

inline constexpr Rule owner_rules[] = {
    {"owner|owners [is|:|should] [be] {user}", "--owner"}, {"[that|which] [<is>] owned by [user] {user}", "--owner"},
    {"belonging|belongs to [user] {user}", "--owner"},     {"on behalf of [user] {user}", "--owner"},
    {"with {user} as [the|its] owner", "--owner"},         {"with owner {user}", "--owner"},
};

inline constexpr Rule profile_rules[] = {
    {"tls|ssl|https [server] [<cert>]", "--profile", "tls-server"},
    {"server [authentication|auth] <cert>", "--profile", "tls-server"},
    {"[tls|ssl|mtls] client [authentication|auth] <cert>", "--profile", "tls-client"},
    {"client authentication|auth", "--profile", "tls-client"},
    {"service <cert>", "--profile", "service"},
    {"email|e-mail|mail|s/mime|smime <cert>", "--profile", "email"},
    {"code-signing|codesigning [<cert>]", "--profile", "code-signing"},
    {"code signing [<cert>]", "--profile", "code-signing"},
    {"[piv] login|logon|piv-auth <cert>", "--profile", "piv-auth"},
    {"[with|using|of|under] [the] profile [:] {profile}", "--profile"},
    {"[with|using|under] [the] {profile} profile", "--profile"},
};

}  // namespace ymgr::plain
