#include <doctest/doctest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "base/text.hpp"
#include "cli/args.hpp"
#include "cli/help.hpp"
#include "cli/manual.hpp"
#include "cli/schema.hpp"

using namespace ymgr;
using namespace ymgr::cli;

namespace {

std::vector<const Command*> shown_commands() {
  std::vector<const Command*> shown;
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::shown) shown.push_back(command);
  }
  return shown;
}

bool is_known_type(std::string_view type) {
  if (type.starts_with('?')) type.remove_prefix(1);
  constexpr std::string_view array = "array of ";
  if (type.starts_with(array)) type.remove_prefix(array.size());
  constexpr std::string_view known[] = {"string", "integer", "number", "boolean", "time", "object", "any"};
  return std::find(std::begin(known), std::end(known), type) != std::end(known);
}

/// Words of each command line of ymgr in a line of shell: what a pipe, a redirection or a bracket ends.
std::vector<std::vector<std::string>> lines_of_ymgr(const std::string& line) {
  std::vector<std::vector<std::string>> found;
  const std::string plain = std::regex_replace(line, std::regex("\\$\\([^)]*\\)"), "X");
  const std::regex name("(^|[ (])ymgr ");
  for (std::sregex_iterator at(plain.begin(), plain.end(), name), end; at != end; ++at) {
    const auto begin = static_cast<std::size_t>(at->position() + at->length());
    std::size_t stop = begin;
    for (char quote = 0; stop < plain.size(); ++stop) {
      const char c = plain[stop];
      if (quote == 0 && std::string_view("|;&<>)").find(c) != std::string_view::npos) break;
      if (quote == 0 && (c == '\'' || c == '"'))
        quote = c;
      else if (c == quote)
        quote = 0;
    }
    found.push_back(split_words(plain.substr(begin, stop - begin)));
  }
  return found;
}

}  // namespace

TEST_CASE("every command says what it is, what it gives, and shows an example of itself") {
  for (const Command* command : shown_commands()) {
    CAPTURE(command->path);
    CHECK_FALSE(command->summary.empty());
    CHECK(command->summary.back() != '.');
    CHECK_FALSE(command->description.empty());
    CHECK_FALSE(command->fields.empty());
    CHECK_FALSE(command->examples.empty());
    const auto shows_itself = [&](const Example& example) {
      return std::string(example.line).find("ymgr") != std::string::npos && !example.help.empty();
    };
    CHECK(std::all_of(command->examples.begin(), command->examples.end(), shows_itself));
    CHECK((command->run != nullptr));
  }
}

TEST_CASE("every line of ymgr in an example is one that the parser takes") {
  std::size_t lines = 0;
  for (const Command* command : shown_commands()) {
    bool shows_itself = false;
    for (const Example& example : command->examples) {
      for (const auto& words : lines_of_ymgr(std::string(example.line))) {
        CAPTURE(example.line);
        CommandLine parsed;
        CHECK_NOTHROW(parsed = parse_command_line(words));
        shows_itself = shows_itself || parsed.command == command;
        ++lines;
      }
    }
    CAPTURE(command->path);
    CHECK(shows_itself);
  }
  CHECK(lines > shown_commands().size());
}

TEST_CASE("options are well-formed and no two of a command are alike") {
  for (const Command* command : commands()) {
    CAPTURE(command->path);
    std::set<std::string_view> names;
    for (const Option* option : options_of(*command)) {
      CAPTURE(option->name);
      CHECK(option->name.starts_with("--"));
      CHECK(names.insert(option->name).second);
      if (!option->short_name.empty()) CHECK(names.insert(option->short_name).second);
      CHECK_FALSE(option->help.empty());
      CHECK(option->help.back() != '.');
      CHECK(option->help.find('\n') == std::string_view::npos);
    }
  }
}

TEST_CASE("only the last argument of a command may be left out or repeated") {
  for (const Command* command : commands()) {
    CAPTURE(command->path);
    for (std::size_t i = 0; i + 1 < command->arguments.size(); ++i) {
      CHECK(command->arguments[i].count == Argument::Count::one);
    }
  }
}

TEST_CASE("fields have known types, and members come after what holds them") {
  for (const Command* command : shown_commands()) {
    CAPTURE(command->path);
    std::set<std::string_view> seen;
    for (const Field& field : command->fields) {
      CAPTURE(field.name);
      CHECK(is_known_type(field.type));
      CHECK_FALSE(field.help.empty());
      CHECK(seen.insert(field.name).second);
      const auto dot = field.name.rfind('.');
      if (dot != std::string_view::npos) CHECK(seen.contains(field.name.substr(0, dot)));
      CHECK(field.name != "schema");
      CHECK(field.name != "success");
    }
  }
}

TEST_CASE("every first word of two is a group, and every group has commands") {
  std::set<std::string_view> used;
  for (const Command* command : commands()) {
    const auto space = command->path.find(' ');
    if (space == std::string_view::npos) continue;
    used.insert(command->path.substr(0, space));
    CAPTURE(command->path);
    CHECK(is_group(command->path.substr(0, space)));
    CHECK(find_command(command->path.substr(0, space)) == nullptr);
  }
  for (const Group& group : groups()) {
    CAPTURE(group.name);
    CHECK(used.contains(group.name));
  }
}

TEST_CASE("help of a command names all it takes") {
  for (const Command* command : shown_commands()) {
    CAPTURE(command->path);
    const std::string help = help_text(command->path);
    CHECK(help.find(command->summary) != std::string::npos);
    CHECK(help.find("Usage: " + usage_line(*command)) != std::string::npos);
    for (const Option* option : options_of(*command)) CHECK(help.find(option->name) != std::string::npos);
    for (const Argument& argument : command->arguments) CHECK(help.find(argument.name) != std::string::npos);
    for (const auto& line : split(help, '\n')) CHECK(line.find('`') == std::string::npos);
  }
  for (const Group& group : groups()) CHECK(help_text(group.name).find("ymgr " + std::string(group.name)) == 0);
}

TEST_CASE("a manual page escapes what roff would take for itself") {
  ManualPage page{"ymgr-x", 1, "a-b \\ c", "ymgr x", {}};
  page.sections.push_back({"DESCRIPTION", ".begins with a dot\n'and a quote `bold` caf\xc3\xa9", {}, {}});
  const std::string roff = to_roff(page, "1.0");
  CHECK(roff.find("a\\-b \\e c") != std::string::npos);
  CHECK(roff.find("\n\\&.begins with a dot\n\\&'and a quote \\fBbold\\fR caf\\[u00E9]\n") != std::string::npos);
}

TEST_CASE("a schema nests dotted fields and leaves optional ones out of what is required") {
  constexpr Field fields[] = {{"items", "array of object", "list"},
                              {"items.name", "string", "name"},
                              {"items.until", "?time", "end"},
                              {"count", "?integer", "how many"}};
  Command command{.path = "x y",
                  .summary = "s",
                  .description = "d",
                  .arguments = {},
                  .options = {},
                  .fields = fields,
                  .examples = {},
                  .run = nullptr};
  const Json schema = json_schema(command);
  CHECK(schema.at("properties").at("schema").at("const").text() == "ymgr.x-y.v1");
  CHECK(dump_json(schema.at("required")) == R"(["schema","success","items"])");
  const Json& item = schema.at("properties").at("items").at("items");
  CHECK(dump_json(item.at("required")) == R"(["name"])");
  CHECK(dump_json(item.at("properties").at("until").at("type")) == R"(["string","null"])");
  CHECK(dump_json(schema.at("properties").at("count").at("type")) == R"(["integer","null"])");
}
