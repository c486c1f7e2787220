#include "base/text.hpp"
#include "workflow/issue.hpp"

namespace ymgr {

CertificateAnswer issue_to_slot(Workbench& bench, const CardPlace& place, std::string name, std::string profile,
                                std::vector<San> sans) {
  IssueRequest request;
  request.name = name.empty() ? devices::get(bench.db, place.serial).owner : std::move(name);
  request.profile = profile.empty() ? default_profile_of(place.slot) : std::move(profile);
  request.sans = std::move(sans);
  request.card = place;
  IssueOptions options;
  options.when_active = WhenActive::ensure;
  return issue(bench, {std::move(request)}, options);
}

std::string default_profile_of(piv::Slot slot) {
  switch (slot) {
    case piv::Slot::authentication: return "piv-auth";
    case piv::Slot::signature: return "code-signing";
    case piv::Slot::card_authentication: return "card-auth";
    default: break;
  }
  throw Error(Code::usage, "slot " + piv::to_string(slot) + " has no profile of its own", "name one with --profile");
}

}  // namespace ymgr
