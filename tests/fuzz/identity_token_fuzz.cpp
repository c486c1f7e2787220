// Identity tokens and the key files that they are checked with.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "agent/token.hpp"
#include "base/error.hpp"

using namespace ymgr;

namespace {

void read_keys(std::string_view text) {
  try {
    const auto keys = agent::parse_token_keys(text);
    const auto again = agent::parse_token_keys(agent::dump_token_keys(keys));
    if (again.issuer != keys.issuer || again.keys.size() != keys.keys.size()) std::abort();
  } catch (const Error&) {
    // The only way out for bad input.
  }
}

void read_token(std::string_view text) {
  const std::vector<agent::TokenIssuer> issuers = {
      {"https://eddsa.example", "ymgr-agent", {{"key-EdDSA", agent::TokenAlgorithm::eddsa, std::string(32, 'x')}}},
      {"https://es256.example", "ymgr-agent", {{"key-ES256", agent::TokenAlgorithm::es256, std::string(64, 'x')}}}};
  try {
    agent::verify_token(text, issuers, from_seconds(1'790'000'000));
    std::abort();  // nobody can sign for these keys
  } catch (const Error& error) {
    if (error.code() != Code::token_refused) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_token(text);
  read_keys(text);
  return 0;
}
