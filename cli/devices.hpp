// What the commands on YubiKeys share.
#pragma once
#include <string>

#include "cli/command.hpp"
#include "cli/invocation.hpp"
#include "workflow/device_item.hpp"

namespace ymgr::cli {

inline constexpr Option device_option = {
    .name = "--device", .value = "SERIAL", .help = "which YubiKey, if there are several", .complete = "device"};
inline constexpr Option note_option = {.name = "--note", .value = "TEXT", .help = "free text for the audit trail"};
inline constexpr std::string_view every_slot =
    "9a|9c|9d|9e|82|83|84|85|86|87|88|89|8a|8b|8c|8d|8e|8f|90|91|92|93|94|95";
inline constexpr Argument serial_argument[] = {
    {"SERIAL", "serial number of the YubiKey", Argument::Count::one, "device"}};

/// A row with what is known to be wrong with its firmware.
Json device_json(const DeviceRow& row);
/// For the text: where to see the random PIN that it has now. Empty: none, or the person chose it.
std::string where_the_pin_is(const DeviceRow& row, bool was_chosen);
/// serial, action, result, state, audit_reference: what changes of secrets answer.
Result secrets_answer(const DeviceAnswer& answer, const std::string& what);

}  // namespace ymgr::cli
