// Key sets of identity tokens, lists of certificates, and secrets cut out of whatever comes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "vault/identity.hpp"
#include "vault/pki.hpp"
#include "vault/secret_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ymgr;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    std::string rest(text);
    const Secret cut = vault::cut_secret(rest, "data.data");
    if (rest.size() != text.size()) __builtin_trap();
    if (!cut.empty() && cut.size() > 4 && rest == text) __builtin_trap();
    parse_json(rest);
  } catch (const Error&) {  // no JSON
  }
  try {
    const Json document = parse_json(text);
    const vault::PkiSearch search{.common_name = "web.example.com", .not_after = from_seconds(1'800'000'000)};
    for (const Json* json : {&document, document.find("data")}) {
      if (json != nullptr) vault::fitting_serials(*json, search);
    }
    for (const auto& key : vault::identity_keys_of(document)) {
      if (key.bytes.size() != (key.algorithm == "ES256" ? 64U : 32U)) __builtin_trap();
    }
  } catch (const Error&) {  // not what it should be
  }
  return 0;
}
