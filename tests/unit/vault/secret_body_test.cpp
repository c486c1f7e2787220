#include "vault/secret_body.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using vault::body_with;
using vault::cut_secret;
using vault::SecretForm;
using vault::SecretMember;

TEST_CASE("secrets of a body are quoted as JSON wants it, behind the members in clear") {
  const Secret password("a\"b\\c\n\x01"), document(R"({"pin":"1"})");
  const SecretMember members[] = {{"password", &password}, {"data", &document, SecretForm::json}};
  const Secret alone = body_with({}, members);
  CHECK(alone.reveal() == R"({"password":"a\"b\\c\u000a\u0001","data":{"pin":"1"}})");
  CHECK(parse_json(alone.reveal()).at("password").text() == password.reveal());
  const Secret behind = body_with(Json::object({{"role", "x"}}), std::span(members).first(1));
  CHECK(behind.reveal().starts_with(R"({"role":"x","password":)"));
  CHECK(body_with({}, {}).reveal() == "{}");
  CHECK(body_with(Json::object({{"a", 1}}), {}).reveal() == R"({"a":1})");
}

TEST_CASE("a secret is cut out of an answer, and nothing of it stays") {
  const struct {
    const char *text, *path, *secret, *rest;
  } rows[] = {
      {R"({"a":1,"auth":{"x":[1,"}"],"client_token":"s.abc"}})", "auth.client_token", "s.abc",
       R"({"a":1,"auth":{"x":[1,"}"],"client_token":null   }})"},
      {R"({"data": {"data": {"pin": "12\u0026\"3"} , "b":{}}})", "data.data", R"({"pin": "12\u0026\"3"})",
       R"({"data": {"data": null                   , "b":{}}})"},
      {R"( {"data":"a\u003c\\\/\tb"} )", "data", "a<\\/\tb", R"( {"data":null            } )"},
      {R"({"auth":null})", "auth.client_token", "", R"({"auth":null})"},
      {R"({"auth":"auth"})", "auth.client_token", "", R"({"auth":"auth"})"},
      {R"({})", "auth", "", R"({})"},
      {R"({"a":"no"})", "a", "no", R"({"a":null})"},
      {R"({"a":""})", "a", "", R"({"a":""})"},
      {R"({"a\"":1,"a":12345})", "a", "12345", R"({"a\"":1,"a":null })"},
  };
  for (const auto& row : rows) {
    std::string text = row.text;
    CAPTURE(row.text);
    CHECK(cut_secret(text, row.path).reveal() == row.secret);
    CHECK(text == row.rest);
  }
}

TEST_CASE("what is no JSON object is refused where a secret is looked for") {
  for (const char* bad :
       {"", "[]", "null", "{", R"({"a")", R"({"a":)", R"({"a":"x)", R"({"a":"x\)", R"({"a":"\x"})", R"({"a":"\u12"})",
        R"({"a":"\u1234"})", R"({"b":,"a":1})", R"({"b":1 "a":1})", R"({"b":[1})"}) {
    std::string text = bad;
    CAPTURE(bad);
    CHECK_CODE(cut_secret(text, "a"), Code::json_invalid);
  }
  std::string deep = R"({"b":)" + std::string(5000, '[');
  CHECK_CODE(cut_secret(deep, "a"), Code::json_invalid);
}

}  // namespace
