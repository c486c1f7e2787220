// Keys of a team: in Vault's transit engine, or in files of this host.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/text.hpp"
#include "support/profile.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"
#include "vault/transit.hpp"
#include "workflow/issue.hpp"
#include "workflow/reconcile.hpp"
#include "workflow/renew.hpp"
#include "workflow/resume.hpp"
#include "workflow/revoke.hpp"

using namespace ymgr;
using test::count;

namespace {

/// A CA that can't be reached while `offline`.
class ShakyAuthority : public Authority {
 public:
  explicit ShakyAuthority(Authority& real) : real_(real) {}
  bool offline = false;

  std::unique_ptr<Signer> open_signer() override { return offline ? std::make_unique<Nobody>() : real_.open_signer(); }
  void record_issued(const IssuedCertificate& issued, std::string_view cert_id) override {
    real_.record_issued(issued, cert_id);
  }
  void revoke(std::string_view issuer, const RevocationRequest& request) override { real_.revoke(issuer, request); }
  void unhold(std::string_view issuer, std::string_view serial) override { real_.unhold(issuer, serial); }
  std::vector<Crl> refresh_crls(bool force, const CrlRecord& record) override {
    return real_.refresh_crls(force, record);
  }
  std::optional<Crl> crl(std::string_view issuer) override { return real_.crl(issuer); }
  std::vector<Known> find_by_public_key(const Sha256& spki) override { return real_.find_by_public_key(spki); }

 private:
  struct Nobody : Signer {
    std::optional<IssuedCertificate> find(const SigningRequest&) override { return std::nullopt; }
    IssuedCertificate sign(const SigningRequest&) override { throw Error(Code::vault_unreachable, "nobody signs"); }
  };
  Authority& real_;
};

/// One of a team, but for the CA: that of an embedded profile.
struct Team {
  test::Profile profile;
  std::string mount = new_mount();
  vault::Client client = test::vault_of(test::openbao(), std::chrono::seconds(1));
  std::unique_ptr<Stores> stores = open_vault_stores(client, {"yubikeys", mount, "agent"});
  ShakyAuthority authority{profile.bench().authority};
  Workbench bench = bench_of(*stores);

  Workbench bench_of(Stores& with) {
    const auto& own = profile.bench();
    return {own.db,      own.session, with,     own.policy,    authority,         own.head_signer,
            own.notices, own.self,    own.jobs, own.ca_folder, own.installations, {}};
  }
  std::optional<vault::TransitKey> key(const std::string& reference) {
    REQUIRE(reference.starts_with("transit:"));
    return vault::Transit(client, mount).read(reference.substr(8));
  }
  CertificateRow active(const std::string& name) {
    const auto row = inventory::active_by_name(profile.db(), name, now());
    REQUIRE(row);
    return *row;
  }

