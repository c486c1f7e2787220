#include "base/json.hpp"

#include <limits>

#include "support/thrown.hpp"

using namespace ymgr;

namespace {

std::string again(std::string_view text) {
  return dump_json(parse_json(text));
}

}  // namespace

TEST_CASE("JSON comes back as it was written, members in their order") {
  const char* rows[] = {"null",
                        "true",
                        "-1",
                        "0",
                        "9223372036854775807",
                        "-9223372036854775808",
                        "1.5",
                        "\"\"",
                        "[]",
                        "{}",
                        R"({"b":1,"a":[true,false,null,{"c":"d"}],"":""})",
                        R"(["\"\\\b\f\n\r\t\u0000\u001f","/","é","€","🔑"])"};
  for (const char* row : rows) {
    CAPTURE(row);
    CHECK(again(row) == row);
  }
  CHECK(again(" [ 1 , 2 ] \n") == "[1,2]");
  CHECK(again(R"("\u00e9\ud83d\udd11\/")") == R"("é🔑/")");
  CHECK(again("1e2") == "100.0");
  CHECK(again("1.0") == "1.0");
  CHECK(again("-0") == "0");
  CHECK(again("1e300") == "1e+300");
}

TEST_CASE("malformed JSON is refused with its place") {
  struct Row {
    const char *text, *line, *column;
  };
  const Row rows[] = {{"", "1", "1"},
                      {"{", "1", "2"},
                      {"[1,]", "1", "4"},
                      {"{\"a\":\n tru}", "2", "5"},
                      {"1 2", "1", "3"},
                      {"{} x", "1", "4"},
                      {"'a'", "1", "1"},
                      {"[1 /* c */]", "1", "4"},
                      {"{a:1}", "1", "2"},
                      {"[01]", "1", "3"},
                      {"\"\\ud800\"", "1", "8"},
                      {"\"a\nb\"", "1", "3"},
                      {"\"\xff\"", "1", "2"},
                      {"[NaN]", "1", "2"},
                      {"{\"a\":1,\n\"b\":2,\n\"a\":3}", "3", "6"},
                      {"[9223372036854775808]", "1", "21"},
                      {"-9223372036854775809", "1", "20"},
                      {"123456789012345678901234", "1", "24"},
                      {"1e999", "1", "6"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto error = thrown([&] { parse_json(row.text); });
    REQUIRE(error);
    CHECK(error->code() == Code::json_invalid);
    CHECK(*error->detail("line") == row.line);
    CHECK(*error->detail("column") == row.column);
  }
}

TEST_CASE("what is malformed is never quoted, because it may hold a secret") {
  CHECK(message_of([] { parse_json(R"({"pin": "86420)"); }) == "the JSON ends too early at line 1, column 15");
  CHECK(message_of([] { parse_json(R"({"pin": hunter2})"); }) == "the JSON is malformed at line 1, column 9");
}

TEST_CASE("depth and size are limited") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_json(nested(32)).is_array());
  CHECK(code_of([&] { parse_json(nested(33)); }) == Code::json_invalid);
  CHECK(code_of([&] { parse_json(nested(1'000'000)); }) == Code::json_invalid);
  CHECK(parse_json("[1]", {.bytes = 3}).is_array());
  CHECK(code_of([] { parse_json("[1] ", {.bytes = 3}); }) == Code::json_invalid);
  CHECK(parse_json("1", {.depth = 0}).is_integer());
  CHECK(code_of([] { parse_json("[]", {.depth = 0}); }) == Code::json_invalid);
}

TEST_CASE("repeated members are found at any depth, and names that are only alike are not") {
  CHECK(code_of([] { parse_json(R"([{"x":{"a":1,"b":2,"a":3}}])"); }) == Code::json_invalid);
  CHECK(code_of([] { parse_json(R"({"a":1,"\u0061":2})"); }) == Code::json_invalid);
  CHECK(parse_json(R"({"a":1,"A":2,"b":{"a":1}})").members().size() == 3);
}

TEST_CASE("text that is not UTF-8 is replaced, numbers that JSON has not become null") {
  CHECK(dump_json(Json("a\xff\xc3")) == "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(dump_json(Json("\x7f")) == "\"\x7f\"");
  CHECK(dump_json(Json(std::numeric_limits<double>::infinity())) == "null");
  CHECK(dump_json(Json(std::numeric_limits<double>::quiet_NaN())) == "null");
}

TEST_CASE("pretty JSON is indented by two and ends its last line") {
  CHECK(dump_json_pretty(parse_json(R"({"a":[1,{}],"b":[],"c":{"d":null}})")) ==
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n  \"c\": {\n    \"d\": null\n  }\n}\n");
  CHECK(dump_json_pretty(Json()) == "null\n");
}

TEST_CASE("canonical JSON does not depend on the order of members") {
  const Json a = parse_json(R"({"b":{"y":1,"x":2},"a":[{"d":1,"c":2}]})");
  const Json b = parse_json(R"({"a":[{"c":2,"d":1}],"b":{"x":2,"y":1}})");
  CHECK(canonical_json(a) == R"({"a":[{"c":2,"d":1}],"b":{"x":2,"y":1}})");
  CHECK(canonical_json(a) == canonical_json(b));
  CHECK_FALSE(a == b);
}

TEST_CASE("a value is built, read and changed by name") {
  Json json;
  json.set("name", "api").set("port", 443).set("on", true).set("tags", Json::texts({"a", "b"})).set("none", nullptr);
  CHECK(dump_json(json) == R"({"name":"api","port":443,"on":true,"tags":["a","b"],"none":null})");
  json.set("name", "web");
  CHECK(json.text_or("name", "") == "web");
  CHECK(json.integer_or("port", 0) == 443);
  CHECK(json.boolean_or("on", false));
  CHECK(json.texts_or_empty("tags") == std::vector<std::string>{"a", "b"});
  CHECK(json.text_or("none", "fallback") == "fallback");
  CHECK(json.integer_or("absent", 7) == 7);
  CHECK(json.boolean_or("absent", true));
  CHECK(json.texts_or_empty("absent").empty());
  CHECK(json.erase("none"));
  CHECK_FALSE(json.erase("none"));
  CHECK(json.find("none") == nullptr);
  json.find("tags")->push("c");
  CHECK(json.at("tags").items().size() == 3);
  CHECK(Json().push(1).push("x") == parse_json(R"([1,"x"])"));
  CHECK(Json::object({{"a", 1}}) == parse_json(R"({"a":1})"));
}

TEST_CASE("a value of another type is refused, not converted") {
  const Json json = parse_json(R"({"text":"1","number":1,"real":1.5,"list":[1]})");
  CHECK(message_of([&] { (void)json.at("text").integer(); }) == "the JSON has text where a whole number is needed");
  CHECK(code_of([&] { (void)json.at("real").integer(); }) == Code::json_invalid);
  CHECK(code_of([&] { (void)json.at("number").text(); }) == Code::json_invalid);
  CHECK(code_of([&] { (void)json.at("absent"); }) == Code::json_invalid);
  CHECK(code_of([&] { (void)json.text_or("number", ""); }) == Code::json_invalid);
  CHECK(code_of([&] { (void)json.boolean_or("text", true); }) == Code::json_invalid);
  CHECK(code_of([&] { (void)json.texts_or_empty("list"); }) == Code::json_invalid);
  CHECK(code_of([&] { (void)json.at("list").members(); }) == Code::json_invalid);
  CHECK(code_of([&] { Json("x").set("a", 1); }) == Code::json_invalid);
  CHECK(code_of([&] { Json("x").push(1); }) == Code::json_invalid);
  CHECK(json.at("number").real() == 1.0);
  CHECK(Json("x").find("a") == nullptr);
}
