#include "base/text.hpp"

#include "base/utf8.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using Words = std::vector<std::string>;

TEST_CASE("lower, trim and the prefix test treat ASCII only") {
  CHECK(lower("WWW.Example.COM") == "www.example.com");
  CHECK(lower("\xC3\x84") == "\xC3\x84");
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim("   ").empty());
  CHECK(starts_with_icase("DNS:a", "dns:"));
  CHECK_FALSE(starts_with_icase("DN", "dns:"));
  CHECK_FALSE(starts_with_icase("ip:a", "dns:"));
}

TEST_CASE("split keeps empty parts, join is its inverse") {
  CHECK(split("a,,b,", ',') == Words{"a", "", "b", ""});
  CHECK(split("", ',') == Words{""});
  CHECK(join(Words{"a", "", "b"}, ", ") == "a, , b");
  CHECK(join(Words{}, ", ").empty());
}

TEST_CASE("hexadecimal reads either case and nothing else") {
  CHECK(to_hex(std::string_view("\x00\xff\x1a", 3)) == "00ff1a");
  CHECK(from_hex("00FF1a") == std::string("\x00\xff\x1a", 3));
  CHECK(from_hex("") == std::string());
  for (const char* text : {"0", "0g", "0x00", " 00", "00 "}) CHECK_FALSE(from_hex(text));
}

TEST_CASE("base64 follows RFC 4648 section 10 and refuses every other spelling") {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"},
                                                      {"\xfb\xff", "+/8="}};
  for (const auto& [bytes, text] : rows) {
    CAPTURE(text);
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == std::string(bytes));
  }
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Zm9v ", "====", "Z===", "Zm9vYg==Zg==", "-_8="}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text));
  }
}

TEST_CASE("base64url has its own alphabet and no padding") {
  CHECK(to_base64url("\xfb\xff") == "-_8");
  CHECK(from_base64url("-_8") == std::string("\xfb\xff"));
  CHECK(to_base64url("f") == "Zg");
  for (const char* text : {"+/8", "Zg==", "Z", "Zh", "Zg\n"}) CHECK_FALSE(from_base64url(text));
}

TEST_CASE("numbers are digits that fit 64 bits with sign") {
  CHECK(parse_number("0") == 0);
  CHECK(parse_number("007") == 7);
  CHECK(parse_number("9223372036854775807") == INT64_MAX);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "1e3", "-0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number(text));
  }
}

TEST_CASE("UTF-8 is told from what only looks like it") {
  for (const char* text : {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x94\x91", "\xF4\x8F\xBF\xBF"})
    CHECK(is_utf8(text));
  for (const char* text : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "a\xFF", "\xE2\x28\xA1"}) {
    CAPTURE(to_hex(text));
    CHECK_FALSE(is_utf8(text));
  }
  CHECK(find_invalid_utf8("ab\xFF") == 2);
}

TEST_CASE("places count lines and columns from one") {
  const std::string_view text = "ab\ncd\n";
  const TextPlace begin = place_of(text, 0), middle = place_of(text, 4), end = place_of(text, 6),
                  beyond = place_of(text, 99);
  CHECK((begin.line == 1 && begin.column == 1));
  CHECK((middle.line == 2 && middle.column == 2));
  CHECK((end.line == 3 && end.column == 1));
  CHECK((beyond.line == 3 && beyond.column == 1));
}

TEST_CASE("printable text cannot steer a terminal or turn a line around") {
  CHECK(printable("caf\xC3\xA9 \xE2\x9C\x93") == "caf\xC3\xA9 \xE2\x9C\x93");
  CHECK(printable("a\x1b[31mb\nc\td\x7f") == "a?[31mb?c?d?");
  CHECK(printable("\xC2\x9B"
                  "31m") == "?31m");
  CHECK(printable("a\xE2\x80\xAE"
                  "b") == "a?b");
  CHECK(printable("\xFF\xFE"
                  "x") == "??x");
  CHECK(printable(std::string_view("\0", 1)) == "?");
}

TEST_CASE("display width counts columns, not bytes") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("caf\xC3\xA9") == 4);
  CHECK(display_width("\xE6\xBC\xA2\xE5\xAD\x97") == 4);
  CHECK(display_width("e\xCC\x81") == 1);
  CHECK(display_width("") == 0);
}

TEST_CASE("the nearest word is offered only when it is near") {
  const std::string_view words[] = {"issue", "renew", "revoke", "report", "ca"};
  CHECK(nearest("isue", words) == "issue");
  CHECK(nearest("reneww", words) == "renew");
  CHECK(nearest("revok", words) == "revoke");
  CHECK(nearest("cb", words) == "ca");
  CHECK(nearest("issue", words) == "issue");
  CHECK_FALSE(nearest("xyz", words));
  CHECK_FALSE(nearest("certificate", words));
  CHECK_FALSE(nearest("iss", words));
  CHECK_FALSE(nearest("renew", {}));
}

TEST_CASE("words are split as a shell splits quoted words, without expansion") {
  struct Row {
    const char* text;
    Words want;
  };
  const Row rows[] = {{"", {}},
                      {"  \t ", {}},
                      {"systemctl reload nginx", {"systemctl", "reload", "nginx"}},
                      {"a 'b c' \"d e\"", {"a", "b c", "d e"}},
                      {"a''b \"\" ''", {"ab", "", ""}},
                      {"'it'\\''s'", {"it's"}},
                      {"a\\ b \\\\ \\\"", {"a b", "\\", "\""}},
                      {"\"a\\\"b\\$c\\d\"", {"a\"b$c\\d"}},
                      {"$HOME `id` *.pem ~ ; | > #x", {"$HOME", "`id`", "*.pem", "~", ";", "|", ">", "#x"}},
                      {"a\\\nb \"c\\\nd\"", {"ab", "cd"}},
                      {"a\nb", {"a", "b"}},
                      {"'a\\b'", {"a\\b"}}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(split_words(row.text) == row.want);
  }
  for (const char* text : {"'", "\"", "a 'b", "a \"b", "a\\", "\"a\\\""}) {
    CAPTURE(text);
    CHECK(code_of([&] { split_words(text); }) == Code::usage);
  }
}

TEST_CASE("a quoted word comes back as it was") {
  CHECK(shell_quote("nginx.service") == "nginx.service");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  for (const char* text : {"", "a b", "$x", "it's", "a\\b", "\"", "~", "=x", "a\nb", "*", "caf\xC3\xA9"}) {
    CAPTURE(text);
    CHECK(split_words(shell_quote(text)) == Words{text});
  }
}
