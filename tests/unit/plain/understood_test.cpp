#include <doctest/doctest.h>

#include <set>

#include "base/text.hpp"
#include "plain/plain.hpp"
#include "plain/rules.hpp"

using namespace ymgr;

namespace {

struct Row {
  const char* sentence;
  const char* command;  // quoted as for a shell
};

const Time wednesday = parse_time("2026-03-18T10:20:30Z");

void check(std::span<const Row> rows) {
  for (const auto& row : rows) {
    CAPTURE(std::string(row.sentence));
    const auto found = plain::understand(row.sentence, wednesday);
    CAPTURE(join(found.questions, " | "));
    CHECK(found.verdict == plain::Verdict::understood);
    CHECK(join(found.argv, "\n") == join(split_words(row.command), "\n"));
    CHECK(found.questions.empty());
    CHECK_FALSE(found.meanings.empty());
  }
}

}  // namespace

TEST_CASE("sentences that ask for certificates become the command that issues them") {
  const Row rows[] = {
      {"Issue TLS certificate for api.example.com with RSA 4096, 90-day validity",
       "issue api.example.com --key rsa-4096 --validity 90d --profile tls-server"},
      {"Issue cert for api.example.com, RSA 4096, 90 days", "issue api.example.com --key rsa-4096 --validity 90d"},
      {"Issue certificates for api-1 through api-10, all RSA 4096, 90 days",
       "issue 'api-{1..10}' --key rsa-4096 --validity 90d"},
      {"issue api.example.com", "issue api.example.com"},
      {"Please issue a certificate for web-1.", "issue web-1"},
      {"Could you please create a certificate for api.example.com?", "issue api.example.com"},
      {"I need a certificate for api.example.com", "issue api.example.com"},
      {"I'd like a new certificate for api.example.com", "issue api.example.com"},
      {"We want to issue a cert for api.example.com", "issue api.example.com"},
      {"Generate a certificate for api.example.com using RSA-4096 for 3 months",
       "issue api.example.com --key rsa-4096 --validity 90d"},
      {"Make me a cert for api.example.com valid for one year", "issue api.example.com --validity 1y"},
      {"Create a TLS server certificate for shop.example.com, P-256, valid for 30 days",
       "issue shop.example.com --key ec-p256 --validity 30d --profile tls-server"},
      {"issue a client certificate for alice with P-384 for 1 year",
       "issue alice --key ec-p384 --validity 1y --profile tls-client"},
      {"Issue a TLS client certificate for billing-1", "issue billing-1 --profile tls-client"},
      {"Issue a service certificate for queue-7, 2 weeks", "issue queue-7 --validity 2w --profile service"},
      {"issue an S/MIME certificate for alice@example.com", "issue alice@example.com --profile email"},
      {"Issue a code signing certificate named \"Release Key\"", "issue 'Release Key' --profile code-signing"},
      {"issue a certificate for web, db and cache", "issue web db cache"},
      {"Issue certificates for a.example.com, b.example.com and c.example.com",
       "issue a.example.com b.example.com c.example.com"},
      {"issue certs for a.example.com,b.example.com,c.example.com", "issue a.example.com b.example.com c.example.com"},
      {"Issue certificates for the hosts web-1, web-2, and web-3", "issue web-1 web-2 web-3"},
      {"issue certificates for api-1 to api-10", "issue 'api-{1..10}'"},
      {"issue certificates from api-1 up to api-10", "issue 'api-{1..10}'"},
      {"issue certificates for api-1..api-10", "issue 'api-{1..10}'"},
      {"issue certificates for api-1..10", "issue 'api-{1..10}'"},
      {"issue certificates for api-1 \u2013 api-10", "issue 'api-{1..10}'"},
      {"issue certificates for api-{1..10}", "issue 'api-{1..10}'"},
      {"issue certificates for api-1 through 10", "issue 'api-{1..10}'"},
      {"issue certificates for api-01 through api-12", "issue 'api-{01..12}'"},
      {"issue certificates for api-1.example.com through api-10.example.com", "issue 'api-{1..10}.example.com'"},
      {"issue certificates for api-1 through api-10 in example.com", "issue 'api-{1..10}.example.com'"},
      {"issue certificates for api-1 and api-2 under the domain example.com",
       "issue api-1.example.com api-2.example.com"},
      {"issue certificates for node-a through node-f", "issue 'node-{a..f}'"},
      {"issue certificates for 10.0.0.1 and web-1 through web-3", "issue 10.0.0.1 'web-{1..3}'"},
      {"issue a wildcard certificate for example.com", "issue '*.example.com'"},
      {"issue a wildcard cert for *.example.com for 60 days", "issue '*.example.com' --validity 60d"},
      {"issue a certificate for api.example.com with SAN www.example.com",
       "issue api.example.com --san dns:www.example.com"},
      {"issue a certificate for api.example.com with SANs www.example.com and 10.0.0.5",
       "issue api.example.com --san dns:www.example.com --san ip:10.0.0.5"},
      {"issue a certificate for api.example.com, also valid for www.example.com",
       "issue api.example.com --san dns:www.example.com"},
      {"issue a certificate for alice-1 with alternative name alice@example.com",
       "issue alice-1 --san email:alice@example.com"},
      {"issue api.example.com with a 4096-bit RSA key", "issue api.example.com --key rsa-4096"},
      {"issue api.example.com with 4096 bit RSA", "issue api.example.com --key rsa-4096"},
      {"issue api.example.com RSA4096", "issue api.example.com --key rsa-4096"},
      {"issue api.example.com with an RSA key of 3072 bits", "issue api.example.com --key rsa-3072"},
      {"issue api.example.com, key size 4096 bits", "issue api.example.com --key rsa-4096"},
      {"issue api.example.com, algorithm: rsa_4096", "issue api.example.com --key rsa-4096"},
      {"issue api.example.com using elliptic curve P-256", "issue api.example.com --key ec-p256"},
      {"issue api.example.com with ECDSA P-384", "issue api.example.com --key ec-p384"},
      {"issue api.example.com with a 384-bit elliptic curve key", "issue api.example.com --key ec-p384"},
      {"issue api.example.com with NIST P-256", "issue api.example.com --key ec-p256"},
      {"issue api.example.com with secp384r1", "issue api.example.com --key ec-p384"},
      {"issue api.example.com with Ed25519", "issue api.example.com --key ed25519"},
      {"issue api.example.com with RSA 2048", "issue api.example.com --key rsa-2048"},
      {"issue api.example.com with a validity of 90 days", "issue api.example.com --validity 90d"},
      {"issue api.example.com, validity: 90d", "issue api.example.com --validity 90d"},
      {"issue api.example.com with a lifetime of six weeks", "issue api.example.com --validity 6w"},
      {"issue api.example.com for a year", "issue api.example.com --validity 1y"},
      {"issue api.example.com for thirty days", "issue api.example.com --validity 30d"},
      {"issue api.example.com that expires in 12 hours", "issue api.example.com --validity 12h"},
      {"issue api.example.com for 90 days (3 months)", "issue api.example.com --validity 90d"},
      {"issue a certificate for api.example.com owned by alice", "issue api.example.com --owner alice"},
      {"issue a certificate for api.example.com on behalf of bob", "issue api.example.com --owner bob"},
      {"issue a certificate for api.example.com, owner: alice", "issue api.example.com --owner alice"},
      {"issue a certificate for api.example.com with profile tls-client", "issue api.example.com --profile tls-client"},
      {"issue a certificate for api.example.com with the service profile", "issue api.example.com --profile service"},
      {"issue a certificate for api.example.com with the key in Vault", "issue api.example.com --key-store transit"},
      {"issue a certificate for api.example.com with a sealed key", "issue api.example.com --key-store sealed"},
      {"issue a certificate for alice on YubiKey 12345678 in slot 9a", "issue alice --device 12345678 --slot 9a"},
      {"issue a certificate for alice in slot 9c of yubikey #12345678", "issue alice --device 12345678 --slot 9c"},
      {"issue a certificate for alice in the authentication slot of my YubiKey", "issue alice --slot 9a"},
      {"issue a certificate for api.example.com with label env=prod", "issue api.example.com --label env=prod"},
      {"issue a certificate for api.example.com tagged env=prod and team=web",
       "issue api.example.com --label env=prod --label team=web"},
      {"ensure there is a certificate for api.example.com", "issue api.example.com --ensure"},
      {"make sure that there is a certificate for api.example.com", "issue api.example.com --ensure"},
      {"issue another certificate for api.example.com", "issue api.example.com --another"},
      {"issue api.example.com as a dry run", "issue api.example.com --dry-run"},
      {"For api-1 through api-3 please issue certificates, RSA 4096", "issue 'api-{1..3}' --key rsa-4096"},
      {"issue a certificate for \"report\"", "issue report"},
      {"issue a certificate for 'Mail Server 2'", "issue 'Mail Server 2'"},
      {"issue a certificate named \"yes\"", "issue yes"},
  };
  check(rows);
}

