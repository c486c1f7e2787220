#include "inventory/devices.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

constexpr std::string_view columns =
    "serial, owner, status, firmware, form_factor, fips, default_pin, default_puk, default_management_key, pin_mode, "
    "attestation, attestation_root, attested_at, created_at, updated_at, enrolled_at, enrolled_by, note, replaced_by, "
    "superseded_at";

constexpr DeviceStatus statuses[] = {DeviceStatus::factory, DeviceStatus::enrolled, DeviceStatus::lost,
                                     DeviceStatus::retired};

std::optional<bool> flag_at(const sql::Row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.integer(column) != 0);
}
std::optional<Time> time_at(const sql::Row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(from_micros(row.integer(column)));
}
sql::Value or_null(const std::string& text) {
  return text.empty() ? sql::Value() : sql::Value(text);
}
sql::Value or_null(const std::optional<Time>& time) {
  return time ? sql::Value(to_micros(*time)) : sql::Value();
}
sql::Value or_null(const std::optional<bool>& flag) {
  return flag ? sql::Value(std::int64_t{*flag ? 1 : 0}) : sql::Value();
}

DeviceRow read(const sql::Row& row) {
  DeviceRow out;
  out.serial = row.text(0);
  out.owner = row.text(1);
  for (const auto status : statuses)
    if (to_string(status) == row.text(2)) out.status = status;
  out.firmware = row.text(3);
  out.form_factor = row.text(4);
  out.fips = row.integer(5) != 0;
  out.default_pin = flag_at(row, 6);
  out.default_puk = flag_at(row, 7);
  out.default_management_key = flag_at(row, 8);
  out.pin_mode = parse_pin_mode(row.text(9));
  out.attestation = row.text(10);
  out.attestation_root = row.text(11);
  out.attested_at = time_at(row, 12);
  out.created_at = from_micros(row.integer(13));
  out.updated_at = from_micros(row.integer(14));
  out.enrolled_at = time_at(row, 15);
  out.enrolled_by = row.text(16);
  out.note = row.text(17);
  out.replaced_by = row.text(18);
  out.superseded_at = time_at(row, 19);
  return out;
}

std::vector<DeviceRow> rows(sql::Connection& db, std::string_view where, std::initializer_list<sql::Value> params) {
  std::vector<DeviceRow> found;
  const std::string text = "SELECT " + std::string(columns) + " FROM devices WHERE " + std::string(where) +
                           " ORDER BY length(serial), serial";
  db.run(text, params, [&](const sql::Row& row) { found.push_back(read(row)); });
  return found;
}

void change(sql::Connection& db, std::string_view serial, std::string_view set,
            std::initializer_list<sql::Value> params) {
  if (db.run("UPDATE devices SET " + std::string(set) + " WHERE serial = $1", params) == 0)
    throw Error(Code::device_not_enrolled, "the YubiKey " + printable(serial) + " is not enrolled here");
}

Json json_of(const std::optional<Time>& time) {
  return time ? Json(format_time(*time)) : Json();
}
Json json_of(const std::optional<bool>& flag) {
  return flag ? Json(*flag) : Json();
}
Json json_of(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

}  // namespace

std::string_view to_string(DeviceStatus status) noexcept {
  switch (status) {
    case DeviceStatus::factory: return "factory";
    case DeviceStatus::enrolled: return "enrolled";
    case DeviceStatus::lost: return "lost";
    case DeviceStatus::retired: return "retired";
  }
  return "factory";
}

std::string_view to_string(PinMode mode) noexcept {
  return mode == PinMode::escrow ? "escrow" : "user";
}

PinMode parse_pin_mode(std::string_view text) {
  if (text == "escrow") return PinMode::escrow;
  if (text == "user") return PinMode::user;
  throw Error(Code::usage, "'" + printable(text) + "' is no way to keep PINs", "it is escrow or user");
}

