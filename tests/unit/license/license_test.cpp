#include "license/license.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

using namespace ymgr;
using namespace ymgr::license;

namespace {

/// Made by examples/license.sh, that is by OpenSSL.
constexpr const char* vendor_pem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA6wPslOqtXcNck91qOgDQZXlMCiHxE03MD8rzYMnrgWI=\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* vendor_inline = "ed25519:6wPslOqtXcNck91qOgDQZXlMCiHxE03MD8rzYMnrgWI=";
constexpr const char* golden =
    "ymgr-license-1\n"
    "license_id: lic-1\n"
    "customer: Exämple GmbH\n"
    "installation_id: inst-20261122223000-7f3a91c04be2\n"
    "issued_at: 2026-11-22T22:41:43Z\n"
    "not_before: 2026-11-22T00:00:00Z\n"
    "expires_at: 2026-12-22T00:00:00Z\n"
    "signature: jZMz9RoioZCwC/ui0+kKRXO1Wk+8n9Tn/bbHB7ye5HXm3M++b+V8Lkkk4SnUVtR77AwsoGss1rPxxs8Xg/syCQ==\n";

std::string with(std::string_view old, std::string_view replacement) {
  std::string text = golden;
  return text.replace(text.find(old), old.size(), replacement);
}

}  // namespace

TEST_CASE("a licence that the vendor's tool made is read, and its key verifies it") {
  const auto license = parse_license(golden);
  CHECK(license.license_id == "lic-1");
  CHECK(license.customer == "Exämple GmbH");
  CHECK(license.installation_id == "inst-20261122223000-7f3a91c04be2");
  CHECK(format_time(license.issued_at) == "2026-11-22T22:41:43Z");
  CHECK(format_time(license.not_before) == "2026-11-22T00:00:00Z");
  CHECK(format_time(license.expires_at) == "2026-12-22T00:00:00Z");
  CHECK(license.text == golden);
  const VendorKey other{std::string(32, '\x01')}, key = parse_vendor_key(vendor_pem, "vendor.pem");
  CHECK(signer_of(license, std::vector{key}) == key.id());
  CHECK(signer_of(license, std::vector{other, key}) == key.id());  // while keys change
  CHECK(signer_of(license, std::vector{other}) == std::nullopt);
  CHECK(signer_of(license, {}) == std::nullopt);
  CHECK(signer_of(parse_license(std::string_view(golden).substr(0, std::string_view(golden).size() - 1)), {&key, 1}));
}

TEST_CASE("no byte of a licence can be changed") {
  const VendorKey key = parse_vendor_key(vendor_pem, "vendor.pem");
  const std::string_view text = golden;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    std::string changed(text);
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CAPTURE(at);
    std::optional<std::string> signer;
    const auto refused = code_of([&] { signer = signer_of(parse_license(changed), {&key, 1}); });
    CHECK_FALSE(signer);
    CHECK(refused.value_or(Code::license_unreadable) == Code::license_unreadable);
  }
}

TEST_CASE("what is not exactly a licence is refused with a reason") {
  struct Row {
    std::string text;
    const char* reason;
  };
  const Row rows[] = {
      {"", "its first line is not ymgr-license-1"},
      {with("license-1\n", "license-2\n"), "its first line is not ymgr-license-1"},
      {std::string(golden) + "\n", "something follows its signature"},
      {std::string(golden) + golden, "something follows its signature"},
      {std::string(golden) + std::string(largest_license, ' '), "it is longer than 4096 bytes"},
      {with("\ncustomer", "\r\ncustomer"),
       "license_id has no value, a long one, or one with characters that are not seen"},
      {with("lic-1", "lic-1\nlicense_id: lic-2"),
       "the line 'customer: …' does not stand in its place, or not only there"},
      {with("Z\nnot_before", "Z\nexpires_at: 2036-12-22T00:00:00Z\nnot_before"),
       "the line 'not_before: …' does not stand in its place, or not only there"},
      {with("lic-1", "lic 1"), "license_id is none: 1 to 64 of a-z, A-Z, 0-9, dot, dash and underscore"},
      {with("lic-1", std::string(65, 'a')), "license_id is none: 1 to 64 of a-z, A-Z, 0-9, dot, dash and underscore"},
      {with("GmbH", "GmbH "), "customer has no value, a long one, or one with characters that are not seen"},
      {with("GmbH", "\x1b[31m"), "customer has no value, a long one, or one with characters that are not seen"},
      {with("GmbH", std::string(200, 'x')),
       "customer has no value, a long one, or one with characters that are not seen"},
      {with("Exämple GmbH", ""), "customer has no value, a long one, or one with characters that are not seen"},
      {with("2026-12-22T00:00:00Z", "2026-12-22"), "expires_at is not like 2026-11-22T00:00:00Z"},
      {with("2026-12-22T00:00:00Z", "2026-12-22T01:00:00+01:00"), "expires_at is not like 2026-11-22T00:00:00Z"},
      {with("2026-12-22T00:00:00Z", "2026-11-22T00:00:00Z"), "it ends before it begins"},
      {with("jZMz", ""), "its signature is not the base64 of 64 bytes"},
      {with("jZMz", "!ZMz"), "its signature is not the base64 of 64 bytes"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK_CODE(parse_license(row.text), Code::license_unreadable);
    CHECK(message_of([&] { parse_license(row.text); }) == std::string("the licence can't be read: ") + row.reason);
  }
}

TEST_CASE("a vendor's key stands in a PEM file or in the configuration itself") {
  const auto key = inline_vendor_key(vendor_inline);
  REQUIRE(key);
  CHECK(key->bytes == parse_vendor_key(vendor_pem, "vendor.pem").bytes);
  CHECK(key->id().size() == 16);
  CHECK(inline_vendor_key("/etc/ymgr/vendor.pem") == std::nullopt);
  for (const char* wrong : {"ed25519:", "ed25519:AAAA", "ed25519:6wPslOqtXcNck91qOgDQZXlMCiHxE03MD8rzYMnrgWI"})
    CHECK_CODE(inline_vendor_key(wrong), Code::config_invalid);
  const std::string p256 =
      "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li"
      "/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n";
  for (const auto& wrong : {std::string(), std::string("x"), p256})
    CHECK_CODE(parse_vendor_key(wrong, "vendor.pem"), Code::config_invalid);
}
