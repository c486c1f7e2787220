#include "x509/raw_key.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

std::string unhex(std::string_view text) {
  return from_hex(text).value();
}

}  // namespace

TEST_CASE("a request signed elsewhere is the request that its private key makes") {
  // An Ed25519 signature has no chance in it: both ways give the same bytes.
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ed25519);
  const RequestedNames names{"web1.example.com", {parse_san("dns:web1.example.com"), parse_san("ip:192.0.2.1")}};
  const Csr own = parse_csr(make_csr(key, names).bytes);
  std::string asked;
  const auto sign = [&](std::string_view message) {
    asked = message;
    // The last 64 bytes of our own request are its signature.
    return own.der.bytes.substr(own.der.bytes.size() - 64);
  };
  CHECK(make_csr(key.public_key(), names, sign) == own.der);
  CHECK(own.der.bytes.find(asked) != std::string::npos);
}

TEST_CASE("a request with a signature that does not fit is not made") {
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  for (const std::string& wrong : {std::string(), std::string(64, 'x'), std::string(72, '\0')}) {
    CHECK_CODE(make_csr(key.public_key(), {"x", {}}, [&](std::string_view) { return wrong; }), Code::csr_bad_signature);
  }
}

TEST_CASE("public keys are made of a card's numbers and points") {
  const std::string p256 = unhex(
      "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C2964FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B"
      "315ECECBB6406837BF51F5");  // the generator
  CHECK(public_key_of_point(Curve::p256, p256).algorithm == KeyAlgorithm::ec_p256);
  CHECK(public_key_of_point(Curve::ed25519, std::string(32, '\x05')).algorithm == KeyAlgorithm::ed25519);
  CHECK(public_key_of_point(Curve::x25519, std::string(32, '\x09')).family == "X25519");
  CHECK_FALSE(public_key_of_point(Curve::x25519, std::string(32, '\x09')).algorithm);
  const PublicKey rsa = public_key_of_rsa('\xC1' + std::string(254, '\x55') + '\x01', unhex("010001"));
  CHECK(rsa.algorithm == KeyAlgorithm::rsa_2048);
  std::string off = p256;
  off.back() = static_cast<char>(off.back() ^ 1);
  for (const std::string& wrong : {off, p256.substr(1), p256 + 'x', std::string(), std::string(65, '\0')}) {
    CAPTURE(to_hex(wrong));
    CHECK_CODE(public_key_of_point(Curve::p256, wrong), Code::key_invalid);
  }
  CHECK_CODE(public_key_of_point(Curve::ed25519, "short"), Code::key_invalid);
  for (const std::size_t size : {0U, 1U, 64U, 600U}) {
    CHECK_CODE(public_key_of_rsa(std::string(size, '\xC1'), "\x03"), Code::key_invalid);
  }
}

TEST_CASE("a bare operation is given what its signature is made of") {
  const PublicKey rsa = public_key_of_rsa('\xC1' + std::string(254, '\x55') + '\x01', unhex("010001"));
  const std::string block = signing_input(rsa, "abc");
  CHECK(block.size() == 256);
  CHECK(block.substr(0, 3) == std::string("\0\1\xFF", 3));
  CHECK(block.substr(256 - 32 - 20) ==  // RFC 8017 9.2, note 1; FIPS 180-2 B.1
        std::string(1, '\0') + unhex("3031300D060960864801650304020105000420"
                                     "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
  for (const auto& [algorithm, size] : {std::pair{KeyAlgorithm::ec_p256, 32U}, {KeyAlgorithm::ec_p384, 48U}}) {
    CHECK(signing_input(PrivateKey::generate(algorithm).public_key(), "abc").size() == size);
  }
  CHECK(signing_input(PrivateKey::generate(KeyAlgorithm::ed25519).public_key(), "abc") == "abc");
}

TEST_CASE("one block goes through each cipher of a management key as NIST's examples say") {
  struct Row {
    BlockCipher cipher;
    const char *key, *plain, *cipher_text;
  };
  const Row rows[] = {
      // SP 800-67, B.1
      {BlockCipher::tdes, "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123", "5468652071756663", "A826FD8CE53B855F"},
      // FIPS 197, C
      {BlockCipher::aes_128, "000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
       "69C4E0D86A7B0430D8CDB78070B4C55A"},
      {BlockCipher::aes_192, "000102030405060708090A0B0C0D0E0F1011121314151617", "00112233445566778899AABBCCDDEEFF",
       "DDA97CA4864CDFE06EAF70A0EC0D7191"},
      {BlockCipher::aes_256, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
       "00112233445566778899AABBCCDDEEFF", "8EA2B7CA516745BFEAFC49904B496089"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.key);
    const Secret key(unhex(row.key));
    CHECK(encrypt_block(row.cipher, key, unhex(row.plain)) == unhex(row.cipher_text));
    CHECK(decrypt_block(row.cipher, key, unhex(row.cipher_text)) == unhex(row.plain));
    CHECK(block_size(row.cipher) == unhex(row.plain).size());
    CHECK_CODE(encrypt_block(row.cipher, key, "short"), Code::internal);
    CHECK_CODE(encrypt_block(row.cipher, Secret(7), unhex(row.plain)), Code::internal);
  }
}
