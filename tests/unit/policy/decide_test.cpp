#include <doctest/doctest.h>

#include <functional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "policy/policy.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using std::chrono::days;
using std::chrono::seconds;
using Action = PolicyRequest::Action;

namespace {

constexpr std::string_view team_policy = R"(
version: v7.1
preset: internal
keys: {denied: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]}
names:
  denied: [admin.example.com, "*.secret.example.com", 10.66.0.0/16]
validity: {max: 100d}
profiles:
  server:
    eku: [serverAuth]
    keys: {min_rsa_bits: 4096, algorithms: [rsa-4096, ec-p384]}
    names:
      allowed: ["*.example.com", example.com, 10.0.0.0/8, "*@example.com", "spiffe://example.com/*"]
      denied: [legacy.example.com]
      wildcards: true
    reuse: {key: true, max_key_age: 365d}
    default_validity: 30d
    san_kinds: [dns, ip, uri]
    max_sans: 3
    roles: [admin]
  open: {eku: [clientAuth], reuse: {key: false}, roles: [admin, operator, user]}
  asked: {eku: [clientAuth], roles: [admin], approval: [user, operator]}
  logon: {eku: [smartcardLogon], san_kinds: [upn], names: {allowed: ["*@example.com", alice]}, roles: [user]}
  mail: {eku: [emailProtection], names: {allowed: ["*@example.com", alice]}, roles: [user]}
)";

PolicyRequest request_for(std::string profile) {
  PolicyRequest request;
  request.profile = std::move(profile);
  request.role = "admin";
  request.actor = request.owner = "root";
  request.algorithm = "ec-p384";
  request.key_family = "EC";
  request.key_bits = 384;
  request.validity = days(30);
  return request;
}

void set_key(PolicyRequest& request, std::string algorithm, std::string family, int bits) {
  request.algorithm = std::move(algorithm);
  request.key_family = std::move(family);
  request.key_bits = bits;
}

void set_names(PolicyRequest& request, std::vector<San> sans) {
  request.common_name = request.name = sans.front().value;
  request.sans = std::move(sans);
}

std::string rules_of(const Decision& decision) {
  std::vector<std::string> rules;
  for (const auto& violation : decision.violations) rules.push_back(violation.rule);
  return join(rules, " ");
}

struct Row {
  const char* what;
  const char* profile;
  std::function<void(PolicyRequest&)> change;
  const char* want;  // rules, in order
};

void check(const Policy& policy, Time at, const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    CAPTURE(row.what);
    auto request = request_for(row.profile);
    row.change(request);
    CHECK(rules_of(policy.decide(request, at)) == row.want);
  }
}

const Time winter = parse_time("2026-01-10");
San dns(std::string value) {
  return {SanKind::dns, std::move(value)};
}
San ip(std::string value) {
  return {SanKind::ip, std::move(value)};
}
San email(std::string value) {
  return {SanKind::email, std::move(value)};
}
San upn(std::string value) {
  return {SanKind::upn, std::move(value)};
}
San uri(std::string value) {
  return {SanKind::uri, std::move(value)};
}

}  // namespace

