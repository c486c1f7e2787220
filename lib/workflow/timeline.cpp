#include "workflow/timeline.hpp"

#include <algorithm>

#include "workflow/operation.hpp"

namespace ymgr {
namespace {

using Happenings = std::vector<Happening>;

bool is_hook(const audit::Row& event) {
  return event.event.starts_with("hook.");
}

/// What the inventory does not keep.
bool is_telling(const audit::Row& event) {
  return is_hook(event) || event.event.ends_with(".refused") || event.event.ends_with(".failed") ||
         event.event.ends_with(".abandoned");
}

/// "policy v2.4: Key size 2048 below minimum 3072; …", a hook's message, or an error's.
std::string detail_of(const audit::Row& event, const Json& data) {
  std::string text;
  if (const auto* violations = data.find("violations"); violations != nullptr && violations->is_array())
    for (const auto& violation : violations->items())
      text += (text.empty() ? "" : "; ") + text_in(violation, "message");
  if (!text.empty()) return "policy " + text_in(data, "policy_version") + ": " + text;
  for (const std::string_view member : {"message", "error"})
    if (auto found = text_in(data, member); !found.empty()) return found;
  return "by " + event.actor;
}

void add_origin(Happenings& told, const CertificateRow& row) {
  told.push_back({row.issued_at, row.renewed_from.empty() ? "issued" : "renewed", row.cert_id,
                  "by " + row.issued_by + " as " + row.profile + ", until " + format_time(row.expires_at)});
}

/// The trail has every result of a hook; the inventory the last one, for those who may not see the trail.
void add_hook(Happenings& told, const CertificateRow& row, const std::vector<audit::Row>& events) {
  const auto of_this = [&](const audit::Row& event) { return is_hook(event) && event.request_id == row.request_id; };
  if (!row.hook_at || std::ranges::any_of(events, of_this)) return;
  told.push_back({*row.hook_at, row.hook_state == "ok" ? "hook.done" : "hook.failed", row.cert_id, row.hook_message});
}

void add_end(Happenings& told, const CertificateRow& row) {
  // In whole seconds, so it may seem to come before what it ends.
  if (row.revoked_at)
    told.push_back({std::max(*row.revoked_at, row.issued_at), "revoked", row.cert_id, row.revocation_reason});
}

void add_ahead(Happenings& told, const CertificateRow& row, Time at) {
  if (row.status != CertificateStatus::active) return;
  told.push_back({row.renew_at, "(due)", row.cert_id, "", row.renew_at > at});
  told.push_back({row.expires_at, "(expires)", row.cert_id, "", row.expires_at > at});
}

}  // namespace

std::vector<Happening> timeline(sql::Connection& db, const CertificateRow& row, const std::vector<audit::Row>& events,
                                Time at) {
  Happenings told;
  for (const auto& one : inventory::lineage(db, row)) {
    add_origin(told, one);
    add_hook(told, one, events);
    add_end(told, one);
  }
  for (const auto& event : events) {
    if (!is_telling(event)) continue;
    const Json data = journaled(event.data);
    told.push_back({event.at, event.event, text_in(data, "cert_id"), detail_of(event, data)});
  }
  add_ahead(told, row, at);
  std::ranges::stable_sort(told, {}, &Happening::at);
  return told;
}

}  // namespace ymgr