 private:
  static std::string new_mount() {
    static int mounts = 0;
    std::string name = "team" + std::to_string(++mounts);
    test::mount(name, Json::object({{"type", "transit"}}));
    return name;
  }
};

IssueRequest request(std::string name) {
  IssueRequest wanted;
  wanted.name = std::move(name);
  return wanted;
}

IssueRequest into(std::string name, const std::string& out) {
  auto wanted = request(std::move(name));
  wanted.place.emplace().out = out;
  return wanted;
}

RevokeAnswer revoke_named(Workbench& bench, const std::string& argument, Reason reason, bool destroy_key = false) {
  RevokeOptions options;
  options.reason = reason;
  options.destroy_key = destroy_key;
  return revoke(bench, revocation_targets(bench, {argument}, {}, reason), options);
}

std::vector<std::string> waiting(const std::string& out) {
  auto names = list_folder(out);
  std::erase_if(names, [](const std::string& name) { return !name.starts_with(".ymgr-"); });
  return names;
}

/// Stopped while the CA is away, with its key in a file that waits in `out`.
std::string stopped_issue(Team& team, const std::string& name, const std::string& out) {
  team.authority.offline = true;
  const auto answer = issue(team.bench, {into(name, out)}, {});
  team.authority.offline = false;
  CHECK(answer.resumable);
  REQUIRE(waiting(out).size() == 1);
  return answer.request_id;
}

const Finding* find(const ReconcileAnswer& answer, std::string_view kind, std::string_view subject) {
  const auto found = std::ranges::find_if(
      answer.findings, [&](const Finding& one) { return one.kind == kind && one.subject == subject; });
  return found == answer.findings.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("keys of a team are made in transit, of every algorithm, and named after their certificates") {
  Team team;
  std::vector<IssueRequest> wanted;
  const KeyAlgorithm algorithms[] = {KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519,
                                     KeyAlgorithm::rsa_3072};
  for (const auto algorithm : algorithms) {
    wanted.push_back(request(std::string(to_string(algorithm)) + ".example.com"));
    wanted.back().key = algorithm;
  }
  const auto answer = issue(team.bench, wanted, {});
  CHECK(answer.exit == 0);
  for (const auto algorithm : algorithms) {
    const std::string text(to_string(algorithm));
    CAPTURE(text);
    const auto row = team.active(text + ".example.com");
    CHECK(row.key_reference == "transit:" + text + "-example-com");
    const auto key = team.key(row.key_reference);
    REQUIRE(key);
    CHECK(key->algorithm == algorithm);
    CHECK_FALSE(key->exportable);
    CHECK(hex(key->public_key().sha256) == row.public_key_sha256);
  }
  CHECK(count(team.profile.db(), "operation_items WHERE data LIKE '%key_box%'") == 0);
  CHECK(count(team.profile.db(), "secrets WHERE path LIKE 'keys/%'") == 0);
}

TEST_CASE("a name that somebody has in transit is left to them, by a single issue and by a bulk") {
  Team team;
  vault::Transit transit(team.client, team.mount);
  transit.ensure("web-example-com", KeyAlgorithm::ec_p256);
  transit.ensure("n1-example-com", KeyAlgorithm::ec_p256);
  issue(team.bench, {request("web.example.com")}, {});
  CHECK(team.active("web.example.com").key_reference.starts_with("transit:web-example-com-"));
  std::vector<IssueRequest> many;
  for (int i = 1; i <= 9; ++i) many.push_back(request("n" + std::to_string(i) + ".example.com"));
  issue(team.bench, many, {});
  CHECK(team.active("n1.example.com").key_reference.starts_with("transit:n1-example-com-"));
  CHECK(team.active("n2.example.com").key_reference == "transit:n2-example-com");
}

TEST_CASE("keys go where the profile keeps some, and a hint says where that is") {
  Team team;
  auto sealed = request("a.example.com");
  sealed.key_place = KeyPlace::sealed;
  const auto refused = thrown([&] { issue(team.bench, {sealed}, {}); });
  REQUIRE(refused);
  CHECK(refused->code() == Code::usage);
  CHECK(refused->hint().starts_with("--key-store transit"));
  auto transit = request("a.example.com");
  transit.key_place = KeyPlace::transit;
  const auto embedded = thrown([&] { issue(team.profile.bench(), {transit}, {}); });
  REQUIRE(embedded);
  CHECK(embedded->code() == Code::usage);
  CHECK(embedded->hint().starts_with("--key-store sealed"));
  CHECK(count(team.profile.db(), "operations") == 0);
}

TEST_CASE("a renewal uses the key in transit again, or makes one beside it") {
  Team team;
  issue(team.bench, {request("web.example.com")}, {});
  const auto first = team.active("web.example.com");
  RenewOptions options;
  options.force = true;
  CHECK(renew(team.bench, "web.example.com", options).exit == 0);
  const auto second = team.active("web.example.com");
  CHECK(second.key_reference == first.key_reference);
  CHECK(second.public_key_sha256 == first.public_key_sha256);
  options.key = KeyChoice::fresh;
  CHECK(renew(team.bench, "web.example.com", options).exit == 0);
  const auto third = team.active("web.example.com");
  CHECK(third.key_reference.starts_with("transit:web-example-com-"));
  CHECK(third.public_key_sha256 != first.public_key_sha256);
  CHECK(team.key(first.key_reference));
  CHECK(team.key(third.key_reference));
}

TEST_CASE("a certificate that came from a profile with sealed keys is renewed with a key in transit") {
  Team team;
  issue(team.profile.bench(), {request("web.example.com")}, {});
  CHECK(team.active("web.example.com").key_reference == "sealed:web-example-com");
  RenewOptions options;
  options.force = true;
  CHECK(renew(team.bench, "web.example.com", options).exit == 0);
  CHECK(team.active("web.example.com").key_reference.starts_with("transit:web-example-com-"));
}

TEST_CASE("keyCompromise destroys the key in transit once, and no other key of that name") {
  Team team;
  issue(team.bench, {request("web.example.com")}, {});
  const auto row = team.active("web.example.com");
  const auto answer = revoke_named(team.bench, row.cert_id, Reason::key_compromise);
  CHECK(answer.exit == 0);
  CHECK(answer.items.front().at("key_destroyed").boolean());
  CHECK_FALSE(team.key(row.key_reference));
  const auto operations = count(team.profile.db(), "operations");
  CHECK_FALSE(revoke_named(team.bench, row.cert_id, Reason::key_compromise).changed);
  CHECK(count(team.profile.db(), "operations") == operations);
  vault::Transit(team.client, team.mount).ensure("web-example-com", KeyAlgorithm::ec_p256);
  CHECK_FALSE(revoke_named(team.bench, row.cert_id, Reason::key_compromise).changed);
  CHECK(team.key(row.key_reference));
}

TEST_CASE("a key that can't be destroyed now is destroyed when the revocation is resumed") {
  Team team;
  issue(team.bench, {request("web.example.com")}, {});
  const auto row = team.active("web.example.com");
  test::openbao().seal();
  const auto stopped = revoke_named(team.bench, row.cert_id, Reason::superseded, true);
  test::openbao().unseal();
  CHECK(stopped.resumable);
  CHECK(stopped.exit == 8);
  CHECK(inventory::by_id(team.profile.db(), row.cert_id)->status == CertificateStatus::revoked);
  CHECK(team.key(row.key_reference));
  const auto answer = std::get<RevokeAnswer>(resume(team.bench, stopped.request_id).answer);
  CHECK(answer.exit == 0);
  CHECK(answer.state == "done");
  CHECK_FALSE(team.key(row.key_reference));
}

TEST_CASE("a key that one may not destroy keeps no certificate from being revoked") {
  Team team;
  issue(team.bench, {request("web.example.com")}, {});
  const auto row = team.active("web.example.com");
  auto weak = test::vault_with_policy("reads-" + team.mount,
                                      "path \"" + team.mount + "/keys/+\" { capabilities = [\"read\"] }");
  const auto stores = open_vault_stores(weak, {"yubikeys", team.mount, "agent"});
  auto bench = team.bench_of(*stores);
  const auto answer = revoke_named(bench, row.cert_id, Reason::superseded, true);
  CHECK(answer.exit == 0);
  CHECK_FALSE(answer.items.front().at("key_destroyed").boolean());
  CHECK(answer.items.front().at("key_note").text().find(team.mount) != std::string::npos);
  CHECK(team.key(row.key_reference));
}

TEST_CASE("a key in a file of a team never stands in the database, and waits nowhere once it is delivered") {
  Team team;
  const auto folder = team.profile.folder();
  write_file(folder + "/p12.password", "a password");
  auto wanted = into("web.example.com", folder + "/web");
  auto p12 = request("p12.example.com");
  p12.place.emplace().pkcs12 = folder + "/a.p12";
  p12.place->pkcs12_password_file = folder + "/p12.password";
  CHECK(issue(team.bench, {wanted, p12}, {}).exit == 0);
  const auto row = team.active("web.example.com");
  CHECK(row.key_reference == "file:" + folder + "/web/privkey.pem");
  CHECK(
      installation::is_delivered(*installation::load(team.bench.installations, row.name), parse_certificate(row.pem)));
  CHECK(exists(folder + "/a.p12"));
  CHECK(waiting(folder + "/web").empty());
  CHECK(waiting(folder).empty());
  CHECK(count(team.profile.db(), "operation_items WHERE data LIKE '%key_box%' OR data LIKE '%PRIVATE KEY%'") == 0);
  RenewOptions options;
  options.force = true;
  CHECK(renew(team.bench, "web.example.com", options).exit == 0);
  CHECK(team.active("web.example.com").public_key_sha256 == row.public_key_sha256);
  options.key = KeyChoice::fresh;
  CHECK(renew(team.bench, "web.example.com", options).exit == 0);
  CHECK(team.active("web.example.com").public_key_sha256 != row.public_key_sha256);
  CHECK(waiting(folder + "/web").empty());
}

TEST_CASE("a run with its key in a file is finished on its own host only") {
  Team team;
  const auto out = team.profile.folder() + "/web";
  const auto id = stopped_issue(team, "web.example.com", out);
  const auto path = out + "/" + waiting(out).front();
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  const auto key = PrivateKey::from_pem(Secret(read_file(path)));

  rename_file(path, path + ".hidden");
  team.bench.self.host = "elsewhere";
  const auto there = std::get<CertificateAnswer>(resume(team.bench, id).answer);
  CHECK(there.resumable);
  CHECK(there.items.front().at("error").text() == "the key of web.example.com is a file of host testhost");
  const auto due = renew_due(team.bench, {}, {});
  CHECK(due.items.empty());
  rename_file(path + ".hidden", path);

  team.bench.self.host = "testhost";
  const auto answer = std::get<CertificateAnswer>(resume(team.bench, id).answer);
  CHECK(answer.exit == 0);
  CHECK(team.active("web.example.com").public_key_sha256 == hex(key.public_key().sha256));
  CHECK(waiting(out).empty());
}

TEST_CASE("a key that waited in a file is destroyed with the operation that is given up") {
  Team team;
  const auto out = team.profile.folder() + "/web";
  operations::abandon(team.bench, stopped_issue(team, "web.example.com", out), "");
  CHECK(waiting(out).empty());
}

TEST_CASE("reconcile destroys waiting keys whose operation ended elsewhere, and leaves others alone") {
  Team team;
  const auto folder = team.profile.folder();
  const auto given_up = stopped_issue(team, "a.example.com", folder + "/a");
  stopped_issue(team, "b.example.com", folder + "/b");
  const auto path = folder + "/a/" + waiting(folder + "/a").front();
  const auto copy = read_file(path);
  operations::abandon(team.bench, given_up, "");
  write_file(path, copy);
  const auto unknown = folder + "/b/.ymgr-cert-20250118143215-7f3a91c04be2.key";
  write_file(unknown, copy);
  const auto answer = reconcile(team.bench, {});
  REQUIRE(find(answer, "key_left", path));
  CHECK(find(answer, "key_left", path)->action == "repaired");
  CHECK_FALSE(exists(path));
  REQUIRE(find(answer, "key_left", unknown));
  CHECK(find(answer, "key_left", unknown)->action == "reported");
  CHECK(waiting(folder + "/b").size() == 2);
}

TEST_CASE("reconcile tells keys in transit that are gone, unused, or somebody else's") {
  Team team;
  issue(team.bench, {request("gone.example.com"), request("kept.example.com")}, {});
  team.authority.offline = true;
  const auto given_up = issue(team.bench, {request("unused.example.com")}, {}).request_id;
  issue(team.bench, {request("busy.example.com")}, {});
  team.authority.offline = false;
  operations::abandon(team.bench, given_up, "");
  vault::Transit transit(team.client, team.mount);
  transit.ensure("foreign", KeyAlgorithm::ec_p256);
  transit.destroy("gone-example-com");

  auto answer = reconcile(team.bench, {});
  CHECK(answer.keys == 2);
  CHECK(find(answer, "key_missing", "transit:gone-example-com"));
  CHECK_FALSE(find(answer, "key_missing", "transit:kept-example-com"));
  REQUIRE(find(answer, "key_unused", "transit:unused-example-com"));
  CHECK(find(answer, "key_unused", "transit:unused-example-com")->action == "reported");
  CHECK_FALSE(find(answer, "key_unused", "transit:busy-example-com"));
  REQUIRE(find(answer, "key_foreign", "transit"));
  CHECK(find(answer, "key_foreign", "transit")->message.starts_with("1 "));

  ReconcileOptions options;
  options.destroy_unused_keys = true;
  answer = reconcile(team.bench, options);
  CHECK_FALSE(team.key("transit:unused-example-com"));
  CHECK(team.key("transit:busy-example-com"));
  CHECK(team.key("transit:foreign"));
}
