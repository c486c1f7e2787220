// What `ca serve` answers, without the network; OpenSSL's command line asks and judges.
#include <doctest/doctest.h>

#include <optional>
#include <thread>

#include "authority/store.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "support/local_ca.hpp"
#include "support/shell.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::LocalCa;
using test::run_shell;

/// A CA that serves, with an OCSP signer, and OpenSSL's command line beside it.
struct Service {
  explicit Service(const LocalCaPlan& plan = test::ca_plan()) : ca(plan) {
    write_file(path("root.pem"), ca.made.root_pem);
    write_file(path("issuing.pem"), ca.made.issuing_pem);
  }
  std::string path(const std::string& name) const { return ca.database.folder() + "/" + name; }
  void renew(bool force = false) { refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), force); }
  CaAnswer get(std::string_view target) { return responder.answer("GET", target, ""); }

  /// An OCSP request for serials of the issuing CA.
  std::string request(const std::vector<std::string>& serials, const std::string& flags = "-no_nonce") const {
    std::string command =
        "openssl ocsp -reqout " + path("request.der") + " " + flags + " -issuer " + path("issuing.pem");
    for (std::string serial : serials) {
      std::erase(serial, ':');
      command += " -serial 0x" + serial;
    }
    const auto ran = run_shell(command);
    REQUIRE_MESSAGE(ran.exit == 0, ran.output);
    return read_file(path("request.der"));
  }
  /// What OpenSSL makes of an answer to the last request.
  test::Ran judged(const CaAnswer& answer, std::string serial) const {
    CHECK(answer.status == 200);
    CHECK(answer.content_type == "application/ocsp-response");
    write_file(path("response.der"), answer.body);
    std::erase(serial, ':');
    return run_shell("openssl ocsp -no_nonce -respin " + path("response.der") + " -reqin " + path("request.der") +
                     " -issuer " + path("issuing.pem") + " -serial 0x" + serial + " -CAfile " + path("root.pem") +
                     " -verify_other " + path("issuing.pem"));
  }
  test::Ran ask(const std::string& serial) {
    const std::string der = request({serial});
    return judged(responder.answer("POST", "/ocsp", der), serial);
  }
  /// The responseStatus of an answer without a body (RFC 6960 4.2.1).
  int error(std::string_view der) {
    const CaAnswer answer = responder.answer("POST", "/ocsp", der);
    CHECK(answer.status == 200);
    CHECK_FALSE(answer.max_age);
    return answer.body.size() == 5 ? answer.body.back() : -1;
  }

  LocalCa ca;
  CaResponder responder{*ca.database, ca.folder()};
};

constexpr int malformed = 1, try_later = 3, unauthorized = 6;

TEST_CASE("certificates and lists are served with their types") {
  Service service;
  LocalCa& ca = service.ca;
  const std::string id = active_ca(*ca.database).issuer_id, root_id = list_cas(*ca.database)[1].issuer_id;
  CHECK(service.get("/crl").status == 404);
  ca.authority().refresh_crls(true);
  CHECK(service.get("/ca.pem").body == ca.made.issuing_pem);
  CHECK(service.get("/root.pem").body == ca.made.root_pem);
  CHECK(service.get("/chain.pem").body == ca.made.issuing_pem + ca.made.root_pem);
  CHECK(service.get("/chain.pem").content_type == "application/x-pem-file");
  CHECK(parse_certificate(service.get("/ca.crt").body).pem == ca.made.issuing_pem);
  CHECK(service.get("/ca/" + id + ".crt").body == service.get("/ca.crt").body);
  CHECK(parse_certificate(service.get("/ca/" + root_id + ".crt").body).pem == ca.made.root_pem);
  CHECK(service.get("/ca.crt").content_type == "application/pkix-cert");
  const Certificate issuing = parse_certificate(ca.made.issuing_pem);
  CHECK(parse_crl(service.get("/crl").body, &issuing).number == ca.authority().crl(issuing.subject)->number);
  CHECK(service.get("/crl/" + id + ".crl").body == service.get("/crl").body);
  CHECK(service.get("/crl").content_type == "application/pkix-crl");
  CHECK(service.get("/crl").max_age == std::chrono::minutes(5));
  CHECK(service.get("/crl/" + root_id + ".crl").status == 200);
  CHECK(service.responder.answer("HEAD", "/ca.pem", "").status == 200);
}

