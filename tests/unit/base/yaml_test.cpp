#include "base/yaml.hpp"

#include "support/thrown.hpp"

using namespace ymgr;
using Type = YamlNode::Type;

namespace {

YamlNode yaml(std::string_view text) {
  return parse_yaml(text, "f.yaml");
}

std::string repeated(std::string_view piece, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += piece;
  return out;
}

}  // namespace

TEST_CASE("YAML becomes nodes that know their type, quoting and place") {
  const YamlNode root = yaml("# comment\na: 1\nb: ['x', \"y\", z]\nc:\n  - d: ~\n    e: |\n      line\n");
  REQUIRE(root.type == Type::mapping);
  CHECK(root.line == 2);
  CHECK(root.find("a")->scalar == "1");
  CHECK_FALSE(root.find("a")->quoted);
  CHECK(root.find("a")->line == 2);
  CHECK(root.find("a")->column == 4);
  const YamlNode* list = root.find("b");
  REQUIRE((list != nullptr && list->items.size() == 3));
  CHECK((list->items[0].quoted && list->items[1].quoted && !list->items[2].quoted));
  CHECK(list->items[2].column == 15);
  const YamlNode& inner = root.find("c")->items.at(0);
  CHECK(inner.find("d")->type == Type::null);
  CHECK(inner.find("e")->scalar == "line\n");
  CHECK(inner.find("e")->quoted);
  CHECK(root.members[1].key.line == 3);
  CHECK(root.find("x") == nullptr);
  CHECK(list->find("x") == nullptr);
}

TEST_CASE("an empty document is null") {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "---\n...\n", "~", "null"}) {
    CAPTURE(text);
    CHECK(yaml(text).type == Type::null);
  }
  CHECK(yaml("").line == 1);
}

