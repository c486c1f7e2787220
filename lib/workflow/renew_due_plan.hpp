// What a run of `renew --due` plans.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "workflow/device_replace.hpp"
#include "workflow/renew.hpp"
#include "workflow/renew_plan.hpp"

namespace ymgr {

/// What is due and on cards: which of them are here, and what they hold. Read before the plan, whose transaction waits for nobody.
struct DueCards {
  std::map<std::string, CardLook> looks;    // by cert_id
  std::map<std::string, Error> unreadable;  // the card could not be read
  std::set<std::string> without_pin;        // here, but nobody can be asked for the PIN
  std::string_view lacking = "device";      // what all others wait for

  std::string lacks(const CertificateRow& row) const {
    return without_pin.contains(row.cert_id) ? "pin" : std::string(lacking);
  }
};

/// Certificates that are due beside another of their name, which has one open renewal at a time: cert_ids by name, in the order in
/// which they follow.
using Behind = std::map<std::string, std::deque<std::string>>;

/// What plans have in common.
struct DueGround {
  const DueOptions& due;
  RenewOptions options;
  DueCards cards;
  std::map<std::string, Error> refused = {};  // the database takes no renewal of these: by cert_id
};

struct DuePlan {
  std::vector<CertificateItem> items;
  std::set<std::string> names;               // of the items: each is in the plan once
  Behind behind;                             // the others of these names: the next plan's
  std::map<std::string, std::size_t> taken;  // by name: how many of those that were behind this plan has dealt with
  std::vector<Json> failed;                  // could not be planned, or the policy refused it
  std::size_t unplanned = 0;                 // so many of these, which stand first, could not be planned
  std::vector<int> exits;
  std::int64_t elsewhere = 0;
  std::vector<Waiting> waiting;
};

DueCards look_at_due_cards(Workbench&, const DueOptions&, const RenewOptions&, PluggedIn&);
/// Of what is behind.
DueCards look_at_cards_behind(Workbench&, const Behind&, const RenewOptions&, PluggedIn&);

DuePlan plan_due(Workbench&, const DueGround&, Time at);
/// One of each name.
DuePlan plan_behind(Workbench&, const Behind&, const DueGround&, Time at);
/// All rounds in one plan: what --dry-run tells.
DuePlan plan_all(Workbench&, const DueGround&, Time at);
/// Each item alone before the policy: what it refuses fails, the rest goes on.
void drop_refused(Workbench&, DuePlan&, const std::string& request_id, std::vector<audit::Event>&);

}  // namespace ymgr
