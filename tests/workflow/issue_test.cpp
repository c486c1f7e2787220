#include "workflow/issue.hpp"

#include <doctest/doctest.h>

#include "audit/audit.hpp"
#include "support/profile.hpp"
#include "support/thrown.hpp"
#include "workflow/resume.hpp"

using namespace ymgr;
using test::count;

namespace {

IssueRequest request(std::string name) {
  IssueRequest wanted;
  wanted.name = std::move(name);
  return wanted;
}

IssueRequest request_into(std::string name, const std::string& out) {
  auto wanted = request(std::move(name));
  wanted.place.emplace().out = out;
  return wanted;
}

/// While it lives, no item's progress can be written.
class BrokenJournal {
 public:
  explicit BrokenJournal(sql::Connection& db) : db_(db) {
    db_.run_script(is_postgres() ? "CREATE TRIGGER broken BEFORE UPDATE ON operation_items FOR EACH ROW EXECUTE "
                                   "FUNCTION refuse_change('broken')"
                                 : "CREATE TEMP TRIGGER broken BEFORE UPDATE ON main.operation_items BEGIN SELECT "
                                   "RAISE(ABORT, 'broken'); END;");
  }
  ~BrokenJournal() {
    db_.run_script(is_postgres() ? "DROP TRIGGER broken ON operation_items" : "DROP TRIGGER temp.broken;");
  }
  BrokenJournal(const BrokenJournal&) = delete;
  BrokenJournal& operator=(const BrokenJournal&) = delete;

 private:
  bool is_postgres() const { return db_.dialect() == sql::Dialect::postgres; }

  sql::Connection& db_;
};

void check_stopped(const CertificateAnswer& answer) {
  REQUIRE(answer.items.size() == 1);
  CHECK_FALSE(answer.items.front().at("success").boolean());
  CHECK(answer.items.front().at("code").text() == "database-failed");
  CHECK(answer.items.front().at("state").text() == "planned");
  CHECK(answer.exit != 0);
  CHECK(answer.state == "open");
  CHECK(answer.resumable);
  CHECK_FALSE(answer.changed);
}

}  // namespace

TEST_CASE("issue makes a key, a certificate, an inventory row and an audit trail") {
  test::Profile profile;
  const auto answer = issue(profile.bench(), {request("api.example.com")}, {});
  REQUIRE(answer.items.size() == 1);
  CHECK(answer.exit == 0);
  CHECK(answer.state == "done");
  const Json& item = answer.items.front();
  CHECK(item.at("result").text() == "issued");
  CHECK(item.at("key_reference").text() == "sealed:api-example-com");
  const auto row = inventory::active_by_name(profile.db(), "api.example.com", now());
  REQUIRE(row);
  const auto certificate = parse_certificate(row->pem);
  CHECK(certificate.sans == std::vector<San>{{SanKind::dns, "api.example.com"}});
  CHECK(row->expires_at - row->not_before == std::chrono::hours(24 * 90) - std::chrono::seconds(1));
  CHECK(key_is_there(profile.db(), row->key_reference));
  CHECK(count(profile.db(), "ca_issued") == 1);
  CHECK(audit::verify(profile.db(), {}).findings.empty());
  CHECK(audit::verify(profile.db(), {}).unsigned_rows == 0);
  std::vector<std::string> events;
  for (const auto& event : audit::list(profile.db(), {})) events.push_back(event.event);
  CHECK(events == std::vector<std::string>{"issue.requested", "policy.approved", "key_created", "csr_created", "issued",
                                           "delivered", "issue.done"});
}

TEST_CASE("a second issue of an active name is refused, accepted with ensure, allowed with another") {
  test::Profile profile;
  const auto first = issue(profile.bench(), {request("web.example.com")}, {});
  CHECK(code_of([&] { issue(profile.bench(), {request("web.example.com")}, {}); }) == Code::name_active);
  IssueOptions ensure;
  ensure.when_active = WhenActive::ensure;
  const auto same = issue(profile.bench(), {request("web.example.com")}, ensure);
  CHECK(same.items.front().at("result").text() == "unchanged");
  CHECK(same.items.front().at("cert_id") == first.items.front().at("cert_id"));
  CHECK_FALSE(same.changed);
  IssueOptions another;
  another.when_active = WhenActive::another;
  issue(profile.bench(), {request("web.example.com")}, another);
  CHECK(inventory::by_name(profile.db(), "web.example.com").size() == 2);
}