TEST_CASE("everything else is refused") {
  Service service;
  for (const char* target : {"/", "", "/ca", "/ca.key", "/crl/", "/crl/.crl", "/crl/../ocsp.key",
                             "/ca/%2e%2e/ocsp.key.crt", "/ocsp.key", "/crl/x.crl", "//ca.pem", "/ca.pem/"}) {
    CAPTURE(target);
    CHECK(service.get(target).status == 404);
    CHECK(service.get(target).content_type == "text/plain");
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    CAPTURE(method);
    const CaAnswer answer = service.responder.answer(method, "/ca.pem", "");
    CHECK(answer.status == 405);
    CHECK(answer.allow == "GET, HEAD");
  }
  CHECK(service.get("/ocsp").status == 405);
  CHECK(service.get("/ocsp").allow == "POST");
  CHECK(service.responder.answer("PUT", "/ocsp", "").status == 405);
}

TEST_CASE("a CA that is not ready serves nothing") {
  auto plan = test::ca_plan();
  plan.root = LocalCaPlan::Root::outside;
  const LocalCa ca(plan);
  CaResponder responder(*ca.database, ca.folder());
  for (const char* target : {"/ca.pem", "/chain.pem", "/root.pem", "/ca.crt", "/crl"}) {
    CHECK(responder.answer("GET", target, "").status == 404);
  }
  CHECK(responder.answer("POST", "/ocsp", "x").body.back() == unauthorized);
}

TEST_CASE("OCSP tells good, revoked with reason, on hold, and unknown") {
  Service service;
  LocalCa& ca = service.ca;
  service.renew();
  const auto good = ca.issue("good.example"), bad = ca.issue("bad.example"), held = ca.issue("held.example");
  ca.revoke(bad, Reason::key_compromise);
  ca.revoke(held, Reason::certificate_hold);
  const auto says = [&](const std::string& serial, const std::string& text) {
    const auto ran = service.ask(serial);
    CHECK_MESSAGE(ran.exit == 0, ran.output);
    CHECK_MESSAGE(ran.says("Response verify OK"), ran.output);
    CHECK_MESSAGE(ran.says(text), ran.output);
  };
  says(good.certificate.serial, ": good");
  says(bad.certificate.serial, ": revoked");
  says(bad.certificate.serial, "Reason: keyCompromise");
  says(held.certificate.serial, "Reason: certificateHold");
  says(new_serial(), ": unknown");
  ca.authority().unhold(held.certificate.issuer, held.certificate.serial);
  says(held.certificate.serial, ": good");
}

TEST_CASE("several serials are answered at once, and a nonce comes back") {
  Service service;
  service.renew();
  const auto first = service.ca.issue("a.example"), second = service.ca.issue("b.example");
  service.ca.revoke(second);
  const std::string der = service.request({first.certificate.serial, second.certificate.serial}, "");
  const CaAnswer answer = service.responder.answer("POST", "/ocsp", der);
  const auto ran = service.judged(answer, second.certificate.serial);
  CHECK_MESSAGE(ran.says("Response verify OK"), ran.output);
  CHECK_MESSAGE(ran.says(": revoked"), ran.output);
  CHECK_FALSE(ran.says("WARNING: no nonce"));
  CHECK_FALSE(ran.says("Nonce Verify error"));
}

