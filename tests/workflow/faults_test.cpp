// Each call that a workflow makes of a port fails once, before its effect and after it: nothing is lost, nothing is there twice.
#include "support/faults.hpp"

#include <set>

#include "support/vault_team.hpp"
#include "workflow/issue.hpp"
#include "workflow/login.hpp"
#include "workflow/renew.hpp"
#include "workflow/resume.hpp"
#include "workflow/revoke.hpp"

using namespace ymgr;
using test::count;
using test::Fault;
using test::Faults;

namespace {

/// A team's stores, whose keys may fail.
class FaultyStores final : public Stores {
 public:
  FaultyStores(std::unique_ptr<Stores> real, Faults& faults) : real_(std::move(real)), faults_(faults) {}
  bool is_open() const noexcept override { return real_->is_open(); }
  SecretReach reach() const noexcept override { return real_->reach(); }
  std::unique_ptr<SecretStore> secrets() override { return real_->secrets(); }
  std::unique_ptr<IdentityTokens> tokens() override { return real_->tokens(); }
  license::Shelf licenses() override { return real_->licenses(); }
  KeyPlace usual_place() const noexcept override { return real_->usual_place(); }
  bool keeps(KeyPlace place) const noexcept override { return real_->keeps(place); }
  bool seals_journal() const noexcept override { return real_->seals_journal(); }
  void next_worker(bool on_this_thread) override { real_->next_worker(on_this_thread); }
  std::unique_ptr<KeyStore> keys(KeyPlace place) override {
    return std::make_unique<test::FaultyKeys>(real_->keys(place), faults_);
  }
  std::string key_box(std::string_view reference) override {
    return faults_.pass([&] { return real_->key_box(reference); });
  }
  bool key_is_there(std::string_view reference) override {
    return faults_.pass([&] { return real_->key_is_there(reference); });
  }
  void destroy_key(std::string_view reference) override {
    faults_.pass([&] { real_->destroy_key(reference); });
  }
  std::set<std::string> all_keys() override {
    return faults_.pass([&] { return real_->all_keys(); });
  }

 private:
  std::unique_ptr<Stores> real_;
  Faults& faults_;
};

/// Vault's CA, keys in transit and the database, all of which may fail.
struct Team {
  Faults database{Code::database_unreachable}, keys{Code::vault_unreachable}, ca{Code::vault_unreachable};
  test::VaultTeam real;
  std::string transit = new_mount("transit-" + real.pki_mount());
  test::FaultyConnection db{real.db(), database};
  FaultyStores stores{open_vault_stores(real.client, {"yubikeys", transit, "agent"}), keys};
  std::unique_ptr<Authority> vault_ca =
      open_vault_authority(db, real.client, {real.pki_mount(), [](const SigningRequest&) { return "any"; }});
  test::FaultyAuthority authority{*vault_ca, ca};
  Workbench bench = bench_of(real.profile.bench());
  int recoveries = 0;

  Workbench bench_of(const Workbench& own) {
    return {db,          own.session, stores, own.policy,    authority,         own.head_signer,
            own.notices, own.self,    1,      own.ca_folder, own.installations, {}};
  }
  static std::string new_mount(const std::string& name) {
    test::mount(name, Json::object({{"type", "transit"}}));
    return name;
  }

  using Once = std::function<void(const std::string& name, const std::function<void()>& arm)>;
  void each_fault(const Once& once) {
    test::each_fault({{"database", &database}, {"keys", &keys}, {"ca", &ca}},
                     [&](const std::string& word, const auto& arm) { once(word + ".example.com", arm); });
  }

  /// What fails may be told as an error or in an answer; then all that was begun is resumed. The first recovery fails somewhere, too.
  template <class Run>
  void stop_and_resume(const Run& run) {
    stop(run);
    constexpr int strides = 17;
    for (Faults* port : {&database, &keys, &ca}) {
      ++recoveries;
      port->arm_again(1 + recoveries % strides, recoveries % 2 == 0 ? Fault::before : Fault::after);
    }
    stop([&] {
      for (const auto& id : resumable(bench)) resume(bench, id);
    });
    for (const auto& id : resumable(bench))
      CHECK(std::visit([](const auto& answer) { return answer.exit; }, resume(bench, id).answer) == 0);
    CHECK(count(real.db(), "operations WHERE state IN ('open', 'waiting')") == 0);
  }
  template <class Run>
  void stop(const Run& run) {
    try {
      run();
    } catch (const Error& error) {
      CHECK(error.retryable());
    }
    for (Faults* port : {&database, &keys, &ca}) port->disarm();
  }
  bool has_begun(const std::string& kind, const std::string& name) {
    return count(real.db(), "operation_items i JOIN operations o ON o.request_id = i.request_id WHERE o.kind = '" +
                                kind + "' AND i.target = '" + name + "'") > 0;
  }