TEST_CASE("ensure replaces a certificate whose names are no longer the ones asked for") {
  test::Profile profile;
  issue(profile.bench(), {request("web.example.com")}, {});
  IssueOptions ensure;
  ensure.when_active = WhenActive::ensure;
  auto wanted = request("web.example.com");
  wanted.sans = {parse_san("dns:www.example.com")};
  const auto answer = issue(profile.bench(), {wanted}, ensure);
  CHECK(answer.items.front().at("result").text() == "issued");
  const auto rows = inventory::by_name(profile.db(), "web.example.com");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].renewed_from == rows[1].cert_id);
  CHECK(rows[1].status == CertificateStatus::superseded);
}

TEST_CASE("a refusal makes no key, is audited and tells every violation") {
  test::Profile profile;
  auto wanted = request("api.example.com");
  wanted.key = KeyAlgorithm::rsa_2048;
  wanted.validity = std::chrono::hours(24 * 400);
  std::optional<Error> refused;
  try {
    issue(profile.bench(), {wanted}, {});
  } catch (const Error& error) {
    refused = error;
  }
  REQUIRE(refused);
  CHECK(refused->code() == Code::policy_violation);
  CHECK(std::string(refused->what()) == "Policy violation: Key size 2048 below minimum 3072");
  CHECK(*refused->detail("suggestion") == "Use RSA key size \u2265 3072 bits");
  CHECK(parse_json(*refused->detail("violations")).items().size() == 2);
  CHECK(count(profile.db(), "secrets WHERE path LIKE 'keys/%'") == 0);
  CHECK(count(profile.db(), "certificates") == 0);
  CHECK(count(profile.db(), "operations WHERE state = 'refused'") == 1);
  CHECK(count(profile.db(), "audit_events WHERE event = 'policy.refused'") == 1);
}

TEST_CASE("one refused name of a batch refuses the batch before the first key") {
  test::Profile profile;
  auto bad = request("b.example.com");
  bad.key = KeyAlgorithm::rsa_2048;
  CHECK(code_of([&] { issue(profile.bench(), {request("a.example.com"), bad}, {}); }) == Code::policy_violation);
  CHECK(count(profile.db(), "certificates") == 0);
}

TEST_CASE("a bulk issues every name once, in the order asked for") {
  test::Profile profile;
  std::vector<IssueRequest> wanted;
  for (int i = 1; i <= 120; ++i) wanted.push_back(request("api-" + std::to_string(i) + ".example.com"));
  const auto answer = issue(profile.bench(), wanted, {});
  CHECK(answer.exit == 0);
  REQUIRE(answer.items.size() == 120);
  for (int i = 1; i <= 120; ++i)
    CHECK(answer.items[static_cast<std::size_t>(i - 1)].at("name").text() ==
          "api-" + std::to_string(i) + ".example.com");
  CHECK(count(profile.db(), "certificates") == 120);
  CHECK(count(profile.db(), "(SELECT DISTINCT serial_number FROM certificates) AS numbers") == 120);
  CHECK(audit::verify(profile.db(), {}).findings.empty());
}

TEST_CASE("the same request id gives the same answer, with other inputs an error") {
  test::Profile profile;
  IssueOptions options;
  options.request_id = "req-mine";
  const auto first = issue(profile.bench(), {request("a.example.com")}, options);
  const auto again = issue(profile.bench(), {request("a.example.com")}, options);
  CHECK(first.items.front().at("cert_id") == again.items.front().at("cert_id"));
  CHECK(count(profile.db(), "certificates") == 1);
  CHECK(code_of([&] { issue(profile.bench(), {request("b.example.com")}, options); }) == Code::request_id_used);
}

TEST_CASE("a request id that was refused stays refused") {
  test::Profile profile;
  IssueOptions options;
  options.request_id = "req-mine";
  auto weak = request("a.example.com");
  weak.key = KeyAlgorithm::rsa_2048;
  CHECK(code_of([&] { issue(profile.bench(), {weak}, options); }) == Code::policy_violation);
  CHECK(code_of([&] { issue(profile.bench(), {weak}, options); }) == Code::policy_violation);
  CHECK(count(profile.db(), "operations") == 1);
}

