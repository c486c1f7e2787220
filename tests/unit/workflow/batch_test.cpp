#include "workflow/batch.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/text.hpp"

using namespace ymgr;

namespace {

std::string expanded(std::string_view word) {
  try {
    return join(expand_names(word), " ");
  } catch (const Error& error) {
    return std::string(info(error.code()).text) + ": " + error.what();
  }
}

/// Each row as "line|name|sans|profile|key|validity|owner|out|csr|labels".
std::string shown(const BatchRow& row) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : row.labels) labels.push_back(key + "=" + value);
  const std::string parts[] = {std::to_string(row.line),
                               row.name,
                               join(row.sans, "+"),
                               row.profile,
                               row.key,
                               row.validity,
                               row.owner,
                               row.out,
                               row.csr_file,
                               join(labels, "+")};
  return join(parts, "|");
}

std::string parsed(std::string_view text, std::string_view file) {
  try {
    std::vector<std::string> rows;
    for (const auto& row : parse_batch(text, file)) rows.push_back(shown(row));
    return join(rows, "\n");
  } catch (const Error& error) {
    return std::string(info(error.code()).text) + ": " + error.what() + " | " + error.hint();
  }
}

}  // namespace

TEST_CASE("ranges and lists make names") {
  struct Row {
    const char *word, *want;
  };
  const Row rows[] = {{"api.example.com", "api.example.com"},
                      {"", ""},
                      {"a{1..3}", "a1 a2 a3"},
                      {"a{5..5}b", "a5b"},
                      {"{3..1}", "3 2 1"},
                      {"n{08..11}", "n08 n09 n10 n11"},
                      {"n{1..03}", "n01 n02 n03"},
                      {"n{0..2}", "n0 n1 n2"},
                      {"n{098..101}", "n098 n099 n100 n101"},
                      {"{1..9..4}", "1 5 9"},
                      {"{1..8..4}", "1 5"},
                      {"{9..1..4}", "9 5 1"},
                      {"{a..d}", "a b c d"},
                      {"{web,db}.x", "web.x db.x"},
                      {"{web,1..3,x}", "web 1 2 3 x"},
                      {"{a,b}{1..2}", "a1 a2 b1 b2"},
                      {"{a,b}-{c,d}-{e,f}", "a-c-e a-c-f a-d-e a-d-f b-c-e b-c-f b-d-e b-d-f"}};
  for (const auto& row : rows) {
    CAPTURE(row.word);
    CHECK(expanded(row.word) == row.want);
  }
}

