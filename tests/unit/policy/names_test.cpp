#include "policy/names.hpp"

#include <doctest/doctest.h>

#include "policy/cabf.hpp"

using namespace ymgr;

TEST_CASE("normal_pattern reads the six forms and refuses what could not match what was meant") {
  struct Row {
    const char* text;
    std::optional<std::string> want;
  };
  const Row rows[] = {{"*.Example.COM", "*.example.com"},
                      {"example.com", "example.com"},
                      {"localhost", "localhost"},
                      {"Build Bot", "build bot"},
                      {"J. R. Smith", "j. r. smith"},
                      {"*", "*"},
                      {"10.0.0.0/8", "10.0.0.0/8"},
                      {"10.1.2.3", "10.1.2.3"},
                      {"2001:db8::/32", "2001:db8::/32"},
                      {"*@Example.com", "*@example.com"},
                      {"Jo@*.example.com", "Jo@*.example.com"},
                      {"HTTPS://Host.example/*", "https://host.example/*"},
                      {"spiffe://Domain/ns/a/*", "spiffe://domain/ns/a/*"},
                      {"https://host.example", "https://host.example/"},
                      {"urn:uuid:*", "urn:uuid:*"},
                      {"", std::nullopt},
                      {" example.com", std::nullopt},
                      {"a*.example.com", std::nullopt},
                      {"*.*.example.com", std::nullopt},
                      {".example.com", std::nullopt},
                      {"example.com.", std::nullopt},
                      {"a..example.com", std::nullopt},
                      {"bücher.example", std::nullopt},
                      {"10.0.0.300", std::nullopt},
                      {"10.0.0.1/8", std::nullopt},
                      {"10.0.0.0/33", std::nullopt},
                      {"10.0.0.0/", std::nullopt},
                      {"fe80::/129", std::nullopt},
                      {"localhost:8443", std::nullopt},
                      {"j*@example.com", std::nullopt},
                      {"@example.com", std::nullopt},
                      {"a@", std::nullopt},
                      {"https://host*", std::nullopt},
                      {"https://*", std::nullopt},
                      {"https://*.example.com/a", std::nullopt},
                      {"https://host/a*", std::nullopt},
                      {"https://host/a/../*", std::nullopt},
                      {"https://host/%2", std::nullopt},
                      {"https://host/%zz/*", std::nullopt},
                      {"a\tb", std::nullopt},
                      {"\xff", std::nullopt}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(normal_pattern(row.text) == row.want);
  }
}

