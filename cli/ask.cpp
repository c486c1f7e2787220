#include "base/child.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/ask_gate.hpp"
#include "cli/config.hpp"
#include "cli/environment.hpp"
#include "cli/invocation_state.hpp"
#include "plain/plain.hpp"

namespace ymgr::cli {

namespace {

constexpr Argument arguments[] = {{"SENTENCE", "what you want, in plain English", Argument::Count::some}};

constexpr Option options[] = {
    {.name = "--run", .value = "", .help = "run the command after a yes, instead of printing it"},
    {.name = "--yes",
     .value = "",
     .help = "with --run: say yes; not to revoke, device lost, retire and reset, user offboard, and approvals",
     .short_name = "-y"},
    {.name = "--dry-run",
     .value = "",
     .help = "with --run: the command only tells what it would do",
     .short_name = "-n"},
    {.name = "--detailed-exitcode",
     .value = "",
     .help = "with --run: exit 20 instead of 0 when something was changed"}};

constexpr Field fields[] = {
    {"command", "?string", "the command for a shell; null: questions are asked back"},
    {"argv", "?array of string", "its words without ymgr"},
    {"understood", "array of object", "parts of the sentence that became a part of the command"},
    {"understood.words", "string", "as written"},
    {"understood.means", "string", "the command, an argument or an option"},
    {"questions", "array of string", "what must be said more exactly; empty: it was understood"},
    {"source", "string", "who understood, or asks: grammar, or program (ask.command)"},
    {"error", "?string", "where questions are asked: the first of them"},
    {"code", "?string", "sentence-unclear"},
    {"suggestion", "?string", "the next thing to try"}};

constexpr Example examples[] = {
    {"ymgr ask 'Issue certificates for api-1 through api-10, all RSA 4096, 90 days'", "prints the command"},
    {"ymgr ask --run 'renew everything that expires in the next 2 weeks'", "asks, then runs it"},
    {"ymgr ask --json 'which certificates expire this month?'", "and what each part became"},
    {"ymgr ask --run 'revoke certificate cert-5678 - reason: key compromise'", "a person must say yes to this one"}};

constexpr std::string_view unclear_hint =
    "Say it more exactly; a name that is an ordinary word goes in quotes inside the sentence";

struct Asked {
  std::vector<std::string> argv;
  std::vector<plain::Meaning> meanings;
  std::vector<std::string> questions;
  std::string source = "grammar";
};

/// The program gets the sentence on standard input, and nothing else of ours.
AskAnswer ask_program(Invocation& call, const std::vector<std::string>& program, const std::string& sentence) {
  call.notices().detail("asking " + program.front());
  const auto end = run_child({.argv = program,
                              .environment = environment_for_others(),
                              .input = sentence + "\n",
                              .most_output = longest_ask_answer,
                              .limit = call.wiring().config().timeout(),
                              .on_signal = Child::OnSignal::stop});
  if (!end.failure.empty())
    throw Error(Code::ask_answer_invalid, "ask.command: " + printable(program.front()) + ": " + end.failure,
                "Say it as the manual's examples do, which needs no program; or run it by hand with a sentence on its "
                "standard input");
  return parse_ask_answer(end.output);
}

Asked understand(Invocation& call, const std::string& sentence) {
  auto found = plain::understand(sentence, now());
  Asked asked{std::move(found.argv), std::move(found.meanings), std::move(found.questions)};
  if (found.verdict == plain::Verdict::understood) check_asked(asked.argv);
  if (found.verdict != plain::Verdict::unclear) return asked;
  const auto program = program_of("ask.command", call.wiring().config().at("ask.command"));
  if (program.empty()) return asked;
  auto answer = ask_program(call, program, sentence);
  asked = {std::move(answer.argv), {}, {}, "program"};
  if (!answer.question.empty()) asked.questions.push_back(std::move(answer.question));
  return asked;
}

/// Options of `ask` that say which profile and servers are meant.
std::vector<std::string> given(const Invocation& call, std::initializer_list<std::string_view> names) {
  std::vector<std::string> words;
  for (const auto name : names) {
    if (!call.has(name)) continue;
    words.emplace_back(name);
    const auto value = call.text(name);
    if (value != "true") words.push_back(value);
  }
  return words;
}

void append(std::vector<std::string>& words, std::vector<std::string> more) {
  words.insert(words.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Json meanings_json(const std::vector<plain::Meaning>& meanings) {
  Json all = Json::array();
  for (const auto& meaning : meanings) all.push(Json::object({{"words", meaning.words}, {"means", meaning.means}}));
  return all;
}

Result asked_back(const Invocation& call, const Asked& asked) {
  const auto format = call.globals().format;
  if (format != Format::json && format != Format::jsonl)
    throw Error(Code::sentence_unclear, join(asked.questions, "; "), std::string(unclear_hint));
  Result result;
  result.json = Json::object({{"command", nullptr},
                              {"argv", nullptr},
                              {"understood", meanings_json(asked.meanings)},
                              {"questions", Json::texts(asked.questions)},
                              {"source", asked.source},
                              {"error", asked.questions.front()},
                              {"code", info(Code::sentence_unclear).text},
                              {"suggestion", unclear_hint}});
  result.exit = exit_status(Kind::usage);
  return result;
}

Result printed(Invocation& call, const Asked& asked, const std::vector<std::string>& words) {
  for (const auto& meaning : asked.meanings) call.notices().detail(meaning.words + ": " + meaning.means);
  Result result;
  result.json = Json::object({{"command", shell_line(words)},
                              {"argv", Json::texts(words)},
                              {"understood", meanings_json(asked.meanings)},
                              {"questions", Json::array()},
                              {"source", asked.source}});
  result.text = shell_line(words) + "\n";
  return result;
}

/// @param command  the line that would run
void confirm_run(Invocation& call, const CommandLine& line, const std::string& command) {
  const auto& globals = call.globals();
  if (globals.dry_run || line.values.has("--dry-run")) return;
  const bool by_person = needs_person(line.command->path);
  if (globals.yes && !by_person) return;
  if (!call.has_terminal())
    throw Error(
        Code::input_needed,
        by_person ? "'" + command + "' is run after a person's yes at a terminal" : "there is no terminal to ask on",
        (by_person ? "Run it yourself: " : "Give --yes, or run it yourself: ") + command);
  const auto answer = lower(trim(call.ask("--yes", "Run: " + command + " [y/N]")));
  if (answer != "y" && answer != "yes") throw Error(Code::usage, "not confirmed, nothing was changed", "Answer y");
}

Result run_instead(Invocation& call, const CommandLine& line, std::vector<std::string> words) {
  confirm_run(call, line, shell_line(words));
  const bool changes = line.command->effect == Effect::changes;
  const auto& globals = call.globals();
  append(words, given(call, {"--json", "--output", "--quiet", "--verbose", "--color", "--no-progress", "--no-input",
                             "--timeout"}));
  if (changes && globals.yes && !needs_person(line.command->path)) words.emplace_back("--yes");
  if (changes && globals.dry_run && !line.values.has("--dry-run")) words.emplace_back("--dry-run");
  if (changes && globals.detailed_exitcode) words.emplace_back("--detailed-exitcode");
  Invocation::State::of(call).instead = std::move(words);
  return {};
}

void check_flags(const Invocation& call) {
  const bool runs = call.has("--run");
  for (const auto* flag : {"--yes", "--dry-run", "--detailed-exitcode"}) {
    if (!runs && call.has(flag))
      throw Error(Code::usage, std::string(flag) + " goes with --run", "ymgr ask --run SENTENCE");
  }
  if (runs && call.has("--fields"))
    throw Error(Code::usage, "--fields and --run exclude each other", "run the printed command with --fields");
}

Result run(Invocation& call) {
  check_flags(call);
  const auto asked = understand(call, join(call.list("SENTENCE"), " "));
  if (!asked.questions.empty()) return asked_back(call, asked);
  const auto line = check_asked(asked.argv);
  auto words = asked.argv;
  append(words, given(call, {"--config", "--context"}));
  return call.has("--run") ? run_instead(call, line, std::move(words)) : printed(call, asked, words);
}

}  // namespace

extern const Command ask_command;
constinit const Command ask_command = {
    .path = "ask",
    .summary = "turn a sentence into the command that does it",
    .description =
        "Prints the command that a sentence asks for: issue, renew, revoke, report, lists and questions about "
        "certificates (also those from elsewhere), "
        "YubiKeys, users, the audit trail, operations and their approval, the policy and "
        "the licence. A closed grammar reads it. Every word is used, or is one of "
        "a few "
        "fillers (please, the, could you); whatever else stands in the sentence is asked back with exit 2: a second "
        "duration, "
        "a choice, an exception, a condition, a negation, a time that can't be counted. Nothing is guessed, and no "
        "word of the "
        "sentence becomes an option. A month is 30 days. A name that is an ordinary word goes in quotes: issue a "
        "certificate "
        "for \"report\".\n\n"
        "With --run the command is run by this process after a yes, as if it had been typed: same policy, same "
        "journal, same "
        "audit trail. --yes answers that question, and those that the command itself asks, but never for `revoke`, "
        "`device lost`, "
        "`device retire`, `device reset`, `user offboard`, `operation approve` and `operation deny`: a person at a "
        "terminal does, and without one they exit 2 "
        "naming the "
        "command. With --json the document is the command's own.\n\n"
        "Sentences with a PIN or another secret, an option or a character of the shell are refused, and given to "
        "nobody.\n\n"
        "The setting `ask.command` names a program for sentences that the grammar does not understand: its words as a "
        "list, run "
        "without a shell, with the sentence on standard input and nothing else; variables of ymgr, Vault and "
        "PostgreSQL are taken "
        "out of its environment. It must exit 0 within --timeout and print one JSON document of at most 64 KiB, either "
        "{\"argv\": [\"issue\", \"api.example.com\"]} or {\"question\": \"…\"} (`ymgr schema ask-answer`). The answer "
        "is not "
        "trusted: only the commands and options that a sentence may become pass, no option that names a file, takes or "
        "shows a secret, "
        "answers a question or chooses another configuration; then it is printed, or confirmed, like any other. "
        "examples/ask-claude.sh asks a language model.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
};

}  // namespace ymgr::cli