TEST_CASE("every rule of keys holds at its limit and refuses one beyond") {
  const auto team = Policy::parse(team_policy, "team.yaml");
  const std::string denied(64, 'a');
  check(
      team, winter,
      {{"RSA at the minimum", "server", [](auto& r) { set_key(r, "rsa-4096", "RSA", 4096); }, ""},
       {"RSA one bit short", "server", [](auto& r) { set_key(r, "rsa-4095", "RSA", 4095); }, "key.min_rsa_bits"},
       {"RSA known but short", "server", [](auto& r) { set_key(r, "rsa-3072", "RSA", 3072); }, "key.min_rsa_bits"},
       {"RSA of a CSR, very short", "server", [](auto& r) { set_key(r, "rsa-1024", "RSA", 1024); }, "key.min_rsa_bits"},
       {"RSA longer than any listed", "server", [](auto& r) { set_key(r, "rsa-8192", "RSA", 8192); }, "key.algorithms"},
       {"RSA by name only", "server", [](auto& r) { set_key(r, "rsa-2048", "", 0); }, "key.min_rsa_bits"},
       {"RSA 3072 where the default minimum applies", "open", [](auto& r) { set_key(r, "rsa-3072", "RSA", 3072); }, ""},
       {"RSA 3071", "open", [](auto& r) { set_key(r, "rsa-3071", "RSA", 3071); }, "key.min_rsa_bits"},
       {"curve on the list", "server", [](auto&) {}, ""},
       {"curve not on the list", "server", [](auto& r) { set_key(r, "ec-p256", "EC", 256); }, "key.algorithms"},
       {"curve that nobody knows", "open", [](auto& r) { set_key(r, "ec-p521", "EC", 521); }, "key.algorithms"},
       {"no algorithm at all", "open", [](auto& r) { set_key(r, "", "", 0); }, "key.algorithms"},
       {"Ed25519 allowed", "open", [](auto& r) { set_key(r, "ed25519", "Ed25519", 256); }, ""},
       {"Ed25519 not on the list", "server", [](auto& r) { set_key(r, "ed25519", "Ed25519", 256); }, "key.algorithms"},
       {"key denied by the file", "open", [&](auto& r) { r.public_key_sha256 = denied; }, "key.denied"},
       {"key denied, other letter case", "open", [&](auto& r) { r.public_key_sha256 = std::string(64, 'A'); },
        "key.denied"},
       {"key one digit away", "open", [&](auto& r) { r.public_key_sha256 = std::string(63, 'a') + "b"; }, ""},
       {"key denied by the database", "open", [&](auto& r) { r.key_denied = true; }, "key.denied"}});
}

TEST_CASE("every rule of names holds at its limit and refuses one beyond") {
  const auto team = Policy::parse(team_policy, "team.yaml");
  check(
      team, winter,
      {{"allowed below", "server", [](auto& r) { set_names(r, {dns("a.b.example.com")}); }, ""},
       {"allowed exactly", "server", [](auto& r) { set_names(r, {dns("example.com")}); }, ""},
       {"outside", "server", [](auto& r) { set_names(r, {dns("example.org")}); }, "names.allowed"},
       {"two outside", "server",
        [](auto& r) {
          set_names(r, {dns("a.org"), dns("b.org")});
        },
        "names.allowed names.allowed"},
       {"no list: all allowed", "open", [](auto& r) { set_names(r, {dns("example.org")}); }, ""},
       {"address allowed", "server", [](auto& r) { set_names(r, {ip("10.65.255.255")}); }, ""},
       {"address outside", "server", [](auto& r) { set_names(r, {ip("11.0.0.0")}); }, "names.allowed"},
       {"address denied", "server", [](auto& r) { set_names(r, {ip("10.66.0.0")}); }, "names.denied"},
       {"last address denied", "open", [](auto& r) { set_names(r, {ip("10.66.255.255")}); }, "names.denied"},
       {"first address after", "open", [](auto& r) { set_names(r, {ip("10.67.0.0")}); }, ""},
       {"URI allowed", "server", [](auto& r) { set_names(r, {uri("spiffe://example.com/web")}); }, ""},
       {"URI outside", "server", [](auto& r) { set_names(r, {uri("spiffe://example.org/web")}); }, "names.allowed"},
       {"URI with dots", "server", [](auto& r) { set_names(r, {uri("spiffe://example.com/a/../b")}); }, "names.uri"},
       {"denied by the file", "open", [](auto& r) { set_names(r, {dns("admin.example.com")}); }, "names.denied"},
       {"denied still, in a profile with its own list", "server",
        [](auto& r) { set_names(r, {dns("admin.example.com")}); }, "names.denied"},
       {"denied by the profile", "server", [](auto& r) { set_names(r, {dns("legacy.example.com")}); }, "names.denied"},
       {"denied by the other profile only", "open", [](auto& r) { set_names(r, {dns("legacy.example.com")}); }, ""},
       {"the parent of what is denied", "open", [](auto& r) { set_names(r, {dns("secret.example.com")}); }, ""},
       {"below what is denied", "open", [](auto& r) { set_names(r, {dns("x.y.secret.example.com")}); }, "names.denied"},
       {"wildcard allowed", "server", [](auto& r) { set_names(r, {dns("*.web.example.com")}); }, ""},
       {"wildcard forbidden", "open", [](auto& r) { set_names(r, {dns("*.web.example.com")}); }, "names.wildcards"},
       {"wildcard that covers denied names", "server", [](auto& r) { set_names(r, {dns("*.example.com")}); },
        "names.denied"},
       {"wildcard above the allowed", "server", [](auto& r) { set_names(r, {dns("*.com")}); },
        "names.allowed names.denied"},
       {"kind not in the profile", "server", [](auto& r) { set_names(r, {email("a@example.com")}); },
        "names.san_kinds"},
       {"as many as may be", "server",
        [](auto& r) {
          set_names(r, {dns("a.example.com"), dns("b.example.com"), dns("c.example.com")});
        },
        ""},
       {"one more", "server",
        [](auto& r) {
          set_names(r, {dns("a.example.com"), dns("b.example.com"), dns("c.example.com"), dns("d.example.com")});
        },
        "names.max_sans"},
       {"common name not among the SANs", "server",
        [](auto& r) {
          set_names(r, {dns("a.example.com")});
          r.common_name = "example.org";
        },
        "names.allowed"},
       {"common name in capitals", "open", [](auto& r) { r.common_name = "ADMIN.example.com"; }, "names.denied"},
       {"common name that is an address", "open", [](auto& r) { r.common_name = "10.66.1.1"; }, "names.denied"},
       {"plain common name", "open", [](auto& r) { r.common_name = "Build Bot"; }, ""}});
}

