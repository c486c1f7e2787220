#include <doctest/doctest.h>

#include "base/error.hpp"
#include "support/thrown.hpp"
#include "x509/certificate.hpp"
#include "x509/names_internal.hpp"
#include "x509/types.hpp"

using namespace ymgr;

namespace {

/// "value" or "error: message | hint".
template <class F>
std::string outcome(F&& call) {
  try {
    return call();
  } catch (const Error& e) {
    CHECK(e.code() == Code::name_invalid);
    return std::string("error: ") + e.what() + " | " + e.hint();
  }
}

}  // namespace

TEST_CASE("check_dns_name takes host names in lower case and refuses the rest") {
  const std::string label63(63, 'a');
  const std::string name253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  struct Row {
    std::string text;
    bool good;
  };
  const Row rows[] = {
      {"localhost", true},
      {"API.Example.COM", true},
      {"a-b.c1.example", true},
      {"1.example", true},
      {"3com.example", true},
      {"*.example.com", true},
      {"xn--bcher-kva.example", true},
      {"xn--e28h.example", true},
      {"xn---e28h.example", false},
      {"r3--sn-abc.example", true},
      {label63 + ".example", true},
      {name253, true},
      {name253 + "b", false},
      {label63 + "a.example", false},
      {"", false},
      {".", false},
      {"a..b", false},
      {".a", false},
      {"example.com.", false},
      {"-a.example", false},
      {"a-.example", false},
      {"a_b.example", false},
      {"a b.example", false},
      {"a\n.example", false},
      {std::string("a\0.example", 10), false},
      {"example.123", false},
      {"1.2.3", false},
      {"*", false},
      {"*.com", false},
      {"*.*.example.com", false},
      {"a*.example.com", false},
      {"a.*.example.com", false},
      {"xn--.example", false},
      {"xn--a.example", false},
      {"xn--bcher-2pa.example", false},
      {"xn--bchER-KVA.example", true},
      {"xn--abc-.example", false},
      {"xn--99999999.example", false},
      {"\xFF.example", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const std::string got = outcome([&] { return check_dns_name(row.text); });
    CHECK(got.starts_with("error: ") != row.good);
  }
  CHECK(check_dns_name("API.Example.COM") == "api.example.com");
  CHECK(check_dns_name("XN--Bcher-KVA.example") == "xn--bcher-kva.example");
}

TEST_CASE("a refused name says what to write instead") {
  struct Row {
    const char *text, *want;
  };
  const Row rows[] = {
      {"dns:10.0.0.1", "error: dns:10.0.0.1 is an IP address | write ip:10.0.0.1"},
      {"dns:2001:db8::1", "error: dns:2001:db8::1 is an IP address | write ip:2001:db8::1"},
      {"dns:https://a.example/x",
       "error: \"https://a.example/x\" is not a DNS name: it is a URI | write the host alone, dns:a.example, or "
       "uri:https://a.example/x"},
      {"dns:a@b.example",
       "error: \"a@b.example\" is not a DNS name: it is an e-mail address | write email:a@b.example"},
      {"dns:a.example:8443", "error: \"a.example:8443\" is not a DNS name: names have no port | write a.example"},
      {"dns:a.example.", "error: \"a.example.\" is not a DNS name: it ends with a dot | write a.example"},
      {"dns:b\xC3\xBC"
       "cher.Example",
       "error: \"b\xC3\xBC"
       "cher.Example\" is not a DNS name: it is Unicode | write its A-label: xn--bcher-kva.example"},
      {"dns:B\xC3\x9C"
       "CHER.example",
       "error: \"B\xC3\x9C"
       "CHER.example\" is not a DNS name: it is Unicode | write it in lower-case, composed letters with plain dots "
       "first; ymgr then names the A-label (xn--...)"},
      {"ip:10.0.0.0/8", "error: ip:10.0.0.0/8 is a network | name each address"},
      {"ip:[::1]", "error: ip:[::1] is not an IP address | write it without brackets"},
      {"ip:fe80::1%eth0", "error: ip:fe80::1%eth0 has a zone | write the address alone"},
      {"ip:a.example", "error: ip:a.example is a DNS name | write dns:a.example"},
      {"ip:300.1.1.1", "error: ip:300.1.1.1 is not an IP address | write it like ip:192.0.2.1 or ip:2001:db8::1"},
      {"email:a.example", "error: email:a.example must have one @ | write dns:a.example"},
      {"email:a@b@c.example", "error: email:a@b@c.example must have one @ | "},
      {"upn:alice", "error: upn:alice must have one @ | write dns:alice"},
      {"upn:CORP\\alice@corp.example",
       "error: upn:CORP\\alice@corp.example has a part before the @ that can't stand in a certificate | use ASCII "
       "letters, digits, dots and dashes"},
      {"uri:a.example", "error: uri:a.example has no scheme | write dns:a.example"},
      {"uri:https://", "error: uri:https:// has neither host nor path | "},
      {"uri:https:///x", "error: uri:https:///x has neither host nor path | "},
      {"uri:spiffe://a b",
       "error: uri:spiffe://a b has a character that a URI can't have | write it in percent encoding"},
      {"uri:https://a/%zz",
       "error: uri:https://a/%zz has a character that a URI can't have | write it in percent encoding"},
      {"a.example", "error: the subject alternative name \"a.example\" has no kind | write dns:a.example"},
      {"10.0.0.1", "error: the subject alternative name \"10.0.0.1\" has no kind | write ip:10.0.0.1"},
      {"https://a.example",
       "error: the subject alternative name \"https://a.example\" has no kind | write uri:https://a.example"},
      {"a@b.example", "error: the subject alternative name \"a@b.example\" has no kind | write email:a@b.example"},
      {"rid:1.2.3",
       "error: the subject alternative name \"rid:1.2.3\" has no kind | write dns:, ip:, email:, uri: or upn: before "
       "it"},
  };
  for (const auto& row : rows) CHECK(outcome([&] { return to_string(parse_san(row.text)); }) == row.want);
}

TEST_CASE("parse_san gives the normal form") {
  struct Row {
    const char *text, *want;
  };
  const Row rows[] = {
      {"dns:API.example.com", "dns:api.example.com"},
      {"DNS:a.example", "dns:a.example"},
      {"ip:192.0.2.1", "ip:192.0.2.1"},
      {"ip:2001:0DB8:0:0::1", "ip:2001:db8::1"},
      {"ip:::ffff:192.0.2.1", "ip:::ffff:192.0.2.1"},
      {"email:First.Last+x@Example.COM", "email:First.Last+x@example.com"},
      {"upn:Alice.Miller@Corp.Example", "upn:Alice.Miller@corp.example"},
      {"UPN:alice@corp", "upn:alice@corp"},
      {"uri:spiffe://example.com/ns/a", "uri:spiffe://example.com/ns/a"},
      {"uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
  };
  for (const auto& row : rows) CHECK(outcome([&] { return to_string(parse_san(row.text)); }) == row.want);
  const char* bad[] = {"email:@b.example",
                       "email:a@",
                       "email:a..b@c.example",
                       "email:.a@c.example",
                       "email:\"a b\"@c.example",
                       "email:a@[10.0.0.1]",
                       "email:a@*.example.com",
                       "email:\xC3\xBC@c.example",
                       "upn:@corp.example",
                       "upn:a@b@corp.example",
                       "upn:a@*.example",
                       "ip:010.0.0.1",
                       "ip:1.2.3",
                       "ip:",
                       "dns:",
                       "uri:",
                       "uri::a",
                       "uri:1a:b",
                       "uri:https:",
                       ""};
  for (const char* text : bad) {
    CAPTURE(text);
    CHECK(outcome([&] { return to_string(parse_san(text)); }).starts_with("error: "));
  }
  CHECK(make_san(SanKind::email, std::string(64, 'a') + "@b.example").value.size() == 74);
  CHECK_CODE(make_san(SanKind::email, std::string(65, 'a') + "@b.example"), Code::name_invalid);
  CHECK(make_san(SanKind::uri, "urn:" + std::string(2044, 'a')).value.size() == 2048);
  CHECK_CODE(make_san(SanKind::uri, "urn:" + std::string(2045, 'a')), Code::name_invalid);
  CHECK(to_string(san_of_name("10.0.0.1")) == "ip:10.0.0.1");
  CHECK(to_string(san_of_name("::1")) == "ip:::1");
  CHECK(to_string(san_of_name("A.example")) == "dns:a.example");
}

TEST_CASE("certificate names may be plain text, but nothing that misleads") {
  struct Row {
    std::string text, want;
  };
  const Row rows[] = {
      {"Api.Example.com", "api.example.com"},       {"Alice Miller", "Alice Miller"},   {"Alice", "Alice"},
      {"J\xC3\xBCrgen", "J\xC3\xBCrgen"},           {"A@Example.com", "A@example.com"}, {"2001:DB8::1", "2001:db8::1"},
      {std::string(64, 'x'), std::string(64, 'x')},
  };
  for (const auto& row : rows) CHECK(outcome([&] { return check_certificate_name(row.text); }) == row.want);
  const std::string bad[] = {"",
                             std::string(65, 'x'),
                             "a\nb",
                             "a\x7F",
                             " a",
                             "a ",
                             "..",
                             ".",
                             "a/b",
                             "a\xE2\x80\xAE"
                             "b",
                             "\xFF",
                             "\xEF\xBB\xBFname",
                             "a@b@c",
                             std::string("a\0b", 3)};
  for (const auto& text : bad) {
    CAPTURE(text);
    CHECK(outcome([&] { return check_certificate_name(text); }).starts_with("error: "));
  }
}

// The examples of RFC 3492, section 7.1, and two names of daily life.
TEST_CASE("punycode encodes and decodes the examples of its RFC") {
  struct Row {
    std::u32string label;
    const char* want;
  };
  const Row rows[] = {
      {U"\u0644\u064A\u0647\u0645\u0627\u0628\u062A\u0643\u0644\u0645\u0648\u0634\u0639\u0631\u0628\u064A\u061F",
       "egbpdaj6bu4bxfgehfvwxn"},
      {U"\u4ED6\u4EEC\u4E3A\u4EC0\u4E48\u4E0D\u8BF4\u4E2D\u6587", "ihqwcrb4cv8a8dqg056pqjye"},
      {U"3\u5E74B\u7D44\u91D1\u516B\u5148\u751F", "3B-ww4c5e180e575a65lsy2b"},
      {U"\u305D\u306E\u30B9\u30D4\u30FC\u30C9\u3067", "d9juau41awczczp"},
      {U"-> $1.00 <-", "-> $1.00 <--"},
      {U"b\u00FCcher", "bcher-kva"},
      {U"\U0001F600", "e28h"},
  };
  for (const auto& row : rows) {
    CHECK(punycode(row.label) == row.want);
    CHECK(from_punycode(row.want) == row.label);
  }
  CHECK(from_punycode(punycode(U"\xD7FF")) == U"\xD7FF");
  CHECK(from_punycode(punycode(U"\xD800")) == std::nullopt);
  for (const char* text : {"abc!", "99999999", "999999999999999999999999", "\xC3\xBC"}) {
    CAPTURE(text);
    CHECK(from_punycode(text) == std::nullopt);
  }
}

TEST_CASE("a name constraint is a domain or a network") {
  struct Row {
    const char *text, *want;
  };
  const Row rows[] = {
      {"dns:Example.com", "dns:example.com"}, {"email:example.com", "email:example.com"},
      {"ip:10.0.0.0/8", "ip:10.0.0.0/8"},     {"ip:2001:db8::/32", "ip:2001:db8::/32"},
      {"ip:0.0.0.0/0", "ip:0.0.0.0/0"},
  };
  for (const auto& row : rows) CHECK(outcome([&] { return to_string(parse_name_constraint(row.text)); }) == row.want);
  for (const char* text : {"ip:10.0.0.1/8", "ip:10.0.0.0", "ip:10.0.0.0/33", "ip:10.0.0.0/", "dns:*.example.com",
                           "uri:https://a", "example.com", ""}) {
    CAPTURE(text);
    CHECK(outcome([&] { return to_string(parse_name_constraint(text)); }).starts_with("error: "));
  }
  CHECK(*network_bytes("10.128.0.0/9") == std::string("\x0A\x80\x00\x00\xFF\x80\x00\x00", 8));
}
