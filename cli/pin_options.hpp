// How commands take a PIN, a PUK or a management key: never in argv or environment.
#pragma once
#include <optional>
#include <string_view>

#include "agent/piv_types.hpp"
#include "cli/invocation.hpp"

namespace ymgr::cli {

inline constexpr Option pin_prompt_option = {.name = "--pin-prompt", .value = "", .help = "ask for the new PIN, twice"};
inline constexpr Option pin_stdin_option = {
    .name = "--pin-stdin", .value = "", .help = "take the new PIN from standard input"};
inline constexpr Option pin_file_option = {
    .name = "--pin-file", .value = "FILE", .help = "take the new PIN from a file (0600)", .complete = "file"};

enum class Asked { once, twice };
/// From --NAME-prompt, --NAME-stdin or --NAME-file; empty: none of them was given.
/// @param name  "--pin"  @param prompt  "New PIN:"  @throws Error usage: two of them
Secret pin_from(Invocation&, std::string_view name, std::string_view prompt, Asked);
/// From a file that holds it as hex: 16, 24 or 32 bytes. 24 stand for AES-192 until the card says 3DES; nullopt: not given.
/// @throws Error key-invalid
std::optional<piv::ManagementKey> management_key_from(Invocation&, std::string_view file_option);

}  // namespace ymgr::cli
