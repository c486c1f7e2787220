#include "base/csv.hpp"

#include "support/thrown.hpp"

using namespace ymgr;
using Fields = std::vector<std::string>;

TEST_CASE("CSV is read as RFC 4180 has it, with either line end") {
  struct Row {
    const char* text;
    std::vector<Fields> want;
  };
  const Row rows[] = {{"", {}},
                      {"\n\r\n\n", {}},
                      {"a,b\nc,d\n", {{"a", "b"}, {"c", "d"}}},
                      {"a,b\r\nc,d", {{"a", "b"}, {"c", "d"}}},
                      {"a,,\n", {{"a", "", ""}}},
                      {",", {{"", ""}}},
                      {"\"\"\n", {{""}}},
                      {"\"a,b\",\"c\"\"d\",\"e\nf\"\n", {{"a,b", "c\"d", "e\nf"}}},
                      {"\"a\r\nb\"", {{"a\r\nb"}}},
                      {"\"\"\"\"", {{"\""}}},
                      {" a , b ", {{" a ", " b "}}},
                      {"\xEF\xBB\xBFname\n", {{"name"}}},
                      {"caf\xC3\xA9", {{"caf\xC3\xA9"}}}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::vector<Fields> got;
    for (const CsvRow& parsed : parse_csv(row.text)) got.push_back(parsed.fields);
    CHECK(got == row.want);
  }
}

TEST_CASE("rows know the line they begin on") {
  const auto rows = parse_csv("a\n\n\"x\ny\",b\r\nc\n");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].line == 1);
  CHECK(rows[1].line == 3);
  CHECK(rows[2].line == 5);
}

TEST_CASE("malformed CSV is refused with its line") {
  const std::pair<std::string, const char*> rows[] = {
      {"a\nb\"c\n", "2"}, {"a\n\"b\n\nc", "2"},  {"\"a\"b", "1"},     {"\"a\" ,b", "1"},
      {"a\rb", "1"},      {"a\n\"x\ny\"z", "3"}, {"a\nb\n\xff", "3"}, {std::string("a\nb\0c", 5), "2"}};
  for (const auto& [text, line] : rows) {
    CAPTURE(text);
    const auto error = thrown([&] { parse_csv(text); });
    REQUIRE(error);
    CHECK(error->code() == Code::csv_invalid);
    CHECK(*error->detail("line") == line);
  }
}

TEST_CASE("size, rows and fields are limited") {
  CHECK(code_of([] { parse_csv("abcd", {.bytes = 3}); }) == Code::csv_invalid);
  CHECK(parse_csv("a\n\nb\n", {.rows = 2}).size() == 2);
  CHECK(code_of([] { parse_csv("a\nb\nc", {.rows = 2}); }) == Code::csv_invalid);
  CHECK(parse_csv("a,b", {.fields = 2}).size() == 1);
  CHECK(code_of([] { parse_csv("a,b,", {.fields = 2}); }) == Code::csv_invalid);
}

TEST_CASE("fields are quoted where needed, and no spreadsheet runs them") {
  const std::pair<Fields, const char*> rows[] = {{{"a", "b"}, "a,b\n"},
                                                 {{}, "\n"},
                                                 {{""}, "\"\"\n"},
                                                 {{"", ""}, ",\n"},
                                                 {{"a,b", "c\"d", "e\nf"}, "\"a,b\",\"c\"\"d\",\"e\nf\"\n"},
                                                 {{" a", "b "}, "\" a\",\"b \"\n"},
                                                 {{"=1+1", "+1", "-1", "@x"}, "'=1+1,'+1,'-1,'@x\n"},
                                                 {{"\tx"}, "'\tx\n"},
                                                 {{"\rx"}, "\"'\rx\"\n"},
                                                 {{"a=b"}, "a=b\n"}};
  for (const auto& [fields, want] : rows) {
    CAPTURE(want);
    CHECK(csv_line(fields) == want);
  }
}

TEST_CASE("what was written is read back") {
  const Fields fields = {"a", "", " x ", "q\"q", "l\nl", "c,c", "caf\xC3\xA9", "r\r\nr"};
  CHECK(parse_csv(csv_line({"\xEF\xBB\xBFx"}))[0].fields == Fields{"\xEF\xBB\xBFx"});
  const auto rows = parse_csv(csv_line(fields) + csv_line({""}));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].fields == fields);
  CHECK(rows[1].fields == Fields{""});
}
