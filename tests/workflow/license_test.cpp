#include "workflow/license.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "sql/settings.hpp"
#include "support/profile.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew.hpp"
#include "workflow/revoke.hpp"

using namespace ymgr;
using test::count;

namespace {

/// A store that can be stopped.
class Stopped : public SecretStore {
 public:
  std::optional<SecretDocument> read(std::string_view) override { stop(); }
  std::int64_t write(std::string_view, const Secret&, std::int64_t) override { stop(); }
  void destroy(std::string_view) override { stop(); }
  std::int64_t version(std::string_view) override { stop(); }

 private:
  [[noreturn]] static void stop() { throw Error(Code::vault_unreachable, "Vault does not answer"); }
};

/// Those of a profile, but for licences where somebody stopped the store.
class StoppableStores : public Stores {
 public:
  explicit StoppableStores(Stores& real) : real_(real) {}
  void stop() { stopped_ = true; }

  bool is_open() const noexcept override { return real_.is_open(); }
  SecretReach reach() const noexcept override { return real_.reach(); }
  std::unique_ptr<SecretStore> secrets() override { return real_.secrets(); }
  std::unique_ptr<IdentityTokens> tokens() override { return real_.tokens(); }
  license::Shelf licenses() override {
    return stopped_ ? license::Shelf(std::make_unique<Stopped>(), "license") : real_.licenses();
  }
  KeyPlace usual_place() const noexcept override { return real_.usual_place(); }
  bool keeps(KeyPlace place) const noexcept override { return real_.keeps(place); }
  bool seals_journal() const noexcept override { return real_.seals_journal(); }
  std::unique_ptr<KeyStore> keys(KeyPlace place) override { return real_.keys(place); }
  std::string key_box(std::string_view reference) override { return real_.key_box(reference); }
  bool key_is_there(std::string_view reference) override { return real_.key_is_there(reference); }
  void destroy_key(std::string_view reference) override { real_.destroy_key(reference); }
  std::set<std::string> all_keys() override { return real_.all_keys(); }

 private:
  Stores& real_;
  bool stopped_ = false;
};

/// A profile of a customer, with the vendor's key in its configuration; days count from now.
struct Customer {
  const Time begin = floor_seconds(now());
  test::TestClock clock{begin};
  test::Profile profile;
  SigningKeys vendor = make_signing_keys();
  StoppableStores stores{profile.bench().stores};
  Workbench bench = bench_of(profile.bench());

  Workbench bench_of(const Workbench& real) {
    return {.db = real.db,
            .session = real.session,
            .stores = stores,
            .policy = real.policy,
            .authority = real.authority,
            .head_signer = real.head_signer,
            .notices = real.notices,
            .self = real.self,
            .jobs = 1,
            .ca_folder = real.ca_folder,
            .installations = real.installations,
            .environment = {},
            .vendor_keys = [this] { return std::vector<license::VendorKey>{{vendor.public_key}}; }};
  }
  LicensePorts ports() { return {bench.db, bench.session, stores, bench.head_signer, bench.vendor_keys()}; }
  std::string id() { return require_installation_id(ports()); }
  void on_day(int day) { clock.set(begin + std::chrono::days(day)); }
  std::string time_of(int day) const { return format_time(begin + std::chrono::days(day)); }
  std::string license(const std::string& name, int issued, int until, const std::string& installation) {
    const std::string text = "ymgr-license-1\nlicense_id: " + name +
                             "\ncustomer: Example GmbH\ninstallation_id: " + installation +
                             "\nissued_at: " + time_of(issued) + "\nnot_before: " + time_of(issued) +
                             "\nexpires_at: " + time_of(until) + "\n";
    return text + "signature: " + to_base64(sign_detached(vendor, text)) + "\n";
  }
  std::string license(const std::string& name, int issued, int until) { return license(name, issued, until, id()); }
  InstalledLicense install(const std::string& text) { return install_license(ports(), text, DryRun::no); }
  std::string_view state() { return to_string(license_report(ports()).standing.state); }
  CertificateAnswer issue(const std::string& name, const std::string& request_id = {}) {
    IssueRequest request;
    request.name = name;
    IssueOptions options;
    options.request_id = request_id;
    return ymgr::issue(bench, {request}, options);
  }
};

}  // namespace

