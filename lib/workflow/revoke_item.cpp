#include "workflow/revoke_item.hpp"

#include "base/files.hpp"
#include "workflow/card_key.hpp"
#include "workflow/genuine.hpp"
#include "workflow/installation.hpp"

namespace ymgr {
namespace {

constexpr std::string_view elsewhere = "no: the key is a file of another host or was moved";

Progress announce(RevokeItem&, RevokePorts&, Attempt) {
  return Progress::done;
}

Record record_revoked(const RevokeItem& item) {
  return [item](Recording& recording) {
    recording.audit =
        Json::object({{"cert_id", item.cert_id}, {"serial_number", item.serial}, {"reason", to_string(item.reason)}});
    if (item.was_revoked) {
      recording.audit.set("already_revoked", true);
      return;
    }
    recording.authority.revoke(item.issuer,
                               {item.serial, item.not_after, item.reason, item.revoked_at, item.invalidity_date});
    inventory::mark_revoked(recording.db, item.cert_id, item.revoked_at, item.reason, item.invalidity_date);
    if (item.reason == Reason::key_compromise)
      inventory::deny_key(recording.db, item.public_key_sha256, "keyCompromise", item.cert_id, item.revoked_at);
  };
}

/// Every copy of this key below the installation's folder; later and earlier certificates have keys of their own there.
/// @return true: there was one
bool destroy_copies(const std::string& out, const RevokeItem& item) {
  bool found = false;
  for (const auto& version : list_folder(out + "/versions"))
    found |= destroy_key_copy(out + "/versions/" + version + "/privkey.pem", item.public_key_sha256);
  const std::string key = out + "/privkey.pem";
  found |= destroy_key_copy(key, item.public_key_sha256);
  if (!exists(key)) remove_file(key);  // a link to what is gone
  return found;
}

/// Sets `destroyed` and `key_found`.
void destroy_files(RevokeItem& item, const RevokePorts& ports) {
  item.destroyed = elsewhere;
  if (item.installation.empty()) return;
  const auto place = installation::load(ports.installations, item.installation);
  if (!place || installation::key_reference(*place) != item.key_reference) return;
  const std::lock_guard lock(ports.files);
  item.key_found = !place->out.empty() && destroy_copies(place->out, item);
  for (const auto& id : installation::pending_keys(*place))
    item.key_found |= destroy_key_copy(installation::pending_key(*place, id), item.public_key_sha256);
  if (!place->pkcs12.empty() && item.has_newest_key && exists(place->pkcs12)) {
    remove_file(place->pkcs12);
    item.key_found = true;
  }
  const bool is_here = item.host.empty() || item.host == ports.host;
  if (item.key_found || is_here) item.destroyed = "yes";
}

/// The slot holds that key, or its certificate: the one is destroyed, the other deleted.
void destroy_in_slot(Workbench& bench, RevokeItem& item, const CardPlace& place) {
  const auto there = read_slot(bench.agent(), place);
  const bool has_key = there.key == item.public_key_sha256;
  if (!has_key && there.certificate != item.fingerprint) return;
  bench.agent().delete_certificate(place.serial, place.slot, management_key(bench, place.serial),
                                   has_key ? agent::DeleteKey::destroy : agent::DeleteKey::keep);
  item.key_found = has_key;
}

/// A card that is absent or does not want to keeps no certificate from being revoked.
void destroy_on_card(RevokeItem& item, const RevokePorts& ports) {
  const auto place = parse_card_reference(item.key_reference);
  if (!place) throw Error(Code::internal, "not a key on a card: " + item.key_reference);
  try {
    destroy_in_slot(*ports.cards, item, *place);
    item.destroyed = "yes";
  } catch (const Error& error) {  // becomes part of the answer
    if (error.code() == Code::interrupted) throw;
    item.destroyed = is_absence(error)
                         ? "no: the YubiKey " + place->serial + " is not plugged in; repeat the command when it is"
                         : std::string("no: ") + error.what();
  }
}

/// What may work later is done again with the operation; any other refusal keeps no certificate from being revoked.
void destroy_in_transit(RevokeItem& item, const RevokePorts& ports) {
  try {
    item.key_found = ports.transit->destroy(item.key_reference, item.public_key_sha256);
    item.destroyed = "yes";
  } catch (const Error& error) {  // becomes part of the answer
    if (error.retryable() || error.code() == Code::interrupted) throw;
    item.destroyed = std::string("no: ") + error.what();
  }
}

Progress destroy(RevokeItem& item, RevokePorts& ports, Attempt) {
  if (!item.destroy_key) return Progress::done;
  const auto place = place_of(item.key_reference);
  if (!item.key_user.empty()) {
    item.destroyed = "no: " + item.key_user + " uses the key by now";
  } else if ((place == KeyPlace::sealed || place == KeyPlace::transit) && !ports.stores.keeps(place)) {
    item.destroyed = "no: the key is not kept here but where the certificate came from";
  } else if (place == KeyPlace::sealed) {
    item.key_found = true;
    item.destroyed = "yes";
  } else if (place == KeyPlace::transit) {
    destroy_in_transit(item, ports);
  } else if (is_on_card(item)) {
    destroy_on_card(item, ports);
  } else {
    destroy_files(item, ports);
  }
  return Progress::done;
}

/// The operation that issued it may have kept the key for a delivery that failed or is still to come.
void forget_journaled_key(sql::Connection& db, const std::string& cert_id) {
  const auto row = inventory::by_id(db, cert_id);
  if (!row) return;
  for (auto& stored : operations::items(db, row->request_id)) {
    if (stored.data.text_or("cert_id", "") != cert_id || !stored.data.erase("key_box")) continue;
    const bool open = stored.status == "open" || stored.status == "waiting";
    db.run("UPDATE operation_items SET data = $1, status = $2, updated_at = $3 WHERE request_id = $4 AND position = $5",
           {dump_json(stored.data), open ? std::string_view("abandoned") : std::string_view(stored.status),
            to_micros(now()), row->request_id, static_cast<std::int64_t>(stored.position)});
  }
}

Record record_destroyed(const RevokeItem& item) {
  return [item](Recording& recording) {
    if (!item.destroy_key) return;
    if (item.key_user.empty()) {
      if (place_of(item.key_reference) == KeyPlace::sealed && item.destroyed == "yes")
        destroy_key(recording.db, item.key_reference);
      forget_journaled_key(recording.db, item.cert_id);
    }
    recording.audit = Json::object({{"key_reference", item.key_reference}, {"destroyed", item.destroyed}});
  };
}

constexpr Step<RevokeItem, RevokePorts> steps[] = {{"revoked", Durability::before_next, announce, record_revoked},
                                                   {"key_settled", Durability::grouped, destroy, record_destroyed}};

Error error_of(const StoredItem& stored) {
  if (stored.error.is_null())
    return Error(Code::operation_ended, "given up: " + stored.status, "revoke it again if that is still wanted");
  const auto* code = find_code(stored.error.text_or("code", ""));
  return Error(code ? code->code : Code::operation_ended, stored.error.text_or("error", ""),
               stored.error.text_or("suggestion", ""));
}

bool is_newest_key(Workbench& bench, const RevokeItem& item) {
  for (const auto& row : inventory::by_name(bench.db, item.name))
    if (row.installation == item.installation && row.host == bench.self.host)
      return row.public_key_sha256 == item.public_key_sha256;
  return false;
}

}  // namespace

bool is_on_card(const RevokeItem& item) {
  return parse_card_reference(item.key_reference).has_value();
}

std::span<const Step<RevokeItem, RevokePorts>> revoke_steps() {
  return steps;
}

Json RevokeItem::journal() const {
  return Json::object({{"cert_id", cert_id},
                       {"name", name},
                       {"serial", serial},
                       {"issuer", issuer},
                       {"public_key_sha256", public_key_sha256},
                       {"key_reference", key_reference},
                       {"fingerprint", fingerprint},
                       {"installation", installation},
                       {"host", host},
                       {"not_after", to_micros(not_after)},
                       {"revoked_at", to_micros(revoked_at)},
                       {"reason", to_string(reason)},
                       {"invalidity_date", invalidity_date ? Json(to_micros(*invalidity_date)) : Json()},
                       {"was_revoked", was_revoked},
                       {"destroy_key", destroy_key},
                       {"destroyed", destroyed}});
}

RevokeItem item_from(const StoredItem& stored) {
  RevokeItem item;
  const Json& json = stored.data;
  restore(item, stored);
  item.cert_id = json.at("cert_id").text();
  item.name = json.at("name").text();
  item.serial = json.at("serial").text();
  item.issuer = json.at("issuer").text();
  item.public_key_sha256 = json.at("public_key_sha256").text();
  item.key_reference = json.at("key_reference").text();
  item.fingerprint = json.text_or("fingerprint", "");
  item.installation = json.at("installation").text();
  item.host = json.text_or("host", "");
  item.not_after = from_micros(json.at("not_after").integer());
  item.revoked_at = from_micros(json.at("revoked_at").integer());
  item.reason = reason_of(json.at("reason").text()).value_or(Reason::unspecified);
  if (const auto* date = json.find("invalidity_date"); date && !date->is_null())
    item.invalidity_date = from_micros(date->integer());
  item.was_revoked = json.at("was_revoked").boolean();
  item.destroy_key = json.at("destroy_key").boolean();
  item.destroyed = json.text_or("destroyed", "");
  item.had_ended = item.status != Item::Status::open;
  if (item.status == Item::Status::failed) item.error = error_of(stored);
  return item;
}

std::optional<CertificateRow> key_user(Workbench& bench, std::string_view public_key_sha256,
                                       const std::set<std::string>& but, Time at) {
  for (auto& row : inventory::by_public_key(bench.db, public_key_sha256)) {
    const bool uses = row.status == CertificateStatus::active && row.expires_at > at && !but.contains(row.cert_id);
    if (uses && !against_signed(bench, row)) return row;
  }
  return std::nullopt;
}

void look_at_keys(Workbench& bench, std::vector<RevokeItem>& items) {
  std::set<std::string> ids;
  for (const auto& item : items) ids.insert(item.cert_id);
  const Time at = now();
  for (auto& item : items) {
    if (!item.destroy_key || item.status != Item::Status::open) continue;
    if (item.reason != Reason::key_compromise)
      if (const auto user = key_user(bench, item.public_key_sha256, ids, at)) item.key_user = user->cert_id;
    item.has_newest_key = !item.installation.empty() && is_newest_key(bench, item);
  }
}

}  // namespace ymgr
