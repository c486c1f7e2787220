#include "base/secret_text.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/json.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

TEST_CASE("what is written as a JSON string is read back the same") {
  std::string all;
  for (int c = 0; c < 0x80; ++c) all.push_back(static_cast<char>(c));
  all += "ünï 🔑";
  SecretWriter out(all.size() * 6 + 2);
  out.put_quoted(all);
  CHECK(parse_json(out.finish().reveal()).text() == all);
}

TEST_CASE("nothing is written beyond the size that was chosen") {
  SecretWriter out(3);
  out.put("ab");
  CHECK_CODE(out.put("cd"), Code::internal);
  out.put("c");
  CHECK(out.finish().reveal() == "abc");
}

TEST_CASE("an escape is taken whole, or refused") {
  std::string_view rest = "n\"";
  CHECK(take_json_escape(rest) == '\n');
  CHECK(rest == "\"");
  rest = "u0041b";
  CHECK(take_json_escape(rest) == 'A');
  CHECK(rest == "b");
  for (std::string_view bad : {"", "x", "u", "u004", "u00g1", "u0080", "ud83d"}) {
    CAPTURE(bad);
    CHECK_FALSE(take_json_escape(bad));
  }
}

}  // namespace
