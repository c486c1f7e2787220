// Fixed keys that sign deterministically (Ed25519), fixed plans: the same bytes for ever. The golden files were read with
// openssl when they were made; a difference means that certificates of the field change.
#include "unit/x509/pki.hpp"
#include "x509/revocation.hpp"

using namespace ymgr;
using namespace ymgr::test;

namespace {

PrivateKey fixed_key(char digit) {
  return PrivateKey::from_pkcs8(Secret(*from_hex("302e020100300506032b657004220420" + std::string(64, digit))));
}

std::string golden(const std::string& name) {
  return read_file(YMGR_SOURCE_DIR "/tests/unit/x509/golden/" + name);
}

}  // namespace

TEST_CASE("request, certificates and revocation list are the golden ones to the last bit") {
  const CertificateUrls urls{{"http://a.example/crl"}, {"http://a.example/ocsp"}, {"http://a.example/crt"}};
  PrivateKey root_key = fixed_key('1'), ca_key = fixed_key('2');
  const auto root_certificate = parse_certificate(
      make_root(root_key, {"Golden Root", "Golden"}, "01", begin, parse_time("2056-01-01T00:00:00Z")).bytes);
  const Issuer root(root_certificate, std::move(root_key));
  const NameConstraints constraints{{parse_name_constraint("dns:example.com"), parse_name_constraint("ip:10.0.0.0/8")}};
  const auto ca_certificate =
      parse_certificate(make_intermediate(root, ca_key.public_key(), {"Golden CA", "Golden"}, constraints, "02", begin,
                                          parse_time("2031-01-01"), urls)
                            .bytes);
  CHECK(ca_certificate.pem == golden("ca.pem"));
  const Issuer ca(ca_certificate, std::move(ca_key));
  const auto key = fixed_key('3');
  const auto planned = plan({"api.example.com", {parse_san("dns:api.example.com"), parse_san("ip:10.0.0.1")}});
  CHECK(to_pem(make_csr(key, planned.names), "CERTIFICATE REQUEST") == golden("request.pem"));
  CHECK(to_pem(ca.sign(key.public_key().spki, planned, urls), "CERTIFICATE") == golden("leaf.pem"));
  const std::vector<RevokedEntry> entries = {{"4A:3F:2B", begin, Reason::key_compromise, begin}};
  CHECK(to_pem(make_crl(ca, 1767225600, begin, begin + std::chrono::hours(168), entries), "X509 CRL") ==
        golden("crl.pem"));
}
