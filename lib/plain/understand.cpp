#include <algorithm>

#include "base/text.hpp"
#include "plain/values.hpp"

namespace ymgr::plain {
namespace {

constexpr std::string_view many_valued[] = {"NAME", "CERT", "PLACE", "--san", "--label", "select"};

bool is_many_valued(std::string_view fact) {
  return std::ranges::find(many_valued, fact) != std::end(many_valued);
}

std::string with_captured(std::string_view value, const std::string& captured) {
  if (value.empty()) return captured;
  const auto place = value.find('%');
  if (place == std::string_view::npos) return std::string(value);
  return std::string(value.substr(0, place)) + captured + std::string(value.substr(place + 1));
}

struct SeenVerb {
  const Verb* verb;
  std::size_t begin, end;
};

/// Reads one sentence.
class Reading {
 public:
  Reading(std::span<const Word> words, Time now) : words_(words), now_(now) {}

  Understanding run() {
    find_verb();
    if (questions_.empty()) find_action();
    if (questions_.empty()) read_clauses();
    if (questions_.empty()) finish();
    return answer();
  }

 private:
  void ask(std::string question) {
    if (std::ranges::find(questions_, question) == questions_.end()) questions_.push_back(std::move(question));
  }

  std::string text(std::size_t begin, std::size_t end) const {
    std::string out;
    for (auto at = begin; at < end; ++at) {
      const bool mark = words_[at].kind == Word::Kind::mark && words_[at].text != "-";
      out += (out.empty() || mark ? "" : " ") + words_[at].text;
    }
    return out;
  }

  // ---- what shall be done

  std::vector<SeenVerb> all_verbs() const {
    std::vector<SeenVerb> found;
    for (std::size_t at = 0; at < words_.size(); ++at) {
      SeenVerb best{nullptr, at, at};
      for (const auto& verb : verbs()) {
        const auto fits = match(verb.pattern, words_, at, now_);
        const bool stronger = best.verb && best.verb->weak && !verb.weak;
        if (fits && (fits->end > best.end || (stronger && fits->end == best.end))) best = {&verb, at, fits->end};
      }
      if (!best.verb) continue;
      found.push_back(best);
      at = best.end - 1;
    }
    return found;
  }

  void find_verb() {
    const auto found = all_verbs();
    for (const auto& seen : found) {
      if (seen.verb->weak) continue;
      if (!verb_) verb_ = seen;
      if (seen.verb->name != verb_->verb->name)
        return ask("these are two things, '" + text(verb_->begin, verb_->end) + "' and '" + text(seen.begin, seen.end) +
                   "': which first? (A name goes in quotes.)");
      seen_.push_back(seen);
    }
    if (verb_) return;
    for (const auto& seen : found)
      if (!verb_ || seen.verb < verb_->verb) verb_ = seen;
    if (verb_) seen_.push_back(*verb_);
  }

  std::vector<std::string_view> nouns_from(std::size_t begin, std::size_t end) const {
    std::vector<std::string_view> found;
    for (auto at = begin; at < end;) {
      std::size_t next = at + 1;
      std::string_view name;
      for (const auto& noun : nouns()) {
        const auto fits = match(noun.pattern, words_, at, now_);
        if (!fits || (fits->end <= next && !name.empty())) continue;
        name = noun.name;
        next = fits->end;
      }
      if (!name.empty()) found.push_back(name);
      at = next;
    }
    return found;
  }

  static const Action* action_of(std::string_view verb, std::string_view noun) {
    const auto all = actions();
    const auto fits = [&](const Action& action) { return action.verb == verb && action.noun == noun; };
    const auto found = std::ranges::find_if(all, fits);
    return found == all.end() ? nullptr : &*found;
  }