TEST_CASE("another CA's certificate of the same serial is unknown") {
  Service service;
  const LocalCa other;
  service.renew();
  const auto issued = service.ca.issue("a.example");
  write_file(service.path("other.pem"), other.made.issuing_pem);
  std::string serial = issued.certificate.serial;
  std::erase(serial, ':');
  const std::string der =
      service.request({serial}, "-no_nonce -issuer " + service.path("other.pem") + " -serial 0x" + serial);
  const CaAnswer answer = service.responder.answer("POST", "/ocsp", der);
  CHECK(service.judged(answer, serial).says(": good"));
  write_file(service.path("issuing.pem"), other.made.issuing_pem);
  CHECK(service.judged(answer, serial).says(": unknown"));
}

TEST_CASE("OCSP by GET takes base64 with and without escapes, and may be cached unless it has a nonce") {
  Service service;
  service.renew();
  const auto issued = service.ca.issue("a.example");
  const std::string plain = to_base64(service.request({issued.certificate.serial}));
  std::string escaped;
  for (const char c : plain)
    escaped += std::isalnum(static_cast<unsigned char>(c)) ? std::string(1, c) : "%" + to_hex({&c, 1});
  for (const std::string& text : {plain, escaped}) {
    const CaAnswer answer = service.get("/ocsp/" + text);
    CHECK(service.judged(answer, issued.certificate.serial).says(": good"));
    CHECK(answer.max_age == std::chrono::minutes(5));
  }
  CHECK_FALSE(service.get("/ocsp/" + to_base64(service.request({issued.certificate.serial}, ""))).max_age);
  for (const char* wrong : {"%", "%2", "%zz", "!!!!", "QQ", "QUJD", "QUJD%00"}) {
    CAPTURE(wrong);
    CHECK(service.get(std::string("/ocsp/") + wrong).body.back() == malformed);
  }
}

TEST_CASE("OCSP errors: malformed, another CA's, no signer") {
  Service service, other;
  const auto issued = service.ca.issue("a.example");
  const std::string der = service.request({issued.certificate.serial});
  CHECK(service.error(der) == try_later);
  service.renew();
  CHECK(service.error(der) == -1);
  CHECK(service.error("") == malformed);
  CHECK(service.error("garbage") == malformed);
  CHECK(service.error(der.substr(0, der.size() - 1)) == malformed);
  CHECK(other.error(der) == unauthorized);
}

TEST_CASE("the OCSP signer is private, is renewed at half life, and the responder takes the new one") {
  const Time start = floor_seconds(now()) - std::chrono::days(40);
  test::TestClock clock(start);
  Service service;
  LocalCa& ca = service.ca;
  const auto issued = ca.issue("a.example");
  const auto renew = [&](bool force) {
    return !refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), force).empty();
  };
  const auto signer = [&] { return parse_certificate(read_file(ca.folder() + "/ocsp.pem")); };
  CHECK(renew(false));
  CHECK_FALSE(renew(false));
  CHECK_NOTHROW(require_private(ca.folder() + "/ocsp.key", 0600, "the key"));
  CHECK(signer().not_after == start + std::chrono::days(30) - std::chrono::seconds(1));
  CHECK(signer().eku == std::vector<std::string>{"OCSPSigning"});
  const std::string der = service.request({issued.certificate.serial});
  CHECK(service.error(der) == -1);

  clock.go(std::chrono::days(15) - std::chrono::seconds(1));
  CHECK_FALSE(renew(false));
  clock.go(std::chrono::seconds(1));
  const std::string first = signer().serial;
  CHECK(renew(false));
  CHECK(signer().serial != first);
  clock.go(std::chrono::days(16));
  CHECK(service.error(der) == -1);
  clock.go(std::chrono::days(15));
  CHECK(service.error(der) == try_later);
  CHECK(renew(false));
  CHECK(service.error(der) == -1);
  CHECK(renew(true));
  remove_file(ca.folder() + "/ocsp.pem");
  CHECK(service.error(der) == try_later);
  CHECK(renew(false));
  // A pair that is none: half-way through a rewrite.
  const Secret other = PrivateKey::generate(KeyAlgorithm::ec_p256).pem();
  write_file(ca.folder() + "/ocsp.key", other.reveal());
  CHECK(service.error(der) == try_later);
  CHECK(renew(false));
  CHECK(service.error(der) == -1);
}

