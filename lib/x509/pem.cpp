#include <openssl/pem.h>

#include "base/text.hpp"
#include "x509/certificate.hpp"
#include "x509/openssl.hpp"

namespace ymgr {

std::string to_pem(const Der& der, std::string_view label) {
  constexpr std::size_t line = 64;
  const std::string base64 = to_base64(der.bytes);
  std::string out = "-----BEGIN " + std::string(label) + "-----\n";
  out.reserve(base64.size() + base64.size() / line + 2 * label.size() + 40);
  for (std::size_t i = 0; i < base64.size(); i += line) out.append(base64, i, line) += '\n';
  return out.append("-----END ").append(label).append("-----\n");
}

std::vector<Der> ossl::pem_blocks(std::string_view pem, std::string_view label, std::size_t most) {
  const ErrorQueue errors;
  const auto bio = memory_bio(pem);
  std::vector<Der> out;
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  while (out.size() < most && PEM_read_bio(bio.get(), &name, &header, &data, &size) == 1) {
    const Bytes owners[] = {Bytes(reinterpret_cast<unsigned char*>(name)),
                            Bytes(reinterpret_cast<unsigned char*>(header)), Bytes(data)};
    if (name == label)
      out.push_back({std::string(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size))});
  }
  return out;
}

std::optional<Der> from_pem(std::string_view pem, std::string_view label) {
  auto blocks = ossl::pem_blocks(pem, label, 1);
  return blocks.empty() ? std::nullopt : std::optional(std::move(blocks.front()));
}

}  // namespace ymgr