TEST_CASE("what YAML can do beyond plain data is refused with its place") {
  struct Row {
    const char *text, *message;
  };
  const Row rows[] = {{"a: &x 1", "f.yaml:1:4: anchors (&) are not supported"},
                      {"a: 1\nb: *x", "f.yaml:2:4: aliases (*) are not supported"},
                      {"- &x [*x]", "f.yaml:1:3: anchors (&) are not supported"},
                      {"a: !!str 1", "f.yaml:1:4: tags (!) are not supported"},
                      {"!<tag:x> {}", "f.yaml:1:1: tags (!) are not supported"},
                      {"%TAG ! tag:x\n---\na: !b 1", "f.yaml:3:4: tags (!) are not supported"},
                      {"a: 1\n---\nb: 2\n", "f.yaml:2:1: text after the end of the document"},
                      {"a: 1\nb: 2\na: 3", "f.yaml:3:1: the key \"a\" stands twice"},
                      {"x: {a: 1, 'a': 2}", "f.yaml:1:11: the key \"a\" stands twice"},
                      {"? [a]\n: b", "f.yaml:1:3: a key must be a word"},
                      {"~: 1", "f.yaml:1:1: a key must be a word"},
                      {"{a: 1", "f.yaml:1:1: end of map flow not found"},
                      {"a: b: c", "f.yaml:1:5: illegal map value"},
                      {"a: 1\n]", "f.yaml:2:1: illegal flow end"},
                      {"a: 1\n\tb: 2", "f.yaml:2:1: illegal tab when looking for indentation"},
                      {"\"x\\q\"", "f.yaml:1:5: unknown escape character: q"},
                      {"a: 1\x04\nb: 2", "f.yaml:1:5: a control character"},
                      {"a: 1\nb: \xff", "f.yaml:2:4: the text is not UTF-8"},
                      {"\xff\xfe"
                       "a",
                       "f.yaml:1:1: the text is not UTF-8"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto error = thrown([&] { yaml(row.text); });
    REQUIRE(error);
    CHECK(error->code() == Code::yaml_invalid);
    CHECK(std::string(error->what()) == row.message);
    CHECK(*error->detail("file") == "f.yaml");
  }
}

TEST_CASE("deep YAML is stopped before the parser's recursion eats the stack") {
  CHECK(yaml(repeated("[", 16) + repeated("]", 16)).type == Type::sequence);
  for (const char* piece : {"[", "- ", "? ", "[a: ", "{a: ", "- a: ", "- ? "}) {
    CAPTURE(piece);
    CHECK(code_of([&] { yaml(repeated(piece, 17)); }) == Code::yaml_invalid);
    CHECK(code_of([&] { yaml(repeated(piece, 100'000)); }) == Code::yaml_invalid);
  }
}

TEST_CASE("large YAML is refused unread") {
  CHECK(code_of([] { parse_yaml("a: 1", "f", {.bytes = 3}); }) == Code::yaml_invalid);
  CHECK(parse_yaml("a: 1", "f", {.bytes = 4}).type == Type::mapping);
}

TEST_CASE("a reader gives each key in its type, nothing for what is absent or empty") {
  const YamlNode root = yaml(
      "name: api\nbits: 3072\nless: -5\non: true\nlife: 90d\none: a\nmany: [a, 'b']\nempty:\nmode: strict\nsub: {x: "
      "1}\n");
  YamlReader reader(root, "f.yaml", Code::policy_invalid, "the policy");
  constexpr std::string_view modes[] = {"strict", "lenient"};
  CHECK(reader.text("name") == "api");
  CHECK(reader.number("bits", 0, 4096) == 3072);
  CHECK(reader.number("less", -10, 0) == -5);
  CHECK(reader.boolean("on") == true);
  CHECK(reader.duration("life") == std::chrono::days(90));
  CHECK(reader.texts("one") == std::vector<std::string>{"a"});
  CHECK(reader.texts("many") == std::vector<std::string>{"a", "b"});
  CHECK(reader.choice("mode", modes) == "strict");
  CHECK(reader.node("sub")->find("x")->scalar == "1");
  CHECK_FALSE(reader.text("empty"));
  CHECK_FALSE(reader.text("absent"));
  CHECK_FALSE(reader.number("absent", 0, 1));
  CHECK_FALSE(reader.boolean("absent"));
  CHECK_FALSE(reader.duration("absent"));
  CHECK_FALSE(reader.texts("absent"));
  CHECK_FALSE(reader.choice("absent", modes));
  CHECK(reader.node("absent") == nullptr);
  reader.finish();
}

TEST_CASE("a reader refuses wrong values with place and its own code") {
  static constexpr std::string_view modes[] = {"strict", "lenient"};
  struct Row {
    const char* text;
    void (*read)(YamlReader&);
    const char* message;
  };
  const Row rows[] = {
      {"a: [x]", [](YamlReader& r) { r.text("a"); }, "f:1:4: a must be one text"},
      {"a: x", [](YamlReader& r) { r.number("a", 0, 9); }, "f:1:4: a must be a whole number from 0 to 9"},
      {"a: 10", [](YamlReader& r) { r.number("a", 0, 9); }, "f:1:4: a must be a whole number from 0 to 9"},
      {"a: -1", [](YamlReader& r) { r.number("a", 0, 9); }, "f:1:4: a must be a whole number from 0 to 9"},
      {"a: '5'", [](YamlReader& r) { r.number("a", 0, 9); }, "f:1:4: a must be a whole number from 0 to 9"},
      {"a: --5", [](YamlReader& r) { r.number("a", -9, 9); }, "f:1:4: a must be a whole number from -9 to 9"},
      {"a: yes", [](YamlReader& r) { r.boolean("a"); }, "f:1:4: a must be true or false"},
      {"a: 'true'", [](YamlReader& r) { r.boolean("a"); }, "f:1:4: a must be true or false"},
      {"a: 3M", [](YamlReader& r) { r.duration("a"); }, "f:1:4: a must be a duration such as 90d or 1h30m"},
      {"a: {x: 1}", [](YamlReader& r) { r.texts("a"); }, "f:1:4: a must be a list of texts"},
      {"a: [x, [y]]", [](YamlReader& r) { r.texts("a"); }, "f:1:8: a must be a list of texts"},
      {"a: strit", [](YamlReader& r) { r.choice("a", modes); },
       "f:1:4: a must be one of strict, lenient, not \"strit\""},
      {"a: 1\nowmer: x", [](YamlReader& r) { r.text("a"), r.text("owner"), r.finish(); },
       "f:2:1: unknown key \"owmer\" in the policy"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const YamlNode root = yaml(row.text);
    YamlReader reader(root, "f", Code::policy_invalid, "the policy");
    const auto error = thrown([&] { row.read(reader); });
    REQUIRE(error);
    CHECK(error->code() == Code::policy_invalid);
    CHECK(std::string(error->what()) == row.message);
  }
}

TEST_CASE("an unknown key is answered with the nearest known one, or with all") {
  const YamlNode root = yaml("owmer: x");
  YamlReader reader(root, "f", Code::config_invalid, "the file");
  reader.text("owner");
  reader.text("labels");
  CHECK(thrown([&] { reader.finish(); })->hint() == "did you mean \"owner\"?");
  const YamlNode far = yaml("zzzzzz: x");
  YamlReader other(far, "f", Code::config_invalid, "the file");
  other.text("owner");
  other.text("labels");
  CHECK(thrown([&] { other.finish(); })->hint() == "known keys: owner, labels");
}

TEST_CASE("a reader takes a mapping or nothing") {
  const YamlNode null = yaml(""), text = yaml("just text"), list = yaml("- a");
  YamlReader(null, "f", Code::config_invalid, "the file").finish();
  CHECK(message_of([&] { YamlReader(text, "f", Code::config_invalid, "the file"); }) ==
        "f:1:1: the file must be a mapping");
  CHECK(code_of([&] { YamlReader(list, "f", Code::config_invalid, "the file"); }) == Code::config_invalid);
}
