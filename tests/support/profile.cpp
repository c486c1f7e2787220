#include "support/profile.hpp"

namespace ymgr::test {

std::int64_t count(sql::Connection& db, std::string_view what) {
  std::int64_t n = 0;
  db.run("SELECT count(*) FROM " + std::string(what), {}, [&](const sql::Row& row) { n = row.integer(0); });
  return n;
}

Profile::Profile(Role role, std::string user, sql::Dialect dialect)
    : database_(dialect), policy_(Policy::parse(default_policy("internal"), "policy.yaml")) {
  data_key_.key = Secret::random(32);
  const Secret passphrase(std::string_view("root passphrase"));
  make_folder(folder() + "/ca", 0700);
  database_->transaction(sql::Access::write, [&] {
    LocalCaPlan plan;
    plan.name = "Test";
    create_local_ca(*database_, data_key_, plan, &passphrase);
    signer_ = std::make_unique<audit::HeadSigner>(audit::HeadSigner::create(*database_, data_key_));
  });
  session_ =
      std::make_unique<Session>(Identity{std::move(user), role}, "", now() + std::chrono::hours(1), data_key_.clone());
  stores_ = open_sealed_stores(*database_, *session_);
  authority_ = open_local_authority(*database_, data_key_, folder() + "/ca");
  bench_ = make_bench(*database_, *session_, *stores_, *authority_);
}

std::unique_ptr<Workbench> Profile::make_bench(sql::Connection& db, const Session& session, Stores& stores,
                                               Authority& authority) {
  return std::unique_ptr<Workbench>(new Workbench{db,
                                                  session,
                                                  stores,
                                                  policy_,
                                                  authority,
                                                  signer_.get(),
                                                  no_notices(),
                                                  this_process("testhost"),
                                                  2,
                                                  folder() + "/ca",
                                                  folder() + "/install.d",
                                                  {}});
}

std::unique_ptr<Workbench> Profile::second_bench(Role role, std::string user) {
  Extra extra;
  extra.db = database_.another();
  extra.session =
      std::make_unique<Session>(Identity{std::move(user), role}, "", now() + std::chrono::hours(1), data_key_.clone());
  extra.stores = open_sealed_stores(*extra.db, *extra.session);
  extra.authority = open_local_authority(*extra.db, data_key_, folder() + "/ca");
  extras_.push_back(std::move(extra));
  auto& last = extras_.back();
  return make_bench(*last.db, *last.session, *last.stores, *last.authority);
}

}  // namespace ymgr::test
