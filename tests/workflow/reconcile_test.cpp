#include "workflow/reconcile.hpp"

#include <doctest/doctest.h>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"
#include "support/vault_team.hpp"
#include "workflow/issue.hpp"
#include "workflow/operation.hpp"
#include "workflow/revoke.hpp"

using namespace ymgr;
using test::VaultTeam;

namespace {

CertificateRow issued(Workbench& bench, const std::string& name) {
  IssueRequest request;
  request.name = name;
  issue(bench, {request}, {});
  return inventory::by_name(bench.db, name).front();
}

/// What an operator does with the own token, past any program of ours.
Certificate signed_past_us(VaultTeam& team, const std::string& name, const PrivateKey& key) {
  const RequestedNames names{name, {make_san(SanKind::dns, name)}};
  return team.pki()
      .sign({.csr = make_csr(key, names), .role = "any", .names = names, .life = std::chrono::hours(24)})
      .certificate;
}
Certificate signed_past_us(VaultTeam& team, const std::string& name) {
  return signed_past_us(team, name, PrivateKey::generate(KeyAlgorithm::ec_p256));
}

/// A row as a modified client enters it, like `from` but for what is said.
void insert_like(sql::Connection& db, const CertificateRow& from, const Certificate& certificate,
                 const std::string& cert_id) {
  CertificateRow row = from;
  row.cert_id = cert_id;
  row.name = certificate.common_name;
  row.serial = certificate.serial;
  row.issuer = certificate.issuer;
  row.fingerprint = hex(certificate.fingerprint);
  row.public_key_sha256 = hex(certificate.key.sha256);
  row.expires_at = certificate.not_after;
  row.pem = certificate.pem;
  inventory::insert(db, row);
}

std::string kinds(const ReconcileAnswer& answer) {
  std::vector<std::string> all;
  for (const auto& finding : answer.findings)
    all.push_back(finding.action + " " + finding.kind + " " + finding.subject);
  std::ranges::sort(all);
  return join(all, "\n");
}

std::string reconciled(Workbench& bench, const ReconcileOptions& options = {}) {
  return kinds(reconcile(bench, options));
}

void run_sql(sql::Connection& db, const std::string& text) {
  db.run(text, {});
}

}  // namespace

TEST_CASE("all is well in a team after ordinary work") {
  VaultTeam team;
  issued(*team.bench, "a.example.com");
  const auto row = issued(*team.bench, "b.example.com");
  RevokeOptions options;
  options.reason = Reason::superseded;
  revoke(*team.bench, revocation_targets(*team.bench, {row.cert_id}, {}, options.reason), options);
  const auto answer = reconcile(*team.bench, {});
  CHECK(kinds(answer) == "");
  CHECK(answer.certificates == 2);
  CHECK(answer.crls == 1);
}

TEST_CASE(
    "a certificate that nobody asked for by ymgr is reported, one whose row is gone is revoked when that is wanted") {
  VaultTeam team;
  const auto row = issued(*team.bench, "a.example.com");
  const auto rogue = signed_past_us(team, "rogue.example.com");
  CHECK(reconciled(*team.bench, {.revoke_orphans = true}) == "reported certificate_orphaned " + rogue.serial);
  CHECK_FALSE(team.pki().read(rogue.serial)->revoked_at);
  team.pki().revoke(rogue.serial);
  CHECK(reconciled(*team.bench) == "");

  // Signed a second time, since an answer got lost.
  NewOperation op;
  op.request_id = new_id("req", now());
  op.kind = "issue";
  op.target = "b.example.com";
  op.inputs = Json::object();
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const auto csr = to_pem(make_csr(key, {"b.example.com", {}}), "CERTIFICATE REQUEST");
  op.items.push_back({"b.example.com", Json::object({{"csr", csr}})});
  op.events.push_back({{}, "issue.requested", "b.example.com", Json::object()});
  team.db().transaction(sql::Access::write, [&] { operations::create(*team.bench, op); });
  const auto lost = signed_past_us(team, "b.example.com", key);
  CHECK(reconciled(*team.bench) ==
        "noted certificate_waiting " + lost.serial + "\nreported operation_open " + op.request_id);
  {
    const test::TestClock clock(now() + std::chrono::hours(2));
    CHECK(reconciled(*team.bench) ==
          "reported certificate_waiting " + lost.serial + "\nreported operation_open " + op.request_id);
  }
  operations::abandon(*team.bench, op.request_id, "a test");
  CHECK(reconciled(*team.bench) == "reported certificate_orphaned " + lost.serial);
  const auto repaired = reconciled(*team.bench, {.revoke_orphans = true});
  CHECK(repaired.find("repaired certificate_orphaned " + lost.serial) != std::string::npos);
  CHECK(team.pki().read(lost.serial)->revoked_at);
  CHECK(team.authority->crl(row.issuer)->find(lost.serial));
  CHECK(reconciled(*team.bench) == "");
}

