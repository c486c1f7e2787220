#include "cli/completion.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

using namespace ymgr;
using namespace ymgr::cli;

namespace {

std::vector<Candidate> live(std::string_view kind, std::string_view) {
  if (kind == "user") return {{"alice", "admin"}, {"bob", "user"}};
  return {};
}

std::string offered(std::vector<std::string> words) {
  const Completion completion = complete(words, live);
  std::vector<std::string> texts;
  for (const auto& candidate : completion.candidates) texts.push_back(candidate.text);
  return completion.paths.empty() ? join(texts, " ") : ":" + std::string(completion.paths);
}

}  // namespace

TEST_CASE("completion offers what fits under the cursor") {
  struct Row {
    std::vector<std::string> words;
    const char* offered;
  };
  const Row rows[] = {{{"vers"}, "version"},
                      {{"user", "set-"}, "set-role set-names set-password"},
                      {{"--json", "user", "li"}, "list"},
                      {{"--context", "user", "vers"}, "version"},
                      {{"user", "disable", ""}, "alice bob"},
                      {{"user", "disable", "b"}, "bob"},
                      {{"user", "disable", "alice", ""}, ""},
                      {{"user", "set-role", "bob", "a"}, "admin auditor"},
                      {{"user", "add", "--ro"}, "--role"},
                      {{"user", "add", "--role", "op"}, "operator"},
                      {{"user", "add", "--role=op"}, "--role=operator"},
                      {{"user", "add", "--password-file", ""}, ":file"},
                      {{"user", "disable", "--", "--"}, ""},
                      {{"nonsense", ""}, ""},
                      {{"__comp"}, ""},
                      {{"explain", "policy-v"}, "policy-violation"},
                      {{"help", "logi"}, "login"},
                      {{"completion", ""}, "bash zsh fish"},
                      {{}, ""}};
  for (const auto& row : rows) {
    CAPTURE(join(row.words, " "));
    CHECK(offered(row.words) == row.offered);
  }
}
