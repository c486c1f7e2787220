#include <doctest/doctest.h>

#include "inventory/inventory.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

std::string shown(const Selection& selection) {
  std::string text;
  for (const auto& condition : selection.conditions) {
    text += (condition.negated ? "[not " : "[") + condition.field + "|" + condition.value + "]";
  }
  return text;
}

TEST_CASE("a selection is a list of conditions") {
  struct Row {
    const char* text;
    const char* want;
  };
  const Row rows[] = {
      {"owner=alice", "[owner|alice]"},
      {"owner=alice,profile=tls-server", "[owner|alice][profile|tls-server]"},
      {" owner = alice , !host = web1 ", "[owner|alice][not host|web1]"},
      {"name=*.example.com", "[name|*.example.com]"},
      {"!owner=team-*", "[not owner|team-*]"},
      {"label.env=prod,label.tier=", "[label.env|prod][label.tier|]"},
      {"label.a.b==x", "[label.a.b|=x]"},
      {"status=expired,status=revoked", "[status|expired][status|revoked]"},
      {"expires-before=2027-01-01,expires-after=2026-01-01T00:00:00+02:00",
       "[expires-before|2027-01-01][expires-after|2026-01-01T00:00:00+02:00]"},
      {"ca=ymgr Issuing CA 1,key=rsa-3072", "[ca|ymgr Issuing CA 1][key|rsa-3072]"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(shown(parse_selection(row.text)) == row.want);
  }
}

TEST_CASE("a wrong selection is refused with what would be right") {
  struct Row {
    const char* text;
    Code code;
    const char* hint;
  };
  const Row rows[] = {
      {"", Code::usage, "write FIELD=VALUE, such as owner=alice, joined by commas"},
      {"owner=alice,", Code::usage, "write FIELD=VALUE, such as owner=alice, joined by commas"},
      {"owner", Code::usage, "write FIELD=VALUE, such as owner=alice, joined by commas"},
      {"onwer=alice", Code::usage, "did you mean owner?"},
      {"!!owner=alice", Code::usage, "did you mean owner?"},
      {"colour=red", Code::usage,
       "fields are owner, profile, name, status, label.KEY, ca, expires-before, expires-after, host, key, device"},
      {"label.=x", Code::usage,
       "fields are owner, profile, name, status, label.KEY, ca, expires-before, expires-after, host, key, device"},
      {"label.KEY", Code::usage, "write FIELD=VALUE, such as owner=alice, joined by commas"},
      {"owner=", Code::usage, "write owner=VALUE"},
      {"status=actif", Code::usage, "one of active, expired, superseded, revoked, tracked"},
      {"key=ec-p257", Code::usage, "one of rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384, ed25519"},
      {"profile=tls-*", Code::usage, "write the whole profile"},
      {"owner=\xff", Code::usage, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto error = thrown([&] { parse_selection(row.text); });
    REQUIRE(error);
    CHECK(error->code() == row.code);
    CHECK(error->hint() == row.hint);
  }
  CHECK_CODE(parse_selection("expires-before=2027-02-30"), Code::time_invalid);
  CHECK_CODE(parse_selection("expires-after=soon"), Code::time_invalid);
}

}  // namespace
