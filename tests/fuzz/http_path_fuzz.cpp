// METHOD, blank, path up to the line's end, then the body: what the CA's responder is asked from outside.
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "support/local_ca.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ymgr::test::LocalCa ca;
  static const bool has_signer = !ymgr::refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), true).empty();
  static ymgr::CaResponder responder(*ca.database, ca.folder());
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, end);
  const std::size_t blank = std::min(line.find(' '), line.size());
  try {
    const auto answer = responder.answer(line.substr(0, blank), line.substr(std::min(blank + 1, line.size())),
                                         input.substr(std::min(end + 1, size)));
    if (!has_signer || answer.status < 200 || answer.status > 405 || answer.body.empty()) __builtin_trap();
  } catch (const ymgr::Error&) {
  }
  return 0;
}