TEST_CASE("files are written as a pair that belongs together") {
  test::Profile profile;
  auto wanted = request("web.example.com");
  wanted.place = Installation{};
  wanted.place->out = profile.folder() + "/tls";
  const auto answer = issue(profile.bench(), {wanted}, {});
  CHECK(answer.exit == 0);
  const std::string out = profile.folder() + "/tls";
  const auto certificate = parse_certificate(read_file(out + "/cert.pem"));
  std::string pem = read_file(out + "/privkey.pem");
  CHECK(is_pair(certificate, PrivateKey::from_pem(Secret::absorb(pem))));
  CHECK(parse_pem_chain(read_file(out + "/fullchain.pem")).size() == 2);
  CHECK(read_link(out + "/current") == "versions/" + answer.items.front().at("cert_id").text());
  CHECK(count(profile.db(), "secrets WHERE path LIKE 'keys/%'") == 0);
  CHECK(count(profile.db(), "operation_items WHERE data LIKE '%key_box%'") == 0);
  IssueOptions ensure;
  ensure.when_active = WhenActive::ensure;
  CHECK(issue(profile.bench(), {wanted}, ensure).items.front().at("result").text() == "unchanged");
  remove_file(out + "/privkey.pem");
  CHECK(issue(profile.bench(), {wanted}, ensure).items.front().at("result").text() == "issued");
}

TEST_CASE("a dry run changes nothing and says what it would do") {
  test::Profile profile;
  IssueOptions options;
  options.dry_run = true;
  const auto answer = issue(profile.bench(), {request("a.example.com")}, options);
  CHECK(answer.items.front().at("result").text() == "planned");
  CHECK(count(profile.db(), "operations") == 0);
  CHECK(count(profile.db(), "audit_events") == 0);
}

TEST_CASE("a certificate request is signed for its own key and names") {
  test::Profile profile;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p384);
  IssueRequest wanted;
  wanted.csr = to_pem(make_csr(key, {"svc.example.com", {{SanKind::dns, "svc.example.com"}}}), "CERTIFICATE REQUEST");
  const auto answer = issue(profile.bench(), {wanted}, {});
  const auto row = inventory::active_by_name(profile.db(), "svc.example.com", now());
  REQUIRE(row);
  CHECK(row->public_key_sha256 == hex(key.public_key().sha256));
  CHECK(row->key_reference == "external");
  CHECK_FALSE(row->csr.empty());
  CHECK(answer.items.front().at("key").text() == "external");
}

TEST_CASE("ensure shows a user no certificate of another and leaves its installation alone") {
  test::Profile profile;
  IssueRequest request;
  request.name = "web.example.com";
  request.place.emplace().out = profile.folder() + "/tls";
  issue(profile.bench(), {request}, {});
  request.place->deploy_hook = {"/bin/true"};
  IssueOptions options;
  options.when_active = WhenActive::ensure;
  options.installation = Existing::replace;
  const auto mallory = profile.second_bench(Role::user, "mallory");
  CHECK(code_of([&] { issue(*mallory, {request}, options); }) == Code::role_denied);
  CHECK(installation::load(profile.bench().installations, "web.example.com")->deploy_hook.empty());
}

TEST_CASE("what could not be recorded is told as not done, by the command and by each recovery") {
  test::Profile profile;
  std::string id;
  {
    const BrokenJournal broken(profile.db());
    const auto answer = issue(profile.bench(), {request("api.example.com")}, {});
    check_stopped(answer);
    id = answer.request_id;
    check_stopped(std::get<CertificateAnswer>(resume(profile.bench(), id).answer));
    check_stopped(issue(profile.bench(), {request("api.example.com")}, {}));
  }
  const auto answer = std::get<CertificateAnswer>(resume(profile.bench(), id).answer);
  CHECK(answer.exit == 0);
  CHECK(answer.changed);
  CHECK(answer.state == "done");
  CHECK(count(profile.db(), "certificates") == 1);
  CHECK(count(profile.db(), "audit_events WHERE event = 'policy.approved'") == 4);
}

TEST_CASE("a bulk that can't be recorded ends and names the way on") {
  test::Profile profile;
  std::vector<IssueRequest> wanted;
  for (int i = 1; i <= 120; ++i) wanted.push_back(request("api-" + std::to_string(i) + ".example.com"));
  std::optional<Error> error;
  {
    const BrokenJournal broken(profile.db());
    error = thrown([&] { issue(profile.bench(), wanted, {}); });
  }
  REQUIRE(error);
  CHECK(error->code() == Code::database_failed);
  REQUIRE(error->detail("audit_reference"));
  REQUIRE(error->detail("resume_id"));
  CHECK(std::get<CertificateAnswer>(resume(profile.bench(), *error->detail("resume_id")).answer).items.size() == 120);
  CHECK(count(profile.db(), "certificates") == 120);
}

