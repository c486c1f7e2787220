// Commands that look at certificates.
#include "plain/shared_rules.hpp"

namespace ymgr::plain {
namespace {

using Table = std::span<const Rule>;

constexpr Rule filter_rules[] = {
    {"of [the] {person}", "select", "owner=%"},
    {"of|for [the] user {user}", "select", "owner=%"},
    {"{owner's}", "select", "owner=%"},
    {"[does|do|did] [user] {user} have|has|own|owns|hold|holds", "select", "owner=%"},
    {"[are|is] [that|which] named|called|matching {name}", "select", "name=%"},
    {"for [the] [<host>] {sure}", "select", "name=%"},
    {"in|under|below|ending [in|with] [the] [domain] {domain} [domain]", "select", "name=*.%"},
    {"[are|is] [that|which] [<is>] [installed|used] on [the] host|server|machine {name}", "select", "host=%"},
    {"[are|is] [that|which] [<is>] on|in|inside|of [the] <yubikey> [with] [serial] [number] {serial}", "select",
     "device=%"},
    {"[with] [the] label|labelled|labeled|tag|tagged [:] {label}", "select", "label.%"},
    {"with {algorithm} [key|keys]", "select", "key=%"},
    {"[using|use] {algorithm} [key|keys]", "select", "key=%"},
    {"[that|which] [have|has|are|is] [already|been] expired", "--expired", on},
    {"[that|which] [have|has|are|is|were|was] [already|been] revoked", "--status", "revoked"},
    {"[that|which] [have|has|are|is|were|was] [already|been] superseded|replaced", "--status", "superseded"},
    {"[that|which] [are|is] [still|currently] active|valid|current", "--status", "active"},
    {"[that|which] [are|is|will|do] <expire> within|in [the] [next|coming] {duration}", "--expiring"},
    {"[that|which] [are|is|will|do] <expire> over|during the next|coming {duration}", "--expiring"},
    {"[that|which] [are|is|will|do] <expire> [within|in|during] {period}", "select", "expires-before=%", "--status",
     "active"},
    {"[that|which] [are|is|will|do] <expire> before {date}", "select", "expires-before=%", "--status", "active"},
    {"[that|which] [are|is|will|do] <expire> after {date}", "select", "expires-after=%", "--status", "active"},
    {"all|every [of] [the]", "--limit", "0"},
    {"[the] first {number}", "--limit"},
    {"at most {number}", "--limit"},
    {"<cert>"},
    {"<cert> are there"},
    {"do we have"},
    {"we have"},
    {"only"},
    {"me|us"},
    {"are|is"},
    {"list of"},
};
constexpr Table list_tables[] = {filter_rules, profile_rules, owner_rules};
constexpr std::string_view list_order[] = {"--status", "--expired", "--expiring", "select", "--limit"};

/// What makes a certificate elsewhere finds it here.
void select_by(Facts& facts, std::string_view option, const std::string& field) {
  if (const Fact* found = facts.find(option)) facts.add({"select", field + "=" + found->value, found->words});
  facts.erase(option);
}

void finish_list(Facts& facts, Questions& questions) {
  select_by(facts, "--owner", "owner");
  select_by(facts, "--profile", "profile");
  if (facts.has("--expired") && (facts.has("--status") || facts.has("--expiring")))
    questions.push_back("those that have expired, or those of another state?");
  const Fact* status = facts.find("--status");
  if (!facts.has("--expiring") || !status) return;
  if (status->value != "active") questions.push_back("only active certificates can expire: which state is meant?");
  facts.erase("--status");
}

constexpr Rule one_rules[] = {
    {"[for|of|about|on] [the] [<cert>] {sure}", "CERT"},
    {"[for|of|about|on] [the] <cert> [named|called|for] {names}", "CERT"},
    {"[for|of|about|on] [the] <cert> of [the] {sure}", "CERT"},
    {"[for|of] [the] <host> {names}", "CERT"},
    {"[the] <cert>"},
    {"[the] details|status|state|data [of|for|about|on]"},
    {"me|us"},
};
constexpr Table show_tables[] = {one_rules};
constexpr std::string_view cert_order[] = {"CERT"};
constexpr std::string_view which_one = "which certificate? Name it";

void finish_one(Facts& facts, Questions& questions) {
  if (facts.values("CERT").size() > 1) questions.push_back("one certificate at a time: which one?");
  if (const Fact* name = facts.find("CERT"); name && name->value.find('{') != std::string::npos)
    questions.push_back("one certificate at a time: which of '" + name->value + "'?");
}

constexpr Rule check_rules[] = {
    {"is|are [the] [<cert>] [for] {names} [still] valid|ok|okay|good|fine|expired|due|active|revoked", "CERT"},
    {"when does|will [the] [<cert>] [for] {names} expire", "CERT"},
    {"has [the] [<cert>] [for] {names} expired", "CERT"},
    {"does [the] [<cert>] [for] {names} expire", "CERT"},
    {"[whether|if|that] [the] [<cert>] [for] {names} is [still] valid|ok|okay|good|fine|expired|due|active|revoked",
     "CERT"},
    {"[whether|if] [the] [<cert>] [for] {names} has expired", "CERT"},
    {"check|verify|validate [the] {names}", "CERT"},
    {"[that] [it] is [still] valid|ok|okay|good|fine|expired"},
};
constexpr Table check_tables[] = {check_rules, one_rules};

constexpr Rule explain_rules[] = {
    {"why was|is [the] [<cert>] [for] {names} [not] renewed", "CERT"},
    {"why has [the] [<cert>] [for] {names} [not] been renewed", "CERT"},
    {"explain [the] {names}", "CERT"},
    {"[the] history|timeline|story [of|for]"},
};
constexpr Table explain_tables[] = {explain_rules, one_rules};

constexpr Rule track_rules[] = {
    {"[the] [foreign|external] [<cert>|file|folder] [of|on|at|in|from] [the] [<host>|site|website|file|folder] {place}",
     "PLACE"},
    {"[the] <cert>"},
    {"recursively", "--recursive", on},
    {"for user {user}", "--owner"},
    {"{owner's}", "--owner"},
};
constexpr Table track_tables[] = {track_rules, owner_rules, changing_rules};
constexpr std::string_view track_order[] = {"PLACE", "--recursive", "--owner", "--dry-run"};

constexpr Rule untrack_rules[] = {
    {"[the] [<cert>|file] [of|on|at|in|from] [the] [<host>|site|website|file] {place}", "CERT"},
    {"[the] [<cert>] [of|for|on|named|called] [the] {names}", "CERT"},
};
constexpr Table untrack_tables[] = {untrack_rules, changing_rules};
constexpr std::string_view untrack_order[] = {"CERT", "--dry-run"};

}  // namespace

constinit const Intent list_certificates_intent = {"cert list", list_tables, list_order, {}, {}, finish_list};
constinit const Intent show_certificate_intent = {"cert show", show_tables, cert_order, "CERT", which_one, finish_one};
constinit const Intent check_certificate_intent = {"cert check", check_tables, cert_order,
                                                   "CERT",       which_one,    finish_one};
constinit const Intent explain_certificate_intent = {"cert explain", explain_tables, cert_order,
                                                     "CERT",         which_one,      finish_one};
constinit const Intent track_intent = {"cert track", track_tables, track_order, "PLACE",
                                       "track what: a file, a folder, or HOST:PORT of a server?"};
constinit const Intent untrack_intent = {"cert untrack", untrack_tables, untrack_order, "CERT", which_one, finish_one};

}  // namespace ymgr::plain
