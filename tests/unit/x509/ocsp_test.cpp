#include "unit/x509/pki.hpp"
#include "x509/der.hpp"
#include "x509/extensions.hpp"
#include "x509/issuer.hpp"
#include "x509/openssl.hpp"
#include "x509/revocation.hpp"

using namespace ymgr;
using namespace ymgr::test;

namespace {

/// Now, because `openssl ocsp` knows no other time.
struct Responder {
  explicit Responder(KeyAlgorithm algorithm) : pki(algorithm), signer(make(algorithm)) {
    folder.put("ca", pki.ca.certificate().pem);
    folder.put("root", pki.root.certificate().pem);
    folder.put("leaf", pki.issue(PrivateKey::generate(KeyAlgorithm::ec_p256).public_key(), plan_for("a.example")).pem);
  }
  Issuer make(KeyAlgorithm algorithm) {
    auto key = PrivateKey::generate(algorithm);
    const auto certificate = parse_certificate(
        make_ocsp_signer(pki.ca, key.public_key(), "0A", instant, instant + std::chrono::hours(24)).bytes);
    return {certificate, std::move(key)};
  }
  /// What `openssl ocsp` asks with these options.
  OcspRequest ask(const std::string& options) {
    const auto ran =
        run("openssl ocsp -issuer " + folder.path("ca") + " " + options + " -reqout " + folder.path("req"));
    REQUIRE(ran.status == 0);
    return parse_ocsp_request(folder.get("req"), pki.ca.certificate());
  }
  /// What it makes of the response: status of `-cert`, or nonce of `-reqin`, never both.
  Ran judge(const std::string& response, const std::string& asked) {
    return run("openssl ocsp -no_nonce -issuer " + folder.path("ca") + " " + asked + " -CAfile " + folder.path("root") +
               " -verify_other " + folder.path("ca") + " -respin " + folder.put("resp", response));
  }
  std::string status_asked() const { return "-cert " + folder.path("leaf"); }
  std::string nonce_asked() const { return "-reqin " + folder.path("req"); }
  Time instant = floor_seconds(now()), next = instant + std::chrono::hours(1);
  Pki pki;
  Issuer signer;
  Folder folder;
};

}  // namespace

TEST_CASE("openssl ocsp understands every answer") {
  struct Row {
    OcspStatus status;
    Reason reason;
    const char* want;
  };
  const Row rows[] = {{OcspStatus::good, Reason::unspecified, "leaf: good"},
                      {OcspStatus::unknown, Reason::unspecified, "leaf: unknown"},
                      {OcspStatus::revoked, Reason::unspecified, "leaf: revoked"},
                      {OcspStatus::revoked, Reason::key_compromise, "Reason: keyCompromise"}};
  for (const auto algorithm :
       {KeyAlgorithm::rsa_2048, KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519}) {
    CAPTURE(to_string(algorithm));
    Responder responder(algorithm);
    const auto request = responder.ask("-cert " + responder.folder.path("leaf"));
    REQUIRE(request.certificates.size() == 1);
    CHECK(request.certificates[0].is_ours);
    CHECK(request.certificates[0].serial == "4A:3F:2B");
    REQUIRE(request.nonce);
    // The kinds of key differ in signatures only: one of them sees every status.
    for (const auto& row : std::span(rows).first(algorithm == KeyAlgorithm::ec_p256 ? std::size(rows) : 1)) {
      const std::vector<OcspAnswer> answers = {
          {request.certificates[0].id, row.status, RevokedEntry{"4A:3F:2B", responder.instant, row.reason, {}}}};
      const auto response =
          make_ocsp_response(responder.signer, answers, request.nonce, responder.instant, responder.next);
      const auto ran = responder.judge(response, responder.status_asked());
      CAPTURE(ran.output);
      CHECK(ran.output.find("Response verify OK") != std::string::npos);
      CHECK(ran.output.find(row.want) != std::string::npos);
      CHECK(ran.output.find("WARNING") == std::string::npos);
      CHECK(responder.judge(response, responder.nonce_asked()).output == "Response verify OK\n");
      CHECK(parse_ocsp_response(response, responder.pki.ca.certificate(), "4A:3F:2B") == row.status);
      CHECK_CODE(parse_ocsp_response(response, responder.pki.ca.certificate(), "4A:3F:2C"), Code::ocsp_invalid);
      CHECK_CODE(parse_ocsp_response(response, responder.pki.root.certificate(), "4A:3F:2B"), Code::ocsp_invalid);
      CHECK_CODE(parse_ocsp_response(response.substr(1), responder.pki.ca.certificate(), "4A:3F:2B"),
                 Code::ocsp_invalid);
    }
    const auto with = [&](const std::optional<std::string>& nonce) {
      const auto response = make_ocsp_response(responder.signer, {{request.certificates[0].id, OcspStatus::good, {}}},
                                               nonce, responder.instant, responder.next);
      return responder.judge(response, responder.nonce_asked()).output;
    };
    CHECK(with({}).find("WARNING: no nonce in response") != std::string::npos);
    CHECK(with("another").find("Nonce Verify error") != std::string::npos);
  }
}