  void find_action() {
    const std::string_view verb = verb_ ? verb_->verb->name : std::string_view();
    const bool weak = verb_ && verb_->verb->weak;  // "report" is both
    auto found = nouns_from(!verb_ ? 0 : weak ? verb_->begin : verb_->end, words_.size());
    for (const auto noun : nouns_from(0, verb_ ? verb_->begin : 0)) found.push_back(noun);
    const Action* action = nullptr;
    for (const auto noun : found) {
      if (!action) action = action_of(verb, noun);
    }
    if (!action) action = action_of(verb, "");
    if (!action->intent) return ask(std::string(action->question));
    intent_ = action->intent;
    if (verb_) meanings_.push_back({text(verb_->begin, verb_->end), "ymgr " + std::string(intent_->command)});
    for (const auto& seen : seen_)
      if (!seen.verb->fact.empty())
        add(seen.verb->fact, std::string(seen.verb->value.empty() ? on : seen.verb->value), seen.begin, seen.end);
  }

  // ---- the rest

  struct Fitting {
    const Rule* rule = nullptr;
    Match match;
  };

  void try_rules(std::span<const Rule> rules, std::size_t at, Fitting& best) const {
    for (const auto& rule : rules) {
      auto fits = match(rule.pattern, words_, at, now_);
      if (fits && fits->end > best.match.end) best = {&rule, std::move(*fits)};
    }
  }

  std::size_t end_of_verb(std::size_t at) const {
    for (const auto& seen : seen_)
      if (seen.begin == at) return seen.end;
    return at;
  }

  void read_clauses() {
    for (std::size_t at = 0; at < words_.size();) {
      Fitting best;
      best.match.end = at;
      for (const auto& table : intent_->rules) try_rules(table, at, best);
      const auto verb_end = end_of_verb(at);
      if (verb_end >= best.match.end && verb_end > at) {
        at = verb_end;
        continue;
      }
      try_rules(fillers(), at, best);
      if (best.rule) {
        take(*best.rule, best.match, at);
        at = best.match.end;
      } else {
        ask(trouble(words_[at]));
        ++at;
      }
    }
  }

  void take(const Rule& rule, const Match& found, std::size_t at) {
    if (!found.captured.question.empty()) return ask(found.captured.question);
    if (rule.fact.empty()) return;
    const auto& values = found.captured.values;
    if (values.empty()) add(rule.fact, std::string(rule.value), at, found.end);
    for (const auto& value : values) add(rule.fact, with_captured(rule.value, value), at, found.end);
    if (!rule.also.empty())
      add(rule.also, with_captured(rule.also_value, values.empty() ? "" : values.front()), at, found.end);
  }

  void add(std::string_view name, std::string value, std::size_t begin, std::size_t end) {
    if (name == "--san") value = as_san(value);
    facts_.add({std::string(name), std::move(value), text(begin, end)});
  }

  static std::string trouble(const Word& word) {
    const std::string shown = "'" + printable(word.text) + "'";
    if (const auto why = trouble_with(word.low); !why.empty()) return shown + " " + std::string(why);
    if (word.kind == Word::Kind::quoted) return shown + ": what is this the name of?";
    return "what does " + shown + " mean here? (Leave it out, say it otherwise, or put a name in quotes.)";
  }

  // ---- the command

  void check_conflicts() {
    for (const auto& fact : facts_.all()) {
      const Fact* first = facts_.find(fact.name);
      if (!is_many_valued(fact.name) && first->value != fact.value)
        ask("'" + first->words + "' or '" + fact.words + "': which of the two?");
      if (fact.name == "select") check_condition(fact);
    }
  }

  /// Two conditions on one field hold together for nothing.
  void check_condition(const Fact& fact) {
    const auto field = fact.value.substr(0, fact.value.find('='));
    for (const auto& other : facts_.values("select")) {
      if (other != fact.value && other.substr(0, other.find('=')) == field)
        ask("'" + other + "' or '" + fact.value + "': which of the two?");
    }
  }

  void finish() {
    check_conflicts();
    if (!intent_->needs.empty() && !facts_.has(intent_->needs)) ask(std::string(intent_->question));
    if (questions_.empty() && intent_->finish) intent_->finish(facts_, questions_);
    if (questions_.empty()) build();
  }

  void build() {
    argv_ = split(intent_->command, ' ');
    for (const auto name : intent_->order) {
      auto values = facts_.values(name);
      if (values.empty()) continue;
      if (name == "select") values = {join(values, ",")};
      for (const auto& value : values) {
        if (name == "select") argv_.push_back("--select");
        if (name.starts_with("--")) argv_.emplace_back(name);
        if (value != on) argv_.push_back(value);
      }
    }
    tell_meanings();
  }

