// Issue, renew and revoke.
#include "base/text.hpp"
#include "plain/shared_rules.hpp"
#include "plain/values.hpp"

namespace ymgr::plain {
namespace {

using Table = std::span<const Rule>;

constexpr std::string_view which_names = "which name shall the certificate have (for NAME)?";
constexpr std::size_t most_targets = 100;

/// Of every command that makes a certificate.
constexpr Rule key_rules[] = {
    {"[with|using|use|as|in|of] [a|an|the] [key|keys] [algorithm|type|size] [of|is|:] {algorithm} [key|keys|algorithm]",
     "--key"},
    {"[all|each|both] [with|using|in|use] {algorithm} [key|keys]", "--key"},
};

constexpr Rule validity_rules[] = {
    {"{duration}", "--validity"},
    {"for [another] {duration}", "--validity"},
    {"[with] [a|the] validity|lifetime|life|duration|runtime [period|time] [of|is|for|:] {duration}", "--validity"},
    {"[with] [a] {duration} [of] validity|lifetime|life|long|valid", "--validity"},
    {"[that|which] [<is>] valid|good|lasting|lasts|last|running|runs|run|<expire>|expire [for|in|within|after|:] "
     "{duration}",
     "--validity"},
    {"by|of {duration}", "--validity"},
};

constexpr Rule place_rules[] = {
    {"[with] [the|its|their] [private] [key|keys] [kept|stored] in|inside [the] vault|transit|openbao", "--key-store",
     "transit"},
    {"[with] [the|its|their] [private] [key|keys] [kept|stored] in [a|key] file|files", "--key-store", "file"},
    {"[with] [a|the|its|their] sealed [private] [key|keys]", "--key-store", "sealed"},
    {"[on|in|inside|into|to|onto|of|using] [the|my|a] <yubikey> [with] [serial] [number] {serial}", "--device"},
    {"on|in|inside|into|onto|of [the|my|a|his|her] <yubikey>", "yubikey"},
    {"[in|into|on|using] [the] [piv] slot {slot}", "--slot"},
    {"[in|into|on|using] [the] authentication slot", "--slot", "9a"},
    {"[in|into|on|using] [the] signature|signing slot", "--slot", "9c"},
    {"[in|into|on|using] [the] key management slot", "--slot", "9d"},
    {"[in|into|on|using] [the] card authentication slot", "--slot", "9e"},
};

constexpr Rule name_rules[] = {
    {"for [all|each|every|both|the] [of] [the] {names}", "NAME"},
    {"[for] [all|each|every|the] <host> [named|called|:] {names}", "NAME"},
    {"named|called {names}", "NAME"},
    {"<cert> [named|called|:] {names}", "NAME"},
    {"{sure}", "NAME"},
    {"[for] [all|each|every] [<host>] from {range}", "NAME"},
    {"in|under|below [the] [domain] {domain} [domain]", "domain"},
    {"wildcard", "wildcard", on},
    {"new"},
    {"me|us"},
    {"<cert>"},
    {"all|each|both|every"},
    {"with|using|for <cert>"},
};

constexpr Rule issue_rules[] = {
    {"[also|and|plus] [valid|good] [with] [the|a|an] san|sans|alias|aliases [of|for|:] {names}", "--san"},
    {"[with] [the|an|a] [subject] alternative|alternate|additional|extra name|names [of|:] {names}", "--san"},
    {"also [valid|good] for {names}", "--san"},
    {"[with] [the] ip|dns|email|e-mail [address|name|addresses|names] [:] {sure}", "--san"},
    {"[with|and] [the|a] label|labels|labelled|labeled|tag|tags|tagged [:] {label}", "--label"},
    {"and {label}", "--label"},
    {"another|second|additional", "--another", on},
};

constexpr Table issue_tables[] = {name_rules,    issue_rules, key_rules,   validity_rules,
                                  profile_rules, owner_rules, place_rules, changing_rules};
constexpr std::string_view issue_order[] = {"NAME",        "--san",     "--key",    "--validity", "--profile",
                                            "--key-store", "--device",  "--slot",   "--owner",    "--label",
                                            "--ensure",    "--another", "--dry-run"};

/// The names again, each with `change` applied.
template <class Change>
void change_names(Facts& facts, const Change& change) {
  std::vector<Fact> names;
  for (const auto& fact : facts.all())
    if (fact.name == "NAME") names.push_back({fact.name, change(fact.value), fact.words});
  facts.erase("NAME");
  for (auto& name : names) facts.add(std::move(name));
}

void apply_domain(Facts& facts, Questions& questions) {
  if (const Fact* wildcard = facts.find("wildcard")) {
    if (facts.values("NAME").size() > 1) questions.push_back("a wildcard certificate for which of the names?");
    const auto starred = [](const std::string& name) { return name.starts_with("*.") ? name : "*." + name; };
    const std::string words = wildcard->words;
    change_names(facts, starred);
    facts.erase("wildcard");
  }
  if (!facts.has("domain")) return;
  const auto domains = facts.values("domain");
  if (domains.size() > 1) questions.push_back("in which of the domains?");
  for (const auto& name : facts.values("NAME"))
    if (name.find('.') < name.find('{') && !name.ends_with("." + domains[0]))
      questions.push_back("'" + name + "' is a whole name already: what is '" + domains[0] + "'?");
  change_names(facts, [&](const std::string& name) {
    return name.ends_with("." + domains[0]) ? name : name + "." + domains[0];
  });
  facts.erase("domain");
}

void finish_issue(Facts& facts, Questions& questions) {
  apply_domain(facts, questions);
  const bool on_key = facts.has("--device") || facts.has("yubikey");
  if (on_key && !facts.has("--slot")) questions.push_back("in which slot of the YubiKey: 9a, 9c, 9d or 9e?");
  if (facts.has("--key-store") && (on_key || facts.has("--slot")))
    questions.push_back("shall the key be in the YubiKey, or elsewhere (--key-store)?");
  if (const Fact* store = facts.find("--key-store"); store && store->value == "file")
    questions.push_back(
        "a key in a file needs a folder, and no path stands in a sentence: use 'ymgr issue NAME --out DIR'?");
  if (facts.has("--ensure") && facts.has("--another"))
    questions.push_back("one more certificate, or one only where there is none?");
  facts.erase("yubikey");
}

// ---- renew

constexpr Rule target_rules[] = {
    {"[for|of] [the] [<cert>] {sure}", "CERT"},
    {"[for|of] [the] <cert> [named|called|for] {names}", "CERT"},
    {"[the] <cert> of [the] {sure}", "CERT"},
    {"[for|of] [the] <host> {names}", "CERT"},
    {"[from] {range}", "CERT"},
    {"[the] <cert>"},
    {"both"},
};

constexpr Rule bare_target_rules[] = {{"renew|renewing|revoke|suspend|rekey|re-key {names}", "CERT"}};

constexpr Rule due_rules[] = {
    {"[all|everything|every|any] [of] [the] [<cert>] [that|which|what|whatever] [is|are] due [<cert>] [for] [renewal]",
     "--due", on},
    {"[all|everything|every|any] [of] [the] [<cert>] [that|which|what] [is|are|will] <expire> within|in [the] [next] "
     "{duration}",
     "--due", on, "--renew-before", "%"},
    {"[all|everything|every|any] [of] [the] [<cert>] [that|which] [is|are] due within|in [the] [next] {duration}",
     "--due", on, "--renew-before", "%"},
    {"[with|using] [a|an|the] new|fresh|different|other key|keys", "--new-key", on},
    {"at most {number} [of] [them|<cert>]", "--limit"},
    {"[on|of] all|every hosts|host|machines|servers", "--scope", "all"},
    {"everywhere", "--scope", "all"},
    {"[that|which] [<is>] owned by [user] {user}", "select", "owner=%"},
    {"belonging to [user] {user}", "select", "owner=%"},
    {"{owner's}", "select", "owner=%"},
    {"[of|with] [the] profile {profile}", "select", "profile=%"},
};

constexpr Table renew_tables[] = {bare_target_rules, target_rules,   due_rules,
                                  key_rules,         validity_rules, changing_rules};
constexpr std::string_view renew_order[] = {"CERT",    "--due",     "--renew-before", "select",     "--scope",
                                            "--limit", "--new-key", "--key",          "--validity", "--dry-run"};

/// renew and revoke take no ranges.
void expand_targets(Facts& facts, Questions& questions) {
  std::vector<Fact> targets;
  for (const auto& fact : facts.all()) {
    if (fact.name != "CERT") continue;
    const auto names = expand(fact.value, most_targets - std::min(most_targets, targets.size()));
    if (names.empty())
      questions.push_back("these are more than " + std::to_string(most_targets) + " names, or none: which ones?");
    for (const auto& name : names) targets.push_back({"CERT", name, fact.words});
  }
  facts.erase("CERT");
  for (auto& target : targets) facts.add(std::move(target));
}

void finish_renew(Facts& facts, Questions& questions) {
  expand_targets(facts, questions);
  const bool due = facts.has("--due");
  if (due && facts.has("CERT")) questions.push_back("the named certificates, or all that are due?");
  if (!due && !facts.has("CERT")) questions.push_back("renew which certificates: NAME, or all that are due?");
  if (!due && (facts.has("select") || facts.has("--scope") || facts.has("--limit")))
    questions.push_back("shall those be renewed that are due? Say \"all due certificates\", or name them");
  if (facts.has("--key")) facts.erase("--new-key");
}

// ---- revoke

constexpr Rule reason_rules[] = {
    {"key compromise|compromised|leaked|leak|exposed|stolen", "--reason", "keyCompromise"},
    {"keycompromise|key-compromise", "--reason", "keyCompromise"},
    {"compromised|leaked", "--reason", "keyCompromise"},
    {"[the|its|their] [private] key|keys <is> compromised|leaked|exposed|stolen", "--reason", "keyCompromise"},
    {"[the|its|their] [private] key|keys has|have been compromised|leaked|exposed|stolen", "--reason", "keyCompromise"},
    {"[the|its|their] [private] key|keys leaked|got [leaked|stolen|compromised|exposed]", "--reason", "keyCompromise"},
    {"[a|the] compromised|leaked|stolen|exposed [private] key|keys", "--reason", "keyCompromise"},
    {"[the] ca compromise|compromised", "--reason", "cACompromise"},
    {"[the] ca was|is compromised", "--reason", "cACompromise"},
    {"cacompromise", "--reason", "cACompromise"},
    {"affiliation change|changed", "--reason", "affiliationChanged"},
    {"affiliationchanged", "--reason", "affiliationChanged"},
    {"[change|changed] [of] affiliation", "--reason", "affiliationChanged"},
    {"superseded|replaced", "--reason", "superseded"},
    {"[has|have] been superseded|replaced", "--reason", "superseded"},
    {"cessation of operation|operations", "--reason", "cessationOfOperation"},
    {"cessationofoperation", "--reason", "cessationOfOperation"},
    {"no longer used|needed|operated|required", "--reason", "cessationOfOperation"},
    {"[has|have] [been] decommissioned", "--reason", "cessationOfOperation"},
    {"<is> shut down", "--reason", "cessationOfOperation"},
    {"[has|have] [been] shut down", "--reason", "cessationOfOperation"},
    {"on hold", "--reason", "certificateHold"},
    {"certificatehold|temporarily", "--reason", "certificateHold"},
    {"certificate hold", "--reason", "certificateHold"},
    {"privilege|privileges [<is>] withdrawn", "--reason", "privilegeWithdrawn"},
    {"privilegewithdrawn", "--reason", "privilegeWithdrawn"},
    {"unspecified [reason]", "--reason", "unspecified"},
    {"reason|reasons [is|was|:]"},
    {"because [of]"},
    {"since [its|the] key|keys <is> compromised|leaked|stolen|exposed", "--reason", "keyCompromise"},
    {"due to"},
    {"as [it] [<is>|has] [been] superseded|replaced", "--reason", "superseded"},
    {"because it|they <is> [now] superseded|replaced", "--reason", "superseded"},
    {"because it|they has|have been superseded|replaced", "--reason", "superseded"},
    {"because it|they <is> no longer used|needed|required", "--reason", "cessationOfOperation"},
    {"because it|they <is> compromised", "--reason", "keyCompromise"},
    {"it|they <is> no longer used|needed|required", "--reason", "cessationOfOperation"},
    {"<is> no longer used|needed|required", "--reason", "cessationOfOperation"},
    {"for [reason]"},
    {"with [the] reason [:]"},
    {"compromised since|on {date}", "--reason", "keyCompromise", "--invalidity-date", "%"},
    {"since {date}", "--invalidity-date"},
    {"<is> compromised since|on {date}", "--reason", "keyCompromise", "--invalidity-date", "%"},
    {"[the|its] [private] key <is> compromised|leaked|stolen since|on {date}", "--reason", "keyCompromise",
     "--invalidity-date", "%"},
};

constexpr Rule revoke_rules[] = {
    {"[all|every] [of] [the] [<cert>] [of|by] [user] {owner's} <cert>", "select", "owner=%"},
    {"[all|every] [of] [the] {owner's} <cert>", "select", "owner=%"},
    {"all|every [of] [the] <cert> of {person}", "select", "owner=%"},
    {"all|every [of] [the] <cert> of|for user {user}", "select", "owner=%"},
    {"all|every [of] [the] <cert> [that] [<is>] owned by [user] {user}", "select", "owner=%"},
    {"all|every [of] [the] <cert> belonging to [user] {user}", "select", "owner=%"},
    {"all|every [of] [the] <cert> on|in|of [the] <yubikey> [with] [serial] [number] {serial}", "select", "device=%"},
    {"all|every [of] [the] <cert> with [the] label {label}", "select", "label.%"},
    {"[and] destroy [the|its|their] [private] key|keys [too]", "--destroy-key", on},
    {"[with] [the|a] note|comment [:] {text}", "--note"},
};

constexpr Table revoke_tables[] = {bare_target_rules, target_rules, revoke_rules, reason_rules, changing_rules};
constexpr std::string_view revoke_order[] = {"CERT",          "select", "--reason", "--invalidity-date",
                                             "--destroy-key", "--note", "--dry-run"};

void finish_revoke(Facts& facts, Questions& questions) {
  expand_targets(facts, questions);
  const bool selected = facts.has("select"), named = facts.has("CERT");
  if (!selected && !named) questions.push_back("revoke which certificate? Name it");
  if (selected && named) questions.push_back("the named certificates, or all that fit?");
}

constexpr Rule unhold_rules[] = {{"[the] hold [on|of|from] [the] [<cert>] {names}", "CERT"},
                                 {"[from|off] [the] hold"},
                                 {"unhold|unsuspend|release {names}", "CERT"}};
constexpr Table unhold_tables[] = {unhold_rules, target_rules, changing_rules};
constexpr std::string_view unhold_order[] = {"CERT", "--unhold", "--dry-run"};

void finish_unhold(Facts& facts, Questions& questions) {
  expand_targets(facts, questions);
  facts.add({"--unhold", std::string(on), ""});
}

}  // namespace

constinit const Intent issue_intent = {"issue", issue_tables, issue_order, "NAME", which_names, finish_issue};
constinit const Intent renew_intent = {"renew", renew_tables, renew_order, {}, {}, finish_renew};
constinit const Intent revoke_intent = {"revoke", revoke_tables, revoke_order, {}, {}, finish_revoke};
constinit const Intent unhold_intent = {
    "revoke", unhold_tables, unhold_order, "CERT", "take the hold off which certificate?", finish_unhold};

}  // namespace ymgr::plain
