#include "workflow/init.hpp"

#include <algorithm>
#include <cstdio>

#include "audit/audit.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "policy/policy.hpp"
#include "session/identity.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"
#include "sql/settings.hpp"
#include "workflow/adopt_policy.hpp"
#include "workflow/license.hpp"
#include "workflow/new_profile.hpp"

namespace ymgr {

namespace {

struct Built {
  InitResult result;
  Secret recovery_key, root_key_pem;
  std::string csr_pem;
};

std::vector<audit::Event> first_events(const InitPlan& plan, const Policy& policy, const std::string& profile_id,
                                       const std::string& installation_id) {
  const auto event = [](std::string name, std::string target, Json data) {
    return audit::Event{
        .request_id = "", .event = std::move(name), .target = std::move(target), .data = std::move(data)};
  };
  return {event("profile.created", profile_id,
                Json::object(
                    {{"policy_version", policy.version()}, {"demo", plan.demo}, {"installation_id", installation_id}})),
          event("ca.created", plan.ca.name, Json::object({{"key_algorithm", to_string(plan.ca.key)}})),
          event("user.added", plan.admin, Json::object({{"role", "admin"}}))};
}

/// Rows of the new database, in one transaction.
Built fill_database(sql::Connection& db, const InitPlan& plan, const Policy& policy, const DataKey& data_key) {
  Built built;
  const Secret* passphrase = plan.root_passphrase ? &*plan.root_passphrase : &plan.password;
  db.transaction(sql::Access::write, [&] {
    const Time at = now();
    built.result.profile_id = new_id("profile", at);
    sql::write_setting(db, "profile_id", built.result.profile_id, at);
    const std::string installation_id = begin_installation(db, at);
    if (plan.demo) sql::write_setting(db, "demo", "true", at);
    record_first_policy(db, policy, plan.policy, at);
    const auto signer = audit::HeadSigner::create(db, data_key);
    open_sealed_tokens(db, data_key);
    users::add(db, plan.admin, Role::admin, users::hash_password(plan.admin, plan.password), data_key, plan.admin);
    LocalCaResult ca = create_local_ca(db, data_key, plan.ca, passphrase);
    built.root_key_pem = std::move(ca.root_key_pem);
    built.csr_pem = std::move(ca.csr_pem);
    if (!plan.recovery_key_out.empty()) built.recovery_key = users::make_recovery_key(db, data_key);
    audit::append(db, plan.admin, first_events(plan, policy, built.result.profile_id, installation_id), &signer);
  });
  built.result.policy_version = policy.version();
  return built;
}

void publish(sql::Connection& db, const InitPlan& plan, const DataKey& data_key, const std::string& folder) {
  const std::string ca = folder + "/ca";
  make_folder(ca, 0700);
  if (plan.ca.root != LocalCaPlan::Root::outside) {
    const auto authority = open_local_authority(db, data_key, ca);
    db.transaction(sql::Access::write, [&] { authority->refresh_crls(true); });
    refresh_ocsp_signer(db, data_key, ca, true);
  }
  publish_ca_files(db, ca);
}

Built build(const InitPlan& plan, const std::string& folder) {
  const Policy policy = Policy::parse(plan.policy, plan.policy_file);
  const DataKey data_key{Secret::random(32)};
  failpoint("profile_built", "before");
  const auto db = sql::open_sqlite({.path = folder + "/ymgr.db", .create = true});
  sql::migrate(*db);
  Built built = fill_database(*db, plan, policy, data_key);
  publish(*db, plan, data_key, folder);
  write_file(folder + "/policy.yaml", plan.policy);
  built.result.cas = list_cas(*db);
  failpoint("profile_built", "after");
  return built;
}

/// Files that leave the profile. What was written goes again unless the profile came to stand.
class Outputs {
 public:
  explicit Outputs(Existing existing) : existing_(existing) {}
  ~Outputs() {
    for (const auto& path : written_) std::remove(path.c_str());
  }
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  void write(const std::string& path, std::string_view text, FileMode mode = {}) {
    if (path.empty()) return;
    write_file(path, text, mode, existing_);
    written_.push_back(path);
  }
  void keep() noexcept { written_.clear(); }

 private:
  Existing existing_;
  std::vector<std::string> written_;
};

Secret with_newline(const Secret& text) {
  Secret line(text.size() + 1);
  *std::ranges::copy(text.reveal(), line.fill().begin()).out = '\n';
  return line;
}

/// The files are worth nothing without the profile, but the profile must not exist without them.
void put_into_place(const InitPlan& plan, const Built& built, NewProfile& profile) {
  Outputs outputs(plan.existing);
  outputs.write(plan.csr_out, built.csr_pem, {.mode = 0644, .group = {}});
  outputs.write(plan.root_key_out, built.root_key_pem.reveal());
  outputs.write(plan.recovery_key_out, with_newline(built.recovery_key).reveal());
  failpoint("profile_made", "before");
  profile.put_into_place();
  outputs.keep();
  profile.sync();
  failpoint("profile_made", "after");
}

}  // namespace

bool is_demo(sql::Connection& db) {
  return sql::read_setting(db, "demo") == "true";
}

void check_init(const InitPlan& plan) {
  users::check_user_name(plan.admin);
  users::check_password(plan.password);
  if (plan.root_passphrase) users::check_password(*plan.root_passphrase);
  Policy::parse(plan.policy, plan.policy_file);
  refuse_existing_profile(plan.home);
  for (const auto& path : {plan.csr_out, plan.root_key_out, plan.recovery_key_out}) {
    if (path.empty() || plan.existing == Existing::replace || !exists(path)) continue;
    throw Error(Code::file_exists, path + " exists already", "Choose another path, or overwrite it with --force");
  }
}

InitResult init(const InitPlan& plan) {
  check_init(plan);
  NewProfile profile(plan.home);
  Built built = build(plan, profile.folder());
  put_into_place(plan, built, profile);
  return std::move(built.result);
}

}  // namespace ymgr
