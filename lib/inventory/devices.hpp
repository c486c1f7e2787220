// Inventory Agent: the devices table.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "sql/connection.hpp"

namespace ymgr {

/// factory: has default credentials, or may have, because its enrollment has not ended. Only an enrolled one is worked with.
enum class DeviceStatus { factory, enrolled, lost, retired };
std::string_view to_string(DeviceStatus) noexcept;
/// Who knows the PIN: escrow: the profile too; user: the person alone.
enum class PinMode { escrow, user };
std::string_view to_string(PinMode) noexcept;
/// @throws Error usage listing the two
PinMode parse_pin_mode(std::string_view text);

/// One row of `devices`.
struct DeviceRow {
  std::string serial, owner;
  DeviceStatus status = DeviceStatus::factory;
  std::string firmware, form_factor;  // "5.7.4", "usb-a-keychain"
  bool fips = false;
  std::optional<bool> default_pin, default_puk, default_management_key;  // when it was first seen; nullopt: unknown
  PinMode pin_mode = PinMode::escrow;
  std::string attestation, attestation_root;  // PEM of the statement and of F9's certificate; the root's name; or empty
  std::optional<Time> attested_at;
  Time created_at, updated_at;
  std::optional<Time> enrolled_at;
  std::string enrolled_by, note;
  std::string replaced_by;            // serial or empty
  std::optional<Time> superseded_at;  // when the certificates on it become superseded
};

namespace devices {

std::optional<DeviceRow> find(sql::Connection&, std::string_view serial);
/// @throws Error device-not-enrolled: no row
DeviceRow get(sql::Connection&, std::string_view serial);
/// Inserts or replaces the row; created_at stays. Joins the caller's transaction, as all that change something.
void put(sql::Connection&, const DeviceRow&);
/// One that becomes factory has not been enrolled. @throws Error device-not-enrolled, as the setters below
void set_status(sql::Connection&, std::string_view serial, DeviceStatus, std::string_view note, Time at);
/// It was reset: factory, and not attested any more; the statement is kept, by which it is known again.
void set_reset(sql::Connection&, std::string_view serial, std::string_view note, Time at);
void set_owner(sql::Connection&, std::string_view serial, std::string_view owner, Time at);
/// `grace_end`: until then the old one's certificates stay active. `by` empty: it is not replaced (any more).
void set_replaced(sql::Connection&, std::string_view serial, std::string_view by, std::optional<Time> grace_end,
                  Time at);

struct ListQuery {
  std::string owner;  // empty: all
  std::optional<DeviceStatus> status;
};
/// By serial.
std::vector<DeviceRow> list(sql::Connection&, const ListQuery& = {});
/// Replaced ones whose grace has ended and whose certificates are still to be superseded.
std::vector<DeviceRow> grace_ended(sql::Connection&, Time at);

/// Ids of certificates with a key on that device ("yubikey:SERIAL:9a") that are not revoked, superseded or expired at `at`.
std::vector<std::string> active_certificates(sql::Connection&, std::string_view serial, Time at);
/// Whatever they are: active, superseded, revoked.
std::vector<std::string> unexpired_certificates(sql::Connection&, std::string_view serial, Time at);

Json to_json(const DeviceRow&);

}  // namespace devices
}  // namespace ymgr
