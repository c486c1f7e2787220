#include "vault/auth_oidc.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;

TEST_CASE("what a browser brings back is of this login, a code or an error") {
  const struct {
    const char* query;
    const char *code, *error;  // nullptr: of another login, or nothing
  } rows[] = {
      {"state=s+1&code=a%2Fb", "a/b", ""},
      {"code=c&state=s%201", "c", ""},
      {"state=s+1&error=access_denied&error_description=not+you%0a", "", "access_denied: not you?"},
      {"state=s+1&error=&code=c", "", "an error"},
      {"state=other&code=c", nullptr, nullptr},
      {"code=c", nullptr, nullptr},
      {"", nullptr, nullptr},
      {"state=s+1", nullptr, nullptr},
      {"state=s+1&code=", nullptr, nullptr},
      {"state=s+1&state=s+1&code=c", nullptr, nullptr},
      {"state=s+1&code=a&code=b", nullptr, nullptr},
      {"state=s+1&code=%4", nullptr, nullptr},
      {"state=s+1&code=%zz", nullptr, nullptr},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    const auto got = read_oidc_callback(row.query, "s 1");
    CHECK(got.has_value() == (row.code != nullptr));
    if (!got || row.code == nullptr) continue;
    CHECK(got->code == row.code);
    CHECK(got->error == row.error);
  }
}

}  // namespace
