#include "base/crypto.hpp"

#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

std::string bytes(std::string_view hex_text) {
  return from_hex(hex_text).value();
}
Secret secret(std::string_view hex_text) {
  return Secret(bytes(hex_text));
}
std::string flipped(std::string text, std::size_t at) {
  text[at] = static_cast<char>(text[at] ^ 1);
  return text;
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("random bytes differ") {
  CHECK(random_bytes(16).size() == 16);
  CHECK(random_bytes(16) != random_bytes(16));
  CHECK(random_bytes(0).empty());
}

TEST_CASE("what is sealed opens with the same key and binding only") {
  const Secret key = Secret::random(32), other = Secret::random(32);
  const std::string box = seal(key, "path/1", "the secret");
  CHECK(box.size() == 24 + 10 + 16);
  CHECK(unseal(key, "path/1", box).reveal() == "the secret");
  CHECK(seal(key, "path/1", "the secret") != box);
  CHECK(code_of([&] { unseal(other, "path/1", box); }) == Code::box_invalid);
  CHECK(code_of([&] { unseal(key, "path/2", box); }) == Code::box_invalid);
  CHECK(code_of([&] { unseal(key, "", box); }) == Code::box_invalid);
  for (std::size_t i = 0; i < box.size(); ++i) {
    CHECK(code_of([&] { unseal(key, "path/1", flipped(box, i)); }) == Code::box_invalid);
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{39}, box.size() - 1}) {
    CHECK(code_of([&] { unseal(key, "path/1", box.substr(0, size)); }) == Code::box_invalid);
  }
  CHECK(unseal(key, "", seal(key, "", "")).empty());
  CHECK(code_of([&] { seal(Secret(std::string_view("short")), "", "x"); }) == Code::box_invalid);
}

TEST_CASE("a box is XChaCha20-Poly1305 with the nonce in front (draft-irtf-cfrg-xchacha-03, A.3.1)") {
  const std::string box = bytes(
      "404142434445464748494a4b4c4d4e4f5051525354555657"
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216"
      "cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13"
      "b52ec0875924c1c7987947deafd8780acf49");
  const Secret key = secret("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  CHECK(unseal(key, bytes("50515253c0c1c2c3c4c5c6c7"), box).reveal() ==
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would "
        "be it.");
}

TEST_CASE("derive is HKDF-SHA-256 without salt (RFC 5869, A.3)") {
  const Secret key = secret("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
  CHECK(to_hex(derive(key, "").reveal()) == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
  CHECK(derive(key, "a").reveal() != derive(key, "b").reveal());
}

// The hash was made with argon2-cffi: Argon2id, version 19, t=3, m=65536 KiB, p=1.
TEST_CASE("passwords are stretched by Argon2id, and never for less than the minimum") {
  const Secret password(std::string_view("correct horse battery"));
  const std::string salt = "0123456789abcdef";
  CHECK(to_hex(stretch_password(password, salt, {}).reveal()) ==
        "00bac562b407875296682e0b8043688e09be94fcea326e99aa62d0edb44404fc");
  CHECK(code_of([&] { stretch_password(password, salt, {2, 64 * 1024}); }) == Code::internal);
  CHECK(code_of([&] { stretch_password(password, salt, {3, 64 * 1024 - 1}); }) == Code::internal);
  CHECK(code_of([&] { stretch_password(password, "short", {}); }) == Code::internal);
}

TEST_CASE("constant-time comparison compares") {
  CHECK(equal_constant_time("abc", "abc"));
  CHECK(equal_constant_time("", ""));
  CHECK_FALSE(equal_constant_time("abc", "abd"));
  CHECK_FALSE(equal_constant_time("abc", "ab"));
}

TEST_CASE("anybody seals to a public key, its owner opens") {
  const BoxKeys keys = make_box_keys(), other = make_box_keys();
  const std::string box = seal_to(keys.public_key, "data key");
  CHECK(box.size() == 8 + 48);
  CHECK(open_sealed_to(keys, box).reveal() == "data key");
  CHECK(code_of([&] { open_sealed_to(other, box); }) == Code::box_invalid);
  CHECK(code_of([&] { open_sealed_to(keys, flipped(box, 50)); }) == Code::box_invalid);
  CHECK(code_of([&] { open_sealed_to(keys, "short"); }) == Code::box_invalid);
  CHECK(code_of([&] { seal_to("short", "x"); }) == Code::box_invalid);
  CHECK(code_of([&] { seal_to(std::string(32, '\0'), "x"); }) == Code::box_invalid);
}

TEST_CASE("Ed25519 keys and signatures are those of RFC 8032, 7.1") {
  struct Row {
    const char *seed, *public_key, *message, *signature;
  };
  const Row rows[] = {{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46"
                       "bd25bf5f0595bbe24"
                       "655141438e7a100b"},
                      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8"
                       "c387b2eaeb4302aee"
                       "b00d291612bb0c00"},
                      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc65"
                       "94a7c15e9716ed28d"
                       "c027beceea1ec40a"}};
  for (const Row& row : rows) {
    CAPTURE(row.message);
    const SigningKeys keys = signing_keys_from_seed(secret(row.seed));
    const std::string message = bytes(row.message);
    CHECK(to_hex(keys.public_key) == row.public_key);
    CHECK(to_hex(sign_detached(keys, message)) == row.signature);
    CHECK(verify_detached(keys.public_key, message, bytes(row.signature)));
    CHECK_FALSE(verify_detached(keys.public_key, message + "x", bytes(row.signature)));
    CHECK_FALSE(verify_detached(keys.public_key, message, flipped(bytes(row.signature), 0)));
    CHECK_FALSE(verify_detached(keys.public_key, message, "short"));
    CHECK_FALSE(verify_detached("short", message, bytes(row.signature)));
  }
  CHECK(make_signing_keys().public_key != make_signing_keys().public_key);
  CHECK(code_of([] { signing_keys_from_seed(Secret(std::string_view("short"))); }) == Code::box_invalid);
}
