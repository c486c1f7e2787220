#include "agent/sealed.hpp"

#include <doctest/doctest.h>

#include <array>

#include "base/files.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"
#include "x509/oaep.hpp"

namespace {
using namespace ymgr;

template <class Call>
Error refused(Call&& call) {
  auto error = thrown(call);
  REQUIRE(error.has_value());
  return *error;
}

constexpr std::array<std::string_view, 2> fields = {"pin", "current_pin"};

std::string golden(const char* name) {
  return read_file(std::string(YMGR_SOURCE_DIR) + "/tests/unit/agent/golden/" + name);
}

/// The key of the golden vector: making one takes the sanitized build seconds.
const PrivateKey& key() {
  static const PrivateKey kept = PrivateKey::from_pem(Secret(golden("session.key")));
  return kept;
}

std::map<std::string, Secret> open(const std::string& text, std::string_view path = "/piv/set-pin") {
  return agent::open_request(path, text, parse_json(text), fields, key());
}

std::string sealed() {
  std::vector<std::pair<std::string, Secret>> secrets;
  secrets.emplace_back("pin", Secret("48151623"));
  secrets.emplace_back("current_pin", Secret("123456"));
  return agent::seal_request("/piv/set-pin", Json::object({{"serial", "12345678"}}), "n0nce", secrets,
                             key().public_key().spki);
}

std::string changed(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("what openssl pkeyutl sealed is opened") {
  const auto secrets = open(golden("set_pin.json"));
  REQUIRE(secrets.size() == 2);
  CHECK(secrets.at("pin").reveal() == "48151623");
  CHECK(secrets.at("current_pin").reveal() == "123456");
}

TEST_CASE("the label binds path, field, nonce and body, each ended by a NUL") {
  const std::string label = agent::sealed_label("/piv/set-pin", "pin", "n0nce", sha256("{}"));
  const Sha256 hash = sha256("{}");
  using namespace std::string_literals;
  CHECK(label == "ymgr-agent-v1\0/piv/set-pin\0pin\0n0nce\0"s +
                     std::string(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

TEST_CASE("what was sealed is opened, and nothing of it can be read or moved") {
  const std::string text = sealed();
  CHECK(open(text).at("pin").reveal() == "48151623");
  CHECK(text.find("48151623") == std::string::npos);
  const Json body = parse_json(text);
  const std::string pin = body.at("pin").text(), old = body.at("current_pin").text();
  std::string swapped = changed(changed(changed(text, pin, "?"), old, pin), "?", old);
  std::string flipped = pin;
  flipped[7] = flipped[7] == 'A' ? 'B' : 'A';
  const std::string wrong[] = {
      swapped,
      changed(text, pin, old),                              // one box twice
      changed(text, "12345678", "12345679"),                // another serial
      changed(text, "n0nce", "n1nce"),                      // another nonce
      changed(text, "\"serial\"", " \"serial\""),           // other bytes of the same JSON
      changed(text, "\"serial\":", "\"x\":1,\"serial\":"),  // a member more
      changed(text, pin, flipped),                          // another box
      changed(text, pin, pin.substr(4)),                    // a shorter one
      changed(text, pin, ""),                               // none
      changed(text, pin, "123456"),                         // plain text
      changed(text, "\"encrypted\":true", "\"encrypted\":false"),
      changed(text, ",\"nonce\":\"n0nce\"", ""),
      changed(text, "\"n0nce\"", "7"),
  };
  const std::string one_text = refused([&] { open(wrong[0]); }).what();
  for (const std::string& request : wrong) {
    CAPTURE(request);
    const auto error = refused([&] { open(request); });
    CHECK(error.code() == Code::sealed_invalid);
    CHECK(error.what() == one_text);
  }
  CHECK(refused([&] { open(text, "/piv/unblock-pin"); }).what() == one_text);
}

TEST_CASE("fields that are not there are not opened") {
  CHECK(open(R"({"encrypted":true,"nonce":"x"})").empty());
}

TEST_CASE("what does not fit the key is refused before it is sent") {
  const Der& spki = key().public_key().spki;
  CHECK(oaep_seal(spki, "label", std::string(318, 'x')).size() == 384);
  CHECK(refused([&] { oaep_seal(spki, "label", std::string(319, 'x')); }).code() == Code::sealed_invalid);
  const auto other = PrivateKey::generate(KeyAlgorithm::ec_p256);
  CHECK(refused([&] { oaep_seal(other.public_key().spki, "label", "x"); }).code() == Code::key_invalid);
  CHECK(refused([&] { oaep_open(other, "label", "x"); }).code() == Code::sealed_invalid);
}

}  // namespace
