// What a renewal asks of a card before it is planned.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "workflow/renew.hpp"

namespace ymgr {

/// nullopt: not read, since the renewal was begun before, and what it did to the card is its own.
struct CardLook {
  CardKey card;
  std::optional<SlotState> slot;
};

/// @throws Error device-not-found and what else reading it throws · key-not-found: the key that is to be used again is gone ·
/// slot-used: a new one would end another certificate's
CardLook look_at_card(Workbench&, const CertificateRow&, KeyChoice);
/// Of an item whose key is settled. @throws Error device-unsupported
void plan_card(Workbench&, CertificateItem&, const CardLook&);

/// The serial numbers of cards that are here; asked for once, and only where it matters. Without an agent to ask there is none.
class PluggedIn {
 public:
  explicit PluggedIn(Workbench& bench) : bench_(bench) {}
  /// @throws Error interrupted
  bool has(const std::string& serial);
  /// What a card that is not here waits for: device, or agent, which can't be asked.
  std::string_view lacking() const noexcept { return is_asked_in_vain_ ? "agent" : "device"; }

 private:
  void ask();

  Workbench& bench_;
  std::optional<std::vector<std::string>> serials_;
  bool is_asked_in_vain_ = false;
};

/// The operation goes on with a card that is not here.
bool waits_for_card(Workbench&, const std::string& request_id, PluggedIn&);

}  // namespace ymgr
