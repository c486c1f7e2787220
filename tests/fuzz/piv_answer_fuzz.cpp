// A hostile card: the input is its answers, each after one byte of length. What reads them: the exchange itself, and by the first byte one
// of the readers of what was answered.
#include <algorithm>
#include <cstdint>

#include "agentd/piv/apdu.hpp"
#include "agentd/piv/certificate_object.hpp"
#include "agentd/piv/public_key.hpp"
#include "agentd/piv/tlv.hpp"
#include "base/error.hpp"

namespace {

using namespace ymgr;

void read(unsigned how, std::string_view data) {
  switch (how % 4) {
    case 0: static_cast<void>(piv::read_certificate_object(piv::only(data, 0x53))); break;
    case 1: {
      constexpr piv::Algorithm algorithms[] = {piv::Algorithm::rsa_2048, piv::Algorithm::ec_p256,
                                               piv::Algorithm::ec_p384, piv::Algorithm::ed25519,
                                               piv::Algorithm::x25519};
      static_cast<void>(piv::read_public_key(algorithms[how / 4 % 5], piv::only(data, 0x7F49)));
      break;
    }
    case 2:
      for (const piv::Element& element : piv::read_tlvs(data)) {
        if (element.value.data() < data.data() ||
            element.value.data() + element.value.size() > data.data() + data.size()) {
          __builtin_trap();
        }
      }
      break;
    default: static_cast<void>(piv::read_certificate_object(data));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto how = static_cast<unsigned char>(rest.front());
  rest.remove_prefix(1);
  const auto answer = [&](piv::Exchange& exchange) {
    const std::size_t wanted = rest.empty() ? 0 : static_cast<unsigned char>(rest.front()) + std::size_t{2};
    if (!rest.empty()) rest.remove_prefix(1);
    exchange.answer_size = std::min({wanted, rest.size(), exchange.answer.size()});
    std::copy_n(rest.begin(), exchange.answer_size, exchange.answer.begin());
    rest.remove_prefix(exchange.answer_size);
  };
  try {
    const piv::Answer got = piv::run({piv::Ins::get_data, 0x3F, 0xFF, "x"}, answer);
    read(how, got.data);
  } catch (const Error&) {
  }
  return 0;
}
