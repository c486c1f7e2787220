// Names in every form: what is accepted must be accepted again in its normal form, unchanged.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "x509/certificate.hpp"
#include "x509/types.hpp"

using namespace ymgr;

namespace {

template <class F>
void quietly(F&& body) {
  try {
    body();
  } catch (const Error&) {
    // The only way out for bad input.
  }
}
void require(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  quietly([&] { require(check_dns_name(check_dns_name(text)) == check_dns_name(text)); });
  quietly([&] { require(check_certificate_name(check_certificate_name(text)) == check_certificate_name(text)); });
  quietly([&] {
    const San san = parse_san(text);
    require(parse_san(to_string(san)) == san);
  });
  quietly([&] {
    const San san = san_of_name(text);
    require(san_of_name(san.value) == san);
  });
  quietly(
      [&] { require(parse_name_constraint(to_string(parse_name_constraint(text))) == parse_name_constraint(text)); });
  quietly([&] { require(reason_of(to_string(parse_reason(text))) == parse_reason(text)); });
  if (const auto serial = normal_serial(text)) require(normal_serial(*serial) == serial);
  if (const auto oid = eku_oid(text)) require(eku_oid(eku_name(*oid)) == oid);
  return 0;
}