  void tell_meanings() {
    for (const auto& fact : facts_.all()) {
      const bool option = fact.name.starts_with("--");
      const std::string name = fact.name == "select" ? "--select" : fact.name;
      if (!fact.words.empty())
        meanings_.push_back({fact.words, option && fact.value == on ? name : name + " " + fact.value});
    }
  }

  Understanding answer() {
    const bool clear = questions_.empty();
    return {clear ? Verdict::understood : Verdict::unclear, std::move(argv_), std::move(meanings_),
            std::move(questions_)};
  }

  std::span<const Word> words_;
  Time now_;
  std::optional<SeenVerb> verb_;
  std::vector<SeenVerb> seen_;
  const Intent* intent_ = nullptr;
  Facts facts_;
  Questions questions_;
  std::vector<std::string> argv_;
  std::vector<Meaning> meanings_;
};

// ---- secrets

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool is_like_token(std::string_view low) {
  return low.starts_with("hvs.") ||
         (low.size() >= 32 && low.find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

bool is_behind_yubikey(std::span<const Word> words, std::size_t at) {
  while (at > 0 && is_one_of(words[at - 1].low, {"serial", "number", ":", "with", "the"})) --at;
  return at > 0 && is_one_of(words[at - 1].low, {"yubikey", "yubi-key", "device", "serial", "number", "slot"});
}

/// "Set the PIN to 123456": whatever was meant, it goes no further.
bool holds_secret(std::span<const Word> words) {
  const auto names_secret = [](const Word& word) {
    return is_one_of(word.low, {"pin", "puk", "password", "passphrase", "token", "secret", "pins", "puks"});
  };
  const bool named = std::ranges::any_of(words, names_secret);
  for (std::size_t at = 0; at < words.size(); ++at) {
    const Word& word = words[at];
    if (is_like_token(word.low)) return true;
    if (!named || at == 0) continue;
    const bool number = word.low.size() >= 4 && word.low.find_first_not_of("0123456789") == std::string::npos;
    const bool given = is_one_of(words[at - 1].low, {"to", "is", "as", "=", ":"}) || names_secret(words[at - 1]);
    const bool text = word.kind == Word::Kind::quoted || word.low.find_first_of("0123456789") != std::string::npos;
    if ((number && !is_behind_yubikey(words, at)) || (given && text && !is_behind_yubikey(words, at))) return true;
  }
  return false;
}

}  // namespace

void Facts::add(Fact fact) {
  const auto same = [&](const Fact& known) { return known.name == fact.name && known.value == fact.value; };
  if (std::ranges::none_of(facts_, same)) facts_.push_back(std::move(fact));
}

const Fact* Facts::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(facts_, name, &Fact::name);
  return found == facts_.end() ? nullptr : &*found;
}

std::vector<std::string> Facts::values(std::string_view name) const {
  std::vector<std::string> all;
  for (const auto& fact : facts_)
    if (fact.name == name) all.push_back(fact.value);
  return all;
}

void Facts::erase(std::string_view name) {
  std::erase_if(facts_, [&](const Fact& fact) { return fact.name == name; });
}

Understanding understand(std::string_view sentence, Time at) {
  auto cut_up = cut(sentence);
  if (!cut_up.refusals.empty()) return {Verdict::refused, {}, {}, std::move(cut_up.refusals)};
  if (holds_secret(cut_up.words))
    return {Verdict::refused,
            {},
            {},
            {"that looks like a secret, which stands in no sentence: choose another one, and let the command "
             "ask for it. What shall be done?"}};
  return Reading(cut_up.words, at).run();
}

std::vector<std::string_view> options() noexcept {
  std::vector<std::string_view> all = {"--select"};
  for (const auto& action : actions()) {
    if (!action.intent) continue;
    for (const auto name : action.intent->order)
      if (name.starts_with("--")) all.push_back(name);
  }
  return all;
}

}  // namespace ymgr::plain
