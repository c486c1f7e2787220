#include "workflow/set_pin.hpp"

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "secrets/credentials.hpp"
#include "workflow/device_steps.hpp"

namespace ymgr {
namespace {

enum class Need { nothing, new_pin, both_pins };

/// What the person must give where the PIN is not kept here.
void check_given(const DeviceRow& row, const GivenSecrets& given, Need need, Role role) {
  if (!given.pin.empty()) check_chosen(given.pin, "PIN");
  if (need == Need::nothing) return;
  if (given.pin.empty() && row.pin_mode == PinMode::escrow && !allows(role, Right::manage_devices))
    throw Error(Code::input_needed, "a random PIN of the YubiKey " + row.serial + " would be shown to operators alone",
                "choose one: --pin-prompt, --pin-stdin or --pin-file FILE");
  if (row.pin_mode == PinMode::escrow) return;
  if (given.pin.empty())
    throw Error(Code::input_needed, "the PIN of the YubiKey " + row.serial + " is the person's own",
                "--pin-prompt, --pin-stdin or --pin-file FILE");
  if (need == Need::both_pins && given.current_pin.empty())
    throw Error(Code::input_needed, "the present PIN of the YubiKey " + row.serial + " is needed",
                "--current-pin-prompt, --current-pin-stdin or --current-pin-file FILE");
}

DeviceAnswer planned(const std::string& serial, const std::string& action) {
  DeviceAnswer answer;
  answer.serial = serial;
  answer.action = action;
  answer.state = answer.result = "planned";
  return answer;
}

DeviceAnswer run_once(Workbench& bench, const DeviceRow& row, const char* action, const SecretsRequest& request,
                      const DeviceOptions& options) {
  DeviceItem item;
  item.target = row.serial;
  item.action = action;
  item.owner = row.owner;
  item.pin_mode = row.pin_mode;
  const Json inputs = Json::object({{"pin", request.given.pin.empty() ? "generated" : "chosen"}});
  return or_throw(run_device(bench, std::move(item), inputs, request.given, options));
}

DeviceAnswer change(Workbench& bench, const char* action, Right right, Need need, const SecretsRequest& request,
                    const DeviceOptions& options) {
  bench.session.require(right);
  const auto row = enrolled_row(bench, find_serial(bench, request.serial));
  check_given(row, request.given, need, bench.session.identity().role);
  if (options.dry_run) return planned(row.serial, action);
  const auto info = bench.agent().info(row.serial).device;  // absent: nothing is begun
  if (info.default_pin == true)
    throw Error(Code::device_state, "the YubiKey " + row.serial + " has the factory's PIN: somebody has reset it",
                "ymgr reconcile --device " + row.serial);
  const bool changes_pin = need != Need::nothing;
  auto answer = run_once(bench, row, action, request, options);
  if (changes_pin && options.request_id.empty() && keeps_another_pin(bench, row, request.given.pin))
    answer = run_once(bench, row, action, request, options);
  if (right == Right::use_devices) look_after_puk(bench, row.serial);
  return answer;
}

}  // namespace

DeviceAnswer set_pin(Workbench& bench, const SecretsRequest& request, const DeviceOptions& options) {
  return change(bench, "set-pin", Right::use_devices, Need::both_pins, request, options);
}

DeviceAnswer unblock(Workbench& bench, const SecretsRequest& request, const DeviceOptions& options) {
  return change(bench, "unblock", Right::use_devices, Need::new_pin, request, options);
}

DeviceAnswer set_puk(Workbench& bench, const SecretsRequest& request, const DeviceOptions& options) {
  return change(bench, "set-puk", Right::manage_devices, Need::nothing, request, options);
}

DeviceAnswer rotate_secrets(Workbench& bench, const SecretsRequest& request, const DeviceOptions& options) {
  return change(bench, "rotate-secrets", Right::manage_devices, Need::nothing, request, options);
}

bool keeps_another_pin(Workbench& bench, const DeviceRow& row, const Secret& wanted) {
  if (row.pin_mode == PinMode::user || wanted.empty()) return false;
  return !equal_constant_time(secrets_of(bench, row.serial).pin().pin.reveal(), wanted.reveal());
}

bool is_puk_due(Workbench& bench, const std::string& serial) {
  if (!allows(bench.session.identity().role, Right::manage_devices)) return false;
  const auto card = secrets_of(bench, serial).card();
  return card.puk_exposed && !card.puk_stale && !operations::find_open(bench.db, device_kind, serial);
}

bool change_exposed_puk(Workbench& bench, const std::string& serial) {
  if (!is_puk_due(bench, serial)) return false;
  run_once(bench, devices::get(bench.db, serial), "set-puk", {}, {});
  bench.notices.warn("the PUK of " + serial + " was shown to somebody before: it is another one now");
  return true;
}

bool look_after_puk(Workbench& bench, const std::string& serial) {
  try {
    return change_exposed_puk(bench, serial);
  } catch (const Error& error) {  // what the command was for is done
    if (error.code() == Code::interrupted) throw;
    bench.notices.warn("the PUK of " + serial + ", which was shown to somebody, could not be changed: " + error.what());
    return false;
  }
}

}  // namespace ymgr