TEST_CASE("every rule of validity, reuse and roles holds at its limit and refuses one beyond") {
  const auto team = Policy::parse(team_policy, "team.yaml");
  const auto alice = [](PolicyRequest& r) {
    r.role = "user";
    r.actor = r.owner = r.name = r.common_name = "alice";
  };
  check(team, winter,
        {{"longest", "open", [](auto& r) { r.validity = days(100); }, ""},
         {"a second more", "open", [](auto& r) { r.validity = days(100) + seconds(1); }, "validity.max"},
         {"shortest", "open", [](auto& r) { r.validity = seconds(1); }, ""},
         {"nothing", "open", [](auto& r) { r.validity = {}; }, "validity.min"},
         {"negative", "open", [](auto& r) { r.validity = -days(1); }, "validity.min"},
         {"key reused", "server",
          [](auto& r) {
            r.key_reused = true;
            r.key_age = days(1);
          },
          ""},
         {"key reuse forbidden", "open",
          [](auto& r) {
            r.key_reused = true;
            r.key_age = days(1);
          },
          "reuse.key"},
         {"key as old as may be", "server",
          [](auto& r) {
            r.key_reused = true;
            r.key_age = days(365);
          },
          ""},
         {"key a second older", "server",
          [](auto& r) {
            r.key_reused = true;
            r.key_age = days(365) + seconds(1);
          },
          "reuse.max_key_age"},
         {"key of unknown age", "server", [](auto& r) { r.key_reused = true; }, "reuse.max_key_age"},
         {"old key of a new certificate", "server", [](auto& r) { r.key_age = days(900); }, ""},
         {"role listed", "open", [](auto& r) { r.role = "operator"; }, ""},
         {"role not listed", "server", [](auto& r) { r.role = "operator"; }, "roles"},
         {"auditor", "open", [](auto& r) { r.role = "auditor"; }, "roles"},
         {"no role", "open", [](auto& r) { r.role = ""; }, "roles"},
         {"admin not listed", "mail", [](auto& r) { r.common_name = "alice"; }, "roles"},
         {"user, own name", "open", alice, ""},
         {"user, own name and more", "open",
          [&](auto& r) {
            alice(r);
            r.name = r.common_name = "Alice+laptop";
          },
          ""},
         {"user, name of another", "open",
          [&](auto& r) {
            alice(r);
            r.common_name = "bob";
          },
          "roles"},
         {"user, name that begins alike", "open",
          [&](auto& r) {
            alice(r);
            r.common_name = "alice2";
          },
          "roles"},
         {"user, inventory name of another", "open",
          [&](auto& r) {
            alice(r);
            r.name = "bob";
          },
          "roles"},
         {"user, SAN of another", "open",
          [&](auto& r) {
            alice(r);
            r.sans = {dns("www.example.com")};
          },
          "roles"},
         {"user, other owner", "open",
          [&](auto& r) {
            alice(r);
            r.owner = "bob";
          },
          "roles"},
         {"who asks for approval, name of another", "asked",
          [&](auto& r) {
            alice(r);
            r.common_name = "bob";
          },
          ""},
         {"who asks for approval, other owner", "asked",
          [&](auto& r) {
            alice(r);
            r.owner = "bob";
          },
          "roles"},
         {"neither listed nor asking", "asked", [](auto& r) { r.role = "auditor"; }, "roles"},
         {"user without a name", "open",
          [&](auto& r) {
            alice(r);
            r.actor = r.owner = "";
          },
          "roles"},
         {"user, own mailbox", "mail",
          [&](auto& r) {
            alice(r);
            r.sans = {email("alice@example.com")};
          },
          ""},
         {"user, own mailbox with a tag", "mail",
          [&](auto& r) {
            alice(r);
            r.sans = {email("alice+x@example.com")};
          },
          ""},
         {"user, own login", "logon",
          [&](auto& r) {
            alice(r);
            r.sans = {upn("Alice@example.com")};
          },
          ""},
         {"user, own login with a tag", "logon",
          [&](auto& r) {
            alice(r);
            r.sans = {upn("alice+x@example.com")};
          },
          "roles"},
         {"user, login of another", "logon",
          [&](auto& r) {
            alice(r);
            r.sans = {upn("bob@example.com")};
          },
          "roles"},
         {"user, mailbox of another", "mail",
          [&](auto& r) {
            alice(r);
            r.sans = {email("bob@example.com")};
          },
          "roles"},
         {"user, mailbox in no named domain", "open",
          [&](auto& r) {
            alice(r);
            r.sans = {email("alice@example.com")};
          },
          "roles"},
         {"user renews what an operator issued", "open",
          [&](auto& r) {
            alice(r);
            r.action = Action::renew;
            r.common_name = "laptop-17";
          },
          ""},
         {"user renews what another owns", "open",
          [&](auto& r) {
            alice(r);
            r.action = Action::renew;
            r.owner = "bob";
          },
          "roles"},
         {"user resumes", "open",
          [&](auto& r) {
            alice(r);
            r.action = Action::resume;
            r.common_name = "bob";
          },
          "roles"}});
}

