#include "workflow/device_steps.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace ymgr {
namespace {

constexpr auto before_next = Durability::before_next;
constexpr auto grouped = Durability::grouped;

/// Some steps, then others.
template <std::size_t... Sizes>
constexpr auto joined(const DeviceStep (&... parts)[Sizes]) {
  std::array<DeviceStep, (Sizes + ...)> all{};
  auto* next = all.data();
  ((next = std::copy(std::begin(parts), std::end(parts), next)), ...);
  return all;
}

constexpr DeviceStep attest[] = {
    {"slot_chosen", before_next, choose_slot},
    {"attested", before_next, attest_device, record_attested},
    {"key_removed", before_next, remove_throw_away_key},
};
constexpr DeviceStep give_factory_values[] = {{"retries_set", before_next, set_retries}};
constexpr DeviceStep adopt[] = {{"adopted", before_next, adopt_credentials}};
constexpr DeviceStep finish[] = {{"enrolled", grouped, finish_enrollment, record_enrolled}};

constexpr DeviceStep new_puk[] = {
    {"puk_pending", before_next, propose_puk},
    {"puk_sent", before_next, announce},
    {"puk_changed", before_next, change_puk},
    {"puk_promoted", before_next, promote<Credential::puk>},
};
constexpr DeviceStep new_pin[] = {
    {"pin_pending", before_next, propose_pin},
    {"pin_sent", before_next, announce},
    {"pin_changed", before_next, change_pin},
    {"pin_promoted", before_next, promote<Credential::pin>},
};
constexpr DeviceStep new_pin_by_puk[] = {
    {"pin_pending", before_next, propose_pin},
    {"pin_sent", before_next, announce},
    {"pin_changed", before_next, unblock_pin},
    {"pin_promoted", before_next, promote<Credential::pin>},
};
constexpr DeviceStep new_management_key[] = {
    {"management_key_pending", before_next, propose_management_key},
    {"management_key_sent", before_next, announce},
    {"management_key_changed", before_next, change_management_key},
    {"management_key_promoted", before_next, promote<Credential::management_key>},
};

// SET RETRIES comes first: it gives PIN and PUK the factory's values. Then the PUK, since it sets and settles the PIN.
constexpr auto enroll_steps = joined(attest, give_factory_values, new_puk, new_pin_by_puk, new_management_key, finish);
// The management key first: it may be kept under the PIN that is there, and with it the card proves that it is the one.
constexpr auto adopt_as_it_is = joined(attest, adopt, finish);
constexpr auto adopt_pin = joined(attest, adopt, new_pin_by_puk, finish);
constexpr auto adopt_puk = joined(attest, adopt, new_puk, finish);
constexpr auto adopt_puk_pin = joined(attest, adopt, new_puk, new_pin_by_puk, finish);
constexpr auto adopt_key = joined(attest, adopt, new_management_key, finish);
constexpr auto adopt_key_pin = joined(attest, adopt, new_management_key, new_pin_by_puk, finish);
constexpr auto adopt_key_puk = joined(attest, adopt, new_management_key, new_puk, finish);
constexpr auto adopt_key_puk_pin = joined(attest, adopt, new_management_key, new_puk, new_pin_by_puk, finish);
constexpr auto rotate_steps = joined(new_puk, new_pin_by_puk, new_management_key);
constexpr auto rotate_without_pin_steps = joined(new_puk, new_management_key);  // the PIN is the person's own

constexpr DeviceStep settle_steps[] = {{"settled", grouped, settle_pending}};

constexpr DeviceStep reset_steps[] = {
    {"reset_sent", before_next, announce_reset, record_reset_begun},
    {"reset", before_next, reset_card},
    {"secrets_forgotten", grouped, forget_secrets, record_reset},
};

std::span<const DeviceStep> adopt_steps(const DeviceItem& item) {
  if (item.new_management_key) {
    if (item.new_puk) return item.new_pin ? std::span<const DeviceStep>(adopt_key_puk_pin) : adopt_key_puk;
    return item.new_pin ? std::span<const DeviceStep>(adopt_key_pin) : adopt_key;
  }
  if (item.new_puk) return item.new_pin ? std::span<const DeviceStep>(adopt_puk_pin) : adopt_puk;
  return item.new_pin ? std::span<const DeviceStep>(adopt_pin) : adopt_as_it_is;
}

}  // namespace

std::span<const DeviceStep> device_steps(const DeviceItem& item) {
  if (item.action == "enroll" && item.adopted) return adopt_steps(item);
  if (item.action == "enroll") return enroll_steps;
  if (item.action == "set-pin") return new_pin;
  if (item.action == "unblock") return new_pin_by_puk;
  if (item.action == "set-puk") return new_puk;
  if (item.action == "rotate-secrets" && item.pin_mode == PinMode::user) return rotate_without_pin_steps;
  if (item.action == "rotate-secrets") return rotate_steps;
  if (item.action == "settle") return settle_steps;
  if (item.action == "reset") return reset_steps;
  throw Error(Code::internal, "there is nothing called " + item.action + " that is done to YubiKeys");
}

std::string device_result(const DeviceItem& item) {
  if (item.action == "enroll") return item.adopted ? "adopted" : "enrolled";
  if (item.action == "unblock") return "unblocked";
  if (item.action == "settle") return "settled";
  if (item.action == "reset") return "reset";
  return "changed";
}

}  // namespace ymgr
