#include "agentd/piv/certificate_object.hpp"

#include "agentd/piv/tlv.hpp"
#include "base/error.hpp"

namespace ymgr::piv {
namespace {

constexpr unsigned certificate_tag = 0x70, packing_tag = 0x71, check_tag = 0xFE;
constexpr unsigned char gzip_flag = 0x01;
constexpr std::size_t largest = 16UL * 1024;

}  // namespace

Der read_certificate_object(std::string_view object) {
  const auto elements = read_tlvs(object);
  const std::string_view stored = need(elements, certificate_tag);
  const std::string_view packing = find(elements, packing_tag).value_or("");
  if (packing.empty() || (static_cast<unsigned char>(packing.front()) & gzip_flag) == 0) return {std::string(stored)};
  return {unpack_gzip(stored, largest)};
}

std::string make_certificate_object(const Der& certificate) {
  return tlv(certificate_tag, certificate.bytes) + tlv(packing_tag, std::string(1, '\0')) + tlv(check_tag, {});
}

}  // namespace ymgr::piv