  std::vector<CertificateRow> rows(const std::string& name) { return inventory::by_name(real.db(), name); }
  bool has_key(const CertificateRow& row) { return stores.all_keys().contains(row.key_reference); }

  /// What the CA signed is what the inventory has, and the audit trail is whole.
  void check_books() {
    CHECK(database.struck_again() + keys.struck_again() + ca.struck_again() > 0);
    std::set<std::string> issued, known;
    real.pki().serials(vault::PkiList::issued, [&](const std::string& serial) { issued.insert(serial); });
    issued.erase(real.pki().chain().front().serial);
    real.db().run("SELECT serial_number FROM certificates", {},
                  [&](const sql::Row& row) { known.emplace(row.text(0)); });
    CHECK(issued == known);
    CHECK(audit::verify(real.db(), {}).findings.empty());
    CHECK(audit::verify(real.db(), {}).unsigned_rows == 0);
  }
};

void issue_all(Team& team, const std::vector<std::string>& names) {
  std::vector<IssueRequest> wanted(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) wanted[i].name = names[i];
  issue(team.bench, wanted, {});
}

void renew_once(Team& team, const std::string& name, KeyChoice key) {
  RenewOptions options;
  options.force = true;
  options.key = key;
  renew(team.bench, name, options);
}

/// All of that name: several are renewed one after the other.
void renew_all_due(Team& team, const std::string& name) {
  DueOptions due;
  due.selection = parse_selection("name=" + name);
  due.renew_before = RenewBefore{std::chrono::hours(24 * 3650), 0};
  renew_due(team.bench, due, {});
}

void revoke_compromised(Team& team, const std::string& name) {
  RevokeOptions options;
  options.reason = Reason::key_compromise;
  revoke(team.bench, revocation_targets(team.bench, {name}, {}, options.reason), options);
}

/// Each name has one certificate and one key, whichever call of the ports failed.
void issues_under_each_fault(std::size_t many) {
  Team team;
  team.bench.jobs = many;
  team.each_fault([&](const std::string& name, const auto& arm) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < many; ++i) names.push_back("n" + std::to_string(i) + "-" + name);
    arm();
    team.stop_and_resume([&] { issue_all(team, names); });
    if (!team.has_begun("issue", names.front())) issue_all(team, names);
    for (const auto& each : names) {
      const auto rows = team.rows(each);
      REQUIRE(rows.size() == 1);
      CHECK(rows[0].status == CertificateStatus::active);
      CHECK(team.has_key(rows[0]));
    }
  });
  team.check_books();
  CHECK(static_cast<std::int64_t>(team.stores.all_keys().size()) == count(team.real.db(), "certificates"));
}

void renews_under_each_fault(KeyChoice key) {
  Team team;
  team.each_fault([&](const std::string& name, const auto& arm) {
    issue_all(team, {name});
    arm();
    team.stop_and_resume([&] { renew_once(team, name, key); });
    if (!team.has_begun("renew", name)) renew_once(team, name, key);
    const auto rows = team.rows(name);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].status == CertificateStatus::active);
    CHECK(rows[0].renewed_from == rows[1].cert_id);
    CHECK(rows[1].status == CertificateStatus::superseded);
    CHECK(team.has_key(rows[0]));
    CHECK((rows[0].public_key_sha256 == rows[1].public_key_sha256) == (key == KeyChoice::reuse));
  });
  team.check_books();
}

}  // namespace

TEST_CASE("an issue of which any call fails ends with one certificate and one key") {
  issues_under_each_fault(1);
}

TEST_CASE("a bulk of which any call fails ends with one certificate and one key for each name") {
  issues_under_each_fault(2);
}

TEST_CASE("a renewal of which any call fails ends with one successor") {
  renews_under_each_fault(KeyChoice::reuse);
}

