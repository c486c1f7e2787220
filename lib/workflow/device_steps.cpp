#include "workflow/device_steps.hpp"

#include "base/error.hpp"

namespace ymgr {
namespace {

constexpr auto before_next = Durability::before_next;
constexpr auto grouped = Durability::grouped;

// SET RETRIES comes first: it gives PIN and PUK the factory's values. Then the PUK, since it sets and settles the PIN.
constexpr DeviceStep enroll_steps[] = {
    {"slot_chosen", before_next, choose_slot},
    {"attested", before_next, attest_device, record_attested},
    {"key_removed", before_next, remove_throw_away_key},
    {"retries_set", before_next, set_retries},
    {"puk_pending", before_next, propose_puk},
    {"puk_sent", before_next, announce},
    {"puk_changed", before_next, change_puk},
    {"puk_promoted", before_next, promote_puk},
    {"pin_pending", before_next, propose_pin},
    {"pin_sent", before_next, announce},
    {"pin_changed", before_next, unblock_pin},
    {"pin_promoted", before_next, promote_pin},
    {"management_key_pending", before_next, propose_management_key},
    {"management_key_sent", before_next, announce},
    {"management_key_changed", before_next, change_management_key},
    {"management_key_promoted", before_next, promote_management_key},
    {"enrolled", grouped, finish_enrollment, record_enrolled},
};

constexpr DeviceStep adopt_steps[] = {
    {"slot_chosen", before_next, choose_slot},
    {"attested", before_next, attest_device, record_attested},
    {"key_removed", before_next, remove_throw_away_key},
    {"adopted", before_next, adopt_credentials},
    {"enrolled", grouped, finish_enrollment, record_enrolled},
};

constexpr DeviceStep set_pin_steps[] = {
    {"pin_pending", before_next, propose_pin},
    {"pin_sent", before_next, announce},
    {"pin_changed", before_next, change_pin},
    {"pin_promoted", grouped, promote_pin},
};

constexpr DeviceStep unblock_steps[] = {
    {"pin_pending", before_next, propose_pin},
    {"pin_sent", before_next, announce},
    {"pin_changed", before_next, unblock_pin},
    {"pin_promoted", grouped, promote_pin},
};

constexpr DeviceStep set_puk_steps[] = {
    {"puk_pending", before_next, propose_puk},
    {"puk_sent", before_next, announce},
    {"puk_changed", before_next, change_puk},
    {"puk_promoted", grouped, promote_puk},
};

constexpr DeviceStep rotate_steps[] = {
    {"puk_pending", before_next, propose_puk},
    {"puk_sent", before_next, announce},
    {"puk_changed", before_next, change_puk},
    {"puk_promoted", before_next, promote_puk},
    {"pin_pending", before_next, propose_pin},
    {"pin_sent", before_next, announce},
    {"pin_changed", before_next, unblock_pin},
    {"pin_promoted", before_next, promote_pin},
    {"management_key_pending", before_next, propose_management_key},
    {"management_key_sent", before_next, announce},
    {"management_key_changed", before_next, change_management_key},
    {"management_key_promoted", grouped, promote_management_key},
};

/// The PIN is the person's own.
constexpr DeviceStep rotate_without_pin_steps[] = {
    {"puk_pending", before_next, propose_puk},
    {"puk_sent", before_next, announce},
    {"puk_changed", before_next, change_puk},
    {"puk_promoted", before_next, promote_puk},
    {"management_key_pending", before_next, propose_management_key},
    {"management_key_sent", before_next, announce},
    {"management_key_changed", before_next, change_management_key},
    {"management_key_promoted", grouped, promote_management_key},
};

constexpr DeviceStep reset_steps[] = {
    {"reset_sent", before_next, announce, record_reset_begun},
    {"reset", before_next, reset_card},
    {"secrets_forgotten", grouped, forget_secrets, record_reset},
};

}  // namespace

std::span<const DeviceStep> device_steps(const DeviceItem& item) {
  if (item.action == "enroll" && item.adopted) return adopt_steps;
  if (item.action == "enroll") return enroll_steps;
  if (item.action == "set-pin") return set_pin_steps;
  if (item.action == "unblock") return unblock_steps;
  if (item.action == "set-puk") return set_puk_steps;
  if (item.action == "rotate-secrets" && item.pin_mode == PinMode::user) return rotate_without_pin_steps;
  if (item.action == "rotate-secrets") return rotate_steps;
  if (item.action == "reset") return reset_steps;
  throw Error(Code::internal, "there is nothing called " + item.action + " that is done to YubiKeys");
}

std::string device_result(const DeviceItem& item) {
  if (item.action == "enroll") return item.adopted ? "adopted" : "enrolled";
  if (item.action == "unblock") return "unblocked";
  if (item.action == "reset") return "reset";
  return "changed";
}

}  // namespace ymgr
