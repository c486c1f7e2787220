// A statement of attestation: the first PEM block (or half of the bytes) is the leaf, the rest the certificate in F9.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "x509/attestation.hpp"

using namespace ymgr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find("-----END CERTIFICATE-----\n");
  const auto middle = cut == std::string_view::npos ? size / 2 : cut + 26;
  try {
    verify_attestation(text.substr(0, middle), text.substr(middle), {}, VirtualRoot::accepted,
                       from_seconds(1'800'000'000));
    std::abort();  // nobody but Yubico makes one
  } catch (const Error&) {
    // The only way out for bad input.
  }
  return 0;
}
