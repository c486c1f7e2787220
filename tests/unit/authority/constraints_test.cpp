#include "authority/constraints.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

namespace {
using namespace ymgr;

bool passes(const NameConstraints& constraints, const RequestedNames& names) {
  const auto error = thrown([&] { ca::check_name_constraints(constraints, names); });
  CHECK((!error || error->code() == Code::ca_refused));
  return !error;
}

TEST_CASE("each kind of name is measured by the constraints of its kind") {
  struct Case {
    SanKind kind;
    const char *permitted, *name;
    bool passes;
  };
  constexpr auto dns = SanKind::dns, ip = SanKind::ip, email = SanKind::email, uri = SanKind::uri;
  const Case cases[] = {
      {dns, "example.com", "example.com", true},
      {dns, "example.com", "a.b.example.com", true},
      {dns, "example.com", "*.example.com", true},
      {dns, "Example.COM", "api.example.com", true},
      {dns, "example.com", "badexample.com", false},
      {dns, "example.com", "example.com.evil.org", false},
      {dns, "example.com", "com", false},
      {dns, ".example.com", "a.example.com", true},
      {dns, ".example.com", "example.com", false},
      {ip, "10.0.0.0/8", "10.255.1.2", true},
      {ip, "10.0.0.0/8", "11.0.0.1", false},
      {ip, "192.168.4.0/22", "192.168.7.255", true},
      {ip, "192.168.4.0/22", "192.168.8.0", false},
      {ip, "192.0.2.7/32", "192.0.2.7", true},
      {ip, "192.0.2.7", "192.0.2.8", false},
      {ip, "0.0.0.0/0", "203.0.113.1", true},
      {ip, "0.0.0.0/0", "2001:db8::1", false},
      {ip, "2001:db8::/33", "2001:db8:7fff::1", true},
      {ip, "2001:db8::/33", "2001:db8:8000::1", false},
      {ip, "10.0.0.0/99", "10.0.0.1", false},
      {email, "example.com", "anna@example.com", true},
      {email, "example.com", "anna@mail.example.com", false},
      {email, ".example.com", "anna@mail.example.com", true},
      {email, ".example.com", "anna@example.com", false},
      {email, "anna@example.com", "anna@example.com", true},
      {email, "anna@example.com", "otto@example.com", false},
      {uri, "example.com", "https://example.com/x", true},
      {uri, "example.com", "https://example.com:8443/x", true},
      {uri, "example.com", "https://example.com.evil.org/", false},
      {uri, "example.com", "urn:example", false},
  };
  for (const auto& row : cases) {
    CAPTURE(row.permitted);
    CAPTURE(row.name);
    CHECK(passes({{{row.kind, row.permitted}}}, {"", {{row.kind, row.name}}}) == row.passes);
  }
}

TEST_CASE("one fitting constraint is enough, and kinds without constraints are free") {
  const NameConstraints constraints{{{SanKind::dns, "a.example"}, {SanKind::dns, "b.example"}}};
  CHECK(passes(constraints, {"x.b.example", {{SanKind::dns, "x.b.example"}}}));
  CHECK(passes(constraints, {"", {{SanKind::ip, "192.0.2.1"}, {SanKind::email, "a@elsewhere.example"}}}));
  CHECK_FALSE(passes(constraints, {"", {{SanKind::dns, "x.a.example"}, {SanKind::dns, "c.example"}}}));
  CHECK(passes({}, {"c.example", {{SanKind::dns, "c.example"}}}));
}

TEST_CASE("a common name that looks like a host counts where there is no DNS name") {
  const NameConstraints constraints{{{SanKind::dns, "example.com"}}};
  CHECK_FALSE(passes(constraints, {"www.evil.org", {}}));
  CHECK(passes(constraints, {"www.example.com", {}}));
  CHECK(passes(constraints, {"Anna Alt", {}}));
  CHECK(passes(constraints, {"anna", {}}));
  CHECK(passes(constraints, {"www.evil.org", {{SanKind::dns, "www.example.com"}}}));
}

TEST_CASE("a refusal names the name and what is permitted") {
  const NameConstraints constraints{
      {{SanKind::dns, "a.example"}, {SanKind::dns, "b.example"}, {SanKind::ip, "10.0.0.0/8"}}};
  const auto error = thrown([&] { ca::check_name_constraints(constraints, {"", {{SanKind::dns, "c.example"}}}); });
  REQUIRE(error);
  CHECK(std::string(error->what()) ==
        "dns:c.example is outside the CA's name constraints (permitted: dns:a.example, dns:b.example)");
}

}  // namespace
