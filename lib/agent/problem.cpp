#include <algorithm>
#include <iterator>

#include "agent/client.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace ymgr::agent {
namespace {

/// What the problem document has beside an error's details.
constexpr std::string_view own_members[] = {"type",       "title", "status",  "detail",         "code",
                                            "suggestion", "hint",  "outcome", "outcome_unknown"};

std::optional<std::string> detail_text(const Json& value) {
  if (value.is_text()) return printable(value.text());
  if (value.is_integer()) return std::to_string(value.integer());
  if (value.is_bool()) return value.boolean() ? "true" : "false";
  return std::nullopt;
}

Details details_of(const Json& problem) {
  Details details;
  for (const auto& [name, value] : problem.members()) {
    if (std::find(std::begin(own_members), std::end(own_members), name) != std::end(own_members)) continue;
    if (auto text = detail_text(value)) details.emplace_back(printable(name), std::move(*text));
  }
  return details;
}

std::string hint_of(const Json& problem, const CodeInfo& code) {
  std::string hint = printable(problem.text_or("hint", problem.text_or("suggestion", "")));
  return hint == code.explanation ? std::string() : hint;
}

Error read_problem(std::string_view body) {
  const Json problem = parse_json(body, {.bytes = 64UL * 1024, .depth = 4});
  const CodeInfo* code = find_code(problem.at("code").text());
  if (code == nullptr) throw Error(Code::json_invalid, "an unknown code");
  const bool unknown = problem.boolean_or("outcome_unknown", false) || problem.text_or("outcome", "") == "unknown";
  return {code->code, printable(problem.at("detail").text()), hint_of(problem, *code), details_of(problem),
          unknown ? Outcome::unknown : Outcome::known};
}

}  // namespace

Error error_from_problem(int status, std::string_view body) {
  try {
    return read_problem(body);
  } catch (const Error&) {
    return {Code::agent_unreachable,
            "the agent's answer makes no sense: status " + std::to_string(status) + " without a problem it knows",
            "compare the versions: ymgr agent status"};
  }
}

}  // namespace ymgr::agent
