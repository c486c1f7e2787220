// What issue, renew and resume share: the members of their answers and the way they are shown.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/invocation.hpp"
#include "workflow/certificate_item.hpp"
#include "workflow/hooks.hpp"

namespace ymgr::cli {

/// One certificate: a flat document. A failed one is thrown as its Error.
Result flat_answer(const CertificateAnswer&);
/// Many: items and summary.
Result batch_answer(const CertificateAnswer&);
/// Member "hooks": run, failed, messages; a warning for each that failed.
void tell_hooks(Invocation&, const hooks::Outcome&, Json& answer);

/// --out, --pkcs12, --pkcs12-password-file, --file-mode, --file-group and the three hooks.
inline constexpr Option out_option = {.name = "--out",
                                      .value = "DIR",
                                      .help = "write privkey, cert, chain and fullchain .pem here",
                                      .complete = "folder"};
/// Reads them all but --out, which is `out`. nullopt: none of them was given.
std::optional<Installation> installation_of(Invocation&, const std::string& out);
/// A renewal at night is a bad time to find out that a hook's program is not there.
void warn_of_missing_hooks(Invocation&);
/// "a=b" pairs of a repeatable option. @throws Error usage
std::map<std::string, std::string> pairs_of(Invocation&, std::string_view option);
/// The file, or standard input for "-".
std::string read_input(const std::string& path);
/// `path` made absolute against the working directory.
std::string absolute_path(const std::string& path);

/// "9a", "9A", "82". @throws Error usage
piv::Slot slot_from(const std::string& text);
inline constexpr Option card_pin_option = {
    .name = "--pin-file", .value = "FILE", .help = "PIN of the YubiKey; - is standard input", .complete = "file"};
enum class PinPrompt { at_terminal, never };
/// Gives the PIN of --pin-file, else asks at the terminal, once a YubiKey; nullopt: neither.
std::function<std::optional<Secret>(const std::string& serial)> pin_asker(Invocation&, PinPrompt);

}  // namespace ymgr::cli
