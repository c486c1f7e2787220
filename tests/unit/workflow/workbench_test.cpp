#include "workflow/workbench.hpp"

#include <doctest/doctest.h>

#include "workflow/operation.hpp"

namespace ymgr {
namespace {

constexpr const char* initial_namespace = "4026531836";

LeaseHolder with_namespace(std::string inode) {
  auto self = this_process("vm");
  self.pid_namespace = std::move(inode);
  return self;
}

TEST_CASE("a holder is dead when it would be seen if it lived") {
  const auto self = with_namespace(initial_namespace), inside = with_namespace("4026532000");
  struct Row {
    const char* what;
    LeaseHolder asks;
    std::string holder;
    bool dead;
  };
  const std::string boot = "/" + self.boot_id + "/";
  const Row rows[] = {
      {"it asks for itself", self, self.to_text(), false},
      {"no such process", self, "vm" + boot + "4194305/1/" + initial_namespace, true},
      {"another process has its number", self, "vm" + boot + std::to_string(self.pid) + "/1/" + initial_namespace,
       true},
      {"another host", self, "db" + boot + "4194305/1/" + initial_namespace, false},
      {"before the last boot", self, std::string("vm/before/1/1/") + initial_namespace, true},
      {"in a container of this host's name", self, "vm" + boot + "4194305/1/4026532000", false},
      {"a container asks for the host", inside, "vm" + boot + "4194305/1/" + initial_namespace, false},
      {"a container asks for its own", inside, "vm" + boot + "4194305/1/4026532000", true},
      {"a container of that name on another machine", inside, "vm/before/1/1/4026532000", false},
      {"no holder at all", self, "somebody", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(is_dead(row.holder, row.asks) == row.dead);
  }
}

TEST_CASE("a lease that nobody gives holds nothing") {
  const auto self = this_process("vm");
  StoredOperation op;
  op.lease_holder = "db/boot/1/1/1";
  const auto held_until = [&](Duration more) {
    op.lease_until = now() + more;
    return operations::is_held(op, self);
  };
  CHECK(held_until(operations::lease_time));
  CHECK(held_until(operations::longest_lease));
  CHECK(!held_until(-operations::lease_time));
  CHECK(!held_until(std::chrono::hours(24 * 365)));
  op.lease_holder = self.to_text();
  CHECK(!held_until(operations::lease_time));
}

}  // namespace
}  // namespace ymgr