TEST_CASE("a renewal with a new key of which any call fails ends with one successor") {
  renews_under_each_fault(KeyChoice::fresh);
}

TEST_CASE("a scheduled run of which any call fails leaves as many as there were, and none with two successors") {
  Team team;
  team.each_fault([&](const std::string& name, const auto& arm) {
    IssueRequest wanted;
    wanted.name = name;
    IssueOptions another;
    another.when_active = WhenActive::another;
    for (int i = 0; i < 2; ++i) issue(team.bench, {wanted}, another);
    arm();
    team.stop_and_resume([&] { renew_all_due(team, name); });
    renew_all_due(team, name);
    std::set<std::string> renewed;
    int active = 0;
    for (const auto& row : team.rows(name)) {
      if (!row.renewed_from.empty()) CHECK(renewed.insert(row.renewed_from).second);
      if (row.status != CertificateStatus::active) continue;
      ++active;
      CHECK_FALSE(row.renewed_from.empty());
      CHECK(team.has_key(row));
    }
    CHECK(active == 2);
  });
  team.check_books();
}

TEST_CASE("a revocation of which any call fails ends on the CA's list, with the key denied and destroyed") {
  Team team;
  team.each_fault([&](const std::string& name, const auto& arm) {
    issue_all(team, {name});
    const auto cert_id = team.rows(name).front().cert_id;
    arm();
    team.stop_and_resume([&] { revoke_compromised(team, name); });
    if (!team.has_begun("revoke", cert_id)) revoke_compromised(team, name);
    const auto rows = team.rows(name);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].status == CertificateStatus::revoked);
    CHECK(rows[0].revocation_reason == "keyCompromise");
    CHECK(team.real.pki().crl("default", team.real.pki().chain().front()).find(rows[0].serial));
    CHECK_FALSE(team.has_key(rows[0]));
  });
  team.check_books();
  CHECK(count(team.real.db(), "denied_keys") == count(team.real.db(), "certificates"));
}

TEST_CASE(
    "a login of which any call fails is no wrong password, opens no half of a session, and succeeds the next time") {
  const test::TestDatabase real;
  const TemporaryFolder folder("ymgr-test");
  const SessionPlace place{folder.path(), "profile-1"};
  const Credentials right{"alice", Secret("correct horse battery")}, wrong{"alice", Secret("wrong horse battery")};
  users::add(*real, "alice", Role::operator_, users::hash_password("alice", right.password), test::test_data_key(),
             "setup");
  real->transaction(sql::Access::write, [&] { audit::HeadSigner::create(*real, test::test_data_key()); });

  Faults database(Code::database_unreachable), authenticator(Code::database_unreachable);
  test::FaultyConnection db(*real, database);
  test::FaultyAuthenticator users(open_local_authenticator(db), authenticator);
  const auto try_once = [&](const Credentials& with) -> std::optional<Error> {
    std::optional<Error> refused;
    try {
      login(db, users, place, with);
    } catch (const Error& error) {
      refused = error;
    }
    database.disarm();
    authenticator.disarm();
    return refused;
  };
  const auto failures = [&] { return test::integer_of(*real, "SELECT failed_logins FROM users"); };
  const auto is_open = [&] {
    try {
      return session::resume(*real, place).identity().user == "alice";
    } catch (const Error& error) {
      CHECK(error.code() == Code::not_logged_in);
      return false;
    }
  };

  const std::vector<std::pair<std::string, Faults*>> ports = {{"database", &database}, {"users", &authenticator}};
  test::each_fault(ports, [&](const std::string&, const auto& arm) {
    arm();
    const auto refused = try_once(right);
    CHECK((!refused || refused->retryable()));
    CHECK(is_open() == !refused);
    CHECK(failures() == 0);
    CHECK_FALSE(try_once(right));
    CHECK(is_open());
    CHECK(logout(*real, place));
    CHECK_FALSE(is_open());
  });
  test::each_fault(ports, [&](const std::string&, const auto& arm) {
    arm();
    CHECK(try_once(wrong));
    CHECK_FALSE(is_open());
    CHECK(failures() <= 1);
    CHECK_FALSE(try_once(right));
    CHECK(failures() == 0);
    CHECK(logout(*real, place));
  });
  CHECK(audit::verify(*real, {}).findings.empty());
}
