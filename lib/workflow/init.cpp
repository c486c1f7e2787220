#include "workflow/init.hpp"

#include <arpa/inet.h>

#include "audit/audit.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "policy/policy.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"
#include "sql/settings.hpp"
#include "workflow/adopt_policy.hpp"
#include "workflow/new_profile.hpp"

namespace ymgr {

namespace {

struct Built {
  InitResult result;
  Secret recovery_key, root_key_pem;
  std::string csr_pem;
};

std::vector<audit::Event> first_events(const InitPlan& plan, const Policy& policy, const std::string& profile_id) {
  const auto event = [](std::string name, std::string target, Json data) {
    return audit::Event{
        .request_id = "", .event = std::move(name), .target = std::move(target), .data = std::move(data)};
  };
  return {event("profile.created", profile_id, Json::object({{"policy_version", policy.version()}})),
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
    record_first_policy(db, policy, plan.policy, at);
    const auto signer = audit::HeadSigner::create(db, data_key);
    users::add(db, plan.admin, Role::admin, plan.password, data_key, plan.admin);
    LocalCaResult ca = create_local_ca(db, data_key, plan.ca, passphrase);
    built.root_key_pem = std::move(ca.root_key_pem);
    built.csr_pem = std::move(ca.csr_pem);
    if (!plan.recovery_key_out.empty()) built.recovery_key = users::make_recovery_key(db, data_key);
    audit::append(db, plan.admin, first_events(plan, policy, built.result.profile_id), &signer);
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

void write_outputs(const InitPlan& plan, const Built& built) {
  if (!plan.csr_out.empty()) write_file(plan.csr_out, built.csr_pem, {.mode = 0644, .group = {}}, plan.existing);
  if (!plan.root_key_out.empty()) write_file(plan.root_key_out, built.root_key_pem.reveal(), {}, plan.existing);
  if (plan.recovery_key_out.empty()) return;
  Secret line(built.recovery_key.size() + 1);
  const auto end =
      std::copy(built.recovery_key.reveal().begin(), built.recovery_key.reveal().end(), line.fill().begin());
  *end = '\n';
  write_file(plan.recovery_key_out, line.reveal(), {}, plan.existing);
}

void remove_outputs(const InitPlan& plan) {
  for (const auto& path : {plan.csr_out, plan.root_key_out, plan.recovery_key_out}) {
    if (!path.empty()) remove_file(path);
  }
}

/// They are worth nothing without the profile, but the profile must not exist without them.
void put_into_place(const InitPlan& plan, const Built& built, NewProfile& profile) {
  write_outputs(plan, built);
  try {
    failpoint("profile_made", "before");
    profile.put_into_place();
  } catch (const Error&) {
    remove_outputs(plan);
    throw;
  }
  profile.sync();
  failpoint("profile_made", "after");
}

[[noreturn]] void refuse_permitted(std::string_view text, const std::string& why) {
  throw Error(Code::name_invalid, "not a name constraint: " + printable(text) + ": " + why,
              "Write dns:example.com, ip:10.0.0.0/8 or email:example.com");
}

void check_network(std::string_view text, std::string_view network) {
  const auto slash = network.find('/');
  const std::string address(network.substr(0, slash));
  unsigned char bytes[16];
  const bool v4 = ::inet_pton(AF_INET, address.c_str(), bytes) == 1;
  if (!v4 && ::inet_pton(AF_INET6, address.c_str(), bytes) != 1) refuse_permitted(text, "no IP address");
  const auto bits = slash == std::string_view::npos ? std::nullopt : parse_number(network.substr(slash + 1));
  if (!bits || *bits > (v4 ? 32 : 128)) refuse_permitted(text, "no prefix length");
}

}  // namespace

San parse_permitted(std::string_view text) {
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  const std::string value(colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
  if (kind == "dns") return {SanKind::dns, check_dns_name(value)};
  if (kind == "email")
    return {SanKind::email,
            value.find('@') == std::string::npos ? check_dns_name(value) : make_san(SanKind::email, value).value};
  if (kind != "ip") refuse_permitted(text, "unknown kind");
  check_network(text, value);
  return {SanKind::ip, value};
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
