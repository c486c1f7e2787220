// What the licences of an installation allow at one time.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "license/license.hpp"
#include "license/license_book.hpp"

namespace ymgr::license {

inline constexpr Duration trial_life = std::chrono::days(30), expiring_from = std::chrono::days(7);
inline constexpr Duration clock_tolerance = std::chrono::minutes(1), vendor_clock_tolerance = std::chrono::days(1);

/// unlimited: no key of a vendor is configured.
enum class State { unlimited, trial, valid, expiring, expired, invalid };
std::string_view to_string(State) noexcept;  // "UNLIMITED", "TRIAL", …

/// "inst-20261122223000-7f3a91c04be2": when the installation was made stands in its id, so that a licence is bound to that, too.
std::string new_installation_id(Time at);
/// nullopt: no such id.
std::optional<Time> made_at(std::string_view installation_id);

struct Evidence {
  std::string installation_id;           // empty: there is none
  bool id_replaced = false;              // the audit trail knows another
  Time clock{}, recorded{};              // this host's; the latest time that somebody else has noted
  std::vector<Entry> entries;            // what the store has
  std::optional<std::string> store_is;   // why it did not answer
  std::optional<std::string> damage;     // why what it has can't be read
  std::optional<Time> newest_installed;  // issued_at of the newest licence that was ever installed here
};

struct Standing {
  State state = State::unlimited;
  std::string reason;              // one sentence, no full stop
  std::optional<License> license;  // the one that counts, or counted last
  std::string signed_by;           // id of its key
  std::optional<Time> trial_ends;
  Time at{};  // the time that it was judged for: never before what is recorded
  bool clock_set_back = false;
  bool store_answers = true;
  /// Keys are not enrolled, certificates not issued anew. Nothing else is ever limited.
  bool refuses() const noexcept { return state == State::expired || state == State::invalid; }
};

/// The newest licence counts that is signed by one of the keys, is for this installation, and has begun. The 30 days of the trial count
/// from the installation's id; they help where no licence was installed yet, and where the store does not answer.
Standing judge(const Evidence&, std::span<const VendorKey>);

/// Why this licence can't be one of the installation; nullopt: it can. Dates but that of its issue are not looked at.
std::optional<std::string> fault_of(const License&, std::string_view installation_id, std::span<const VendorKey>,
                                    Time at);

}  // namespace ymgr::license
