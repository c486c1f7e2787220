#include <array>

#include "x509/types.hpp"

namespace ymgr {
namespace {

struct Row {
  std::string_view family;
  int bits;
};
// Both in the order of KeyAlgorithm.
constexpr std::array<std::string_view, 6> names = {"rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ed25519"};
constexpr std::array<Row, 6> rows = {
    {{"RSA", 2048}, {"RSA", 3072}, {"RSA", 4096}, {"EC", 256}, {"EC", 384}, {"Ed25519", 256}}};

}  // namespace

std::string_view to_string(KeyAlgorithm algorithm) noexcept {
  return names[static_cast<std::size_t>(algorithm)];
}

std::optional<KeyAlgorithm> parse_key_algorithm(std::string_view text) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<KeyAlgorithm>(i);
  }
  return std::nullopt;
}

std::span<const std::string_view> key_algorithm_names() noexcept {
  return names;
}
int key_bits(KeyAlgorithm algorithm) noexcept {
  return rows[static_cast<std::size_t>(algorithm)].bits;
}
std::string_view key_family(KeyAlgorithm algorithm) noexcept {
  return rows[static_cast<std::size_t>(algorithm)].family;
}

}  // namespace ymgr
