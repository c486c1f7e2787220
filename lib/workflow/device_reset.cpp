#include "workflow/device_reset.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/device_steps.hpp"
#include "workflow/genuine.hpp"
#include "workflow/revoke.hpp"

namespace ymgr {

std::vector<std::string> revocable_certificates(sql::Connection& db, const std::string& serial, Reason reason) {
  auto ids = devices::unexpired_certificates(db, serial, now());
  std::erase_if(ids, [&](const std::string& id) { return stays_revoked(inventory::by_id(db, id).value(), reason); });
  return ids;
}

std::vector<std::string> revoke_certificates_of(Workbench& bench, const std::string& serial, Reason reason,
                                                const std::string& note) {
  auto ids = revocable_certificates(bench.db, serial, reason);
  // What somebody entered past ymgr keeps no YubiKey from its fate.
  std::erase_if(ids, [&](const std::string& id) {
    const auto why = against_signed(bench, inventory::by_id(bench.db, id).value());
    if (why) bench.notices.warn(std::string(why->what()) + ": " + why->suggestion());
    return why.has_value();
  });
  if (ids.empty()) return ids;
  RevokeOptions options;
  options.reason = reason;
  options.note = note;
  const auto answer = revoke(bench, revocation_targets(bench, ids, {}, reason), options);
  if (answer.exit != 0)
    throw Error(Code::resumable, "not all certificates of the YubiKey " + serial + " could be revoked",
                "ymgr operation show " + shell_quote(answer.request_id), {{"audit_reference", answer.request_id}});
  return ids;
}

ResetAnswer reset_device(Workbench& bench, const std::string& serial, Reason reason, const DeviceOptions& options) {
  bench.session.require(Right::manage_devices);
  ResetAnswer answer;
  DeviceItem item;
  item.target = serial;
  item.action = "reset";
  const Json inputs = Json::object({{"reason", to_string(reason)}});
  require_no_other(bench, item, inputs);
  const auto info = bench.agent().info(serial);
  if (info.reset_refused && !operations::find_open(bench.db, device_kind, serial))
    throw Error(Code::device_refused, "the YubiKey " + serial + " can't be reset: " + *info.reset_refused);
  if (options.dry_run) {
    answer.revoked = revocable_certificates(bench.db, serial, reason);
    answer.operation.serial = serial;
    answer.operation.state = answer.operation.result = "planned";
    return answer;
  }
  answer.revoked = revoke_certificates_of(bench, serial, reason, "reset of the YubiKey " + serial);
  answer.operation = or_throw(run_device(bench, std::move(item), inputs, {}, options));
  return answer;
}

// ---- its steps

Progress announce_reset(DeviceItem& item, DevicePorts& ports, Attempt attempt) {
  item.proven = is_proven(ports, item.target);
  return announce(item, ports, attempt);
}

/// Nothing is issued on it from now on; what came up since the certificates were revoked loses its key, too. Done twice, it does
/// the same.
Progress reset_card(DeviceItem& item, DevicePorts& ports, Attempt) {
  const auto inputs = operations::get(ports.bench.db, item.request_id).inputs;
  revoke_certificates_of(ports.bench, item.target, parse_reason(inputs.at("reason").text()),
                         "reset of the YubiKey " + item.target);
  ports.agent.reset(item.target);
  return Progress::done;
}

Progress forget_secrets(DeviceItem& item, DevicePorts& ports, Attempt) {
  if (item.proven)
    ports.secrets.destroy();
  else if (ports.secrets.card().version != 0 || ports.secrets.pin().version != 0)
    ports.bench.notices.warn("the YubiKey " + item.target +
                             " did not prove to be the one enrolled: its secrets are kept until it is enrolled again");
  return Progress::done;
}

namespace {

Record record_factory(const DeviceItem& item, const char* note) {
  return [serial = item.target, note](Recording& recording) {
    if (devices::find(recording.db, serial)) devices::set_reset(recording.db, serial, note, now());
  };
}

}  // namespace

Record record_reset_begun(const DeviceItem& item) {
  return record_factory(item, "a reset was begun");
}

Record record_reset(const DeviceItem& item) {
  return record_factory(item, "reset");
}

}  // namespace ymgr