TEST_CASE("rows that no CA signed are reported, and nothing is done for them") {
  VaultTeam team;
  const auto row = issued(*team.bench, "a.example.com");
  auto foreign = parse_certificate(row.pem);
  SUBCASE("by another CA") {
    const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
    const auto end = floor_seconds(now()) + std::chrono::hours(48);
    foreign = parse_certificate(make_root(key, {"Team CA " + team.pki_mount(), ""}, new_serial(), now(), end).bytes);
    REQUIRE(foreign.issuer == row.issuer);
  }
  SUBCASE("with other names than the certificate") {
    foreign.serial = "01:02";
  }
  SUBCASE("garbage") {
    foreign.pem = "nothing";
    foreign.serial = "01:02";
  }
  insert_like(team.db(), row, foreign, "cert-forged");
  run_sql(team.db(),
          "UPDATE certificates SET status = 'revoked', revoked_at = 1, revocation_reason = 'superseded' WHERE cert_id "
          "= 'cert-forged'");
  const auto found = reconciled(*team.bench);
  CHECK(found ==
        "reported audit_omitted cert-forged\nreported audit_omitted cert-forged\nreported certificate_foreign "
        "cert-forged");
  CHECK(test::count(team.db(), "ca_revocations") == 0);
}

TEST_CASE("a revocation on one side reaches the other, and is named") {
  VaultTeam team;
  const auto row = issued(*team.bench, "a.example.com");
  SUBCASE("the row says so, and Vault does not") {
    run_sql(team.db(),
            "UPDATE certificates SET status = 'revoked', revoked_at = 1000000, revocation_reason = 'superseded'");
    CHECK(reconciled(*team.bench, {.dry_run = true}) ==
          "planned revocation_unrecorded " + row.cert_id + "\nreported audit_omitted " + row.cert_id);
    CHECK_FALSE(team.pki().read(row.serial)->revoked_at);
    CHECK(reconciled(*team.bench).find("repaired revocation_unrecorded " + row.cert_id) != std::string::npos);
    CHECK(team.pki().read(row.serial)->revoked_at);
  }
  SUBCASE("Vault says so, and the row does not") {
    team.pki().revoke(row.serial);
    CHECK(reconciled(*team.bench, {.dry_run = true}) == "planned revocation_unlisted " + row.cert_id);
    CHECK(reconciled(*team.bench).find("repaired revocation_unlisted " + row.cert_id) != std::string::npos);
    const auto now_there = inventory::by_id(team.db(), row.cert_id);
    CHECK(now_there->status == CertificateStatus::revoked);
  }
  CHECK(team.authority->crl(row.issuer)->find(row.serial));
  CHECK(reconciled(*team.bench) == "");
}

TEST_CASE("a revocation of what the CA never signed is reported") {
  VaultTeam team;
  const auto row = issued(*team.bench, "a.example.com");
  const auto issuer = test::text_of(team.db(), "SELECT issuer_id FROM issuers");
  const auto until = to_micros(row.expires_at);
  team.db().run(
      "INSERT INTO ca_revocations (issuer_id, serial_number, revoked_at, reason, not_after) VALUES ($1, '01:02', 1, "
      "'superseded', $2)",
      {issuer, until});
  CHECK(reconciled(*team.bench) == "reported revocation_foreign 01:02");
  CHECK(reconciled(*team.bench) == "reported revocation_foreign 01:02");
}

