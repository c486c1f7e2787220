// YubiKeys.
#include "plain/shared_rules.hpp"

namespace ymgr::plain {
namespace {

using Table = std::span<const Rule>;

constexpr std::string_view which_key = "which YubiKey? Give its serial number";

/// For commands that take the one that is plugged in when none is named.
constexpr Rule device_rules[] = {
    {"[of|on|for] [the|my] <yubikey> [with] [the] [serial] [number] [:] {serial}", "--device"},
    {"[of|on|for] [the|my|a|this] [plugged|connected|new] [in] <yubikey>"},
    {"{owner's} <yubikey> {serial}", "--device"},
};

/// For commands that want a serial number.
constexpr Rule serial_rules[] = {
    {"[of|on|for] [the|my] [pin] [of|on] [the|my] <yubikey> [with] [the] [serial] [number] [:] {serial}", "SERIAL"},
    {"[of|on|for] [the] [serial] [number] {serial}", "SERIAL"},
    {"[the] <yubikey>"},
    {"me|us"},
    {"[the] details|status|state [of|for]"},
};

constexpr Rule enroll_rules[] = {
    {"for [user] {user}", "--owner"},
    {"to [user] {user}", "--owner"},
    {"[the|with] owner [is|:] {user}", "--owner"},
    {"owned by [user] {user}", "--owner"},
    {"with {user} as [the|its] owner", "--owner"},
    {"[of|for] {owner's} <yubikey> [with] [serial] [number] {serial}", "--device"},
    {"{owner's}", "--owner"},
    {"[for|to] me|myself"},
    {"[with|and] [issue] [a|an|the] [<cert>] in [the] [piv] slot {slot}", "--slot"},
    {"[with|and] [a|an] [<cert>] in [the] authentication slot", "--slot", "9a"},
    {"[with|and] [a|an] [<cert>] in [the] signature|signing slot", "--slot", "9c"},
};
constexpr Table enroll_tables[] = {device_rules, enroll_rules, changing_rules};
constexpr std::string_view enroll_order[] = {"--device", "--owner", "--slot", "--dry-run"};

constexpr Rule pin_rules[] = {
    {"[the|a|its|my] [new|random] pin"},
    {"[the|a] new [random] pin"},
    {"[to|with] [a|some] new|random|fresh [one|value]"},
    {"[which|that] i choose", "--pin-prompt", on},
    {"[to] one of my choice", "--pin-prompt", on},
    {"[and] [i] [will] [choose|type|enter] of my choice", "--pin-prompt", on},
};
constexpr Table set_pin_tables[] = {pin_rules, device_rules, changing_rules};
constexpr std::string_view set_pin_order[] = {"--device", "--pin-prompt", "--dry-run"};

constexpr Table unblock_tables[] = {serial_rules, pin_rules, changing_rules};
constexpr std::string_view unblock_order[] = {"SERIAL", "--pin-prompt", "--dry-run"};

constexpr Rule list_rules[] = {
    {"of [the] {person}", "--owner"},
    {"of|for [the] user {user}", "--owner"},
    {"[that|which] [<is>] owned by [user] {user}", "--owner"},
    {"belonging|belong to [user] {user}", "--owner"},
    {"{owner's}", "--owner"},
    {"[does|do|did] [user] {user} have|has|own|owns|hold|holds", "--owner"},
    {"[that|which] [are|is|were|got] lost|stolen|missing", "--status", "lost"},
    {"[that|which] [are|is|were] [been] retired", "--status", "retired"},
    {"[that|which] [are|is|were|have] [been] enrolled", "--status", "enrolled"},
    {"factory", "--status", "factory"},
    {"yubikeys|devices"},
    {"all|every [of] [the]"},
    {"me|us"},
    {"do we have"},
    {"are there"},
    {"we have"},
    {"[are|is] [that|which] plugged|connected in"},
};
constexpr Table list_tables[] = {list_rules};
constexpr std::string_view list_order[] = {"--owner", "--status"};

constexpr Table show_tables[] = {serial_rules};
constexpr std::string_view serial_order[] = {"SERIAL"};

constexpr Rule assign_rules[] = {{"to [user] {user}", "USER"}};
constexpr Table assign_tables[] = {serial_rules, assign_rules, note_rules, changing_rules};
constexpr std::string_view assign_order[] = {"SERIAL", "USER", "--note", "--dry-run"};

void finish_assign(Facts& facts, Questions& questions) {
  if (!facts.has("USER")) questions.push_back("to which user?");
}

constexpr Rule lost_rules[] = {
    {"[mark|note|flag|report] [that] [the] <yubikey> [with] [serial] [number] {serial} as|is|was|got [gone|been] "
     "lost|missing",
     "SERIAL"},
    {"[mark|note|flag|report] [that] [the] <yubikey> [with] [serial] [number] {serial} has been lost", "SERIAL"},
    {"[i|we] lost [the|my] <yubikey> [with] [serial] [number] {serial}", "SERIAL"},
    {"{user} [has] lost [the|her|his|their] <yubikey> [with] [serial] [number] {serial}", "SERIAL"},
    {"lost|missing"},
};
constexpr Table lost_tables[] = {lost_rules, note_rules, changing_rules};
constexpr std::string_view life_order[] = {"SERIAL", "--note", "--dry-run"};

constexpr Rule found_rules[] = {
    {"[mark|note|flag|report] [that] [the] [lost] <yubikey> [with] [serial] [number] {serial} as|is|was|has [been] "
     "[found|back|reappeared]",
     "SERIAL"},
    {"[i|we] found [the|my] <yubikey> [with] [serial] [number] {serial}", "SERIAL"},
    {"found|reappeared [again]"},
};
constexpr Table found_tables[] = {found_rules, note_rules, changing_rules};
constexpr Table retire_tables[] = {serial_rules, note_rules, changing_rules};
constexpr Table reset_tables[] = {serial_rules, changing_rules};
constexpr std::string_view reset_order[] = {"SERIAL", "--dry-run"};

}  // namespace

constinit const Intent enroll_intent = {"enroll", enroll_tables, enroll_order};
constinit const Intent set_pin_intent = {"set-pin", set_pin_tables, set_pin_order};
constinit const Intent unblock_intent = {"device unblock", unblock_tables, unblock_order, "SERIAL", which_key};
constinit const Intent list_devices_intent = {"device list", list_tables, list_order};
constinit const Intent show_device_intent = {"device show", show_tables, serial_order, "SERIAL", which_key};
constinit const Intent assign_device_intent = {"device assign", assign_tables, assign_order,
                                               "SERIAL",        which_key,     finish_assign};
constinit const Intent lost_device_intent = {"device lost", lost_tables, life_order, "SERIAL", which_key};
constinit const Intent found_device_intent = {"device found", found_tables, life_order, "SERIAL", which_key};
constinit const Intent retire_device_intent = {"device retire", retire_tables, life_order, "SERIAL", which_key};
constinit const Intent reset_device_intent = {"device reset", reset_tables, reset_order, "SERIAL", which_key};

}  // namespace ymgr::plain