namespace devices {

std::optional<DeviceRow> find(sql::Connection& db, std::string_view serial) {
  auto found = rows(db, "serial = $1", {serial});
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

DeviceRow get(sql::Connection& db, std::string_view serial) {
  if (auto row = find(db, serial)) return std::move(*row);
  const std::string which = printable(serial);
  throw Error(Code::device_not_enrolled, "the YubiKey " + which + " is not enrolled here",
              "ymgr enroll --device " + which + "; ymgr device list shows the enrolled ones");
}

void put(sql::Connection& db, const DeviceRow& row) {
  db.run("INSERT INTO devices (" + std::string(columns) +
             ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20) "
             "ON CONFLICT (serial) DO UPDATE SET owner = $2, status = $3, firmware = $4, form_factor = $5, fips = $6, "
             "default_pin = $7, default_puk = $8, default_management_key = $9, pin_mode = $10, attestation = $11, "
             "attestation_root = $12, attested_at = $13, updated_at = $15, enrolled_at = $16, enrolled_by = $17, "
             "note = $18, replaced_by = $19, superseded_at = $20",
         {row.serial,
          row.owner,
          to_string(row.status),
          row.firmware,
          row.form_factor,
          std::int64_t{row.fips ? 1 : 0},
          or_null(row.default_pin),
          or_null(row.default_puk),
          or_null(row.default_management_key),
          to_string(row.pin_mode),
          or_null(row.attestation),
          or_null(row.attestation_root),
          or_null(row.attested_at),
          to_micros(row.created_at),
          to_micros(row.updated_at),
          or_null(row.enrolled_at),
          or_null(row.enrolled_by),
          or_null(row.note),
          or_null(row.replaced_by),
          or_null(row.superseded_at)});
}

void set_status(sql::Connection& db, std::string_view serial, DeviceStatus status, std::string_view note, Time at) {
  change(db, serial,
         "status = $2, note = $3, updated_at = $4, enrolled_at = CASE $2 WHEN 'factory' THEN NULL ELSE enrolled_at END",
         {serial, to_string(status), note, to_micros(at)});
}

void set_reset(sql::Connection& db, std::string_view serial, std::string_view note, Time at) {
  set_status(db, serial, DeviceStatus::factory, note, at);
  change(db, serial, "attested_at = NULL", {serial});
}

void set_owner(sql::Connection& db, std::string_view serial, std::string_view owner, Time at) {
  change(db, serial, "owner = $2, updated_at = $3", {serial, owner, to_micros(at)});
}

void set_replaced(sql::Connection& db, std::string_view serial, std::string_view by, std::optional<Time> grace_end,
                  Time at) {
  change(db, serial, "replaced_by = $2, superseded_at = $3, updated_at = $4",
         {serial, or_null(std::string(by)), or_null(grace_end), to_micros(at)});
}

std::vector<DeviceRow> list(sql::Connection& db, const ListQuery& query) {
  const auto status = query.status ? to_string(*query.status) : std::string_view();
  return rows(db, "($1 = '' OR owner = $1) AND ($2 = '' OR status = $2)", {query.owner, status});
}

std::vector<DeviceRow> grace_ended(sql::Connection& db, Time at) {
  return rows(db, "superseded_at IS NOT NULL AND superseded_at <= $1", {to_micros(at)});
}

std::vector<std::string> active_certificates(sql::Connection& db, std::string_view serial, Time at) {
  std::vector<std::string> ids;
  db.run(
      "SELECT cert_id FROM certificates WHERE status = 'active' AND expires_at > $2 "
      "AND device = $1 ORDER BY cert_id",
      {serial, to_micros(at)}, [&](const sql::Row& row) { ids.emplace_back(row.text(0)); });
  return ids;
}

std::vector<std::string> unexpired_certificates(sql::Connection& db, std::string_view serial, Time at) {
  std::vector<std::string> ids;
  db.run("SELECT cert_id FROM certificates WHERE expires_at > $2 AND device = $1 ORDER BY cert_id",
         {serial, to_micros(at)}, [&](const sql::Row& row) { ids.emplace_back(row.text(0)); });
  return ids;
}

Json to_json(const DeviceRow& row) {
  return Json::object({{"serial", row.serial},
                       {"owner", row.owner},
                       {"status", to_string(row.status)},
                       {"firmware", row.firmware},
                       {"form_factor", json_of(row.form_factor)},
                       {"fips", row.fips},
                       {"pin_mode", to_string(row.pin_mode)},
                       {"default_pin_at_enroll", json_of(row.default_pin)},
                       {"default_puk_at_enroll", json_of(row.default_puk)},
                       {"default_management_key_at_enroll", json_of(row.default_management_key)},
                       {"attested", row.attested_at.has_value()},
                       {"attested_at", json_of(row.attested_at)},
                       {"attestation_root", row.attested_at ? json_of(row.attestation_root) : Json()},
                       {"enrolled_at", json_of(row.enrolled_at)},
                       {"enrolled_by", json_of(row.enrolled_by)},
                       {"note", json_of(row.note)},
                       {"replaced_by", json_of(row.replaced_by)},
                       {"superseded_at", json_of(row.superseded_at)},
                       {"updated_at", format_time(row.updated_at)}});
}

}  // namespace devices
}  // namespace ymgr
