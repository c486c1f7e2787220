#include "cli/output/printer.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>

#include "base/csv.hpp"
#include "cli/output/notices.hpp"
#include "cli/output/table.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using namespace ymgr::cli;

namespace {

constexpr Field list_fields[] = {{"users", "array of object", "all"},
                                 {"users.name", "string", "name"},
                                 {"users.enabled", "boolean", "may log in"},
                                 {"users.tags", "array of string", "tags"},
                                 {"total", "integer", "how many"}};
constexpr Column list_columns[] = {{"NAME", "name"}, {"ENABLED", "enabled"}, {"TAGS", "tags", true}};
constexpr Command list_command = {.path = "user list",
                                  .summary = "s",
                                  .description = "d",
                                  .arguments = {},
                                  .options = {},
                                  .fields = list_fields,
                                  .examples = {},
                                  .run = nullptr};
constexpr Field flat_fields[] = {{"name", "string", "name"}, {"size", "integer", "size"}, {"note", "?string", "note"}};
constexpr Command flat_command = {.path = "show",
                                  .summary = "s",
                                  .description = "d",
                                  .arguments = {},
                                  .options = {},
                                  .fields = flat_fields,
                                  .examples = {},
                                  .run = nullptr};

Result list_result() {
  Json users = Json::array();
  users.push(Json::object({{"name", "alice"}, {"enabled", true}, {"tags", Json::texts({"a", "b"})}}));
  users.push(Json::object({{"name", "=bob"}, {"enabled", false}, {"tags", Json::array()}}));
  return {.json = Json::object({{"users", std::move(users)}, {"total", 2}}), .items = "users", .columns = list_columns};
}

Result flat_result() {
  return {.json = Json::object({{"name", "web1"}, {"size", 3}, {"note", Json()}}), .text = "web1 is fine\n"};
}

std::string list_as(Format format, std::vector<std::string> fields = {}) {
  return render(list_command, list_result(), {format, std::move(fields), false});
}
std::string flat_as(Format format, std::vector<std::string> fields = {}) {
  return render(flat_command, flat_result(), {format, std::move(fields), false});
}

/// What print sends to standard output; little enough for a pipe.
std::string printed(const Result& result, Format format) {
  std::array<int, 2> pipe_ends{};
  REQUIRE(::pipe(pipe_ends.data()) == 0);
  const int terminal = ::dup(STDOUT_FILENO);
  ::dup2(pipe_ends[1], STDOUT_FILENO);
  print(flat_command, result, {format, {}, false});
  ::dup2(terminal, STDOUT_FILENO);
  ::close(terminal);
  ::close(pipe_ends[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(::read(pipe_ends[0], text.data(), text.size())));
  ::close(pipe_ends[0]);
  return text;
}

}  // namespace

TEST_CASE("a list is printed in each form") {
  CHECK(list_as(Format::text) == "NAME   ENABLED\nalice  yes\n=bob   no\n");
  CHECK(list_as(Format::wide) == "NAME   ENABLED  TAGS\nalice  yes      a, b\n=bob   no\n");
  CHECK(list_as(Format::csv) == "name,enabled,tags\nalice,true,\"a, b\"\n'=bob,false,\n");
  CHECK(list_as(Format::name) == "alice\n=bob\n");
  CHECK(list_as(Format::jsonl) ==
        "{\"name\":\"alice\",\"enabled\":true,\"tags\":[\"a\",\"b\"]}\n{\"name\":\"=bob\",\"enabled\":false,\"tags\":[]"
        "}\n");
  const Json document = parse_json(list_as(Format::json));
  CHECK(document.at("schema").text() == "ymgr.user-list.v1");
  CHECK(document.at("success").boolean());
  CHECK(document.at("users").items().size() == 2);
}

TEST_CASE("fields choose columns and members, in the order asked for") {
  CHECK(list_as(Format::text, {"tags", "name"}) == "TAGS  NAME\na, b  alice\n      =bob\n");
  CHECK(list_as(Format::csv, {"name"}) == "name\nalice\n'=bob\n");
  CHECK(list_as(Format::jsonl, {"name"}) == "{\"name\":\"alice\"}\n{\"name\":\"=bob\"}\n");
  const Json document = parse_json(list_as(Format::json, {"name"}));
  CHECK(dump_json(document.at("users")) == R"([{"name":"alice"},{"name":"=bob"}])");
  CHECK(document.find("total") == nullptr);
  CHECK(parse_json(list_as(Format::json, {"total"})).at("total").integer() == 2);
}

TEST_CASE("one document is printed in each form") {
  CHECK(flat_as(Format::text) == "web1 is fine\n");
  CHECK(flat_as(Format::csv) == "name,size,note\nweb1,3,\n");
  CHECK(flat_as(Format::name) == "web1\n");
  CHECK(flat_as(Format::text, {"size"}) == "  size:  3\n");
  CHECK(flat_as(Format::jsonl) ==
        "{\"schema\":\"ymgr.show.v1\",\"success\":true,\"name\":\"web1\",\"size\":3,\"note\":null}\n");
}

TEST_CASE("--quiet silences the summary of a change, not what was read") {
  CHECK(render(flat_command, flat_result(), {Format::text, {}, true}) == "web1 is fine\n");
  Command change = flat_command;
  change.effect = Effect::changes;
  CHECK(render(change, flat_result(), {Format::text, {}, true}).empty());
}

TEST_CASE("raw text is printed as it is, unless JSON is asked for") {
  Result result{.json = Json::object({{"name", "x"}}), .text = "-----BEGIN\n"};
  result.raw = true;
  for (const Format format : {Format::text, Format::wide, Format::csv, Format::name}) {
    CHECK(render(flat_command, result, {format, {}, true}) == "-----BEGIN\n");
  }
  CHECK(parse_json(render(flat_command, result, {Format::json, {}, true})).at("name").text() == "x");
}

TEST_CASE("success follows the exit status") {
  struct Row {
    int exit;
    bool success;
  };
  const Row rows[] = {{0, true}, {9, false}, {5, false}, {10, true}, {11, true}, {12, true}};
  for (const auto& row : rows) {
    CAPTURE(row.exit);
    Result result = flat_result();
    result.exit = row.exit;
    CHECK(parse_json(render(flat_command, result, {Format::json, {}, false})).at("success").boolean() == row.success);
  }
}

TEST_CASE("an unknown field is refused with those there are") {
  check_fields(list_command, {"name", "total"});
  const auto error = thrown([] { check_fields(list_command, {"nam"}); });
  REQUIRE(error);
  CHECK(error->code() == Code::usage);
  CHECK(error->hint() == "Did you mean 'name'? The fields are name, enabled, tags, users, total");
}

TEST_CASE("a failure becomes one document, with what people ask for at its top") {
  const Error error(
      Code::policy_violation, "Policy violation: no", "use --key",
      {{"policy_version", "v2.3"}, {"suggestion", "Use more"}, {"violations", R"([{"rule":"x"}])"}, {"line", "3"}});
  const Json document = error_document(error, 5);
  CHECK(
      dump_json(document) ==
      R"({"schema":"ymgr.error.v1","success":false,"error":"Policy violation: no","code":"policy-violation","exit":5,)"
      R"("retryable":false,"suggestion":"Use more","policy_version":"v2.3","violations":[{"rule":"x"}],"details":{"line":"3"}})");
  const Json plain = error_document(Error(Code::usage, "bad"), 2);
  CHECK(plain.at("suggestion").text() == info(Code::usage).explanation);
}

TEST_CASE("an error for people is two lines, and no message reaches the terminal's controls") {
  CHECK(error_text(Error(Code::usage, "bad\x1b[31m", "do this"), false) ==
        "ymgr: error: bad?[31m\nymgr: hint: do this\n");
  CHECK(error_text(Error(Code::usage, "bad", "do this"), true) ==
        "ymgr: \033[1;31merror:\033[0m bad\nymgr: \033[36mhint:\033[0m do this\n");
}

TEST_CASE("tables align wide characters and print no control characters") {
  CHECK(format_table({"A", "B"}, {{"\xe6\x97\xa5", "1"}, {"abc", "\x1b"}}) == "A    B\n\xe6\x97\xa5   1\nabc  ?\n");
  CHECK(format_pairs({{"name", "x"}, {"empty", ""}, {"longer name", "y"}}) == "  name:         x\n  longer name:  y\n");
}

TEST_CASE("wrap fills lines and keeps paragraphs") {
  CHECK(wrap("aa bb cc\n\ndd", 5, 0) == "aa bb\ncc\n\ndd\n");
  CHECK(wrap("aa bb", 4, 2) == "  aa\n  bb\n");
}

TEST_CASE("a secret is printed as each form has it") {
  for (const std::string secret : {"12345678", "1,\"\"2\\3", "\"", " =1+1,", "'-1"}) {
    CAPTURE(secret);
    Result result{.json = Json::object({{"name", "web1"}, {"size", 3}, {"note", secret_place}}),
                  .text = std::string(secret_place) + "\n",
                  .secret = Secret(std::string_view(secret))};
    CHECK(printed(result, Format::text) == secret + "\n");
    CHECK(parse_json(printed(result, Format::json)).at("note").text() == secret);
    CHECK(parse_json(printed(result, Format::jsonl)).at("note").text() == secret);
    const auto rows = parse_csv(printed(result, Format::csv));
    REQUIRE(rows.size() == 2);
    CHECK(rows[1].fields == std::vector<std::string>{"web1", "3", secret});
  }
}