TEST_CASE("sentences about renewal become renew") {
  const Row rows[] = {
      {"Renew api.example.com", "renew api.example.com"},
      {"Please renew the certificate for api.example.com", "renew api.example.com"},
      {"Can you renew api.example.com with a new key?", "renew api.example.com --new-key"},
      {"rekey api.example.com", "renew api.example.com --new-key"},
      {"renew api.example.com with RSA 4096", "renew api.example.com --key rsa-4096"},
      {"renew api.example.com using a fresh key, Ed25519", "renew api.example.com --key ed25519"},
      {"renew api.example.com for another 90 days", "renew api.example.com --validity 90d"},
      {"extend api.example.com by 30 days", "renew api.example.com --validity 30d"},
      {"renew web", "renew web"},
      {"renew api-1 and api-2", "renew api-1 api-2"},
      {"renew api-1 through api-4", "renew api-1 api-2 api-3 api-4"},
      {"renew all due certificates", "renew --due"},
      {"renew everything that is due", "renew --due"},
      {"renew all certificates that are due for renewal", "renew --due"},
      {"renew what is due", "renew --due"},
      {"Renew all certificates expiring within 14 days", "renew --due --renew-before 14d"},
      {"renew everything that expires in the next 2 weeks", "renew --due --renew-before 2w"},
      {"renew certificates that will expire within a month", "renew --due --renew-before 30d"},
      {"renew everything due, owned by alice", "renew --due --select owner=alice"},
      {"renew at most 10 of the certificates that are due", "renew --due --limit 10"},
      {"renew all due certificates on all hosts", "renew --due --scope all"},
      {"renew all due certificates as a dry run", "renew --due --dry-run"},
  };
  check(rows);
}