TEST_CASE("requests name certificates of this CA by every usual hash, and of others") {
  Responder responder(KeyAlgorithm::ec_p256);
  for (const char* hash : {"-sha1", "-sha256", "-sha384", "-sha512"}) {
    CAPTURE(hash);
    const auto request = responder.ask(std::string(hash) + " -serial 0x4A3F2B -serial 0x01 -no_nonce");
    REQUIRE(request.certificates.size() == 2);
    CHECK(request.certificates[0].is_ours);
    CHECK(request.certificates[0].serial == "4A:3F:2B");
    CHECK(request.certificates[1].serial == "01");
    CHECK(request.nonce == std::nullopt);
    CHECK_FALSE(
        parse_ocsp_request(responder.folder.get("req"), responder.pki.root.certificate()).certificates[0].is_ours);
  }
  CHECK_FALSE(responder.ask("-sha224 -serial 1").certificates[0].is_ours);
  const auto negative = responder.ask("-serial -5");
  CHECK_FALSE(negative.certificates[0].is_ours);
  CHECK(negative.certificates[0].serial == "");
}

TEST_CASE("requests that are too large, empty or cut are refused") {
  Responder responder(KeyAlgorithm::ec_p256);
  std::string serials;
  for (int i = 1; i <= 20; ++i) serials += " -serial " + std::to_string(i);
  CHECK(responder.ask(serials).certificates.size() == 20);
  const auto ran = run("openssl ocsp -issuer " + responder.folder.path("ca") + serials + " -serial 21 -reqout " +
                       responder.folder.path("req"));
  REQUIRE(ran.status == 0);
  const auto& ca = responder.pki.ca.certificate();
  CHECK_CODE(parse_ocsp_request(responder.folder.get("req"), ca), Code::ocsp_invalid);
  responder.ask("-serial 1");
  const std::string der = responder.folder.get("req");
  for (std::size_t i = 0; i < der.size(); ++i) CHECK_CODE(parse_ocsp_request(der.substr(0, i), ca), Code::ocsp_invalid);
  CHECK_CODE(parse_ocsp_request(der + "x", ca), Code::ocsp_invalid);
  CHECK_CODE(parse_ocsp_request(std::string(16 * 1024 + 1, '0'), ca), Code::ocsp_invalid);
  CHECK_CODE(parse_ocsp_request(std::string_view("\x30\x04\x30\x02\x30\x00", 6), ca), Code::ocsp_invalid);
}

TEST_CASE("hashes, nonces and extensions are each looked at") {
  using extensions::Critical;
  const Pki pki;
  const auto& ca = pki.ca.certificate();
  const std::string name_hash = ossl::digest("SHA1", subject_of(ca)),
                    key_hash = ossl::digest("SHA1", *der::key_bits(ca.key.spki.bytes)), other(20, 'x');
  const auto ask = [&](const std::string& names, const std::string& keys, const std::string& single,
                       const std::string& all) {
    const auto id = der::sequence(der::sequence(der::oid("1.3.14.3.2.26"), der::tlv(der::null_tag, "")),
                                  der::octet_string(names), der::octet_string(keys), der::integer(std::int64_t{5}));
    const auto list = [](unsigned char tag, const std::string& content) {
      return content.empty() ? "" : der::tlv(der::constructed(tag), der::sequence(content));
    };
    return parse_ocsp_request(
        der::sequence(der::sequence(der::sequence(der::sequence(id, list(0, single))), list(2, all))), ca);
  };
  const auto nonce = [](const std::string& bytes) {
    return extensions::extension("1.3.6.1.5.5.7.48.1.2", Critical::no, der::octet_string(bytes));
  };
  const auto unknown = [](Critical critical) { return extensions::extension("1.2.3.4", critical, "x"); };
  CHECK(ask(name_hash, key_hash, "", "").certificates[0].is_ours);
  CHECK_FALSE(ask(other, key_hash, "", "").certificates[0].is_ours);
  CHECK_FALSE(ask(name_hash, other, "", "").certificates[0].is_ours);
  CHECK(ask(name_hash, key_hash, unknown(Critical::no), unknown(Critical::no)).certificates[0].is_ours);
  CHECK_CODE(ask(name_hash, key_hash, unknown(Critical::yes), ""), Code::ocsp_invalid);
  CHECK_CODE(ask(name_hash, key_hash, "", unknown(Critical::yes)), Code::ocsp_invalid);
  CHECK(ask(name_hash, key_hash, "", nonce(std::string(128, 'n'))).nonce == std::string(128, 'n'));
  CHECK(ask(name_hash, key_hash, "", nonce("n")).nonce == "n");
  CHECK_CODE(ask(name_hash, key_hash, "", nonce(std::string(129, 'n'))), Code::ocsp_invalid);
  CHECK_CODE(ask(name_hash, key_hash, "", nonce("")), Code::ocsp_invalid);
  CHECK_CODE(ask(name_hash, key_hash, "", nonce("a") + nonce("a")), Code::ocsp_invalid);
  CHECK_CODE(ask(name_hash, key_hash, "", extensions::extension("1.3.6.1.5.5.7.48.1.2", Critical::no, "bare")),
             Code::ocsp_invalid);
}

TEST_CASE("errors are answers too") {
  const Folder folder;
  const auto file = folder.put("resp", make_ocsp_error(OcspError::unauthorized));
  CHECK(run("openssl ocsp -respin " + file + " -text").output.find("unauthorized (6)") != std::string::npos);
}
