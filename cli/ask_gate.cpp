#include "cli/ask_gate.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::cli {

namespace {

constexpr std::size_t most_words = 1000, longest_word = 1024, longest_question = 1000;

struct Allowed {
  std::string_view path, options;  // with blanks between them
};
/// No option that names a file, shows or takes a secret, answers a question, or chooses another configuration.
constexpr Allowed allowed[] = {
    {"issue",
     "--san --key --validity --profile --key-store --device --slot --owner --label --renew-before --ensure --another "
     "--dry-run"},
    {"renew", "--due --renew-before --select --scope --limit --new-key --key --validity --dry-run"},
    {"revoke", "--reason --select --invalidity-date --destroy-key --unhold --note --dry-run"},
    {"resume", "--all --dry-run"},
    {"reconcile", "--device --plugged-in --dry-run"},
    {"report", "--weekly --from --to --limit"},
    {"whoami", ""},
    {"enroll", "--device --owner --slot --profile --san --dry-run"},
    {"set-pin", "--device --pin-prompt --dry-run"},
    {"cert list", "--select --status --expired --expiring --limit"},
    {"cert show", ""},
    {"cert check", ""},
    {"cert explain", ""},
    {"cert track", "--recursive --owner --dry-run"},
    {"cert untrack", "--dry-run"},
    {"device list", "--owner --status"},
    {"device show", ""},
    {"device unblock", "--pin-prompt --dry-run"},
    {"device assign", "--note --dry-run"},
    {"device lost", "--reason --note --dry-run"},
    {"device found", "--note --dry-run"},
    {"device retire", "--reason --note --dry-run"},
    {"device reset", "--reason --dry-run"},
    {"user list", ""},
    {"user show", ""},
    {"user disable", "--dry-run"},
    {"user enable", "--dry-run"},
    {"user offboard", "--reason --note --dry-run"},
    {"audit list", "--actor --target --event --request-id --from --to --limit"},
    {"audit verify", ""},
    {"operation list", "--all --limit"},
    {"operation show", ""},
    {"operation approve", "--note --dry-run"},
    {"operation deny", "--note --dry-run"},
    {"license status", ""},
    {"policy show", ""},
    {"policy simulate", "--select --limit"},
    {"ca show", ""},
};
constexpr std::string_view for_a_person[] = {"revoke",        "device lost",  "device retire",     "device reset",
                                             "user offboard", "user disable", "operation approve", "operation deny"};

[[noreturn]] void refuse(std::string why) {
  throw Error(Code::usage, std::move(why), "Type the command yourself: 'ymgr help' lists them");
}

void check_value(const std::string& value) {
  if (value.empty() || value.size() > longest_word || value.front() == '-' || printable(value) != value)
    refuse("'" + printable(value.substr(0, 100)) + "' can't stand in a command that a sentence makes");
}

void check_values(const CommandLine& line, std::string_view name) {
  const auto* values = line.values.find(name);
  if (!values) return;
  for (const auto& value : *values) check_value(value);
}

bool is_allowed(const Allowed& row, std::string_view option) {
  return std::ranges::count(split(row.options, ' '), option) > 0;
}

[[noreturn]] void refuse_answer(const std::string& why) {
  throw Error(Code::ask_answer_invalid, "the answer of ask.command " + why,
              "It is JSON with argv or question: 'ymgr schema ask-answer'");
}

const Json& members_checked(const Json& answer) {
  if (!answer.is_object()) refuse_answer("is no object");
  for (const auto& [name, value] : answer.members())
    if (name != "argv" && name != "question") refuse_answer("has a member '" + printable(name.substr(0, 100)) + "'");
  return answer;
}

std::vector<std::string> words_of(const Json& answer) {
  std::vector<std::string> words;
  const Json* argv = answer.find("argv");
  if (!argv || argv->is_null()) return words;
  if (!argv->is_array()) refuse_answer("has an argv that is no array");
  for (const Json& word : argv->items()) {
    if (!word.is_text()) refuse_answer("has a word in argv that is no text");
    words.push_back(word.text());
  }
  return words;
}

std::string question_of(const Json& answer) {
  const Json* question = answer.find("question");
  if (!question || question->is_null()) return {};
  if (!question->is_text()) refuse_answer("has a question that is no text");
  if (question->text().size() > longest_question) refuse_answer("has a question that is too long");
  return printable(question->text());
}

Json parsed(std::string_view text) {
  try {
    return parse_json(text, {.bytes = longest_ask_answer, .depth = 4});
  } catch (const Error& error) {
    refuse_answer(std::string("can't be read: ") + error.what());
  }
}

}  // namespace

CommandLine check_asked(std::span<const std::string> words) {
  if (words.empty() || words.size() > most_words) refuse("these are not the words of one command");
  // Whatever is added behind it would be a name, --dry-run too.
  if (std::ranges::find(words, "--") != words.end()) refuse("'--' can't stand in a command that a sentence makes");
  auto line = parse_command_line(words);
  const auto row = std::ranges::find(allowed, line.command->path, &Allowed::path);
  if (row == std::end(allowed)) refuse("'ymgr " + std::string(line.command->path) + "' is no command for a sentence");
  for (const Option* option : options_of(*line.command)) {
    if (line.values.has(option->name) && !is_allowed(*row, option->name))
      refuse("'" + std::string(option->name) + "' is no option for a sentence");
    check_values(line, option->name);
  }
  for (const Argument& argument : line.command->arguments) check_values(line, argument.name);
  return line;
}

bool needs_person(std::string_view path) noexcept {
  return std::ranges::find(for_a_person, path) != std::end(for_a_person);
}

std::string shell_line(std::span<const std::string> words) {
  std::string line = "ymgr";
  for (const auto& word : words) line += " " + shell_quote(word);
  return line;
}

AskAnswer parse_ask_answer(std::string_view text) {
  const Json document = parsed(text);
  const Json& answer = members_checked(document);
  AskAnswer result{words_of(answer), question_of(answer)};
  if (result.argv.empty() == result.question.empty()) refuse_answer("has neither argv nor question, or both");
  if (result.argv.empty()) return result;
  try {
    check_asked(result.argv);
  } catch (const Error& error) {
    refuse_answer(std::string("is refused: ") + error.what());
  }
  return result;
}

Json ask_answer_schema() {
  const Json word = Json::object({{"type", "string"}, {"minLength", 1}, {"maxLength", longest_word}});
  const Json argv =
      Json::object({{"type", "array"},
                    {"items", word},
                    {"maxItems", most_words},
                    {"description", "the command's words without ymgr; empty or absent: a question is asked"}});
  const Json question =
      Json::object({{"type", "string"},
                    {"maxLength", longest_question},
                    {"description", "what to ask back; empty or absent: the sentence was understood"}});
  return Json::object({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                       {"$id", "urn:ymgr:schema:ymgr.ask-answer.v1"},
                       {"title", "What the program of ask.command answers to a sentence"},
                       {"type", "object"},
                       {"properties", Json::object({{"argv", argv}, {"question", question}})},
                       {"additionalProperties", false}});
}

}  // namespace ymgr::cli
