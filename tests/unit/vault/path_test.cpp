#include "vault/path.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using vault::Path;

TEST_CASE("a path is made of parts that can't reach another path") {
  CHECK((Path("team1/pki") / "sign" / "web server").text() == "team1/pki/sign/web server");
  CHECK((Path("/pki/") / "cert" / "4a:3f").url() == "/v1/pki/cert/4a:3f");
  CHECK((Path("kv") + "metadata/12/pin").url() == "/v1/kv/metadata/12/pin");
  CHECK((Path("kv") / "a?b#c%2Fd é").url() == "/v1/kv/a%3fb%23c%252Fd%20%c3%a9");
  for (const char* part : {"", ".", "..", "a/b", "/", "a\nb", "a\x7f", "\xff"}) {
    CAPTURE(part);
    CHECK_CODE(Path("kv") / part, Code::usage);
  }
  for (const char* parts : {"", "/", "a//b", "../b", "a/./b", "a/.."}) {
    CAPTURE(parts);
    CHECK_CODE(Path(parts), Code::usage);
  }
}

TEST_CASE("a query takes any text") {
  Path path("kv/metadata");
  path.ask("after", "a/&b=c ").ask("limit", "2");
  CHECK(path.url() == "/v1/kv/metadata?after=a%2f%26b%3dc%20&limit=2");
  CHECK(path.text() == "kv/metadata");
}

}  // namespace