TEST_CASE("a repeated request id of a refused request gets the same refusal") {
  test::Profile profile;
  IssueOptions options;
  options.request_id = "req-mine";
  auto weak = request("a.example.com");
  weak.key = KeyAlgorithm::rsa_2048;
  const auto first = thrown([&] { issue(profile.bench(), {weak}, options); });
  const auto again = thrown([&] { issue(profile.bench(), {weak}, options); });
  REQUIRE(first);
  REQUIRE(again);
  CHECK(again->code() == first->code());
  CHECK(std::string(again->what()) == first->what());
  CHECK(again->suggestion() == first->suggestion());
  CHECK(again->details() == first->details());
  CHECK(*first->detail("audit_reference") == "req-mine");
}

TEST_CASE("files that can't be delivered are refused before anything is planned") {
  test::Profile profile;
  const std::string& folder = profile.folder();
  write_file(folder + "/file", "");
  make_folder(folder + "/foreign", 0700);
  write_file(folder + "/foreign/privkey.pem", "theirs");
  write_file(folder + "/p12.password", "a password");
  auto sealed = request("p12.example.com");
  sealed.place.emplace().pkcs12 = folder + "/a.p12";
  sealed.place->pkcs12_password_file = folder + "/p12.password";
  sealed.key_place = KeyPlace::sealed;
  auto with_csr = sealed;
  with_csr.key_place.reset();
  with_csr.csr =
      to_pem(make_csr(PrivateKey::generate(KeyAlgorithm::ec_p256), {"p12.example.com", {}}), "CERTIFICATE REQUEST");
  auto nowhere = sealed;
  nowhere.key_place.reset();
  nowhere.place->pkcs12 = folder + "/missing/a.p12";
  const std::pair<IssueRequest, Code> cases[] = {
      {sealed, Code::usage},
      {with_csr, Code::usage},
      {nowhere, Code::file_not_found},
      {request_into("b.example.com", folder + "/file/tls"), Code::system_error},
      {request_into("c.example.com", folder + "/foreign"), Code::file_exists}};
  for (const auto& [wanted, code] : cases) {
    CAPTURE(wanted.name);
    CHECK(code_of([&] { issue(profile.bench(), {wanted}, {}); }) == code);
  }
  CHECK(count(profile.db(), "operations") == 0);
  CHECK(list_folder(profile.bench().installations).empty());
}

TEST_CASE("the folder of another certificate is taken over only by force, its own is taken again") {
  test::Profile profile;
  const std::string out = profile.folder() + "/tls";
  issue(profile.bench(), {request_into("a.example.com", out)}, {});
  const std::string before = read_file(out + "/cert.pem");
  const auto other = request_into("b.example.com", out);
  CHECK(code_of([&] { issue(profile.bench(), {other}, {}); }) == Code::file_exists);
  CHECK(read_file(out + "/cert.pem") == before);
  installation::remove(profile.bench().installations, "a.example.com");
  IssueOptions ensure;
  ensure.when_active = WhenActive::ensure;
  CHECK(issue(profile.bench(), {request_into("a.example.com", out)}, ensure).items.front().at("result").text() ==
        "unchanged");
  IssueOptions force;
  force.installation = Existing::replace;
  CHECK(issue(profile.bench(), {other}, force).exit == 0);
  CHECK(read_file(out + "/cert.pem") != before);
  CHECK(code_of([&] {
          issue(profile.bench(), {request_into("c.example.com", out + "2"), request_into("d.example.com", out + "2")},
                {});
        }) == Code::usage);
}

TEST_CASE("a PKCS#12 file holds key and chain, and replaces no other file unless forced") {
  test::Profile profile;
  auto wanted = request("p12.example.com");
  wanted.place.emplace().pkcs12 = profile.folder() + "/a.p12";
  wanted.place->pkcs12_password_file = profile.folder() + "/password";
  write_file(wanted.place->pkcs12_password_file, "a password");
  write_file(wanted.place->pkcs12, "precious");
  CHECK(code_of([&] { issue(profile.bench(), {wanted}, {}); }) == Code::file_exists);
  CHECK(read_file(wanted.place->pkcs12) == "precious");
  remove_file(wanted.place->pkcs12);
  CHECK(issue(profile.bench(), {wanted}, {}).exit == 0);
  CHECK(read_file(wanted.place->pkcs12).size() > 500);
}
