#include "workflow/device_item.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/device_owners.hpp"
#include "workflow/device_steps.hpp"

namespace ymgr {
namespace {

/// Everything of the present run is done; runs it and tells how it went.
DeviceAnswer run_item_of(Workbench& bench, DeviceItem item, const GivenSecrets& given) {
  const std::string request_id = item.request_id, serial = item.target, action = item.action;
  const auto steps = device_steps(item);
  std::vector<DeviceItem> items;
  items.push_back(std::move(item));
  const auto open_ports = [&] {
    auto ports = std::make_unique<DevicePorts>(bench, serial, given);
    ports->may_use_puk = bench.session.identity().role != Role::user || action == "unblock";
    return ports;
  };
  run_items<DeviceItem, DevicePorts>(bench, request_id, items, steps, open_ports);
  auto& ran = items.front();
  if (!ran.error && action == "enroll") tell_owner(bench, ran.owner);
  DeviceAnswer answer;
  answer.request_id = request_id;
  answer.serial = serial;
  answer.action = action;
  answer.result = ran.error ? "failed" : device_result(ran);
  answer.error = ran.error;
  answer.exit = ran.error ? exit_status(ran.error->kind()) : 0;
  answer.changed = !ran.error;
  answer.state = operations::end(bench, request_id, device_kind, serial,
                                 Json::object({{"serial", serial}, {"action", action}, {"result", answer.result}}));
  answer.resumable = answer.state == "open";
  const Json who = Json::object({{"serial", serial}, {"action", action}, {"state", ran.state}});
  Json done = who;
  done.set("success", true).set("result", answer.result);
  answer.items.push_back(ran.error ? failed_item(who, *ran.error) : std::move(done));
  answer.item = std::move(ran);
  return answer;
}

/// What was answered before, for the same --request-id.
DeviceAnswer stored_answer_of(Workbench& bench, const std::string& request_id) {
  const auto op = operations::get(bench.db, request_id);
  const auto items = operations::items(bench.db, request_id);
  DeviceAnswer answer;
  answer.request_id = request_id;
  answer.serial = op.target;
  answer.state = op.state;
  answer.item = DeviceItem::from(items.front());
  answer.action = answer.item.action;
  answer.result = op.result.is_null() ? op.state : op.result.text_or("result", op.state);
  if (op.state == "abandoned")
    throw Error(Code::operation_ended, "the operation " + request_id + " was abandoned", "choose another --request-id");
  if (!items.front().error.is_null()) answer.error = failure_from(items.front().error);
  answer.exit = answer.error ? exit_status(answer.error->kind()) : 0;
  return answer;
}

Right right_of(const std::string& action) {
  return action == "set-pin" || action == "unblock" ? Right::use_devices : Right::manage_devices;
}

/// Whose it is and what became of it may have changed since the operation was begun.
/// @throws Error role-denied, device-state
void require_workable(Workbench& bench, const DeviceItem& item) {
  bench.session.require(right_of(item.action));
  const auto row = devices::find(bench.db, item.target);
  if (!row) return;
  bench.session.require_touch(row->owner, "the YubiKey " + item.target);
  const bool enroll = item.action == "enroll";
  const bool retired_before = enroll && (item.state == "planned" || item.state == "slot_chosen");
  const bool out = row->status == DeviceStatus::lost || (row->status == DeviceStatus::retired && !retired_before);
  if (!out || item.action == "reset") return;
  throw Error(Code::device_state,
              "the YubiKey " + item.target + " is " + std::string(to_string(row->status)) + " by now",
              row->status == DeviceStatus::lost ? "ymgr device found " + item.target
                                                : "ymgr operation abandon " + shell_quote(item.request_id));
}

DeviceItem stored_item(Workbench& bench, const std::string& request_id) {
  const auto items = operations::items(bench.db, request_id);
  if (items.empty()) throw Error(Code::internal, "the operation " + request_id + " has no item");
  auto item = DeviceItem::from(items.front());
  item.request_id = request_id;
  return item;
}

/// A PIN that a person gives may be another this time; where it is not kept, the card is asked whether it has it.
bool is_what_was_done(Workbench& bench, const DeviceItem& item, const GivenSecrets& given) {
  if (item.pin_mode == PinMode::escrow || (given.pin.empty() && given.current_pin.empty())) return true;
  try {
    bench.agent().verify_pin(item.target, given.pin, 3);
    return true;
  } catch (const Error& error) {
    if (error.kind() != Kind::pin && error.kind() != Kind::usage) throw;
    return false;
  }
}

/// By these, a second run is known to be the same.
Json identity_of(const DeviceItem& item, const Json& inputs) {
  Json all = Json::object({{"action", item.action}, {"serial", item.target}});
  for (const auto& [name, value] : inputs.members()) all.set(name, value);
  return all;
}

}  // namespace

DeviceSecrets secrets_of(Workbench& bench, std::string_view serial) {
  return {bench.stores.secrets(), serial};
}

DevicePorts::DevicePorts(Workbench& workbench, const std::string& serial, const GivenSecrets& secrets_given)
    : bench(workbench), agent(workbench.agent()), secrets(secrets_of(workbench, serial)), given(secrets_given) {}

Json DeviceItem::journal() const {
  return Json::object({{"action", action},
                       {"owner", owner},
                       {"pin_mode", to_string(pin_mode)},
                       {"adopted", adopted},
                       {"new_pin", new_pin},
                       {"new_puk", new_puk},
                       {"new_management_key", new_management_key},
                       {"pin_tries", pin_tries},
                       {"puk_tries", puk_tries},
                       {"throw_away_slot", throw_away_slot},
                       {"proven", proven}});
}

DeviceItem DeviceItem::from(const StoredItem& stored) {
  DeviceItem item;
  restore(item, stored);
  if (item.status == Item::Status::failed && stored.error.is_object()) item.error = failure_from(stored.error);
  item.action = stored.data.text_or("action", "");
  item.owner = stored.data.text_or("owner", "");
  item.pin_mode = parse_pin_mode(stored.data.text_or("pin_mode", "escrow"));
  item.adopted = stored.data.boolean_or("adopted", false);
  item.new_pin = stored.data.boolean_or("new_pin", false);
  item.new_puk = stored.data.boolean_or("new_puk", false);
  item.new_management_key = stored.data.boolean_or("new_management_key", false);
  item.pin_tries = static_cast<int>(stored.data.integer_or("pin_tries", 5));
  item.puk_tries = static_cast<int>(stored.data.integer_or("puk_tries", 5));
  item.throw_away_slot = stored.data.text_or("throw_away_slot", "");
  item.proven = stored.data.boolean_or("proven", false);
  return item;
}

DeviceAnswer run_device(Workbench& bench, DeviceItem item, const Json& inputs, const GivenSecrets& given,
                        const DeviceOptions& options) {
  NewOperation op;
  op.request_id = options.request_id.empty() ? new_id("req", now()) : options.request_id;
  op.kind = device_kind;
  op.target = item.target;
  op.inputs = identity_of(item, inputs);
  item.request_id = op.request_id;
  op.items.push_back({item.target, item.journal()});
  op.events.push_back({"", "device." + item.action + ".requested", item.target, op.inputs});
  auto ended = end_stopped(bench, item.target);
  if (ended && !ended->error &&
      canonical_json(operations::get(bench.db, ended->request_id).inputs) == canonical_json(op.inputs) &&
      is_what_was_done(bench, item, given))
    return std::move(*ended);
  std::optional<operations::Earlier> earlier;
  bench.db.transaction(sql::Access::write, [&] {
    earlier = operations::find_earlier(bench, op);
    if (!earlier) operations::create(bench, op);
  });
  if (!earlier) return run_item_of(bench, std::move(item), given);
  if (earlier->ended) return stored_answer_of(bench, earlier->request_id);
  return resume_device(bench, earlier->request_id, given);
}

void require_no_other(Workbench& bench, const DeviceItem& item, const Json& inputs) {
  operations::require_no_other(bench.db, device_kind, item.target, identity_of(item, inputs));
}

DeviceAnswer resume_device(Workbench& bench, const std::string& request_id, const GivenSecrets& given) {
  auto item = stored_item(bench, request_id);
  require_workable(bench, item);
  return run_item_of(bench, std::move(item), given);
}

std::optional<DeviceAnswer> end_stopped(Workbench& bench, const std::string& serial) {
  const auto op = operations::find_unended(bench.db, device_kind, serial);
  if (!op) return std::nullopt;
  operations::take_over(bench, op->request_id);
  return run_item_of(bench, stored_item(bench, op->request_id), {});  // nothing is sent
}

DeviceAnswer or_throw(DeviceAnswer answer) {
  if (!answer.error) return answer;
  if (answer.resumable) throw of_operation(*answer.error, answer.request_id);
  auto details = answer.error->details();
  details.emplace_back("audit_reference", answer.request_id);
  throw Error(answer.error->code(), answer.error->what(), answer.error->hint(), std::move(details),
              answer.error->outcome_unknown() ? Outcome::unknown : Outcome::known);
}

std::vector<std::string> plugged_serials(agent::Client& agent) {
  std::vector<std::string> serials;
  for (auto& device : agent.discover())
    if (!device.serial.empty()) serials.push_back(std::move(device.serial));
  return serials;
}

std::string find_serial(Workbench& bench, const std::string& asked) {
  if (!asked.empty()) {
    const auto number = parse_number(asked);
    if (!number || *number > 0xFFFFFFFF || std::to_string(*number) != asked)
      throw Error(Code::usage, "'" + printable(asked) + "' is no serial number of a YubiKey", "ymgr device list");
    return asked;
  }
  const auto serials = plugged_serials(bench.agent());
  if (serials.empty()) throw Error(Code::device_not_found, "no YubiKey is plugged in");
  if (serials.size() > 1) {
    const auto all = join(serials, ", ");
    throw Error(Code::device_ambiguous, std::to_string(serials.size()) + " YubiKeys are plugged in: " + all,
                "name one with --device SERIAL", {{"serials", all}});
  }
  return serials.front();
}

std::string unblock_hint(agent::Client& agent, const std::string& serial) {
  const auto puk = agent.info(serial).device.puk_tries;
  if (puk && puk->left == 0)
    return "the PUK is blocked too: only 'ymgr device reset " + serial + "' helps, and all keys on it are lost then";
  return "ymgr device unblock " + serial + ": it sets a new one with the stored PUK";
}

DeviceRow enrolled_row(Workbench& bench, const std::string& serial) {
  auto row = devices::get(bench.db, serial);
  bench.session.require_touch(row.owner, "the YubiKey " + serial);
  if (row.status == DeviceStatus::enrolled) return row;
  const std::string hint = row.status == DeviceStatus::factory ? "ymgr enroll --device " + serial
                           : row.status == DeviceStatus::lost  ? "ymgr device found " + serial
                                                               : "ymgr enroll --device " + serial;
  throw Error(Code::device_state, "the YubiKey " + serial + " is " + std::string(to_string(row.status)), hint);
}

}  // namespace ymgr