TEST_CASE("after the trial new certificates are refused before anything is made, and a licence lets them through") {
  Customer customer;
  customer.id();
  CHECK(customer.issue("a.example.com").exit == 0);
  customer.on_day(30);
  CHECK(customer.state() == "EXPIRED");
  CHECK_CODE(customer.issue("b.example.com", "req-b"), Code::license_expired);
  CHECK_CODE(customer.issue("b.example.com", "req-b"), Code::license_expired);  // the stored answer
  CHECK(count(customer.bench.db, "certificates") == 1);
  CHECK(count(customer.bench.db, "secrets WHERE path LIKE 'keys/%'") == 1);
  CHECK(count(customer.bench.db, "operations WHERE state = 'refused'") == 1);
  CHECK(audit::list(customer.bench.db, {.event = "license.refused"}).size() == 1);
  CHECK_CODE(require_license(customer.bench, "12345678", DryRun::yes), Code::license_expired);
  CHECK(audit::list(customer.bench.db, {.event = "license.refused"}).size() == 1);
  CHECK_CODE(require_license(customer.bench, "12345678", DryRun::no), Code::license_expired);
  CHECK(audit::list(customer.bench.db, {.event = "license.refused"}).size() == 2);
  CHECK(customer.install(customer.license("lic-1", 30, 395)).changed);
  CHECK(customer.state() == "VALID");
  CHECK(customer.issue("c.example.com").exit == 0);
}

TEST_CASE("without a vendor's key nothing is asked") {
  Customer customer;
  customer.bench.vendor_keys = [] { return std::vector<license::VendorKey>(); };
  customer.on_day(4000);
  CHECK_FALSE(license_refusal(customer.bench));
  customer.bench.vendor_keys = {};
  CHECK_FALSE(license_refusal(customer.bench));
}

TEST_CASE("an installation without an id gets no trial until an admin has made one") {
  Customer customer;
  CHECK(customer.state() == "INVALID");
  CHECK_CODE(customer.issue("a.example.com"), Code::license_invalid);
  const Session operator_session({"oscar", Role::operator_}, "", now() + std::chrono::hours(1), std::nullopt);
  LicensePorts ports{customer.bench.db, operator_session, customer.stores, nullptr, customer.bench.vendor_keys()};
  CHECK_CODE(require_installation_id(ports), Code::role_denied);
  CHECK_CODE(install_license(ports, customer.license("x", 0, 9, "inst-x"), DryRun::no), Code::role_denied);
  const auto id = customer.id();
  CHECK(customer.id() == id);
  CHECK(require_installation_id(ports) == id);
  CHECK(customer.state() == "TRIAL");
}

TEST_CASE("renewal and revocation go on when the licence has ended") {
  Customer customer;
  customer.id();
  REQUIRE(customer.issue("a.example.com").exit == 0);
  customer.on_day(65);
  REQUIRE(customer.state() == "EXPIRED");
  CHECK(renew(customer.bench, "a.example.com", {}).exit == 0);
  CHECK(count(customer.bench.db, "certificates") == 2);
  const auto targets = revocation_targets(customer.bench, {"a.example.com"}, {}, Reason::unspecified);
  CHECK(revoke(customer.bench, targets, {}).exit == 0);
}

TEST_CASE("a certificate that stands already is no new issue") {
  Customer customer;
  customer.id();
  REQUIRE(customer.issue("a.example.com").exit == 0);
  customer.on_day(31);
  IssueRequest request;
  request.name = "a.example.com";
  IssueOptions options;
  options.when_active = WhenActive::ensure;
  CHECK(issue(customer.bench, {request}, options).items.at(0).at("result").text() == "unchanged");
}