TEST_CASE("sentences about revocation become revoke, with the reason that their words name") {
  const Row rows[] = {
      {"Revoke certificate cert-5678 - reason: key compromise", "revoke cert-5678 --reason keyCompromise"},
      {"Revoke certificate cert-5678 \u2014 reason: key compromise", "revoke cert-5678 --reason keyCompromise"},
      {"revoke api.example.com", "revoke api.example.com"},
      {"revoke the certificate for api.example.com because its key was leaked",
       "revoke api.example.com --reason keyCompromise"},
      {"revoke api.example.com, the private key has been stolen", "revoke api.example.com --reason keyCompromise"},
      {"revoke api.example.com due to key compromise", "revoke api.example.com --reason keyCompromise"},
      {"revoke api.example.com because it was superseded", "revoke api.example.com --reason superseded"},
      {"revoke api.example.com, it is no longer needed", "revoke api.example.com --reason cessationOfOperation"},
      {"revoke api.example.com (no longer used)", "revoke api.example.com --reason cessationOfOperation"},
      {"revoke api.example.com for cessation of operation", "revoke api.example.com --reason cessationOfOperation"},
      {"revoke api.example.com: affiliation changed", "revoke api.example.com --reason affiliationChanged"},
      {"revoke api.example.com, privileges withdrawn", "revoke api.example.com --reason privilegeWithdrawn"},
      {"revoke api.example.com, the CA was compromised", "revoke api.example.com --reason cACompromise"},
      {"suspend certificate api.example.com", "revoke api.example.com --reason certificateHold"},
      {"put api.example.com on hold", "revoke api.example.com --reason certificateHold"},
      {"take api.example.com off hold", "revoke api.example.com --unhold"},
      {"lift the hold on api.example.com", "revoke api.example.com --unhold"},
      {"revoke 4A:3F:2B:11 for key compromise", "revoke 4A:3F:2B:11 --reason keyCompromise"},
      {"revoke api-1, api-2 and api-3 as superseded", "revoke api-1 api-2 api-3 --reason superseded"},
      {"revoke api-1 through api-3", "revoke api-1 api-2 api-3"},
      {"revoke all certificates of alice", "revoke --select owner=alice"},
      {"revoke all of alice's certificates", "revoke --select owner=alice"},
      {"revoke all certificates on yubikey 12345678 due to key compromise",
       "revoke --select device=12345678 --reason keyCompromise"},
      {"revoke api.example.com and destroy its key", "revoke api.example.com --destroy-key"},
      {"revoke api.example.com, compromised since 2026-01-05",
       "revoke api.example.com --reason keyCompromise --invalidity-date 2026-01-05"},
      {"revoke api.example.com with the note \"ticket 4711\"", "revoke api.example.com --note 'ticket 4711'"},
      {"revoke api.example.com with the note \"yes\"", "revoke api.example.com --note yes"},
  };
  check(rows);
}

