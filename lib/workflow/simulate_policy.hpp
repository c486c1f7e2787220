// What another policy would refuse, before it is in force.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/notice.hpp"
#include "inventory/inventory.hpp"
#include "policy/policy.hpp"
#include "sql/connection.hpp"

namespace ymgr {

struct SimulatedItem {
  inventory::ComingRenewal certificate;
  std::vector<Violation> violations;
  bool already = false;  // the policy in force would refuse it, too
};
struct SimulatedRule {
  std::string rule;
  std::int64_t certificates = 0, already = 0;
  std::string message, suggestion;  // of the first of them
};
struct Simulation {
  std::int64_t checked = 0, failing = 0, already = 0;
  std::vector<SimulatedRule> rules;  // by name
  std::vector<SimulatedItem> items;  // the first `limit` to come up for renewal
};
struct SimulationQuery {
  Selection selection;
  std::int64_t limit = 100;  // 0: all
};
/// Asks `next` about the next renewal of each active certificate, on the day it is due: the same names, profile and
/// algorithm; the key again where `next` lets it be, else a new one; the validity of its default. Who renews it is not
/// asked. A key that is not ours and may not be used again counts as refused: its holder would have to bring a new
/// request. Reads in one transaction; memory depends on `limit` alone.
Simulation simulate_policy(sql::Connection&, const Policy& in_force, const Policy& next, const SimulationQuery&,
                           Time at, Notices&);

}  // namespace ymgr