TEST_CASE("wrong ranges are refused with the column") {
  struct Row {
    const char *word, *want;  // want: part of the message
  };
  const Row rows[] = {{"api-{1..10", "a brace that is not closed, at column 5"},
                      {"api}", "a closing brace that nothing opened, at column 4"},
                      {"{a,{b}}", "a brace inside a brace, at column 4"},
                      {"{}", "neither a range nor a list in its braces, at column 2"},
                      {"{a}", "neither a range nor a list"},
                      {"{a,,b}", "an empty place in a list, at column 4"},
                      {"{a,}", "an empty place in a list, at column 4"},
                      {"{1..}", "at column 5"},
                      {"{..3}", "at column 2"},
                      {"{1..b}", "needs a number"},
                      {"{-1..3}", "needs a number"},
                      {"{1..3..0}", "a step of 0, at column 8"},
                      {"{1..3..x}", "at column 8"},
                      {"{1..1000000000}", "needs a number of 1 to 9 digits, or two letters from a to z, at column 5"},
                      {"{1..2..3..4}", "at column 8"},
                      {"{a,a}", "makes a twice"},
                      {"{1,0..2}", "makes 1 twice"},
                      {"{1..100001}", "more than 100000 names"},
                      {"{1..1000}{1..101}", "more than 100000 names"},
                      {"{1..99999,a,b}", "more than 100000 names"}};
  for (const auto& row : rows) {
    CAPTURE(row.word);
    const auto got = expanded(row.word);
    CAPTURE(got);
    CHECK(got.starts_with("usage: "));
    CHECK(got.find(row.want) != std::string::npos);
  }
  CHECK(expand_names("{1..100000}").size() == 100'000);
  CHECK(expand_names("n{000000001..000000002}").front() == "n000000001");
}

TEST_CASE("the format follows the ending of the file, or the first characters") {
  struct Row {
    const char *file, *text;
    BatchFormat want;
  };
  const Row rows[] = {{"a.csv", "{", BatchFormat::csv},
                      {"A.JSONL", "", BatchFormat::json_lines},
                      {"a.ndjson", "", BatchFormat::json_lines},
                      {"a.json", "", BatchFormat::json},
                      {"a.yaml", "", BatchFormat::yaml},
                      {"a.yml", "", BatchFormat::yaml},
                      {"-", "\n {\"name\":\"a\"}", BatchFormat::json_lines},
                      {"-", "[{}]", BatchFormat::json},
                      {"-", "# fleet\n- name: a", BatchFormat::yaml},
                      {"-", "---\n- name: a", BatchFormat::yaml},
                      {"-", "certificates:\n", BatchFormat::yaml},
                      {"-", "name,sans\na,dns:b", BatchFormat::csv},
                      {"-", "name\na", BatchFormat::csv},
                      {"-", "", BatchFormat::csv},
                      {"hosts.txt", "- name: a", BatchFormat::yaml}};
  for (const auto& row : rows) {
    CAPTURE(row.file);
    CAPTURE(row.text);
    CHECK(batch_format(row.file, row.text) == row.want);
  }
}

TEST_CASE("the same batch reads alike in every format") {
  const std::string first =
      "|api.example.com|dns:a.example.com+ip:10.0.0.1|service|rsa-3072|30d|alice|/etc/a||team=web+tier=1";
  const std::string second =
      "|||||||"
      "|b.pem|";
  CHECK(parsed("name,sans,profile,key,validity,owner,out,csr,label.team,label.tier\r\n"
               "api.example.com,dns:a.example.com; ip:10.0.0.1,service,rsa-3072,30d,alice,/etc/a,,web,1\r\n\r\n"
               ",,,,,,,b.pem,,\r\n",
               "b.csv") == "2" + first + "\n4" + second);
  const std::string one =
      R"({"name":"api.example.com","sans":["dns:a.example.com","ip:10.0.0.1"],"profile":"service","key":"rsa-3072","validity":"30d","owner":"alice","out":"/etc/a","labels":{"team":"web","tier":"1"}})";
  const std::string two = R"({"csr":"b.pem","name":null})";
  CHECK(parsed(one + "\n\n" + two + "\n", "b.jsonl") == "1" + first + "\n3" + second);
  CHECK(parsed("[" + one + ",\n\n" + two + "]", "b.json") == "1" + first + "\n2" + second);
  CHECK(parsed(one, "b.json") == "1" + first);
  const std::string yaml = R"(
- name: api.example.com
  sans: [dns:a.example.com, ip:10.0.0.1]
  profile: service
  key: rsa-3072
  validity: 30d
  owner: alice
  out: /etc/a
  labels: {team: web, tier: 1}
- csr: b.pem
)";
  CHECK(parsed(yaml, "b.yaml") == "2" + first + "\n10" + second);
  CHECK(parsed("certificates:" + yaml, "-") == "2" + first + "\n10" + second);
}

TEST_CASE("SANs in one text stand between blanks or semicolons, in every format") {
  CHECK(parsed("name,sans\na,\" dns:b;; ip:10.0.0.1 ;uri:x:y \"\n", "-") == "2|a|dns:b+ip:10.0.0.1+uri:x:y|||||||");
  CHECK(parsed(R"({"name":"a","sans":"dns:b;dns:c"})", "-") == "1|a|dns:b+dns:c|||||||");
  CHECK(parsed("- {name: a, sans: dns:b dns:c}", "-") == "1|a|dns:b+dns:c|||||||");
}

TEST_CASE("a byte order mark is skipped in every format") {
  CHECK(parsed("\xEF\xBB\xBFname\na\n", "b.csv") == "2|a||||||||");
  CHECK(parsed("\xEF\xBB\xBF{\"name\":\"a\"}", "-") == "1|a||||||||");
  CHECK(parsed("\xEF\xBB\xBF- name: a\n", "b.yaml") == "1|a||||||||");
}

