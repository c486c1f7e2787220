// What a CA elsewhere keeps itself, beside the inventory.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.hpp"

namespace ymgr::reconciling {

/// 22 bytes a certificate, so that a hundred thousand of them are nothing.
class KeptSerials {
 public:
  struct Entry {
    std::array<std::uint8_t, 20> serial;  // from the right, zeros before it
    bool revoked = false, has_row = false;
  };
  /// Reads both lists.
  explicit KeptSerials(CaBooks& books);
  /// nullptr: the CA keeps none of that serial number.
  Entry* find(std::string_view serial) noexcept;
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;  // in order
};

/// "4A:3F:2B"
std::string serial_of(const KeptSerials::Entry& entry);

}  // namespace ymgr::reconciling
