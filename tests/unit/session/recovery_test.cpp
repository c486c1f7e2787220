#include <doctest/doctest.h>

#include "base/text.hpp"
#include "session/session.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

std::string opened(const test::TestDatabase& db, const std::string& text) {
  return std::string(users::open_recovery(*db, Secret(text)).key.reveal());
}

std::string without(std::string text, char c) {
  std::erase(text, c);
  return text;
}

TEST_CASE("a recovery key opens the data key, as printed and as people type it") {
  const test::TestDatabase db;
  const DataKey key = test::test_data_key();
  const Secret made = users::make_recovery_key(*db, key);
  const std::string text(made.reveal());
  CHECK(text.size() == 83);
  CHECK(text.starts_with("ymgr-recovery-"));
  CHECK(text[18] == '-');
  const std::string wanted(key.key.reveal());
  CHECK(opened(db, text) == wanted);
  CHECK(opened(db, lower(text)) == wanted);
  CHECK(opened(db, " " + text + "\n") == wanted);
  CHECK(opened(db, "ymgr-recovery-" + without(text.substr(14), '-')) == wanted);
}

TEST_CASE("every mistyped digit of a recovery key is noticed") {
  const test::TestDatabase db;
  const Secret made = users::make_recovery_key(*db, test::test_data_key());
  const std::string text(made.reveal());
  for (std::size_t i = 14; i < text.size(); ++i) {
    if (text[i] == '-') continue;
    std::string wrong = text;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    const auto error = thrown([&] { opened(db, wrong); });
    REQUIRE(error);
    CHECK(error->code() == Code::box_invalid);
    CHECK(std::string(error->what()) == "that is not a recovery key: characters are missing or wrong");
  }
  const std::string others[] = {
      "", "ymgr-recovery-", text.substr(14), text + "A", text.substr(0, text.size() - 1), text + "-1"};
  for (const auto& other : others) {
    CAPTURE(other);
    CHECK_CODE(opened(db, other), Code::box_invalid);
  }
}

TEST_CASE("only the newest recovery key of the same profile opens it") {
  const test::TestDatabase db, other;
  const DataKey key = test::test_data_key();
  const Secret first = users::make_recovery_key(*db, key);
  CHECK_CODE(users::open_recovery(*other, first), Code::box_invalid);
  const Secret second = users::make_recovery_key(*db, key);
  CHECK_CODE(users::open_recovery(*db, first), Code::box_invalid);
  CHECK(users::open_recovery(*db, second).key.reveal() == key.key.reveal());
}

}  // namespace
