#include "cli/args.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using namespace ymgr::cli;

namespace {

CommandLine parse(const char* line) {
  return parse_command_line(split_words(line));
}

std::string value(const CommandLine& line, std::string_view name) {
  const auto* values = line.values.find(name);
  return values ? join(*values, "|") : "-";
}

std::string refusal(const char* line) {
  const auto error = thrown([&] { parse(line); });
  return error ? std::string(error->what()) + " # " + error->hint() : "accepted";
}

}  // namespace

TEST_CASE("the command is found by its words, wherever global options stand") {
  struct Row {
    const char *line, *path;
  };
  const Row rows[] = {{"version", "version"},
                      {"--json version", "version"},
                      {"-o json version", "version"},
                      {"--context user version", "version"},
                      {"user list", "user list"},
                      {"user --json list", "user list"},
                      {"-c file user -q list", "user list"},
                      {"", "help"},
                      {"--help", "help"},
                      {"-h", "help"},
                      {"--version", "version"},
                      {"--version --json", "version"},
                      {"user", "help"},
                      {"user --help", "help"},
                      {"user add --help", "help"},
                      {"user add bob -h", "help"},
                      {"help user add", "help"}};
  for (const auto& row : rows) {
    CAPTURE(row.line);
    CHECK(parse(row.line).command->path == row.path);
  }
}

TEST_CASE("--help of a command, a group and the program name what they explain") {
  CHECK(value(parse("user add --help"), "COMMAND") == "user|add");
  CHECK(value(parse("user"), "COMMAND") == "user");
  CHECK(value(parse("--help"), "COMMAND") == "-");
}

TEST_CASE("options take their value in every POSIX form, before and after arguments") {
  struct Row {
    const char *line, *option, *value;
  };
  const Row rows[] = {{"user add bob --role operator", "--role", "operator"},
                      {"user add --role=operator bob", "--role", "operator"},
                      {"user add bob -ojson", "--output", "json"},
                      {"user add -nq bob", "--dry-run", "true"},
                      {"user add -nq bob", "--quiet", "true"},
                      {"user add bob --password-file -", "--password-file", "-"},
                      {"user add bob --password-file ''", "--password-file", ""},
                      {"user add --role user -- bob", "NAME", "bob"},
                      {"user add -- --role", "NAME", "--role"},
                      {"explain -- --", "CODE", "--"},
                      {"explain -", "CODE", "-"},
                      {"explain '[a,b]'", "CODE", "[a,b]"},
                      {"explain ''", "CODE", ""},
                      {"init --permit 'dns:[a,b]' --permit dns:c", "--permit", "dns:[a,b]|dns:c"}};
  for (const auto& row : rows) {
    CAPTURE(row.line);
    CHECK(value(parse(row.line), row.option) == row.value);
  }
}

TEST_CASE("a repeatable option takes one value each time, so that arguments may follow it") {
  const auto line = parse("issue --san dns:a.example.com web1 --san dns:b.example.com web2");
  CHECK(value(line, "--san") == "dns:a.example.com|dns:b.example.com");
  CHECK(value(line, "NAME") == "web1|web2");
}

TEST_CASE("--json takes no value, so that it never swallows the next word") {
  const auto line = parse("explain --json usage");
  CHECK(value(line, "--json") == "true");
  CHECK(value(line, "CODE") == "usage");
}

TEST_CASE("a wrong command line is refused with the nearest right one") {
  struct Row {
    const char *line, *message;
  };
  const Row rows[] = {
      {"versoin", "unknown command 'versoin' # Did you mean 'ymgr version'? Run 'ymgr --help'"},
      {"user lst", "unknown command 'user lst' # Did you mean 'ymgr user list'? Run 'ymgr user --help'"},
      {"quite-different", "unknown command 'quite-different' # Run 'ymgr --help'"},
      {"user add bob --rol user", "unknown option '--rol' # Did you mean '--role'? Run 'ymgr user add --help'"},
      {"user add bob --dryrun", "unknown option '--dryrun' # Did you mean '--dry-run'? Run 'ymgr user add --help'"},
      {"version -x", "unknown option '-x' # Run 'ymgr version --help'"},
      {"version --dry-run", "unknown option '--dry-run' # Run 'ymgr version --help'"},
      {"user add", "missing argument NAME # Run 'ymgr user add --help'"},
      {"user add bob carol", "unexpected argument 'carol' # Run 'ymgr user add --help'"},
      {"user add bob --role",
       "option --role needs a value: admin|operator|user|auditor|renewer # Run 'ymgr user add --help'"},
      {"user add bob --role=", "'--role=' has no value # Run 'ymgr user add --help'"},
      {"user add bob --role usr",
       "option --role can't be 'usr': it is one of admin|operator|user|auditor|renewer # Did you mean 'user'? Run "
       "'ymgr user "
       "add --help'"},
      {"user add bob --role user --role admin", "option --role was given twice # Run 'ymgr user add --help'"},
      {"version --json=yes", "option --json takes no value # Run 'ymgr version --help'"},
      {"--json", "no command # Run 'ymgr --help'"},
      {"config --json", "'ymgr config' needs one of its commands: show, validate # Run 'ymgr config --help'"},
      {"--frob", "unknown option '--frob' # Run 'ymgr help --help'"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    CHECK(refusal(row.line) == row.message);
  }
}

TEST_CASE("the form of an error is found in words that can't be parsed") {
  struct Row {
    const char *line, *form;
  };
  const Row rows[] = {{"isue web1 --json", "json"}, {"--json", "json"},
                      {"x -o json", "json"},        {"x -ojsonl", "jsonl"},
                      {"x --output=json", "json"},  {"x --output jsonl", "jsonl"},
                      {"x -o table", ""},           {"x", ""},
                      {"x -- --json", ""},          {"x -o", ""}};
  for (const auto& row : rows) {
    CAPTURE(row.line);
    CHECK(requested_json(split_words(row.line)) == row.form);
  }
}

TEST_CASE("only lower-case words make a closed list") {
  CHECK(choices_of("auto|always|never") == std::vector<std::string_view>{"auto", "always", "never"});
  CHECK(choices_of("FILE|-").empty());
  CHECK(choices_of("30d|33%").empty());
  CHECK(choices_of("file").empty());
}
