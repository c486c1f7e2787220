// OCSP requests, the answer to each one that can be read, and answers of others. The CA's key is fixed, so that the corpus can ask for it.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/revocation.hpp"

using namespace ymgr;

namespace {

Issuer make_ca() {
  PrivateKey key = PrivateKey::from_pkcs8(Secret(*from_hex("302e020100300506032b657004220420" + std::string(64, '1'))));
  const auto certificate = parse_certificate(
      make_root(key, {"Fuzzed CA", ""}, "01", from_seconds(1767225600), from_seconds(2082758400)).bytes);
  return {certificate, std::move(key)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Issuer ca = make_ca();
  try {
    const auto request = parse_ocsp_request({reinterpret_cast<const char*>(data), size}, ca.certificate());
    std::vector<OcspAnswer> answers;
    for (const auto& asked : request.certificates) {
      if (asked.is_ours && normal_serial(asked.serial) != asked.serial) std::abort();
      answers.push_back({asked.id, OcspStatus::unknown, {}});
    }
    const auto answer = make_ocsp_response(ca, answers, request.nonce, now(), now() + std::chrono::hours(1));
    for (const auto& asked : request.certificates)
      if (asked.is_ours && parse_ocsp_response(answer, ca.certificate(), asked.serial) != OcspStatus::unknown)
        std::abort();
  } catch (const Error&) {
    // The only way out for bad input.
  }
  try {
    parse_ocsp_response({reinterpret_cast<const char*>(data), size}, ca.certificate(), "4A:3F");
  } catch (const Error&) {
    // Nobody else has the key.
  }
  return 0;
}
