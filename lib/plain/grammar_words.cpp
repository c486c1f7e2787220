// What is said around the matter: fillers, verbs, nouns, and which of them make which command.
#include <algorithm>

#include "plain/rules.hpp"

namespace ymgr::plain {
namespace {

/// The closed list of what may be skipped anywhere.
constexpr Rule filler_rules[] = {
    {"the|a|an|and|then|also|so|now|ymgr|please|kindly|thanks|hello|hi|hey|just|simply|,|.|;|:|!|?|-|--|(|)"},
    {"thank you"},
    {"[i] need|want|wish to"},
    {"we need|want|wish to"},
    {"i'd|i'll|we'd like to"},
    {"i|we would like to"},
    {"can|could|would|will you"},
    {"let's"},
    {"let us"},
    {"help me [to]"},
    {"for me|us"},
    {"go ahead"},
    {"tell [me]"},
    {"right now|away"},
    {"at once"},
    {"immediately"},
};

constexpr Verb verb_table[] = {
    {"issue|create|generate|make|mint|provision|sign", "make"},
    {"ensure [that] [there] [is]", "make", false, "--ensure"},
    {"make sure [that] [there] [is]", "make", false, "--ensure"},
    {"renew|re-new|renewing|extend", "renew"},
    {"rekey|re-key", "renew", false, "--new-key"},
    {"revoke|invalidate|revoking", "revoke"},
    {"suspend", "revoke", false, "--reason", "certificateHold"},
    {"put|place", "put"},
    {"unhold|unsuspend", "unhold"},
    {"lift|release", "unhold"},
    {"take", "take"},
    {"delete|remove|erase|wipe|purge|drop|kill|nuke", "delete"},
    {"show|list|display|print|find|view", "show"},
    {"check|verify|validate", "check"},
    {"explain", "explain"},
    {"why was|is|has", "explain"},
    {"enroll|enrol|register|onboard", "enroll"},
    {"change|set|update", "change"},
    {"unblock|unlock", "unblock"},
    {"reset", "reset"},
    {"retire|decommission", "retire"},
    {"assign|reassign|transfer", "assign"},
    {"disable|deactivate", "disable"},
    {"enable|reactivate", "enable"},
    {"offboard|off-board", "offboard"},
    {"track|watch", "track"},
    {"untrack|unwatch", "untrack"},
    {"stop tracking|watching", "untrack"},
    {"approve", "approve"},
    {"deny|reject|decline", "deny"},
    {"simulate", "simulate"},
    {"what would [the] [new] policy", "simulate"},
    {"resume|continue", "resume"},
    {"reconcile|compare", "reconcile"},
    {"who is logged in", "whoami"},
    {"who's logged in", "whoami"},
    {"who am i", "whoami"},
    {"am i logged in", "whoami"},
    {"whoami", "whoami"},
    // weak: the first of these that stands in the sentence
    {"lost|stolen|missing", "lost", true},
    {"found|reappeared", "found", true},
    {"i|we need|want a|an|another|new", "make", true},
    {"i|we need|want", "make", true},
    {"i'd like a|an|another|new", "make", true},
    {"order|request", "make", true},
    {"give|get me|us", "get", true},
    {"which|what|what's|whose", "show", true},
    {"mark|note|flag|report", "mark", true},
    {"destroy", "delete", true},
    {"is|are", "check", true},
    {"when does|will|do", "check", true},
    {"has|have|does", "check", true},
};

constexpr Noun noun_table[] = {
    {"certificates|certs", "certificates"},
    {"certificate|cert", "certificate"},
    {"<yubikey>", "yubikey"},
    {"yubikeys|devices", "yubikeys"},
    {"users|people|accounts", "users"},
    {"user|account", "user"},
    {"report", "report"},
    {"audit [trail|log|chain|events|trails]", "audit"},
    {"pin", "pin"},
    {"puk|password|passphrase", "secret"},
    {"operations", "operations"},
    {"operation", "operation"},
    {"policy", "policy"},
    {"ca", "ca"},
    {"license|licence", "license"},
    {"hold", "hold"},
    {"happened|did", "audit"},
};

constexpr std::string_view which_pin =
    "a PIN is set (\"change the PIN of yubikey 12345678\") or unblocked (\"unblock yubikey 12345678\"): which of the "
    "two?";
constexpr std::string_view not_deleted =
    "nothing is deleted: shall a certificate be revoked, a user disabled, a YubiKey retired or reset? Say that";
constexpr std::string_view show_what =
    "show what: certificates, one certificate NAME, YubiKeys, users, the audit trail, operations or the report?";
constexpr std::string_view no_secrets =
    "PUKs and passwords are changed with 'ymgr device set-puk SERIAL' and 'ymgr user set-password NAME': which is "
    "meant?";

constexpr Action action_table[] = {
    {"make", "certificate", &issue_intent},
    {"make", "certificates", &issue_intent},
    {"make", "report", &report_intent},
    {"make", "", &issue_intent},
    {"renew", "", &renew_intent},
    {"revoke", "", &revoke_intent},
    {"put", "hold", &revoke_intent},
    {"put", "", nullptr, "put what where?"},
    {"unhold", "", &unhold_intent},
    {"take", "hold", &unhold_intent},
    {"take", "", nullptr, "take what where?"},
    {"delete", "", nullptr, not_deleted},
    {"show", "certificates", &list_certificates_intent},
    {"show", "certificate", &show_certificate_intent},
    {"show", "yubikeys", &list_devices_intent},
    {"show", "yubikey", &show_device_intent},
    {"show", "users", &list_users_intent},
    {"show", "user", &show_user_intent},
    {"show", "report", &report_intent},
    {"show", "audit", &list_audit_intent},
    {"show", "operations", &list_operations_intent},
    {"show", "operation", &show_operation_intent},
    {"show", "policy", &show_policy_intent},
    {"show", "ca", &show_ca_intent},
    {"show", "license", &license_intent},
    {"show", "pin", nullptr,
     "a PIN is shown by 'ymgr device reveal SERIAL --what pin --note WHY': what shall be done here?"},
    {"show", "", nullptr, show_what},
    {"get", "certificates", nullptr, "shall new certificates be issued, or those that are there be listed?"},
    {"get", "certificate", nullptr, "shall a new certificate be issued, or one that is there be shown?"},
    {"get", "report", &report_intent},
    {"get", "users", &list_users_intent},
    {"get", "yubikeys", &list_devices_intent},
    {"get", "audit", &list_audit_intent},
    {"get", "", nullptr, show_what},
    {"check", "audit", &verify_audit_intent},
    {"check", "license", &license_intent},
    {"check", "certificates", nullptr, "shall they be listed (\"list certificates …\"), or one be checked?"},
    {"check", "", &check_certificate_intent},
    {"explain", "", &explain_certificate_intent},
    {"enroll", "", &enroll_intent},
    {"change", "pin", &set_pin_intent},
    {"change", "secret", nullptr, no_secrets},
    {"change", "", nullptr, "change what? The PIN of a YubiKey, perhaps?"},
    {"unblock", "", &unblock_intent},
    {"reset", "pin", nullptr, which_pin},
    {"reset", "secret", nullptr, no_secrets},
    {"reset", "", &reset_device_intent},
    {"retire", "", &retire_device_intent},
    {"assign", "", &assign_device_intent},
    {"lost", "", &lost_device_intent},
    {"found", "", &found_device_intent},
    {"disable", "", &disable_user_intent},
    {"enable", "", &enable_user_intent},
    {"offboard", "", &offboard_user_intent},
    {"track", "", &track_intent},
    {"untrack", "", &untrack_intent},
    {"approve", "", &approve_intent},
    {"deny", "", &deny_intent},
    {"simulate", "", &simulate_policy_intent},
    {"resume", "", &resume_intent},
    {"reconcile", "", &reconcile_intent},
    {"whoami", "", &whoami_intent},
    {"mark", "report", &report_intent},
    {"mark", "", nullptr, "mark what as what?"},
    {"", "certificates", &list_certificates_intent},
    {"", "certificate", nullptr, "what shall be done with the certificate: issue, renew, revoke, show or check it?"},
    {"", "report", &report_intent},
    {"", "audit", &list_audit_intent},
    {"", "license", &license_intent},
    {"", "", nullptr,
     "what shall be done? Sentences begin like \"issue a certificate for …\", \"renew …\", \"revoke …\", \"list …\", "
     "\"show …\""},
};

struct Trouble {
  std::string_view words, question;  // words with blanks before, between and behind
};
constexpr Trouble troubles[] = {
    {" not no never dont don't doesn't do-not won't can't cannot without instead rather stop avoid cancel undo nor "
     "neither isn't "
     "aren't wasn't shouldn't nothing none ",
     "turns the sentence round: what shall be done?"},
    {" except but excluding besides minus other apart ",
     "makes an exception, which no command can: which ones exactly?"},
    {" or either maybe perhaps possibly probably ", "leaves a choice: which one?"},
    {" if unless when whenever once after before until till while because since ",
     "makes a condition or names a time that the command does not have here: what shall be done now?"},
    {" it them this that these those one ones same he she they him her his their there last latest previous old older "
     "my our mine "
     "everything everyone everybody all every each any anything some several many few most both ",
     "does not name anything: which ones exactly?"},
    {" yesterday today tomorrow tonight soon later monday tuesday wednesday thursday friday saturday sunday weekend "
     "january february "
     "march april may "
     "june july august september october november december christmas easter quarter next ",
     "is a time that I can't count: write a date such as 2026-03-15, or a number of days"},
};

constexpr std::string_view common =
    " website site web-site webserver backend frontend testing test tests production staging development customer "
    "customers client "
    "clients company office team teams colleague colleagues laptop laptops desktop printer phone vpn gateway router "
    "load-balancer "
    "balancer database databases app apps application applications system systems network cluster clusters environment "
    "thing "
    "things something someone somebody somewhere anywhere everywhere here stuff work job jobs day days week weeks "
    "month months "
    "year years hour hours minute minutes time times date more less least best good bad fine great quick fast urgent "
    "usual normal "
    "standard default correct right wrong big small strong weak secure safe with into onto over under up down out off "
    "of on at by "
    "from to in as be been being are is was were has have had do does did done get got give let may might must shall "
    "should "
    "asap etc e.g i.e x509 x.509 pkcs12 pkcs#12 sha256 sha-256 sha384 sha512 tls1.2 tls1.3 ipv4 ipv6 http https html "
    "pdf csv json "
    "yes ok okay sure no-one nobody who whom where how much too very really again back away ever always sometimes "
    "valid invalid active expired revoked expiring private public secret secrets internal external new newer fresh "
    "first second "
    "third final temporary permanent short long longer shorter maximum minimum max min half quarter couple dozen pair "
    "hundred "
    "thousand forever monthly weekly daily yearly annual ";

struct Group {
  std::string_view name, words;
};
constexpr Group groups[] = {
    {"<cert>", "certificate|certificates|cert|certs"},
    {"<yubikey>", "yubikey|yubi-key|device"},
    {"<host>", "host|hosts|server|servers|machine|machines|domain|domains|name|names|service|services"},
    {"<is>", "is|are|was|were"},
    {"<expire>", "expire|expires|expiring"},
};

}  // namespace

std::span<const Rule> fillers() noexcept {
  return filler_rules;
}
std::span<const Verb> verbs() noexcept {
  return verb_table;
}
std::span<const Noun> nouns() noexcept {
  return noun_table;
}
std::span<const Action> actions() noexcept {
  return action_table;
}

std::string_view trouble_with(std::string_view low) noexcept {
  const std::string word = " " + std::string(low) + " ";
  for (const auto& trouble : troubles) {
    if (trouble.words.find(word) != std::string_view::npos) return trouble.question;
  }
  return {};
}

bool is_common(std::string_view low) noexcept {
  return !trouble_with(low).empty() || common.find(" " + std::string(low) + " ") != std::string_view::npos;
}

std::string_view group(std::string_view name) noexcept {
  for (const auto& known : groups) {
    if (known.name == name) return known.words;
  }
  return {};
}

}  // namespace ymgr::plain
