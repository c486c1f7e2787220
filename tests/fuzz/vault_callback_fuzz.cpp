// What a browser brings to the listener of a login.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vault/auth_oidc.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  const auto callback = ymgr::vault::read_oidc_callback(query, "st");
  if (callback && callback->code.empty() == callback->error.empty()) __builtin_trap();
  return 0;
}