TEST_CASE("a policy knows its denied keys in any letter case") {
  const auto team = Policy::parse(team_policy, "team.yaml");
  CHECK(team.denies_key(std::string(64, 'A')));
  CHECK_FALSE(team.denies_key(std::string(64, 'b')));
  CHECK_FALSE(team.denies_key(""));
}

TEST_CASE("all violations are listed, in the order of the file") {
  const auto team = Policy::parse(team_policy, "team.yaml");
  auto request = request_for("server");
  set_key(request, "rsa-2048", "RSA", 2048);
  set_names(request, {email("jo@example.org"), dns("*.example.com")});
  request.key_denied = request.key_reused = true;
  request.validity = days(500);
  request.role = "operator";
  CHECK(rules_of(team.decide(request, winter)) ==
        "key.min_rsa_bits key.denied names.allowed names.denied names.san_kinds validity.max reuse.max_key_age roles");
}

TEST_CASE("preset cabf lowers the maximum on its days, to the second") {
  const auto policy = Policy::parse(default_policy("cabf"), "policy.yaml");
  struct Dated {
    const char* at;
    int max, normal;  // days
  };
  const Dated rows[] = {{"2026-03-14T23:59:59Z", 397, 397}, {"2026-03-15T00:00:00Z", 200, 199},
                        {"2027-03-14T23:59:59Z", 200, 199}, {"2027-03-15T00:00:00Z", 100, 99},
                        {"2029-03-14T23:59:59Z", 100, 99},  {"2029-03-15T00:00:00Z", 47, 46},
                        {"2031-01-01T00:00:00Z", 47, 46}};
  for (const auto& row : rows) {
    CAPTURE(row.at);
    const auto at = parse_time(row.at);
    const auto& rules = policy.profile("tls-server");
    CHECK(policy.max_validity(rules, at) == days(row.max));
    CHECK(policy.default_validity(rules, at) == days(row.normal));
    auto request = request_for("tls-server");
    set_names(request, {dns("www.example.com")});
    request.validity = days(row.max);
    CHECK(rules_of(policy.decide(request, at)).empty());
    request.validity += seconds(1);
    CHECK(rules_of(policy.decide(request, at)) == "validity.max");
  }
  const auto& client = policy.profile("tls-client");
  CHECK(policy.max_validity(client, parse_time("2030-01-01")) == days(397));
  CHECK(policy.default_validity(client, parse_time("2030-01-01")) == days(30));
}

