// The certificates are those of tests/support/attestations.py. No statement of Yubico's own is among them: they are made by keys
// that never leave a YubiKey.
#include "x509/attestation.hpp"

#include <doctest/doctest.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

const Time at = parse_time("2026-06-01T00:00:00Z");

std::string file(const std::string& name) {
  return read_file(YMGR_SOURCE_DIR "/tests/unit/x509/golden/attestation/" + name + ".pem");
}

std::vector<Certificate> roots(const std::string& name) {
  return parse_pem_chain(file(name));
}

Attestation verify(const std::string& statement, const std::string& device, const std::string& root = "root",
                   VirtualRoot virtual_root = VirtualRoot::refused) {
  return verify_attestation(file(statement), file(device), roots(root), virtual_root, at);
}

}  // namespace

TEST_CASE("Yubico's certificates are the ones with the published fingerprints") {
  const auto shipped = yubico_attestation_certificates();
  REQUIRE(shipped.size() == 7);
  CHECK(hex(shipped[0].fingerprint) == "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546");
  CHECK(shipped[0].common_name == "Yubico PIV Root CA Serial 263751");
  CHECK(hex(shipped[1].fingerprint) == "0fa1386f80eb8713263ae5c1d84deb455bdf08aea50ab05503cefee82b092d42");
  CHECK(shipped[1].common_name == "Yubico U2F Root CA Serial 457200631");
  CHECK(hex(shipped[2].fingerprint) == "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8");
  CHECK(shipped[2].common_name == "Yubico Attestation Root 1");
  for (std::size_t i = 3; i < 7; ++i) {
    CAPTURE(shipped[i].subject);
    CHECK(check_chain(shipped[i], shipped.subspan(3), shipped.subspan(2, 1), at).empty());
  }
}

TEST_CASE("an attestation tells serial, firmware, slot, policies and key") {
  const auto read = verify("good", "device");
  CHECK(read.serial == "1000000");
  CHECK(read.firmware == std::array{5, 7, 4});
  CHECK(read.slot == 0x9A);
  CHECK(read.pin_policy == 2);
  CHECK(read.touch_policy == 1);
  CHECK(read.form_factor == 1);
  CHECK(read.root == "Test Root");
  CHECK(read.key.spki == parse_certificate(file("good")).key.spki);
}

TEST_CASE("F9's certificate need not be a CA, and firmware 4 tells no form factor") {
  CHECK(verify("good", "device_no_ca").serial == "1000000");
  const auto old = verify("old", "device_old");
  CHECK(old.firmware[0] == 4);
  CHECK(old.form_factor == 0);
}

TEST_CASE("what does not prove it is refused, for its reason") {
  struct Row {
    const char *statement, *device, *root, *why;
  };
  const Row rows[] = {
      {"other_signer", "device", "root", "signature"},
      {"other_issuer", "device", "root", "YubiKey's own certificate"},
      {"good", "device_old", "root", "signature"},
      {"ca", "device", "root", "is a CA"},
      {"critical", "device", "root", "critical extension"},
      {"expired", "device", "root", "not valid now"},
      {"early", "device", "root", "not valid now"},
      {"no_firmware", "device", "root", "lacks the extension 1.3.6.1.4.1.41482.3.3"},
      {"no_serial", "device", "root", "lacks the extension 1.3.6.1.4.1.41482.3.7"},
      {"no_policy", "device", "root", "lacks the extension 1.3.6.1.4.1.41482.3.8"},
      {"no_form_factor", "device", "root", "lacks the extension 1.3.6.1.4.1.41482.3.9"},
      {"long_firmware", "device", "root", "wrong length"},
      {"short_policy", "device", "root", "wrong length"},
      {"wrapped_policy", "device", "root", "wrong length"},
      {"negative_serial", "device", "root", "serial number"},
      {"long_serial", "device", "root", "serial number"},
      {"raw_serial", "device", "root", "serial number"},
      {"trailing_serial", "device", "root", "serial number"},
      {"twice_serial", "device", "root", "1.3.6.1.4.1.41482.3.7 twice"},
      {"twice_policy", "device", "root", "1.3.6.1.4.1.41482.3.8 twice"},
      {"twice_firmware", "device", "root", "1.3.6.1.4.1.41482.3.3 twice"},
      {"no_slot", "device", "root", "slot"},
      {"long_slot", "device", "root", "slot"},
      {"word_slot", "device", "root", "slot"},
      {"good", "device", "virtual_root", "leads to no root"},
      {"good", "device_yubico", "root", "leads to no root"},
      {"good", "device_of_leaf", "root", "leads to no root"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.statement);
    CAPTURE(row.device);
    const auto error = thrown([&] { verify(row.statement, row.device, row.root); });
    REQUIRE(error);
    CHECK(error->code() == Code::attestation_refused);
    CAPTURE(error->what());
    CHECK(std::string_view(error->what()).find(row.why) != std::string_view::npos);
  }
}

TEST_CASE("a virtual YubiKey's root is taken by a demo profile only") {
  CHECK_CODE(verify("good", "device_virtual", "virtual_root"), Code::attestation_refused);
  CHECK(verify("good", "device_virtual", "virtual_root", VirtualRoot::accepted).root == "Virtual YubiKey PIV Root CA");
  CHECK_CODE(verify("good", "device_virtual", "root", VirtualRoot::accepted), Code::attestation_refused);
}

TEST_CASE("what is no certificate is told so") {
  const std::string good = file("good"), device = file("device");
  for (const std::string& bad : {std::string(), std::string("\x30"), std::string("x"), good.substr(0, good.size() / 2),
                                 std::string(1'000'000, 'A')}) {
    CHECK_CODE(verify_attestation(bad, device, {}, VirtualRoot::refused, at), Code::certificate_invalid);
    CHECK_CODE(verify_attestation(good, bad, {}, VirtualRoot::refused, at), Code::certificate_invalid);
  }
}

TEST_CASE("a key must be attested as that of the device, slot, request and policies asked for") {
  const auto attested = verify("good", "device");
  const Der spki = attested.key.spki, other = parse_certificate(file("device")).key.spki;
  struct Row {
    AttestedKey wanted;
    bool fits;
  };
  const Row rows[] = {
      {{.serial = "1000000"}, true},
      {{.serial = "1000001"}, false},
      {{.serial = "1000000", .slot = 0x9A}, true},
      {{.serial = "1000000", .slot = 0x9C}, false},
      {{.serial = "1000000", .spki = spki}, true},
      {{.serial = "1000000", .spki = other}, false},
      {{.serial = "1000000", .pin_policy = 2, .touch_policy = 1}, true},
      {{.serial = "1000000", .pin_policy = 1}, true},
      {{.serial = "1000000", .pin_policy = 3}, false},
      {{.serial = "1000000", .touch_policy = 2}, false},
      {{.serial = "1000000", .touch_policy = 3}, false},
  };
  for (const auto& row : rows) {
    const auto code = code_of([&] { require_attested(attested, row.wanted); });
    CHECK(code == (row.fits ? std::nullopt : std::optional(Code::attestation_refused)));
  }
  auto touched = attested;
  touched.touch_policy = 2;
  CHECK_FALSE(code_of([&] { require_attested(touched, {.serial = "1000000", .touch_policy = 3}); }));
  touched.touch_policy = 3;
  CHECK_CODE(require_attested(touched, {.serial = "1000000", .touch_policy = 2}), Code::attestation_refused);
}
