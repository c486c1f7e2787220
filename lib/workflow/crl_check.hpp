// Stored CRLs, read back.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>

#include "authority/authority.hpp"

namespace ymgr {

/// Each issuer's CRL is read once, at its first certificate.
class CrlCheck {
 public:
  explicit CrlCheck(Authority& authority) : authority_(authority) {}
  bool has_crl(const std::string& issuer) { return list_of(issuer).number > 0; }
  bool lists(const std::string& issuer, const std::string& serial) { return list_of(issuer).serials.contains(serial); }
  /// The highest of those read; 0: none.
  std::int64_t number() const noexcept { return number_; }

 private:
  struct List {
    std::int64_t number = 0;  // 0: none yet
    std::unordered_set<std::string> serials;
  };
  const List& list_of(const std::string& issuer);

  Authority& authority_;
  std::map<std::string, List> lists_;
  std::int64_t number_ = 0;
};

}  // namespace ymgr
