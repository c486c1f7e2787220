#include "license/license_standing.hpp"

#include <algorithm>
#include <ranges>

#include "base/error.hpp"
#include "base/ids.hpp"

namespace ymgr::license {
namespace {

constexpr std::string_view id_kind = "inst";

struct Judged {
  std::vector<License> good;  // the newest first
  std::string fault;          // of the one installed last that is not
};

Judged judge_entries(const Evidence& evidence, std::span<const VendorKey> keys, Time at) {
  Judged judged;
  for (std::size_t left = evidence.entries.size(); left > 0; --left) {  // of one time, what was installed later counts
    const auto& entry = evidence.entries[left - 1];
    std::string fault;
    try {
      auto license = parse_license(entry.text);
      if (const auto found = fault_of(license, evidence.installation_id, keys, at))
        fault = "the licence " + license.license_id + " " + *found;
      else
        judged.good.push_back(std::move(license));
    } catch (const Error& error) {
      fault = error.what();
    }
    if (judged.fault.empty()) judged.fault = fault;
  }
  std::ranges::stable_sort(judged.good, std::ranges::greater(), &License::issued_at);
  return judged;
}

Standing& invalid(Standing& standing, std::string reason) {
  standing.state = State::invalid;
  standing.reason = std::move(reason);
  return standing;
}

/// Without a licence: the days of the trial, and nothing after them.
Standing& trial(Standing& standing, const std::string& why) {
  const bool runs = standing.at < *standing.trial_ends;
  standing.state = runs ? State::trial : State::expired;
  standing.reason = why + "; the trial " + (runs ? "ends " : "ended ") + format_time(*standing.trial_ends);
  return standing;
}

Standing& counts(Standing& standing, const License& license, std::span<const VendorKey> keys) {
  standing.license = license;
  standing.signed_by = signer_of(license, keys).value_or("");
  const Duration left = license.expires_at - standing.at;
  standing.state = left <= Duration::zero() ? State::expired : left <= expiring_from ? State::expiring : State::valid;
  standing.reason = "the licence " + license.license_id + " of " + license.customer +
                    (standing.state == State::expired ? " ended " : " ends ") + format_time(license.expires_at);
  return standing;
}

/// When the installation was made, if that can be believed.
std::optional<Time> believed(const Evidence& evidence, Standing& standing) {
  const auto made = made_at(evidence.installation_id);
  if (evidence.installation_id.empty())
    invalid(standing, "the installation has no id yet");
  else if (evidence.id_replaced)
    invalid(standing, "the installation id is not the one that the audit trail has");
  else if (!made || *made > standing.at + vendor_clock_tolerance)
    invalid(standing, "the installation id is none that could have been made by now");
  else
    return made;
  return std::nullopt;
}

Standing& judge_kept(Standing& standing, const Evidence& evidence, std::span<const VendorKey> keys) {
  const auto judged = judge_entries(evidence, keys, standing.at);
  if (judged.good.empty() && !judged.fault.empty()) return invalid(standing, judged.fault);
  if (evidence.newest_installed && (judged.good.empty() || judged.good.front().issued_at < *evidence.newest_installed))
    return invalid(standing, "the licence that was issued " + format_time(*evidence.newest_installed) +
                                 " was installed here, and is not in the secret store any more");
  if (judged.good.empty()) return trial(standing, "no licence is installed");
  const auto begun = std::ranges::find_if(judged.good, [&](const License& l) { return l.not_before <= standing.at; });
  if (begun != judged.good.end()) return counts(standing, *begun, keys);
  const auto& next = judged.good.front();
  return trial(standing, "the licence " + next.license_id + " begins " + format_time(next.not_before));
}

/// The latest time that anybody noted: the vendor, too, with a licence that is really signed.
Time latest(const Evidence& evidence, std::span<const VendorKey> keys) {
  Time at = std::max(evidence.clock, evidence.recorded);
  for (const auto& license : judge_entries(evidence, keys, at).good) at = std::max(at, license.issued_at);
  return at;
}

}  // namespace

std::string_view to_string(State state) noexcept {
  switch (state) {
    case State::unlimited: return "UNLIMITED";
    case State::trial: return "TRIAL";
    case State::valid: return "VALID";
    case State::expiring: return "EXPIRING";
    case State::expired: return "EXPIRED";
    case State::invalid: break;
  }
  return "INVALID";
}

std::string new_installation_id(Time at) {
  return new_id(id_kind, at);
}

std::optional<Time> made_at(std::string_view id) {
  if (!is_id(id_kind, id)) return std::nullopt;
  const auto digits = std::string(id.substr(id_kind.size() + 1, 14));
  try {
    return parse_time(digits.substr(0, 4) + "-" + digits.substr(4, 2) + "-" + digits.substr(6, 2) + "T" +
                      digits.substr(8, 2) + ":" + digits.substr(10, 2) + ":" + digits.substr(12, 2) + "Z");
  } catch (const Error& error) {
    if (error.code() != Code::time_invalid) throw;
    return std::nullopt;
  }
}

std::optional<std::string> fault_of(const License& license, std::string_view installation_id,
                                    std::span<const VendorKey> keys, Time at) {
  if (!signer_of(license, keys)) return "is not signed by the vendor's key, or was changed";
  if (license.installation_id != installation_id)
    return "is for the installation " + license.installation_id + ", not for " + std::string(installation_id);
  if (license.issued_at > at + vendor_clock_tolerance)
    return "was issued " + format_time(license.issued_at) + ", which is to come";
  return std::nullopt;
}

Standing judge(const Evidence& evidence, std::span<const VendorKey> keys) {
  Standing standing;
  standing.at = evidence.clock;
  if (keys.empty()) {
    standing.reason = "no key of a vendor is configured (license.vendor_key): nothing is limited";
    return standing;
  }
  standing.at = latest(evidence, keys);
  standing.clock_set_back = evidence.clock + clock_tolerance < standing.at;
  standing.store_answers = !evidence.store_is;
  const auto made = believed(evidence, standing);
  if (!made) return standing;
  standing.trial_ends = *made + trial_life;
  if (evidence.store_is) return trial(standing, "the secret store does not answer (" + *evidence.store_is + ")");
  if (evidence.damage) return invalid(standing, *evidence.damage);
  return judge_kept(standing, evidence, keys);
}

}  // namespace ymgr::license