TEST_CASE("preset cabf stops at 398 days before its first day, and issues one day less") {
  const auto policy = Policy::parse(
      "{version: v1, preset: cabf, validity: {max: 398d}, profiles: {s: {eku: [serverAuth]}, old: {eku: [serverAuth], "
      "default_validity: 90d}}}",
      "p");
  const auto& rules = policy.profile("s");
  CHECK(policy.max_validity(rules, winter) == days(398));
  CHECK(policy.default_validity(rules, winter) == days(397));
  CHECK(policy.default_validity(policy.profile("old"), winter) == days(90));
  CHECK(policy.default_validity(policy.profile("old"), parse_time("2029-03-15")) == days(46));
}

TEST_CASE("preset cabf refuses what public TLS may not carry, in server profiles only") {
  const auto policy = Policy::parse(default_policy("cabf"), "policy.yaml");
  const auto at = parse_time("2026-06-01");
  check(policy, at,
        {{"public name", "tls-server", [](auto& r) { set_names(r, {dns("www.example.com")}); }, ""},
         {"single label", "tls-server", [](auto& r) { set_names(r, {dns("intranet")}); }, "names.internal"},
         {".local", "tls-server", [](auto& r) { set_names(r, {dns("db.local")}); }, "names.internal"},
         {".internal", "service", [](auto& r) { set_names(r, {dns("db.internal")}); }, "names.internal"},
         {".test", "tls-server", [](auto& r) { set_names(r, {dns("a.test")}); }, "names.internal"},
         {".localhost", "tls-server", [](auto& r) { set_names(r, {dns("a.localhost")}); }, "names.internal"},
         {"internal common name", "tls-server",
          [](auto& r) {
            set_names(r, {dns("www.example.com")});
            r.common_name = "db";
          },
          "names.internal"},
         {"private address", "tls-server", [](auto& r) { set_names(r, {ip("192.168.1.1")}); }, "names.reserved_ip"},
         {"loopback", "tls-server", [](auto& r) { set_names(r, {ip("::1")}); }, "names.reserved_ip"},
         {"public address", "tls-server", [](auto& r) { set_names(r, {ip("8.8.8.8")}); }, ""},
         {"Ed25519", "tls-server", [](auto& r) { set_key(r, "ed25519", "Ed25519", 256); }, "key.algorithms"},
         {"e-mail", "tls-server", [](auto& r) { set_names(r, {email("a@example.com")}); }, "names.san_kinds"},
         {"URI", "service", [](auto& r) { set_names(r, {uri("spiffe://example.com/a")}); }, "names.san_kinds"},
         {"client, internal name", "tls-client", [](auto& r) { set_names(r, {dns("laptop.local")}); }, ""},
         {"client, Ed25519", "tls-client", [](auto& r) { set_key(r, "ed25519", "Ed25519", 256); }, ""}});
}

TEST_CASE("the default internal policy allows the everyday and refuses rsa-2048, 398 days and wildcards") {
  const auto policy = Policy::parse(default_policy("internal"), "policy.yaml");
  check(policy, winter,
        {{"localhost", "tls-server",
          [](auto& r) {
            set_names(r, {dns("localhost"), ip("127.0.0.1")});
          },
          ""},
         {"397 days", "tls-server", [](auto& r) { r.validity = days(397); }, ""},
         {"398 days", "tls-server", [](auto& r) { r.validity = days(398); }, "validity.max"},
         {"rsa-3072", "tls-server", [](auto& r) { set_key(r, "rsa-3072", "RSA", 3072); }, ""},
         {"rsa-2048", "tls-server", [](auto& r) { set_key(r, "rsa-2048", "RSA", 2048); }, "key.min_rsa_bits"},
         {"wildcard", "tls-server", [](auto& r) { set_names(r, {dns("*.example.com")}); }, "names.wildcards"},
         {"operator", "service", [](auto& r) { r.role = "operator"; }, ""},
         {"user", "tls-server", [](auto& r) { r.role = "user"; }, "roles"},
         {"user's own client certificate", "tls-client",
          [](auto& r) {
            r.role = "user";
            r.name = r.common_name = "root";
          },
          ""},
         {"SPIFFE id of a service", "service",
          [](auto& r) {
            set_names(r, {dns("a.internal"), uri("spiffe://prod/a")});
          },
          ""}});
  const auto login = [](auto& r) { set_names(r, {upn("root@corp.example")}); };
  check(policy, winter,
        {{"the login of a YubiKey", "piv-auth", login, ""},
         {"a login in any other profile", "tls-client", login, "names.san_kinds"},
         {"a door's certificate for a person", "card-auth", login, "names.san_kinds"},
         {"a user's door card", "card-auth", [](auto& r) { r.role = "user"; }, "roles"}});
  for (const auto* name : {"piv-auth", "card-auth", "code-signing"}) {
    CHECK(policy.profile(name).default_key == KeyAlgorithm::ec_p384);
    CHECK(policy.default_validity(policy.profile(name), winter) == days(365));
  }
  CHECK(policy.default_validity(policy.profile("tls-server"), winter) == days(90));
  CHECK(policy.default_validity(policy.profile("service"), winter) == days(30));
  CHECK(policy.profile("tls-server").default_key == KeyAlgorithm::ec_p256);
  CHECK(policy.version() == "v2.3");
  CHECK(policy.min_renew_interval() == std::chrono::hours(1));
}