TEST_CASE("questions about certificates become the command that answers them") {
  const Row rows[] = {
      {"list certificates", "cert list"},
      {"Show me all certificates", "cert list --limit 0"},
      {"Which certificates expire this month?", "cert list --status active --select expires-before=2026-04-01"},
      {"which certificates expire this week", "cert list --status active --select expires-before=2026-03-23"},
      {"which certs expire today?", "cert list --status active --select expires-before=2026-03-19"},
      {"which certificates will expire this year", "cert list --status active --select expires-before=2027-01-01"},
      {"which certificates expire before 2026-06-01", "cert list --status active --select expires-before=2026-06-01"},
      {"list certificates expiring within 30 days", "cert list --expiring 30d"},
      {"which certificates expire in the next two weeks?", "cert list --expiring 2w"},
      {"certificates expiring in 90 days", "cert list --expiring 90d"},
      {"show expired certificates", "cert list --expired"},
      {"which certificates have expired?", "cert list --expired"},
      {"list the revoked certificates", "cert list --status revoked"},
      {"which certificates are superseded", "cert list --status superseded"},
      {"show active certs", "cert list --status active"},
      {"show certificates of alice", "cert list --select owner=alice"},
      {"show alice's certificates", "cert list --select owner=alice"},
      {"which certificates does alice have?", "cert list --select owner=alice"},
      {"list certificates owned by bob that expire within 10 days", "cert list --expiring 10d --select owner=bob"},
      {"list certificates under example.com", "cert list --select 'name=*.example.com'"},
      {"list certificates for api.example.com", "cert list --select name=api.example.com"},
      {"list certificates matching api-*", "cert list --select 'name=api-*'"},
      {"list TLS certificates of alice", "cert list --select owner=alice,profile=tls-server"},
      {"list client certificates", "cert list --select profile=tls-client"},
      {"show certificates on YubiKey 12345678", "cert list --select device=12345678"},
      {"list certificates with RSA 4096", "cert list --select key=rsa-4096"},
      {"list certificates with label env=prod", "cert list --select label.env=prod"},
      {"list the first 20 certificates", "cert list --limit 20"},
      {"show certificate api.example.com", "cert show api.example.com"},
      {"show me the details of the certificate for api.example.com", "cert show api.example.com"},
      {"check api.example.com", "cert check api.example.com"},
      {"Is api.example.com still valid?", "cert check api.example.com"},
      {"when does api.example.com expire?", "cert check api.example.com"},
      {"has api.example.com expired?", "cert check api.example.com"},
      {"check whether the certificate for api.example.com is still valid", "cert check api.example.com"},
      {"why was api.example.com not renewed?", "cert explain api.example.com"},
      {"explain certificate api.example.com", "cert explain api.example.com"},
  };
  check(rows);
}

