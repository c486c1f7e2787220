#include "agentd/piv/tlv.hpp"

#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

std::string bytes(std::string_view hex) {
  return from_hex(hex).value();
}

}  // namespace

TEST_CASE("elements of a card's answer are taken apart") {
  const std::string answer = bytes(
      "000102AABB0000"
      "7F4903810101"
      "5F2F00"
      "53810180");
  const auto elements = read_tlvs(answer);
  REQUIRE(elements.size() == 4);
  CHECK(to_hex(elements[0].value) == "aabb");
  CHECK(elements[1].tag == 0x7F49);
  CHECK(to_hex(find(elements, 0x7F49).value()) == "810101");
  CHECK(find(elements, 0x5F2F).value().empty());
  CHECK(to_hex(need(elements, 0x53)) == "80");
  CHECK_FALSE(find(elements, 0x54));
  CHECK_CODE(need(elements, 0x54), Code::device_failed);
}

TEST_CASE("what claims more than there is is refused") {
  for (const char* hex : {"01", "0102AA", "0181", "018180", "0182", "018200", "01820100", "0183000001AA", "0180AA",
                          "01FFAA", "7F", "7F81", "7F810100", "5F8182", "0184000000010A", "53820BB8AA"}) {
    CAPTURE(hex);
    CHECK_CODE(read_tlvs(bytes(hex)), Code::device_failed);
  }
  CHECK(read_tlvs("").empty());
  CHECK(read_tlvs(std::string(5000, '\0')).empty());
  std::string many;
  for (int i = 0; i < 65; ++i) many += bytes("0100");
  CHECK_CODE(read_tlvs(many), Code::device_failed);
}

TEST_CASE("the one element that must be there is") {
  CHECK(only(bytes("530141"), 0x53) == "A");
  for (const char* hex : {"", "540141", "5301415300", "5302"}) {
    CAPTURE(hex);
    CHECK_CODE(only(bytes(hex), 0x53), Code::device_failed);
  }
}

TEST_CASE("an element is written as it is read") {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 255U, 256U, 3052U, 65535U}) {
    const std::string value(size, '\x5A');
    for (const unsigned tag : {0x53U, 0x7F49U}) {
      CAPTURE(size);
      CHECK(only(tlv(tag, value), tag) == value);
      CHECK(secret_tlv(tag, Secret(value)).reveal() == tlv(tag, value));
    }
  }
  CHECK(to_hex(tlv(0x7C, tlv(0x82, {}))) == "7c028200");
  CHECK(to_hex(tlv(0x70, std::string(200, 'x'))).substr(0, 6) == "7081c8");
  CHECK(to_hex(tlv(0x70, std::string(300, 'x'))).substr(0, 8) == "7082012c");
}
