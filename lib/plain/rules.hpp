// The grammar as tables: what a group of words means to a command.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plain/plain.hpp"
#include "plain/words.hpp"

namespace ymgr::plain {

/// Value of a switch. No sentence holds it.
inline constexpr std::string_view on = "\x01";

/// `pattern`: words with blanks between them. "a|b": one of them; "[a|b]": one of them or none; "<cert>": a word of that group;
/// "{duration}": what the reader of that name takes (values.hpp). The longest rule that fits wins, the first of equals.
/// `fact`: "" is nothing to do (a filler); "NAME" an argument; "--key" an option; "select" a condition; others are read by the
/// intent's `finish`. In `value`, '%' stands for what was captured; empty: the captured text itself.
struct Rule {
  std::string_view pattern;
  std::string_view fact = {};
  std::string_view value = {};
  std::string_view also = {}, also_value = {};  // a second fact
};

struct Fact {
  std::string name, value, words;
};

class Facts {
 public:
  void add(Fact fact);
  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  const Fact* find(std::string_view name) const noexcept;
  std::vector<std::string> values(std::string_view name) const;
  void erase(std::string_view name);
  const std::vector<Fact>& all() const noexcept { return facts_; }

 private:
  std::vector<Fact> facts_;
};

using Questions = std::vector<std::string>;

struct Intent {
  std::string_view command;  // "cert list"
  std::span<const std::span<const Rule>> rules;
  /// Facts in the order of the command line. "NAME", "CERT" and the like are arguments.
  std::span<const std::string_view> order;
  std::string_view needs = {};  // fact without which nothing can be done
  std::string_view question = {};
  /// Looks at all facts together; may ask, drop and add.
  void (*finish)(Facts&, Questions&) = nullptr;
};

/// A word that says what shall be done. Weak ones count only where there is no other.
struct Verb {
  std::string_view pattern, name;
  bool weak = false;
  std::string_view fact = {}, value = {};  // "re-key": --new-key
};

/// `noun` "": with any other noun, or none. `intent` nullptr: asked back with `question`.
struct Action {
  std::string_view verb, noun;
  const Intent* intent;
  std::string_view question = {};
};

struct Noun {
  std::string_view pattern, name;
};

// grammar_words.cpp
std::span<const Rule> fillers() noexcept;
std::span<const Verb> verbs() noexcept;
std::span<const Noun> nouns() noexcept;
std::span<const Action> actions() noexcept;
/// Why words such as "not", "except" and "it" are asked back; "" for others.
std::string_view trouble_with(std::string_view low) noexcept;
/// Words that are no names unless they stand in quotes, beside those of the rules.
bool is_common(std::string_view low) noexcept;
/// The words of "<cert>"; "" for an unknown group.
std::string_view group(std::string_view name) noexcept;

// grammar_certificates.cpp, grammar_devices.cpp, grammar_records.cpp
extern const Intent issue_intent, renew_intent, revoke_intent, unhold_intent;
extern const Intent list_certificates_intent, show_certificate_intent, check_certificate_intent,
    explain_certificate_intent, track_intent, untrack_intent;
extern const Intent enroll_intent, set_pin_intent, unblock_intent, list_devices_intent, show_device_intent,
    assign_device_intent, lost_device_intent, found_device_intent, retire_device_intent, reset_device_intent;
extern const Intent whoami_intent, report_intent, list_users_intent, show_user_intent, disable_user_intent,
    enable_user_intent, offboard_user_intent, list_audit_intent, verify_audit_intent, resume_intent,
    list_operations_intent, show_operation_intent, reconcile_intent, approve_intent, deny_intent, show_policy_intent,
    simulate_policy_intent, show_ca_intent, license_intent;

}  // namespace ymgr::plain
