// Revocation lists, PEM or DER.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "x509/revocation.hpp"

using namespace ymgr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Crl crl = parse_crl({reinterpret_cast<const char*>(data), size}, nullptr);
    for (const auto& entry : crl.entries) {
      if (normal_serial(entry.serial) != entry.serial || crl.find(entry.serial) == nullptr) std::abort();
    }
  } catch (const Error&) {
    // The only way out for bad input.
  }
  return 0;
}
