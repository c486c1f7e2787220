#include "inventory/devices.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "inventory/inventory.hpp"
#include "support/certificates.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::days;

const Time at = test::inventory_now;

DeviceRow row_of(const std::string& serial, DeviceStatus status = DeviceStatus::enrolled) {
  DeviceRow row;
  row.serial = serial;
  row.owner = "alice";
  row.status = status;
  row.firmware = "5.7.4";
  row.form_factor = "usb-a-keychain";
  row.created_at = row.updated_at = at - days(3);
  return row;
}

std::vector<std::string> serials(const std::vector<DeviceRow>& rows) {
  std::vector<std::string> found;
  for (const auto& row : rows) found.push_back(row.serial);
  return found;
}

TEST_CASE("a YubiKey's row comes back as it was written") {
  const test::TestDatabase db;
  devices::put(*db, row_of("1002"));
  auto in = row_of("1001");
  in.fips = true;
  in.default_pin = true;
  in.default_puk = false;
  in.pin_mode = PinMode::user;
  in.attestation = "-----BEGIN CERTIFICATE-----\n";
  in.attestation_root = "Yubico PIV Root CA";
  in.attested_at = at - days(2);
  in.enrolled_at = at - days(1);
  in.enrolled_by = "bob";
  in.note = "on the \"train\"";
  in.replaced_by = "1002";
  in.superseded_at = at + days(7);
  devices::put(*db, in);
  const auto out = devices::get(*db, "1001");
  CHECK(devices::to_json(out) == devices::to_json(in));
  CHECK(out.attestation == in.attestation);
  CHECK((out.created_at == in.created_at));
  CHECK(out.default_management_key == std::nullopt);
}

TEST_CASE("a row that is written again keeps when it was made") {
  const test::TestDatabase db;
  devices::put(*db, row_of("1001"));
  auto again = row_of("1001", DeviceStatus::lost);
  again.created_at = again.updated_at = at;
  devices::put(*db, again);
  const auto out = devices::get(*db, "1001");
  CHECK((out.created_at == at - days(3)));
  CHECK((out.updated_at == at));
  CHECK(out.status == DeviceStatus::lost);
}

TEST_CASE("what has no row is not changed") {
  const test::TestDatabase db;
  CHECK_FALSE(devices::find(*db, "1001"));
  CHECK_CODE(devices::get(*db, "1001"), Code::device_not_enrolled);
  CHECK_CODE(devices::set_owner(*db, "1001", "bob", at), Code::device_not_enrolled);
  CHECK_CODE(devices::set_status(*db, "1001", DeviceStatus::lost, "", at), Code::device_not_enrolled);
}

TEST_CASE("lists are by serial, of one owner or one status") {
  const test::TestDatabase db;
  for (const char* serial : {"3", "1", "2"}) devices::put(*db, row_of(serial));
  devices::set_owner(*db, "2", "bob", at);
  devices::set_status(*db, "3", DeviceStatus::lost, "", at);
  CHECK(serials(devices::list(*db)) == std::vector<std::string>{"1", "2", "3"});
  CHECK(serials(devices::list(*db, {"bob", {}})) == std::vector<std::string>{"2"});
  CHECK(serials(devices::list(*db, {"", DeviceStatus::lost})) == std::vector<std::string>{"3"});
  CHECK(devices::list(*db, {"bob", DeviceStatus::lost}).empty());
}

TEST_CASE("a grace ends at its time and not before") {
  const test::TestDatabase db;
  for (const char* serial : {"1", "2"}) devices::put(*db, row_of(serial));
  devices::set_replaced(*db, "1", "2", at + days(1), at);
  CHECK(devices::grace_ended(*db, at).empty());
  CHECK(serials(devices::grace_ended(*db, at + days(1))) == std::vector<std::string>{"1"});
  devices::set_replaced(*db, "1", "2", std::nullopt, at);
  CHECK(devices::grace_ended(*db, at + days(9)).empty());
}

}  // namespace