TEST_CASE("what the audit trail leaves out is reported") {
  test::Profile profile;
  auto& bench = profile.bench();
  issued(bench, "a.example.com");
  reconcile(bench, {});  // the CA's files are written
  CHECK(reconciled(bench) == "");
  run_sql(profile.db(),
          "INSERT INTO operations (request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, "
          "created_at, updated_at) VALUES ('req-y', 'issue', 't', 'done', '{}', '', 'alice', 0, 0, 0)");
  run_sql(profile.db(),
          "INSERT INTO devices (serial, owner, status, firmware, form_factor, fips, pin_mode, created_at, updated_at) "
          "VALUES ('1001', 'alice', 'enrolled', '5.7.1', 'usb', 0, 'escrow', 0, 0)");
  CHECK(reconciled(bench) == "reported audit_omitted 1001\nreported audit_omitted req-y");
}

namespace {

/// What Vault's audit device writes, a line for each answer.
class VaultLogFile {
 public:
  struct Request {
    std::string path, operation = "update", op, entity = "e1";
    Time at;
    std::string more = {};
  };
  void add(const Request& request) {
    const std::string headers = request.op.empty() ? "{}" : R"({"x-ymgr-op":[")" + request.op + R"("]})";
    text_ += R"({"time":")" + format_time(request.at) +
             R"(","type":"response","auth":{"display_name":"userpass-oscar",)" + R"("entity_id":")" + request.entity +
             R"("},"request":{"id":"id-)" + std::to_string(++count_) + R"(","operation":")" + request.operation +
             R"(","path":")" + request.path + R"(","remote_address":"10.0.0.7","headers":)" + headers + "}" +
             request.more + "}\n";
  }
  void add_text(const std::string& text) { text_ += text; }
  ReconcileOptions options() {
    write_file(folder_.path() + "/audit.log", text_);
    ReconcileOptions options;
    options.vault_log = {folder_.path() + "/audit.log", "yubikeys", "transit", "pki", "", "ymgr-audit"};
    return options;
  }

 private:
  TemporaryFolder folder_{"ymgr-test"};
  std::string text_;
  int count_ = 0;
};

struct LoggedTeam {
  LoggedTeam() {
    row = issued(profile.bench(), "a.example.com");
    reconcile(profile.bench(), {});  // the CA's files are written
    profile.db().run("INSERT INTO database_roles (role_name, user_name) VALUES ('u-e1', $1), ('u-e2', 'bob')",
                     {test::Postgres::user});
    log.add({.path = "sys/health", .operation = "read", .op = "", .at = now() - std::chrono::hours(1)});
    log.add({.path = "pki/sign/web", .op = row.request_id, .at = now()});
    log.add({.path = "sys/health", .operation = "read", .op = "", .at = now() + std::chrono::hours(1)});
  }
  std::string found() { return reconciled(profile.bench(), log.options()); }
  test::Profile profile{Role::admin, "alice", sql::Dialect::postgres};
  VaultLogFile log;
  CertificateRow row;
};

}  // namespace

TEST_CASE("what Vault's log and the audit trail both have is well") {
  LoggedTeam team;
  team.log.add({.path = "yubikeys/data/1001/pin", .op = team.row.request_id, .at = now()});
  team.log.add({.path = "transit/keys/web1", .op = team.row.request_id, .at = now()});
  const auto answer = reconcile(team.profile.bench(), team.log.options());
  CHECK(kinds(answer) == "");
  CHECK(answer.vault_requests == 3);
}