TEST_CASE("a pattern allows all that fits and touches what a wildcard may cover") {
  struct Row {
    const char* pattern;
    San name;
    bool allows, touches;
  };
  const auto dns = SanKind::dns, ip = SanKind::ip, email = SanKind::email, uri = SanKind::uri, upn = SanKind::upn;
  const Row rows[] = {
      {"*.example.com", {dns, "a.example.com"}, true, true},
      {"*.example.com", {dns, "a.b.example.com"}, true, true},
      {"*.example.com", {dns, "example.com"}, false, false},
      {"*.example.com", {dns, "badexample.com"}, false, false},
      {"*.example.com", {dns, "a.example.com.evil.org"}, false, false},
      {"*.example.com", {dns, "*.example.com"}, true, true},
      {"*.example.com", {dns, "*.a.example.com"}, true, true},
      {"*.example.com", {dns, "*.com"}, false, true},
      {"*.a.example.com", {dns, "*.example.com"}, false, true},
      {"*.a.example.com", {dns, "*.b.example.com"}, false, false},
      {"example.com", {dns, "example.com"}, true, true},
      {"example.com", {dns, "a.example.com"}, false, false},
      {"admin.example.com", {dns, "*.example.com"}, false, true},
      {"x.admin.example.com", {dns, "*.example.com"}, false, true},
      {"example.com", {dns, "*.example.com"}, false, false},
      {"*", {dns, "anything.example"}, true, true},
      {"*", {ip, "10.0.0.1"}, false, false},
      {"*", {email, "a@example.com"}, false, false},
      {"10.0.0.0/8", {ip, "10.255.255.255"}, true, true},
      {"10.0.0.0/8", {ip, "11.0.0.0"}, false, false},
      {"10.0.0.0/8", {ip, "::ffff:10.0.0.1"}, true, true},
      {"10.0.0.0/8", {dns, "10.0.0.1"}, false, false},
      {"0.0.0.0/0", {ip, "2001:db8::1"}, false, false},
      {"2001:db8::/33", {ip, "2001:db8:7fff::1"}, true, true},
      {"2001:db8::/33", {ip, "2001:db8:8000::1"}, false, false},
      {"192.0.2.7", {ip, "192.0.2.7"}, true, true},
      {"192.0.2.7", {ip, "192.0.2.8"}, false, false},
      {"*@example.com", {email, "a@example.com"}, true, true},
      {"*@example.com", {email, "a@b.example.com"}, false, false},
      {"*@*.example.com", {email, "a@b.example.com"}, true, true},
      {"jo@example.com", {email, "jo@example.com"}, true, true},
      {"jo@example.com", {email, "JO@example.com"}, false, true},
      {"jo@example.com", {email, "joe@example.com"}, false, false},
      {"example.com", {email, "a@example.com"}, false, false},
      {"*@corp.example", {upn, "jo@corp.example"}, true, true},
      {"*@corp.example", {upn, "jo@corp.example.org"}, false, false},
      {"admin@corp.example", {upn, "ADMIN@corp.example"}, false, true},
      {"*", {upn, "jo@corp.example"}, false, false},
      {"https://host/*", {uri, "https://host/a/b"}, true, true},
      {"https://host/*", {uri, "https://host"}, true, true},
      {"https://host/*", {uri, "HTTPS://HOST:443/a"}, true, true},
      {"https://host/*", {uri, "https://host.evil.org/a"}, false, false},
      {"https://host/*", {uri, "https://host@evil.org/a"}, false, false},
      {"https://host/*", {uri, "http://host/a"}, false, false},
      {"https://host/admin/*", {uri, "https://host/%61dmin/x"}, true, true},
      {"spiffe://prod/*", {uri, "spiffe://prod/web"}, true, true},
      {"spiffe://prod/*", {uri, "spiffe://prod.evil/web"}, false, false},
      {"https://host/a", {uri, "https://host/a"}, true, true},
      {"https://host/a", {uri, "https://host/a/b"}, false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.name.value);
    CHECK(pattern_allows(row.pattern, row.name) == row.allows);
    CHECK(pattern_touches(row.pattern, row.name) == row.touches);
  }
}

TEST_CASE("name_of_text tells what a common name stands for") {
  CHECK(name_of_text("API.example.com") == San{SanKind::dns, "api.example.com"});
  CHECK(name_of_text("10.0.0.1") == San{SanKind::ip, "10.0.0.1"});
  CHECK(name_of_text("jo@example.com") == San{SanKind::email, "jo@example.com"});
  CHECK(name_of_text("spiffe://prod/web") == San{SanKind::uri, "spiffe://prod/web"});
  CHECK(name_of_text("Build Bot") == San{SanKind::dns, "build bot"});
}

TEST_CASE("has_dot_segments sees dots behind escapes, but not in names or queries") {
  struct Row {
    const char* uri;
    bool want;
  };
  const Row rows[] = {{"https://h/a/../b", true},    {"https://h/a/%2e%2E/b", true},
                      {"https://h/.", true},         {"https://h/a.b/..c", false},
                      {"https://h/a?x=/../", false}, {"https://h", false},
                      {"https://h/%2", false},       {"urn:a", false}};
  for (const auto& row : rows) {
    CAPTURE(row.uri);
    CHECK(has_dot_segments(row.uri) == row.want);
  }
}

TEST_CASE("internal names and reserved addresses are told from public ones") {
  for (const auto* name :
       {"localhost", "db", "a.local", "a.internal", "a.b.test", "x.localhost", "router.lan", "a.home.arpa"}) {
    CAPTURE(name);
    CHECK(cabf::is_internal_name(name));
  }
  for (const auto* name : {"example.com", "local.example.com", "*.example.org", "a.xn--p1ai", "test.de"}) {
    CAPTURE(name);
    CHECK_FALSE(cabf::is_internal_name(name));
  }
  for (const auto* address : {"10.0.0.1", "127.0.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.1",
                              "::1", "fd00::1", "fe80::1", "2001:db8::1", "::ffff:10.0.0.1", "224.0.0.1"}) {
    CAPTURE(address);
    CHECK(cabf::reserved_network(address));
  }
  for (const auto* address : {"8.8.8.8", "172.32.0.0", "11.0.0.0", "100.128.0.0", "2606:4700::1111", "192.169.0.1"}) {
    CAPTURE(address);
    CHECK_FALSE(cabf::reserved_network(address));
  }
}