TEST_CASE("a wrong batch is refused with the line and the nearest word") {
  struct Row {
    const char *file, *text, *want;
  };
  const Row rows[] = {
      {"b.csv", "name,profil\na,x\n", "batch-invalid: b.csv:1: unknown column \"profil\" | did you mean \"profile\"?"},
      {"b.csv", "name,colour\na,x\n", "known: sans, label.KEY, name, profile"},
      {"b.csv", "name,label.\na,x\n", "unknown column \"label.\""},
      {"b.csv", "name,name\na,b\n", "b.csv:1: column \"name\" stands twice"},
      {"b.csv", "name,label.a,label.a\na,b,c\n", "column \"label.a\" stands twice"},
      {"b.csv", "name,key\na,x\nb\n", "b.csv:3: 1 fields where the header has 2"},
      {"b.csv", "name,key\na,x,y\n", "b.csv:2: 3 fields where the header has 2"},
      {"b.csv", "name,key\n\"a,x\n", "csv-invalid: line 2"},
      {"b.csv", "name,key\n,ec-p256\n", "b.csv:2: no name"},
      {"b.csv", "name\na\nB\nb\n", "batch-invalid: b.csv:4: name b stands in line 3 already"},
      {"b.csv", "name\nA.example\n\n\na.EXAMPLE\n", "b.csv:5: name a.EXAMPLE stands in line 2 already"},
      {"b.csv", "name,owner\na,\"x\ny\"\n", "b.csv:2: control character"},
      {"b.csv", "name\n\xff\n", "csv-invalid: line 2"},
      {"b.csv", "name\n", "batch-invalid: b.csv: no certificates in the batch"},
      {"b.csv", "", "no certificates"},
      {"b.jsonl", "{\"name\":\"a\"}\n\n{\"name\":}\n", "json-invalid: the JSON is malformed at line 3, column 9"},
      {"b.jsonl", "{\"name\":\"a\"}\n{\"name\":\n\"b\"}\n", "at line 2"},
      {"b.jsonl", "{\"name\":\"a\"}\n[]\n", "b.jsonl:2: not a JSON object"},
      {"b.jsonl", "{\"nam\":\"a\"}\n", "b.jsonl:1: unknown member \"nam\" | did you mean \"name\"?"},
      {"b.jsonl", "{\"name\":\"a\"}\n{\"name\":\"b\",\"validity\":90}\n", "b.jsonl:2: validity must be text"},
      {"b.jsonl", "{\"name\":\"a\",\"sans\":[1]}\n", "b.jsonl:1: sans must be text"},
      {"b.jsonl", "{\"name\":\"a\",\"labels\":[\"x\"]}\n", "b.jsonl:1: labels must be an object"},
      {"b.jsonl", "{\"name\":\"a\",\"labels\":{\"x\":1}}\n", "b.jsonl:1: x must be text"},
      {"b.jsonl", "{\"name\":\"a\",\"labels\":{\"\":\"1\"}}\n", "b.jsonl:1: a label without a name"},
      {"b.jsonl", "{\"name\":\"a\\u0000\"}\n", "b.jsonl:1: control character"},
      {"b.jsonl", "{\"name\":\"a\"}\n{\"name\":\"a\"}", "b.jsonl:2: name a stands in line 1 already"},
      {"b.json", "[{\"name\":\"a\"},{\"name\":\"a\"}]", "b.json: item 2: name a stands in item 1 already"},
      {"b.json", "[{\"name\":\"a\"},1]", "b.json: item 2: not a JSON object"},
      {"b.json", "\"a\"", "not a list of objects"},
      {"b.json", "[]", "no certificates"},
      {"b.yaml", "- name: a\n- nam: b\n", "b.yaml:2:3: unknown key \"nam\" in certificate | did you mean \"name\"?"},
      {"b.yaml", "- name: a\n- name: [b]\n", "b.yaml:2:9: name must be one text"},
      {"b.yaml", "- a\n", "b.yaml:1:3: certificate must be a mapping"},
      {"b.yaml", "-\n", "no name"},
      {"b.yaml", "certificate:\n- name: a\n", "did you mean \"certificates\"?"},
      {"b.yaml", "certificates: a\n", "b.yaml:1: not a list of certificates"},
      {"b.yaml", "just words\n", "b.yaml:1: not a list of certificates"},
      {"b.yaml", "- name: a\n  labels: x\n", "b.yaml:2:11: labels must be a mapping"},
      {"b.yaml", "- name: a\n  labels: {x: [1]}\n", "b.yaml:2:15: a label must be one text"},
      {"b.yaml", "- name: a\n- name: a\n", "b.yaml:2: name a stands in line 1 already"},
      {"b.yaml", "- name: &a a\n", "yaml-invalid: b.yaml:1"},
      {"b.yaml", "", "no certificates"},
      {"-", "- nme: a\n", "-:1:3: unknown key \"nme\""}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto got = parsed(row.text, row.file);
    CAPTURE(got);
    CHECK(got.find(row.want) != std::string::npos);
  }
}

TEST_CASE("100,000 rows are read, one more is refused") {
  std::string lines = "name\n", json;
  for (int i = 1; i <= 100'000; ++i) lines += "n" + std::to_string(i) + "\n";
  CHECK(parse_batch(lines, "b.csv").size() == 100'000);
  CHECK(parsed(lines + "x\n", "b.csv").find("more than") != std::string::npos);
  for (int i = 1; i <= 100'001; ++i) json += "{\"name\":\"n" + std::to_string(i) + "\"}\n";
  CHECK(parsed(json, "b.jsonl").starts_with("batch-invalid: b.jsonl:100001: more than 100000 rows"));
}