TEST_CASE("what was asked of Vault past ymgr is named") {
  struct Row {
    const char *path, *operation;
    bool found;
  };
  const Row rows[] = {{"pki/sign/web", "update", true},
                      {"pki/sign-verbatim", "update", true},
                      {"pki/sign-verbatim/web", "update", true},
                      {"pki/issue/web", "update", true},
                      {"pki/issuer/default/sign/web", "update", true},
                      {"pki/issuer/default/issue/web", "update", true},
                      {"pki/root/sign-intermediate", "update", true},
                      {"pki/revoke", "update", true},
                      {"pki/crl/rotate", "read", false},
                      {"pki/roles/web", "update", false},
                      {"pki2/sign/web", "update", false},
                      {"transit/keys/web1", "create", true},
                      {"transit/keys/web1", "update", true},
                      {"transit/keys/web1", "delete", true},
                      {"transit/keys/web1", "read", false},
                      {"transit/keys/ymgr-audit", "update", false},
                      {"transit/keys/ymgr-audit", "delete", true},
                      {"transit/keys/ymgr-audit/config", "update", true},
                      {"transit/keys/web1/config", "update", true},
                      {"transit/keys/web1/csr", "update", false},
                      {"transit/restore/web1", "update", true},
                      {"transit/sign/web1", "update", false},
                      {"yubikeys/data/1001/pin", "create", true},
                      {"yubikeys/data/1001/secrets", "update", true},
                      {"yubikeys/data/1001/secrets", "read", false},
                      {"yubikeys/data/ymgr-settings", "update", false},
                      {"yubikeys/destroy/1001/pin", "update", true},
                      {"yubikeys/metadata/1001/pin", "delete", true}};
  LoggedTeam team;
  std::vector<std::string> wanted;
  int line = 3;
  for (const auto& row : rows) {
    team.log.add({.path = row.path, .operation = row.operation, .op = "", .at = now()});
    ++line;
    if (row.found) wanted.push_back("reported vault_unrecorded id-" + std::to_string(line));
  }
  std::ranges::sort(wanted);
  const auto answer = reconcile(team.profile.bench(), team.log.options());
  CHECK(kinds(answer) == join(wanted, "\n"));
  const auto& message = answer.findings.front().message;
  CAPTURE(message);
  for (const auto* part : {"anna", "userpass-oscar", "e1", "10.0.0.7", "pki/sign/web", "signed a certificate"})
    CHECK(message.find(part) != std::string::npos);
}

TEST_CASE("an operation that is named must be one, at that time, in which that person has a part") {
  LoggedTeam team;
  const auto& op = team.row.request_id;
  using std::chrono::hours;
  SUBCASE("it is none") {
    team.log.add({.path = "pki/sign/web", .op = "req-20260101000000-000000000000", .at = now()});
  }
  SUBCASE("it was earlier") {
    team.log.add({.path = "pki/sign/web", .op = op, .at = now() + hours(1) - std::chrono::seconds(1)});
  }
  SUBCASE("it was somebody else's") {
    team.log.add({.path = "pki/sign/web", .op = op, .entity = "e2", .at = now()});
  }
  SUBCASE("it was nobody's whom ymgr knows") {
    team.log.add({.path = "pki/sign/web", .op = op, .entity = "", .at = now()});
  }
  CHECK(team.found() == "reported vault_unrecorded id-4");
}

TEST_CASE("a refused request did nothing, and the rest of a damaged log is read") {
  LoggedTeam team;
  team.log.add({.path = "pki/sign/web", .op = "", .at = now(), .more = R"(,"error":"permission denied")"});
  team.log.add(
      {.path = "pki/sign/web", .op = "", .at = now(), .more = R"(,"response":{"data":{"error":"unknown role"}})"});
  CHECK(team.found() == "");
  team.log.add_text("garbage\n");
  team.log.add({.path = "pki/revoke", .op = "", .at = now()});
  team.log.add_text(R"({"time":"2026)");
  const auto found = team.found();
  CHECK(found.find("reported vault_unrecorded id-6") != std::string::npos);
  CHECK(found.find("reported vault_log_damaged") != std::string::npos);
  CHECK(found.find("noted vault_log_cut") != std::string::npos);
}

TEST_CASE("where Vault notes no operations, person and time must do") {
  LoggedTeam team;
  VaultLogFile log;
  log.add({.path = "pki/sign/web", .op = "", .at = now()});
  CHECK(reconciled(team.profile.bench(), log.options()).starts_with("noted vault_log_nameless"));
  log.add({.path = "pki/sign/web", .op = "", .entity = "e2", .at = now()});
  CHECK(reconciled(team.profile.bench(), log.options()).find("reported vault_unrecorded id-2") != std::string::npos);
}

TEST_CASE("what the audit trail has and Vault's log has not is reported") {
  LoggedTeam team;
  auto& bench = team.profile.bench();
  const auto other = issued(bench, "b.example.com");
  CHECK(team.found() == "reported vault_unlogged " + other.request_id);
  team.log.add({.path = "pki/sign/web", .op = other.request_id, .at = now()});
  CHECK(team.found() == "");
  RevokeOptions options;
  options.reason = Reason::superseded;
  const auto answer = revoke(bench, revocation_targets(bench, {other.cert_id}, {}, options.reason), options);
  CHECK(team.found() == "reported vault_unlogged " + other.cert_id);
  team.log.add({.path = "pki/revoke", .op = answer.request_id, .at = now()});
  CHECK(team.found() == "");
}