TEST_CASE("an OCSP signer that can't be read is answered with tryLater and made anew") {
  struct Row {
    const char *file, *text;
    mode_t mode;
  };
  const Row rows[] = {{"ocsp.pem", "", 0644}, {"ocsp.pem", "damaged", 0644}, {"ocsp.key", "damaged", 0600}};
  Service service;
  LocalCa& ca = service.ca;
  const std::string der = service.request({ca.issue("a.example").certificate.serial});
  service.renew();
  for (const auto& row : rows) {
    CAPTURE(row.file);
    CAPTURE(row.text);
    write_file(ca.folder() + "/" + row.file, row.text, {row.mode, std::nullopt});
    CHECK(service.error(der) == try_later);
    CHECK(refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), false).size() == 1);
    CHECK(service.error(der) == -1);
  }
  write_file(ca.folder() + "/ocsp.key", read_file(ca.folder() + "/ocsp.key"), {0644, std::nullopt});
  CHECK(refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), false).size() == 1);
}

TEST_CASE("one process at a time writes the CA's files") {
  Service service;
  LocalCa& ca = service.ca;
  ca.authority().refresh_crls(true);
  const std::string list = ca.folder() + "/ca.crl";
  auto lock = std::optional(ca::lock_files(ca.folder()));
  std::thread other([&] {
    publish_ca_files(*ca.database, ca.folder());
    refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), true);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK_FALSE(exists(list));
  CHECK_FALSE(exists(ca.folder() + "/ocsp.key"));
  lock.reset();
  other.join();
  CHECK(exists(list));
  CHECK(exists(ca.folder() + "/ocsp.key"));
}

TEST_CASE("after a rotation both CAs answer for their own certificates") {
  Service service;
  LocalCa& ca = service.ca;
  const auto old = ca.issue("old.example");
  service.renew();
  rotate_issuing_ca(*ca.database, ca.data_key, ca.root_key());
  const auto fresh = ca.issue("new.example");
  ca.revoke(old);
  CHECK(service.error(service.request({old.certificate.serial})) == try_later);
  service.renew();
  CHECK(refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), false).empty());
  CHECK(service.ask(old.certificate.serial).says(": revoked"));
  CHECK(service.ask(fresh.certificate.serial).says(": unknown"));
  write_file(service.path("issuing.pem"), active_ca(*ca.database).certificate->pem);
  CHECK(service.ask(fresh.certificate.serial).says(": good"));
  CHECK(exists(ca.folder() + "/ocsp-" + old.issuer_id + ".key"));
}

TEST_CASE("certificates and lists are published as files") {
  Service service;
  LocalCa& ca = service.ca;
  ca.authority().refresh_crls(true);
  publish_ca_files(*ca.database, ca.folder());
  const auto text = [&](const std::string& name) { return read_file(ca.folder() + "/" + name); };
  CHECK(text("ca.pem") == ca.made.issuing_pem);
  CHECK(text("root.pem") == ca.made.root_pem);
  CHECK(text("chain.pem") == ca.made.issuing_pem + ca.made.root_pem);
  for (const CaInfo& info : list_cas(*ca.database)) {
    CHECK(parse_crl(text(info.issuer_id + ".crl"), &*info.certificate).number == info.crl_number);
  }
  CHECK(run_shell("stat -c %a " + ca.folder() + "/ca.pem").output == "644\n");
  CHECK(run_shell("openssl crl -inform DER -noout -CAfile " + ca.folder() + "/chain.pem -in " + ca.folder() + "/ca.crl")
            .says("verify OK"));
}

}  // namespace