TEST_CASE("sentences about certificates from elsewhere become cert track and cert untrack") {
  const Row rows[] = {
      {"track shop.example.com:443", "cert track shop.example.com:443"},
      {"watch the certificate of shop.example.com:443 and mail.example.com:465",
       "cert track shop.example.com:443 mail.example.com:465"},
      {"track the file /etc/ssl/Shop.pem with owner bob", "cert track /etc/ssl/Shop.pem --owner bob"},
      {"track the folder /etc/ssl/certs recursively as a dry run", "cert track /etc/ssl/certs --recursive --dry-run"},
      {"untrack shop.example.com", "cert untrack shop.example.com"},
      {"stop watching shop.example.com:443", "cert untrack shop.example.com:443"},
      {"stop tracking the certificate of /etc/ssl/shop.pem", "cert untrack /etc/ssl/shop.pem"},
  };
  check(rows);
}

TEST_CASE("sentences about YubiKeys become enroll, set-pin and the commands of device") {
  const Row rows[] = {
      {"enroll YubiKey 12345678 for alice", "enroll --device 12345678 --owner alice"},
      {"Enroll my YubiKey", "enroll"},
      {"register the yubikey with serial number 12345678 for bob", "enroll --device 12345678 --owner bob"},
      {"enroll yubikey 12345678 for alice with a certificate in slot 9a",
       "enroll --device 12345678 --owner alice --slot 9a"},
      {"change the PIN of YubiKey 12345678", "set-pin --device 12345678"},
      {"set a new PIN", "set-pin"},
      {"change my PIN to one of my choice", "set-pin --pin-prompt"},
      {"change the PIN on my yubikey", "set-pin"},
      {"unblock yubikey 12345678", "device unblock 12345678"},
      {"unlock the PIN of YubiKey 12345678", "device unblock 12345678"},
      {"list yubikeys", "device list"},
      {"which YubiKeys does alice have?", "device list --owner alice"},
      {"show alice's yubikeys", "device list --owner alice"},
      {"which yubikeys are retired?", "device list --status retired"},
      {"list lost yubikeys", "device list --status lost"},
      {"list the devices of bob", "device list --owner bob"},
      {"show yubikey 12345678", "device show 12345678"},
      {"assign yubikey 12345678 to bob", "device assign 12345678 bob"},
      {"YubiKey 12345678 is lost", "device lost 12345678"},
      {"mark yubikey 12345678 as lost", "device lost 12345678"},
      {"report YubiKey 12345678 as lost", "device lost 12345678"},
      {"yubikey 12345678 was found", "device found 12345678"},
      {"retire yubikey 12345678", "device retire 12345678"},
      {"retire yubikey 12345678 with note \"alice left\"", "device retire 12345678 --note 'alice left'"},
      {"reset yubikey 12345678", "device reset 12345678"},
  };
  check(rows);
}

