// Certificates, alone and in chains.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/certificate.hpp"

using namespace ymgr;

namespace {

void look_at(const Certificate& certificate) {
  const Certificate again = parse_certificate(certificate.pem);
  if (again.der != certificate.der || again.serial != certificate.serial || again.sans != certificate.sans)
    std::abort();
  for (const auto& text : {certificate.subject, certificate.issuer, certificate.common_name}) {
    if (printable(text) != text) std::abort();
  }
  static_cast<void>(check_chain(certificate, {&certificate, 1}, {&certificate, 1}, certificate.not_before));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    look_at(parse_certificate(text));
  } catch (const Error&) {
    // The only way out for bad input.
  }
  try {
    for (const auto& certificate : parse_pem_chain(text)) look_at(certificate);
  } catch (const Error&) {
  }
  return 0;
}
