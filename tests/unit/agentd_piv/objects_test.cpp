#include "agentd/piv/certificate_object.hpp"
#include "agentd/piv/public_key.hpp"
#include "agentd/piv/tlv.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

std::string bytes(std::string_view hex) {
  return from_hex(hex).value();
}

// "hello hello hello hello\n", by gzip -n
const char* const packed = "1f8b0800000000000203cb48cdc9c957c84027b9000088590b18000000";

}  // namespace

TEST_CASE("a certificate object is read as it is written") {
  const Der certificate{std::string(1234, '\x30')};
  CHECK(read_certificate_object(make_certificate_object(certificate)) == certificate);
  CHECK(to_hex(make_certificate_object({"AB"})) == "70024142710100fe00");
  CHECK(read_certificate_object(bytes("70024142")).bytes == "AB");  // some leave the rest out
}

TEST_CASE("what is no certificate object is refused") {
  for (const char* hex : {"", "7101", "710100fe00", "7005414271", "7002414271010100", "700241427101fffe00"}) {
    CAPTURE(hex);
    CHECK_CODE(read_certificate_object(bytes(hex)), Code::device_failed);
  }
}

TEST_CASE("slots, algorithms and policies are read by their names and nothing else") {
  struct Row {
    const char* text;
    std::optional<Slot> want;
  };
  const Row rows[] = {{"9a", Slot::authentication}, {"9c", Slot::signature},
                      {"9d", Slot::key_management}, {"9e", Slot::card_authentication},
                      {"82", Slot::first_retired},  {"95", Slot::last_retired},
                      {"9A", std::nullopt},         {"9b", std::nullopt},
                      {"f9", std::nullopt},         {"96", std::nullopt},
                      {"81", std::nullopt},         {"", std::nullopt},
                      {"9", std::nullopt},          {"9a ", std::nullopt},
                      {"-9", std::nullopt},         {"+9", std::nullopt}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_slot(row.text) == row.want);
    if (row.want) CHECK(to_string(*row.want) == row.text);
  }
  for (const char* name : {"rsa-1024", "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ed25519", "x25519"}) {
    CHECK(to_string(parse_algorithm(name).value()) == name);
  }
  for (const char* name : {"default", "never", "always"}) {
    CHECK(to_string(parse_pin_policy(name).value()) == name);
    CHECK(to_string(parse_touch_policy(name).value()) == name);
  }
  CHECK(parse_pin_policy("once"));
  CHECK(parse_touch_policy("cached"));
  CHECK_FALSE(parse_pin_policy("cached"));
  CHECK_FALSE(parse_algorithm("RSA-2048"));
  CHECK(to_string(parse_management_algorithm("aes-192").value()) == "aes-192");
}

TEST_CASE("weak firmware is known") {
  struct Row {
    Firmware firmware;
    std::size_t weaknesses;
    bool makes_rsa_2048, makes_rsa_4096;
  };
  for (const Row& row :
       {Row{{4, 1, 9}, 1, true, false}, Row{{4, 2, 0}, 2, false, false}, Row{{4, 3, 4}, 2, false, false},
        Row{{4, 3, 5}, 1, true, false}, Row{{5, 6, 9}, 1, true, false}, Row{{5, 7, 0}, 0, true, true}}) {
    CAPTURE(to_string(row.firmware));
    CHECK(weaknesses(row.firmware).size() == row.weaknesses);
    CHECK(supports(row.firmware, Algorithm::rsa_2048) == row.makes_rsa_2048);
    CHECK(supports(row.firmware, Algorithm::rsa_4096) == row.makes_rsa_4096);
  }
}

TEST_CASE("a public key that is not what was asked for is refused") {
  const std::string modulus = '\xC1' + std::string(254, '\x55') + '\x01';
  const std::string rsa = tlv(0x81, modulus) + tlv(0x82, bytes("010001"));
  CHECK(read_public_key(Algorithm::rsa_2048, rsa).bits == 2048);
  CHECK(read_public_key(Algorithm::x25519, tlv(0x86, std::string(32, '\x09'))).family == "X25519");
  CHECK_CODE(read_public_key(Algorithm::rsa_3072, rsa), Code::device_failed);
  CHECK_CODE(read_public_key(Algorithm::ec_p256, rsa), Code::device_failed);
  CHECK_CODE(read_public_key(Algorithm::ec_p256, tlv(0x86, std::string(65, '\x04'))), Code::device_failed);
  CHECK_CODE(read_public_key(Algorithm::ed25519, tlv(0x86, std::string(31, '\x04'))), Code::device_failed);
  CHECK_CODE(read_public_key(Algorithm::rsa_2048, tlv(0x81, {}) + tlv(0x82, {})), Code::device_failed);
  CHECK_CODE(read_public_key(Algorithm::rsa_2048, ""), Code::device_failed);
}

TEST_CASE("a packed certificate is unpacked, to a limit") {
  const std::string text = "hello hello hello hello\n";
  CHECK(unpack_gzip(bytes(packed), 24) == text);
  CHECK(read_certificate_object(tlv(0x70, bytes(packed)) + bytes("710101fe00")).bytes == text);
  CHECK_CODE(unpack_gzip(bytes(packed), 23), Code::device_failed);
  CHECK_CODE(unpack_gzip(bytes(packed).substr(0, 20), 100), Code::device_failed);
  CHECK_CODE(unpack_gzip("", 100), Code::device_failed);
  std::string damaged = bytes(packed);
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // its checksum
  CHECK_CODE(unpack_gzip(damaged, 100), Code::device_failed);
}
