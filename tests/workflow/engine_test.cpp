// What the engine does for a batch, with steps made up for it.
#include "workflow/engine.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <set>

#include "base/ids.hpp"
#include "support/profile.hpp"
#include "workflow/operation.hpp"

using namespace ymgr;

namespace {

constexpr std::size_t many = 60;

struct Named : Item {
  Json journal() const { return Json::object(); }
};

struct Server {
  std::set<std::size_t> lost, silent;  // positions
  std::optional<Error> silence;
  std::atomic<std::size_t> asked{0};
};
struct ServerPorts {
  Server& server;
};

Progress prepare(Named&, ServerPorts&, Attempt) {
  return Progress::done;
}

Progress ask(Named& item, ServerPorts& ports, Attempt) {
  ++ports.server.asked;
  if (ports.server.lost.contains(item.position))
    throw Error(Code::vault_unreachable, "the answer got lost", {}, {}, Outcome::unknown);
  if (ports.server.silent.contains(item.position)) throw Error(*ports.server.silence);
  return Progress::done;
}

constexpr Step<Named, ServerPorts> steps[] = {{"key_created", Durability::grouped, prepare},
                                              {"issued", Durability::before_next, ask}};

std::set<std::size_t> all() {
  std::set<std::size_t> positions;
  for (std::size_t i = 0; i < many; ++i) positions.insert(i);
  return positions;
}

class Batch {
 public:
  Batch() {
    NewOperation op{new_id("req", now()), "issue", "60 certificates", Json::object(), {}, {}};
    for (std::size_t i = 0; i < many; ++i) {
      op.items.push_back({"n" + std::to_string(i), Json::object()});
      auto& item = items.emplace_back();
      item.position = i;
      item.target = op.items.back().target;
    }
    id = op.request_id;
    auto& bench = profile.bench();
    bench.jobs = 4;
    bench.db.transaction(sql::Access::write, [&] { operations::create(bench, op); });
  }

  void run(Server& server) {
    run_items<Named, ServerPorts>(profile.bench(), id, items, steps,
                                  [&] { return std::make_unique<ServerPorts>(ServerPorts{server}); });
  }
  std::int64_t count(const std::string& status) {
    return test::count(profile.db(), "operation_items WHERE request_id = '" + id + "' AND status = '" + status + "'");
  }

  test::Profile profile;
  std::string id;
  std::vector<Named> items;
};

}  // namespace

TEST_CASE("a batch whose server has gone does not wait for it once an item") {
  Batch batch;
  Server server{.lost = {}, .silent = all(), .silence = Error(Code::vault_unreachable, "Vault does not answer")};
  batch.run(server);
  CHECK(server.asked >= 3);
  CHECK(server.asked < 12);  // three in a row, and whoever was on the way
  for (const auto& item : batch.items) {
    REQUIRE(item.error);
    CHECK(item.error->code() == Code::vault_unreachable);
    CHECK(item.error->retryable());
    CHECK(item.state == "key_created");
  }
  CHECK(batch.count("open") == static_cast<std::int64_t>(many));
}

TEST_CASE("answers that get lost and items that are refused end no batch") {
  Batch batch;
  Server server{.lost = {}, .silent = {}, .silence = Error(Code::vault_refused, "not an allowed name")};
  SUBCASE("lost") {
    server.lost = all();
  }
  SUBCASE("refused") {
    server.silent = all();
  }
  SUBCASE("one in two got no answer") {
    server.silence = Error(Code::vault_unreachable, "Vault does not answer");
    batch.profile.bench().jobs = 1;
    for (std::size_t i = 0; i < many; i += 2) server.silent.insert(i);
  }
  batch.run(server);
  CHECK(server.asked == many);
}