TEST_CASE("a refused RSA 2048 reads word for word as it always did") {
  const auto policy = Policy::parse(default_policy("internal"), "policy.yaml");
  auto request = request_for("tls-server");
  set_key(request, "rsa-2048", "RSA", 2048);
  const auto decision = policy.decide(request, winter);
  REQUIRE(decision.violations.size() == 1);
  CHECK(decision.violations[0].message == "Key size 2048 below minimum 3072");
  CHECK(decision.violations[0].suggestion == "Use RSA key size ≥ 3072 bits");
  try {
    throw_violation(decision, "req-1");
  } catch (const Error& error) {
    CHECK(error.code() == Code::policy_violation);
    CHECK(std::string(error.what()) == "Policy violation: Key size 2048 below minimum 3072");
    CHECK(error.hint() == "Use RSA key size ≥ 3072 bits: --key rsa-3072, or --key ec-p256");
    CHECK(*error.detail("policy_version") == "v2.3");
    CHECK(*error.detail("suggestion") == "Use RSA key size ≥ 3072 bits");
    CHECK(*error.detail("audit_reference") == "req-1");
    const auto list = parse_json(*error.detail("violations"));
    REQUIRE(list.items().size() == 1);
    CHECK(list.items()[0].at("rule").text() == "key.min_rsa_bits");
    CHECK(list.items()[0].at("value").text() == "2048");
    CHECK(list.items()[0].at("limit").text() == "3072");
  }
}

TEST_CASE("a denied key has its own code only when nothing else is wrong") {
  const auto policy = Policy::parse(default_policy("internal"), "policy.yaml");
  auto request = request_for("tls-server");
  request.key_denied = true;
  const auto code = [&] {
    try {
      throw_violation(policy.decide(request, winter), "req-1");
    } catch (const Error& error) {
      return error.code();
    }
  };
  CHECK(code() == Code::key_denied);
  request.validity = days(400);
  CHECK(code() == Code::policy_violation);
}

TEST_CASE("an unknown profile names the nearest") {
  const auto policy = Policy::parse(default_policy("internal"), "policy.yaml");
  try {
    policy.decide(request_for("tls-sever"), winter);
    FAIL("nothing thrown");
  } catch (const Error& error) {
    CHECK(error.code() == Code::profile_unknown);
    CHECK(error.hint() == "did you mean tls-server?");
  }
}

TEST_CASE("a profile that came later than the file is told with the line to add") {
  const auto older = Policy::parse("{version: v1, preset: internal, profiles: {web: {eku: [serverAuth]}}}", "p");
  const auto error = thrown([&] { older.profile("piv-auth"); });
  REQUIRE(error);
  CHECK(error->code() == Code::profile_unknown);
  const std::string start = "write it into the profiles of policy.yaml, with a new version: ";
  REQUIRE(error->hint().starts_with(start + "piv-auth: {eku: [clientAuth, smartcardLogon], "));
  const auto newer =
      Policy::parse("{version: v2, preset: internal, profiles: {" + error->hint().substr(start.size()) + "}}", "p");
  const auto shipped = Policy::parse(default_policy("internal"), "p");
  CHECK(newer.profile("piv-auth").eku == shipped.profile("piv-auth").eku);
  CHECK(newer.profile("piv-auth").san_kinds == shipped.profile("piv-auth").san_kinds);
  CHECK(newer.profile("piv-auth").roles == shipped.profile("piv-auth").roles);
}
