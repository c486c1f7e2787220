// A whole embedded profile in a temporary folder, for tests of workflows: real database, real CA, real policy.
#pragma once
#include <memory>
#include <string>

#include "support/database.hpp"
#include "workflow/workbench.hpp"

namespace ymgr::test {

/// SELECT count(*) FROM `what`.
std::int64_t count(sql::Connection&, std::string_view what);

class Profile {
 public:
  explicit Profile(Role role = Role::admin, std::string user = "alice", sql::Dialect dialect = test_dialect());
  Workbench& bench() { return *bench_; }
  sql::Connection& db() { return *database_; }
  std::string folder() const { return database_.folder(); }
  /// Another process of the same profile: a connection and a session of its own.
  std::unique_ptr<Workbench> second_bench(Role role, std::string user);
  void set_policy(std::string_view yaml) { policy_ = Policy::parse(yaml, "policy.yaml"); }

 private:
  struct Extra {
    std::unique_ptr<sql::Connection> db;
    std::unique_ptr<Session> session;
    std::unique_ptr<Stores> stores;
    std::unique_ptr<Authority> authority;
  };
  std::unique_ptr<Workbench> make_bench(sql::Connection&, const Session&, Stores&, Authority&);

  TestDatabase database_;
  DataKey data_key_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Stores> stores_;
  Policy policy_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<audit::HeadSigner> signer_;
  std::unique_ptr<Workbench> bench_;
  std::vector<Extra> extras_;
};

}  // namespace ymgr::test
