#include <doctest/doctest.h>

#include "base/error.hpp"
#include "x509/types.hpp"
#include "x509/usages.hpp"

using namespace ymgr;

TEST_CASE("key algorithms have names, families and sizes") {
  for (const auto name : key_algorithm_names()) {
    CAPTURE(name);
    const auto algorithm = parse_key_algorithm(name);
    REQUIRE(algorithm);
    CHECK(to_string(*algorithm) == name);
  }
  CHECK(key_algorithm_names().size() == 6);
  CHECK(parse_key_algorithm("RSA-3072") == std::nullopt);
  CHECK(parse_key_algorithm("") == std::nullopt);
  CHECK(key_bits(KeyAlgorithm::rsa_4096) == 4096);
  CHECK(key_bits(KeyAlgorithm::ec_p384) == 384);
  CHECK(key_family(KeyAlgorithm::ed25519) == "Ed25519");
}

TEST_CASE("serial numbers have one normal form") {
  struct Row {
    const char* text;
    std::optional<std::string> want;
  };
  const Row rows[] = {
      {"4a3f2b", "4A:3F:2B"},
      {"4A:3f:2B", "4A:3F:2B"},
      {"a:b", "0A:0B"},
      {"abc", "0A:BC"},
      {"00:00:01", "01"},
      {"00", "00"},
      {"0", "00"},
      {"0000000000000102030405060708090a0b0c0d0e0f1011121314",
       "01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14"},
      {"0102030405060708090a0b0c0d0e0f101112131415", std::nullopt},
      {"", std::nullopt},
      {":", std::nullopt},
      {"4A:", std::nullopt},
      {"4A:3F2", std::nullopt},
      {"0x4A", std::nullopt},
      {"4G", std::nullopt},
      {" 4A", std::nullopt},
      {"-1", std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(normal_serial(row.text) == row.want);
  }
}

TEST_CASE("new serial numbers are sixteen bytes, positive and different") {
  std::string before;
  for (int i = 0; i < 64; ++i) {
    const std::string serial = new_serial();
    CHECK(serial.size() == 47);
    CHECK(serial[0] >= '4');
    CHECK(serial[0] <= '7');
    CHECK(normal_serial(serial) == serial);
    CHECK(serial != before);
    before = serial;
  }
}

TEST_CASE("revocation reasons are read by name or number") {
  struct Row {
    const char* text;
    Reason want;
  };
  const Row rows[] = {{"keyCompromise", Reason::key_compromise},
                      {"KEYCOMPROMISE", Reason::key_compromise},
                      {"1", Reason::key_compromise},
                      {"unspecified", Reason::unspecified},
                      {"0", Reason::unspecified},
                      {"6", Reason::certificate_hold},
                      {"aacompromise", Reason::aa_compromise},
                      {"10", Reason::aa_compromise}};
  for (const auto& row : rows) CHECK(parse_reason(row.text) == row.want);
  for (const char* text : {"7", "8", "removeFromCRL", "11", "-1", "", "stolen", "1 ", "0x1"}) {
    CAPTURE(text);
    try {
      parse_reason(text);
      CHECK(false);
    } catch (const Error& e) {
      CHECK(e.code() == Code::reason_invalid);
      CHECK(e.hint().find(std::string_view(text) == "8" || std::string_view(text) == "removeFromCRL"
                              ? "--unhold"
                              : "keyCompromise 1") != std::string::npos);
    }
  }
  for (int i = 0; i <= 10; ++i) {
    if (i != 7) CHECK(reason_of(to_string(static_cast<Reason>(i))) == static_cast<Reason>(i));
  }
  CHECK(reason_of("") == std::nullopt);
  CHECK(reason_of("keycompromise") == std::nullopt);
}

TEST_CASE("extended key usages are names or OIDs") {
  CHECK(eku_oid("serverAuth") == "1.3.6.1.5.5.7.3.1");
  CHECK(eku_oid("smartcardLogon") == "1.3.6.1.4.1.311.20.2.2");
  CHECK(eku_oid("1.3.6.1.4.1.99999.1") == "1.3.6.1.4.1.99999.1");
  CHECK(eku_oid("2.999.1") == "2.999.1");
  CHECK(eku_name("1.3.6.1.5.5.7.3.2") == "clientAuth");
  CHECK(eku_name("1.2.3") == "1.2.3");
  for (const char* text : {"", "serverauth", "1", "3.1", "1.40", "1.100.2", "1..2", "1.02", ".1.2", "1.2.", "1.2.x",
                           "1.2.9999999999999999999"}) {
    CAPTURE(text);
    CHECK(eku_oid(text) == std::nullopt);
  }
}

TEST_CASE("key usages are bits of RFC 5280 by name") {
  const std::vector<std::string> some = {"digitalSignature", "keyAgreement", "decipherOnly"};
  CHECK(key_usage_bits(some) == (1U << 0U | 1U << 4U | 1U << 8U));
  CHECK(key_usage_names(key_usage_bits(some)) == some);
  CHECK(key_usage_bits(std::vector<std::string>{"contentCommitment"}) == 2U);
  CHECK_THROWS_AS(key_usage_bits(std::vector<std::string>{"digitalsignature"}), Error);
}
