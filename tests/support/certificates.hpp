// Inventory rows that look real enough.
#pragma once
#include <string>

#include "inventory/inventory.hpp"

namespace ymgr::test {

inline constexpr Time inventory_now = from_seconds(1'800'000'000);  // 2027-01-15T08:00:00Z

inline Duration days(int count) {
  return std::chrono::hours(24) * count;
}

/// The `number`-th certificate of `name`: active, 90 days, issued 30 days ago, renewed from 30 days before its end.
inline CertificateRow certificate_row(int number, std::string name) {
  CertificateRow row;
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08x", static_cast<unsigned>(number));
  row.cert_id = "cert-20270115080000-0000" + std::string(hex);
  row.name = std::move(name);
  row.subject = "CN=" + row.name;
  row.sans = {{SanKind::dns, row.name}};
  row.serial = "4A:" + std::string(hex, 2) + ":" + std::string(hex + 2, 2) + ":" + std::string(hex + 4, 2) + ":" +
               std::string(hex + 6, 2);
  for (char& c : row.serial) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  row.issuer = "CN=ymgr Issuing CA 1,O=ymgr";
  row.ca_name = "ymgr Issuing CA 1";
  row.key_reference = "sealed:" + row.name;
  row.key_algorithm = "ec-p256";
  row.public_key_sha256 = std::string(56, '0') + hex;
  row.profile = "tls-server";
  row.owner = "alice";
  row.policy_version = "v1.0";
  row.issued_at = row.not_before = row.key_created_at = inventory_now - days(30);
  row.expires_at = row.not_before + days(90);
  row.renew_at = row.expires_at - days(30);
  row.fingerprint = std::string(56, 'f') + hex;
  row.pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  row.request_id = "req-20270115080000-0000" + std::string(hex);
  row.issued_by = "alice";
  return row;
}

}  // namespace ymgr::test
