#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "plain/plain.hpp"
#include "plain/values.hpp"
#include "plain/words.hpp"

using namespace ymgr;

namespace {

const Time wednesday = parse_time("2026-03-18T10:20:30Z");

struct Row {
  const char* sentence;
  const char* asks;  // stands in one of the questions
};

void check(std::span<const Row> rows, plain::Verdict verdict) {
  for (const auto& row : rows) {
    CAPTURE(std::string(row.sentence));
    const auto found = plain::understand(row.sentence, wednesday);
    const auto questions = join(found.questions, " | ");
    CAPTURE(questions);
    CAPTURE(join(found.argv, " "));
    CHECK(found.verdict == verdict);
    CHECK(found.argv.empty());
    CHECK(questions.find(row.asks) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("what is not said clearly is asked back") {
  const Row rows[] = {
      {"", "what shall be done?"},
      {"api.example.com", "what shall be done?"},
      {"api.example.com RSA 4096 90 days", "what shall be done?"},
      {"certificate for api.example.com", "issue, renew, revoke"},
      {"issue a certificate", "which name"},
      {"issue a certificate for me", "which name"},
      {"issue a certificate for the website", "'website'"},
      {"issue a certificate for production", "'production'"},
      {"issue ten certificates for api-1", "'ten'"},
      {"issue api.example.com for 90 days, valid 1 year", "'for 90 days' or 'valid 1 year'"},
      {"issue api.example.com for 0 days", "no usable time"},
      {"issue api.example.com valid until 2027-01-01", "'until'"},
      {"issue api.example.com until Christmas", "'Christmas'"},
      {"issue api.example.com until Friday", "'Friday'"},
      {"issue api.example.com before the audit", "'before'"},
      {"issue api.example.com with RSA 4096 and P-256", "which of the two?"},
      {"issue api.example.com with RSA", "how many bits"},
      {"issue api.example.com with elliptic curve", "which curve"},
      {"issue api.example.com with RSA 1024", "1024 bits"},
      {"issue api.example.com with dilithium", "dilithium"},
      {"issue api.example.com with P-521", "P-521"},
      {"issue api.example.com with a 256-bit key", "256 bits of what"},
      {"issue api.example.com or www.example.com", "'or'"},
      {"issue api.example.com but not www.example.com", "'but'"},
      {"issue api.example.com if it is due", "'if'"},
      {"issue api.example.com quickly", "'quickly'"},
      {"issue api.example.com, urgently", "'urgently'"},
      {"issue api.example.com and revoke www.example.com", "two things"},
      {"issue a certificate for report", "'report'"},
      {"issue certificates for api-10 through api-1", "no range"},
      {"issue certificates for api-1 through web-9", "no range"},
      {"issue certificates for api-1 through api-9999999", "no range"},
      {"issue certificates for web2-1 through 10", "no range"},
      {"issue a certificate for alice on a YubiKey", "in which slot"},
      {"issue a certificate for alice on YubiKey 12345678", "in which slot"},
      {"issue a certificate for web-1 with the key in a file", "--out DIR"},
      {"issue a certificate for web-1 in /etc/nginx", "'/etc/nginx'"},
      {"issue a certificate for web-1 owned by alice, owner bob", "which of the two?"},
      {"issue a certificate for b\u00fccher.example", "b\u00fccher.example"},
      {"delete everything", "nothing is deleted"},
      {"delete certificate api-1", "nothing is deleted"},
      {"remove user bob", "nothing is deleted"},
      {"don't revoke api.example.com", "'don't'"},
      {"do not revoke api.example.com", "'not'"},
      {"please never renew api.example.com", "'never'"},
      {"revoke everything", "'everything'"},
      {"revoke all certificates", "'all'"},
      {"revoke all certificates except api-1", "'except'"},
      {"revoke it", "'it'"},
      {"revoke the old one", "'old'"},
      {"revoke", "which certificate"},
      {"revoke api-1 because of bad weather", "'bad'"},
      {"revoke api-1, key compromise, superseded", "which of the two?"},
      {"revoke api-1 for alice", "'alice'"},
      {"revoke api-1 through api-2000", "more than 100"},
      {"revoke api-1 tomorrow", "'tomorrow'"},
      {"renew", "which certificates"},
      {"renew all certificates", "'all'"},
      {"renew api-1 without a new key", "'without'"},
      {"renew alice's certificates", "that are due"},
      {"renew api-1 and everything that is due", "or all that are due"},
      {"show api.example.com", "show what"},
      {"get me the certificate of api.example.com", "issued, or one that is there"},
      {"show my certificates", "'my'"},
      {"which certificates expire soon", "'soon'"},
      {"which certificates expire next month", "'next'"},
      {"how many certificates are there", "shall they be listed"},
      {"list certificates of alice and bob", "'bob'"},
      {"show certificates of web-1", "'of'"},
      {"revoke the certificate of alice", "'alice'"},
      {"issue a certificate for web-1 on host db-1", "'on'"},
      {"issue a certificate for web-1 from db-1", "'from'"},
      {"issue a certificate for web-1.example.com in example.org", "whole name already"},
      {"issue a certificate for example.com and www", "'www'"},
      {"YubiKey 12345678 is not lost", "'not'"},
      {"YubiKey 12345678 was stolen", "'was'"},
      {"renew api-1. Don't renew api-2.", "'Don't'"},
      {"renew api-1 every 30 days", "'every'"},
      {"revoke all certificates of alice except api-1", "'except'"},
      {"list certificates revoked in the last 7 days", "'last'"},
      {"disable bob and alice", "'alice'"},
      {"change the PIN of yubikey 1 and yubikey 2", "which of the two?"},
      {"put api-1 in Vault", "put what where?"},
      {"list expired certificates that expire within 3 days", "expired, or those"},
      {"is yubikey 12345678 lost?", "'is'"},
      {"alice lost her yubikey", "'alice'"},
      {"reset the PIN of yubikey 12345678", "which of the two"},
      {"reset the yubikey", "which YubiKey"},
      {"enroll two yubikeys", "'two'"},
      {"assign yubikey 12345678", "to which user"},
      {"disable the user", "which user"},
      {"disable bob tomorrow", "'tomorrow'"},
      {"resume", "which operation"},
      {"track the certificate", "track what"},
      {"track recursively", "track what"},
      {"untrack shop.example.com and mail.example.com", "one certificate at a time"},
      {"approve", "which request"},
      {"approve everything", "'everything'"},
      {"deny the request of bob", "'bob'"},
      {"simulate the policy", "which policy"},
      {"sing a song", "what shall be done?"},
  };
  check(rows, plain::Verdict::unclear);
}

TEST_CASE("options, characters of a shell and secrets are refused, and given to nobody else") {
  const Row rows[] = {
      {"issue a certificate for --yes", "looks like an option"},
      {"issue api.example.com --key rsa-2048", "'--key'"},
      {"issue api.example.com -y", "'-y'"},
      {"revoke \"--select\"", "can't stand in quotes"},
      {"issue a certificate for ;rm", "';rm'"},
      {"issue a certificate for api;rm", "'api;rm'"},
      {"issue a certificate for $(reboot)", "character that no name has"},
      {"issue a certificate for `reboot`", "character that no name has"},
      {"issue a certificate for api|tee", "character that no name has"},
      {"issue a certificate for api>/etc/passwd", "character that no name has"},
      {"issue a certificate for \"Mail Server", "not closed"},
      {"set the PIN of yubikey 12345678 to 123456", "secret"},
      {"change my PIN to 'abc123'", "secret"},
      {"unblock yubikey 12345678, PIN 87654321", "secret"},
      {"my password is \"hunter2\"", "secret"},
      {"enroll yubikey 1 with 010203040506070801020304050607080102030405060708", "secret"},
      {"log in with hvs.CAESIJ", "secret"},
      {"issue a certificate for a\x01"
       "b",
       "can't be shown"},
      {"issue a certificate for \xff", "can't be shown"},
  };
  check(rows, plain::Verdict::refused);
  CHECK(plain::understand(std::string(plain::longest_sentence + 1, 'a'), wednesday).verdict == plain::Verdict::refused);
}

TEST_CASE("every part of a sentence is told with what it means") {
  const auto found =
      plain::understand("Please issue certificates for api-1 and api-2, RSA 4096, as a dry run", wednesday);
  REQUIRE(found.verdict == plain::Verdict::understood);
  std::vector<std::string> told;
  for (const auto& meaning : found.meanings) told.push_back(meaning.words + " = " + meaning.means);
  CHECK(join(told, "; ") ==
        "issue = ymgr issue; for api-1 and api-2 = NAME api-1; for api-1 and api-2 = NAME api-2; RSA 4096 = --key "
        "rsa-4096; "
        "as a dry run = --dry-run");
}

TEST_CASE("all questions are asked at once") {
  const auto found = plain::understand("issue api.example.com with RSA, quickly, until Friday", wednesday);
  CHECK(found.questions.size() == 4);
}

TEST_CASE("ranges are counted as they are written") {
  struct Range {
    const char* text;
    const char* names;
  };
  const Range rows[] = {{"api-1", "api-1"},
                        {"api-{1..3}", "api-1 api-2 api-3"},
                        {"api-{08..10}.x", "api-08.x api-09.x api-10.x"},
                        {"node-{a..c}", "node-a node-b node-c"},
                        {"api-{1..300}", ""},
                        {"api-{3..1}", ""},
                        {"api-{a,b}", ""},
                        {"{1..2}{1..2}", ""}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(join(plain::expand(row.text, 100), " ") == row.names);
  }
}

TEST_CASE("names of the sentence get the kind of SAN that they look like") {
  const std::pair<const char*, const char*> rows[] = {{"www.example.com", "dns:www.example.com"},
                                                      {"10.0.0.1", "ip:10.0.0.1"},
                                                      {"2001:db8::1", "ip:2001:db8::1"},
                                                      {"a@b.example", "email:a@b.example"}};
  for (const auto& [name, san] : rows) CHECK(plain::as_san(name) == san);
}
