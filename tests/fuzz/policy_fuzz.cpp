// policy.yaml, and a decision by whatever was readable.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "policy/policy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto at = ymgr::from_seconds(1'780'000'000);
  try {
    const auto policy = ymgr::Policy::parse(text, "policy.yaml");
    ymgr::dump_json(policy.to_json(at));
    ymgr::PolicyRequest request;
    request.profile = policy.profiles().begin()->first;
    request.role = "user";
    request.algorithm = "rsa-2048";
    request.common_name = "10.0.0.1";
    request.sans = {
        {ymgr::SanKind::dns, "*.example.com"}, {ymgr::SanKind::uri, "https://h/a/%2e"}, {ymgr::SanKind::email, "a@b"}};
    const auto decision = policy.decide(request, at);
    if (!decision.approved()) ymgr::throw_violation(decision, "req-1");
  } catch (const ymgr::Error&) {
  }
  return 0;
}
