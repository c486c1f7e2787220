#include "cli/devices.hpp"

#include "agent/messages.hpp"

namespace ymgr::cli {

Json device_json(const DeviceRow& row) {
  Json json = devices::to_json(row);
  Json weaknesses = Json::array();
  if (const auto firmware = agent::parse_firmware(row.firmware))
    for (const auto& weakness : piv::weaknesses(*firmware))
      weaknesses.push(Json::object({{"id", weakness.id}, {"text", weakness.text}}));
  json.set("weaknesses", std::move(weaknesses));
  return json;
}

std::string where_the_pin_is(const DeviceRow& row, bool was_chosen) {
  if (was_chosen || row.pin_mode == PinMode::user || row.status != DeviceStatus::enrolled) return "";
  return "Its PIN is a random one: ymgr device reveal " + row.serial + " --what pin --note WHY shows it\n";
}

Result secrets_answer(const DeviceAnswer& answer, const std::string& what) {
  Result result;
  result.json = Json::object({{"serial", answer.serial},
                              {"result", answer.result},
                              {"state", answer.state},
                              {"audit_reference", answer.request_id.empty() ? Json() : Json(answer.request_id)}});
  result.text = what + " of the YubiKey " + answer.serial + ": " + answer.result + "\n";
  result.changed = answer.changed;
  return result;
}

}  // namespace ymgr::cli
