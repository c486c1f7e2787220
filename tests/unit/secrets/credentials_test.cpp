#include "secrets/credentials.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

TEST_CASE("a generated PIN has eight digits of every kind and is none that everybody tries") {
  std::map<char, int> seen;
  for (int i = 0; i < 2000; ++i) {
    const auto digits = make_digits();
    CHECK(digits.size() == 8);
    CHECK_FALSE(is_trivial(digits.reveal()));
    for (const char c : digits.reveal()) ++seen[c];
  }
  CHECK(seen.size() == 10);
  for (const auto& [digit, count] : seen) {
    CAPTURE(digit);
    CHECK(digit >= '0');
    CHECK(digit <= '9');
    CHECK(count > 1300);  // 1600 expected, 38 is one standard deviation
    CHECK(count < 1900);
  }
}

TEST_CASE("PINs that everybody tries are known") {
  for (const char* text : {"123456", "12345678", "11111111", "aaaaaa", "87654321", "654321", "123123", "abc123",
                           "password", "abcdefgh", "234567"})
    CHECK_MESSAGE(is_trivial(text), text);
  for (const char* text : {"27182818", "314159", "12345679", "11111112"}) CHECK_MESSAGE(!is_trivial(text), text);
}

TEST_CASE("a chosen PIN must be one that a YubiKey takes") {
  for (const char* text : {"", "12345", "123456789", "123456", "ünïcö", "1234\t567", "11111111"})
    CHECK_MESSAGE(code_of([&] { check_chosen(Secret(text), "PIN"); }) == std::optional(Code::pin_unusable), text);
  for (const char* text : {"271828", "c0rrect!", "   8 1  "})
    CHECK_FALSE(code_of([&] { check_chosen(Secret(text), "PIN"); }));
}

TEST_CASE("management keys have their length and no weak part") {
  using piv::ManagementAlgorithm;
  for (const auto algorithm : {ManagementAlgorithm::tdes, ManagementAlgorithm::aes_128, ManagementAlgorithm::aes_192,
                               ManagementAlgorithm::aes_256}) {
    const auto key = make_management_key(algorithm), other = make_management_key(algorithm);
    CHECK(key.algorithm == algorithm);
    CHECK(key.bytes.size() == piv::key_size(algorithm));
    CHECK(key.bytes.reveal() != other.bytes.reveal());
  }
}

TEST_CASE("weak 3DES keys are known whatever their parity bits are") {
  const std::string a = "0011223344556677", b = "8899aabbccddeeff", c = "0123456789abcdef";
  struct Row {
    std::string hex;
    bool weak;
  };
  const Row rows[] = {{a + b + c, false},
                      {a + a + c, true},
                      {a + b + b, true},
                      {a + b + a, true},
                      {"0110233245546776" + a + c, true},
                      {"0101010101010101" + b + c, true},
                      {a + "0000000000000000" + c, true},
                      {a + "fffffffffffffffe" + c, true},
                      {a + b + "1f1f1f1f0e0e0e0e", true},
                      {a + b + "01fe01fe01fe01fe", true},
                      {a + b + "e0fee0fef1fef1fe", true},
                      {a + b + "1fe11fe00ef10ef1", true},
                      {"010203040506070801020304050607080102030405060708", true}};
  for (const auto& row : rows) {
    CAPTURE(row.hex);
    CHECK(is_weak_tdes(*from_hex(row.hex)) == row.weak);
  }
}
