#include "base/csv.hpp"
#include "report/report.hpp"

namespace ymgr {
namespace {

Json window_json(Time from, Time to) {
  return Json::object({{"from", format_time(from)}, {"to", format_time(to)}});
}

Json items_json(const std::vector<ReportItem>& items, std::string_view note_name) {
  Json list = Json::array();
  for (const auto& item : items) {
    Json json = Json::object({{"cert_id", item.cert_id},
                              {"name", item.name},
                              {"owner", item.owner},
                              {"profile", item.profile},
                              {"serial_number", item.serial},
                              {"expires_at", format_time(item.expires_at)}});
    json.set("device", item.device.empty() ? Json() : Json(item.device));
    json.set("slot", item.slot.empty() ? Json() : Json(item.slot));
    if (item.revoked_at) json.set("revoked_at", format_time(*item.revoked_at));
    if (!note_name.empty()) json.set(note_name, item.note);
    list.push(std::move(json));
  }
  return list;
}

std::string csv_rows(std::string_view kind, const std::vector<ReportItem>& items) {
  std::string text;
  for (const auto& item : items) {
    text += csv_line({std::string(kind), item.cert_id, item.name, item.owner, item.profile, item.serial,
                      format_time(item.expires_at), item.revoked_at ? format_time(*item.revoked_at) : "", item.note,
                      item.device, item.slot});
  }
  return text;
}

}  // namespace

Json to_json(const Report& report) {
  const auto& window = report.window;
  return Json::object({{"generated_at", format_time(window.at)},
                       {"active", report.active},
                       {"expired", report.expired},
                       {"due", report.due},
                       {"due_on_devices", report.due_on_devices},
                       {"tracked", report.tracked},
                       {"expiring", report.expiring},
                       {"expiring_window", window_json(window.expiring_from, window.expiring_to)},
                       {"revoked", report.revoked},
                       {"revoked_window", window_json(window.revoked_from, window.revoked_to)},
                       {"policy_compliance_percent", report.compliance_percent()},
                       {"offending", report.offending},
                       {"hooks_pending", report.hooks_pending},
                       {"notices_owed", report.notices_owed},
                       {"operations_open", report.operations_open},
                       {"expiring_certificates", items_json(report.expiring_items, "")},
                       {"revoked_certificates", items_json(report.revoked_items, "reason")},
                       {"offending_certificates", items_json(report.offending_items, "violations")}});
}

std::string report_csv(const Report& report) {
  return csv_line({"kind", "cert_id", "name", "owner", "profile", "serial_number", "expires_at", "revoked_at", "note",
                   "device", "slot"}) +
         csv_rows("expiring", report.expiring_items) + csv_rows("revoked", report.revoked_items) +
         csv_rows("offending", report.offending_items);
}

}  // namespace ymgr
