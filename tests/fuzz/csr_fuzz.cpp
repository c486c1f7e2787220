// Certificate requests, PEM or DER. One that is accepted is accepted again, and its names can stand in a certificate.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "x509/certificate.hpp"

using namespace ymgr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Csr csr = parse_csr({reinterpret_cast<const char*>(data), size});
    const Csr again = parse_csr(to_pem(csr.der, "CERTIFICATE REQUEST"));
    if (again.der != csr.der || again.sans != csr.sans || again.common_name != csr.common_name) std::abort();
    for (const San& san : csr.sans) {
      if (parse_san(to_string(san)) != san) std::abort();
    }
  } catch (const Error&) {
    // The only way out for bad input.
  }
  return 0;
}
