// Reports, people, the audit trail, operations.
#include "plain/shared_rules.hpp"

namespace ymgr::plain {
namespace {

using Table = std::span<const Rule>;

constexpr Rule whoami_rules[] = {{"me|us"}};
constexpr Table whoami_tables[] = {whoami_rules};

constexpr Rule report_rules[] = {
    {"[compliance|status|inventory|certificate|expiry] report"},
    {"report [of|on|about] [all] [the] [<cert>]"},
    {"<cert> report"},
    {"weekly [compliance|status] report", "--weekly", on},
    {"from|since {date}", "--from"},
    {"to|until|till {date}", "--to"},
    {"[with] [at] most {number} [<cert>]", "--limit"},
    {"me|us"},
};
constexpr Table report_tables[] = {report_rules};
constexpr std::string_view report_order[] = {"--weekly", "--from", "--to", "--limit"};

constexpr Rule list_users_rules[] = {
    {"users|people|accounts"}, {"all|every [of] [the]"}, {"me|us"}, {"do we have"}, {"are there"}, {"we have"}};
constexpr Table list_users_tables[] = {list_users_rules};

constexpr Rule user_rules[] = {
    {"[the] user|account [of|named|called] {user}", "USER"},
    {"{owner's} account|user|login|access", "USER"},
    {"user|account"},
    {"[the] details|status|state [of|for]"},
    {"me|us"},
};
constexpr Rule user_verb_rules[] = {{"disable|deactivate|enable|reactivate|offboard|off-board {user}", "USER"}};
constexpr Table show_user_tables[] = {user_rules};
constexpr Table user_tables[] = {user_rules, user_verb_rules, changing_rules};
constexpr Table offboard_tables[] = {user_rules, user_verb_rules, note_rules, changing_rules};
constexpr std::string_view offboard_order[] = {"USER", "--note", "--dry-run"};
constexpr std::string_view user_order[] = {"USER", "--dry-run"};
constexpr std::string_view shown_user_order[] = {"USER"};
constexpr std::string_view which_user = "which user?";

constexpr Rule audit_rules[] = {
    {"[the|our] audit [trail|log|chain|events|trails]"},
    {"[audit] events|entries|trail|log"},
    {"of|by|from {person}", "--actor"},
    {"of|by|from user {user}", "--actor"},
    {"did [user] {user} do", "--actor"},
    {"{owner's}", "--actor"},
    {"[happened] [to|with] [for|of|about] [the] [<cert>] {sure}", "--target"},
    {"happened to|with [the] <cert> {names}", "--target"},
    {"[happened] [to|with|of|for] [the] <yubikey> [with] [serial] [number] {serial}", "--target"},
    {"[of|for|in|about] [the] [operation|request] {operation}", "--request-id"},
    {"from|since|after {date}", "--from"},
    {"to|until|till|before {date}", "--to"},
    {"[the] last {number} [audit] [events|entries]", "--limit"},
    {"happened"},
    {"me|us"},
};
constexpr Table audit_tables[] = {audit_rules};
constexpr std::string_view audit_order[] = {"--actor", "--target", "--request-id", "--from", "--to", "--limit"};

constexpr Rule verify_rules[] = {
    {"[whether|if|that] [the] audit [trail|log|chain] [is|has] [intact|complete|holds|unchanged|changed]"},
    {"is the audit trail|log|chain intact|complete|unchanged"}};
constexpr Table verify_tables[] = {verify_rules};

constexpr Rule resume_rules[] = {
    {"[the] [operation|request] [with] [id] {operation}", "ID"},
    {"[all|every|everything|whatever|what] [of] [the] [that] [was|is|were|are] interrupted|stopped|open|unfinished "
     "[operations|operation]",
     "--all", on},
    {"everything", "--all", on},
    {"all|every [of] [the] [open|stopped|interrupted|unfinished] operations|operation", "--all", on},
};
constexpr Table resume_tables[] = {resume_rules, changing_rules};
constexpr std::string_view resume_order[] = {"ID", "--all", "--dry-run"};

void finish_resume(Facts& facts, Questions& questions) {
  if (facts.has("ID") == facts.has("--all")) questions.push_back("resume which operation: its id, or everything?");
}

constexpr Rule operations_rules[] = {
    {"[open|stopped|unfinished|running|interrupted|pending] operations"},
    {"all|every [of] [the] operations", "--all", on},
    {"[the] last|first {number} operations", "--limit"},
    {"are [open|stopped|unfinished|running|interrupted|pending]"},
    {"me|us"},
};
constexpr Table operations_tables[] = {operations_rules};
constexpr std::string_view operations_order[] = {"--all", "--limit"};

constexpr Rule operation_rules[] = {{"[the] operation [with] [id] {operation}", "ID"}, {"me|us"}};
constexpr Table operation_tables[] = {operation_rules};
constexpr std::string_view id_order[] = {"ID"};

constexpr Rule verdict_rules[] = {{"[the] [operation|request] [with] [id] {operation}", "ID"}};
constexpr Table verdict_tables[] = {verdict_rules, note_rules, changing_rules};
constexpr std::string_view verdict_order[] = {"ID", "--note", "--dry-run"};
constexpr std::string_view which_request = "which request? Give its id, as 'ymgr operation list' shows it";

constexpr Rule reconcile_rules[] = {
    {"[the] inventory|ca|database|records|profile|keys|files [with|and|against|to]"},
    {"[the] yubikeys|devices [that] [are] [plugged|connected] in", "--plugged-in", on},
    {"[the] plugged-in yubikeys|devices", "--plugged-in", on},
    {"[the] <yubikey> [with] [serial] [number] {serial}", "--device"},
    {"everything"},
};
constexpr Table reconcile_tables[] = {reconcile_rules, changing_rules};
constexpr std::string_view reconcile_order[] = {"--device", "--plugged-in", "--dry-run"};

constexpr Rule policy_rules[] = {{"[the|our|current] policy"}, {"is the [current] policy"}, {"me|us"}};
constexpr Table policy_tables[] = {policy_rules};
constexpr Rule simulate_rules[] = {
    {"[the|a|another|our] [new] [policy] [of|in|from|with|at] [the] [file] {place}", "FILE"},
    {"[the|a|another|our] [new] policy"},
    {"refuse|stop|break|prevent [renewals|renewal]"},
    {"[at] most {number} [<cert>]", "--limit"},
};
constexpr Table simulate_tables[] = {simulate_rules};
constexpr std::string_view simulate_order[] = {"FILE", "--limit"};
constexpr Rule license_rules[] = {
    {"[the] [status|state] [of] [the|our] license|licence [status|state]"},
    {"is|has [the|our] license|licence [still] valid|ok|okay|expired"},
    {"when does|will [the|our] license|licence expire|end"},
    {"me|us"},
};
constexpr Table license_tables[] = {license_rules};
constexpr Rule ca_rules[] = {{"[the|our] ca"}, {"me|us"}};
constexpr Table ca_tables[] = {ca_rules};

}  // namespace

constinit const Intent whoami_intent = {"whoami", whoami_tables, {}};
constinit const Intent report_intent = {"report", report_tables, report_order};
constinit const Intent list_users_intent = {"user list", list_users_tables, {}};
constinit const Intent show_user_intent = {"user show", show_user_tables, shown_user_order, "USER", which_user};
constinit const Intent disable_user_intent = {"user disable", user_tables, user_order, "USER", which_user};
constinit const Intent enable_user_intent = {"user enable", user_tables, user_order, "USER", which_user};
constinit const Intent offboard_user_intent = {"user offboard", offboard_tables, offboard_order, "USER", which_user};
constinit const Intent list_audit_intent = {"audit list", audit_tables, audit_order};
constinit const Intent verify_audit_intent = {"audit verify", verify_tables, {}};
constinit const Intent resume_intent = {"resume", resume_tables, resume_order, {}, {}, finish_resume};
constinit const Intent list_operations_intent = {"operation list", operations_tables, operations_order};
constinit const Intent show_operation_intent = {"operation show", operation_tables, id_order, "ID",
                                                "which operation? Give its id"};
constinit const Intent approve_intent = {"operation approve", verdict_tables, verdict_order, "ID", which_request};
constinit const Intent deny_intent = {"operation deny", verdict_tables, verdict_order, "ID", which_request};
constinit const Intent reconcile_intent = {"reconcile", reconcile_tables, reconcile_order};
constinit const Intent show_policy_intent = {"policy show", policy_tables, {}};
constinit const Intent simulate_policy_intent = {"policy simulate", simulate_tables, simulate_order, "FILE",
                                                 "which policy? Name its file"};
constinit const Intent license_intent = {"license status", license_tables, {}};
constinit const Intent show_ca_intent = {"ca show", ca_tables, {}};

}  // namespace ymgr::plain