TEST_CASE("sentences about reports, people, the audit trail and operations become their commands") {
  const Row rows[] = {
      {"Who is logged in?", "whoami"},
      {"who am I", "whoami"},
      {"report", "report"},
      {"Give me a report", "report"},
      {"show me the compliance report", "report"},
      {"make the weekly report", "report --weekly"},
      {"create a report from 2026-01-01 to 2026-02-01", "report --from 2026-01-01 --to 2026-02-01"},
      {"list users", "user list"},
      {"show all people", "user list"},
      {"show user alice", "user show alice"},
      {"disable user bob", "user disable bob"},
      {"disable bob", "user disable bob"},
      {"disable bob's account", "user disable bob"},
      {"enable the user bob", "user enable bob"},
      {"offboard alice", "user offboard alice"},
      {"offboard alice with note \"left in May\"", "user offboard alice --note 'left in May'"},
      {"offboard user alice as a dry run", "user offboard alice --dry-run"},
      {"show the audit trail", "audit list"},
      {"show the audit trail of alice", "audit list --actor alice"},
      {"what did alice do?", "audit list --actor alice"},
      {"what did alice do since 2026-03-01", "audit list --actor alice --from 2026-03-01"},
      {"what happened to api.example.com?", "audit list --target api.example.com"},
      {"show the audit events of bob from yesterday until today",
       "audit list --actor bob --from 2026-03-17 --to 2026-03-18"},
      {"show the last 20 audit events", "audit list --limit 20"},
      {"verify the audit trail", "audit verify"},
      {"check the audit chain", "audit verify"},
      {"resume req-20260318102030-0a1b2c", "resume req-20260318102030-0a1b2c"},
      {"resume operation resume-1234", "resume resume-1234"},
      {"resume everything", "resume --all"},
      {"continue all interrupted operations", "resume --all"},
      {"list open operations", "operation list"},
      {"show operation req-1234", "operation show req-1234"},
      {"reconcile", "reconcile"},
      {"compare the inventory with the CA", "reconcile"},
      {"reconcile yubikey 12345678", "reconcile --device 12345678"},
      {"reconcile as a dry run", "reconcile --dry-run"},
      {"show the policy", "policy show"},
      {"approve req-20260315143200-7f3a91c04be2", "operation approve req-20260315143200-7f3a91c04be2"},
      {"approve the request req-1234 with note \"as agreed\"", "operation approve req-1234 --note 'as agreed'"},
      {"please deny operation req-1234", "operation deny req-1234"},
      {"reject req-1234 with note \"wrong domain\" as a dry run",
       "operation deny req-1234 --note 'wrong domain' --dry-run"},
      {"simulate the policy stricter.yaml", "policy simulate stricter.yaml"},
      {"simulate the policy in /etc/ymgr/stricter.yaml", "policy simulate /etc/ymgr/stricter.yaml"},
      {"what would the policy \"new rules.yaml\" refuse?", "policy simulate 'new rules.yaml'"},
      {"what would the new policy in stricter.yaml break, at most 20 certificates",
       "policy simulate stricter.yaml --limit 20"},
      {"show the license status", "license status"},
      {"is our licence still valid?", "license status"},
      {"when does the license expire?", "license status"},
      {"show the CA", "ca show"},
  };
  check(rows);
}

TEST_CASE("a command is given no option that no sentence can ask for") {
  for (const auto& action : plain::actions()) {
    if (!action.intent) continue;
    std::set<std::string_view> facts;
    for (const auto& verb : plain::verbs())
      if (verb.name == action.verb) facts.insert(verb.fact);
    for (const auto& table : action.intent->rules)
      for (const auto& rule : table) facts.insert({rule.fact, rule.also});
    for (const auto name : action.intent->order) {
      CAPTURE(action.intent->command);
      CAPTURE(name);
      if (name != "--unhold") CHECK(facts.contains(name));  // which its `finish` adds
    }
  }
}