TEST_CASE("licences that are not for this installation, not from the vendor, old or over are not installed") {
  Customer customer;
  customer.id();
  const auto good = customer.license("lic-2", 0, 365);
  std::string edited = good;
  edited.replace(edited.find("lic-2"), 5, "lic-9");
  CHECK_CODE(customer.install(edited), Code::license_invalid);
  CHECK_CODE(customer.install(customer.license("lic-1", 0, 365, "inst-20270101000000-000000000000")),
             Code::license_invalid);
  CHECK_CODE(customer.install(customer.license("lic-1", -9, -1)), Code::license_expired);
  CHECK_CODE(customer.install(customer.license("lic-1", 3, 90)),
             Code::license_invalid);  // the clock is behind the vendor's
  CHECK_CODE(customer.install("x"), Code::license_unreadable);
  CHECK(customer.stores.licenses().version() == 0);
  CHECK(install_license(customer.ports(), good, DryRun::yes).report.standing.state == license::State::valid);
  CHECK(customer.stores.licenses().version() == 0);
  CHECK(customer.install(good).changed);
  CHECK_FALSE(customer.install(good).changed);
  CHECK_CODE(customer.install(customer.license("lic-1", -1, 900)), Code::license_invalid);  // older, though longer
  CHECK(customer.install(customer.license("lic-3", 1, 30)).changed);
  CHECK_CODE(customer.install(good), Code::license_invalid);  // back to the former
  CHECK(license_history(customer.ports()).size() == 2);
  auto ports = customer.ports();
  ports.keys.clear();
  CHECK_CODE(install_license(ports, good, DryRun::no), Code::usage);
}

TEST_CASE("a licence that was taken out of the store is missed") {
  Customer customer;
  const auto first = customer.license("lic-1", 0, 365), second = customer.license("lic-2", 1, 365);
  customer.install(first);
  customer.install(second);
  SUBCASE("all of it") {
    customer.stores.secrets()->destroy("license");
    CHECK(customer.state() == "INVALID");
    CHECK_CODE(customer.install(first), Code::license_invalid);
    const auto history = license_history(customer.ports());
    REQUIRE(history.size() == 2);
    CHECK(history[0].kept == "missing");
    CHECK(history[1].license_id == "lic-2");
    CHECK(customer.install(second).changed);
    CHECK(customer.state() == "VALID");
    const auto after = license_history(customer.ports());
    const auto again = std::ranges::find(after, "lic-2", &LicenseHistoryItem::license_id);
    REQUIRE(again != after.end());
    CHECK(again->kept == "kept");
  }
  SUBCASE("the newest, so that an older one counts") {
    const auto store = customer.stores.secrets();
    store->write("license", Secret(license::format_entries({{first, now(), "alice"}})), store->version("license"));
    CHECK(customer.state() == "INVALID");
  }
  SUBCASE("the row") {
    customer.bench.db.run("DELETE FROM secrets WHERE path = 'license'", {});
    CHECK(customer.state() == "INVALID");
  }
  SUBCASE("damaged") {
    const auto store = customer.stores.secrets();
    store->write("license", Secret("x"), store->version("license"));
    CHECK(customer.state() == "INVALID");
    CHECK_CODE(license_history(customer.ports()), Code::license_invalid);
    CHECK(customer.install(second).changed);
    CHECK(customer.state() == "VALID");
  }
}

TEST_CASE("an id that was taken out of the settings comes back from the audit trail, and another one is seen") {
  Customer customer;
  const auto id = customer.id();
  sql::remove_setting(customer.bench.db, "installation_id");
  CHECK(customer.state() == "INVALID");
  customer.on_day(31);
  CHECK(customer.id() == id);
  CHECK(customer.state() == "EXPIRED");
  sql::write_setting(customer.bench.db, "installation_id", license::new_installation_id(now()));
  CHECK(customer.state() == "INVALID");
}

TEST_CASE("a store that does not answer makes no trial longer") {
  Customer customer;
  const auto good = customer.license("lic-1", 0, 365);
  customer.install(good);
  customer.stores.stop();
  CHECK(customer.state() == "TRIAL");
  CHECK_FALSE(license_refusal(customer.bench));
  customer.on_day(30);
  CHECK(customer.state() == "EXPIRED");
  CHECK_CODE(customer.issue("a.example.com"), Code::vault_unreachable);  // to be tried again, and not on record
  CHECK(count(customer.bench.db, "operations") == 0);
}

TEST_CASE("a clock that was set back gains nothing") {
  Customer customer;
  customer.id();
  customer.on_day(31);
  customer.bench.db.transaction(sql::Access::write, [&] {
    audit::append(customer.bench.db, "alice", {{"", "login", "alice", Json::object()}}, customer.bench.head_signer);
  });
  if (test::test_dialect() == sql::Dialect::postgres) return;  // its rows have the server's time
  customer.on_day(3);
  const auto report = license_report(customer.ports());
  CHECK(report.standing.clock_set_back);
  CHECK(report.standing.state == license::State::expired);
}
