#include <csignal>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/invocation.hpp"

namespace ymgr::cli {

namespace {

constexpr Argument arguments[] = {
    {"CODE", "code of an error, such as policy-violation", Argument::Count::optional, "code"},
};
constexpr Field fields[] = {
    {"codes", "array of object", "the codes asked for"},
    {"codes.code", "string", "as in the member \"code\" of a failure"},
    {"codes.exit", "integer", "exit status of a command that fails so"},
    {"codes.retryable", "boolean", "whether the same command may work later"},
    {"codes.meaning", "string", "what happened"},
    {"codes.action", "string", "what to do"},
};
constexpr Example examples[] = {
    {"ymgr explain name-active", "what the code means and what to do"},
    {"ymgr explain", "all codes with their exit status"},
};
constexpr Column columns[] = {{"CODE", "code"}, {"EXIT", "exit"}, {"MEANING", "meaning"}, {"ACTION", "action", true}};

/// Of the command that ends with it: two are not those of their kind.
int exit_of(const CodeInfo& row) {
  if (row.code == Code::hook_failed) return 10;
  if (row.code == Code::interrupted) return 128 + SIGINT;
  return exit_status(row.kind);
}

Json to_json(const CodeInfo& row) {
  return Json::object({{"code", row.text},
                       {"exit", exit_of(row)},
                       {"retryable", retryable(row.code)},
                       {"meaning", row.sentence},
                       {"action", row.explanation}});
}

const CodeInfo& find(const std::string& name) {
  if (const CodeInfo* found = find_code(name)) return *found;
  std::vector<std::string_view> names;
  for (const CodeInfo& row : all_codes()) names.push_back(row.text);
  const auto near = nearest(name, names);
  throw Error(Code::usage, "there is no error code '" + name + "'",
              (near ? "Did you mean '" + *near + "'? " : std::string()) +
                  "'ymgr explain' lists all of them with their exit status; --json has the code of an error");
}

std::string describe(const CodeInfo& row) {
  return std::string(row.text) + " (exit " + std::to_string(exit_of(row)) + ")\n  " + std::string(row.sentence) +
         "\n  " + std::string(row.explanation) + "\n";
}

Result run(Invocation& call) {
  Result result{.json = Json::object({{"codes", Json::array()}}), .items = "codes", .columns = columns};
  Json& codes = *result.json.find("codes");
  if (const auto name = call.maybe("CODE")) {
    const CodeInfo& row = find(*name);
    codes.push(to_json(row));
    result.text = describe(row);
  } else {
    for (const CodeInfo& row : all_codes()) codes.push(to_json(row));
  }
  return result;
}

}  // namespace

extern const Command explain_command;
constinit const Command explain_command = {
    .path = "explain",
    .summary = "tell what an error code means and what to do",
    .description =
        "Every failure has a code, shown by --json as \"code\". This prints what it means and what to do; without a "
        "code, "
        "all of them with their exit status.",
    .arguments = arguments,
    .options = {},
    .fields = fields,
    .examples = examples,
    .run = run,
    .setup = Setup::standalone,
};

}  // namespace ymgr::cli
