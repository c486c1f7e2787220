#include "base/secret.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "base/json.hpp"

using namespace ymgr;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);
static_assert(!std::is_constructible_v<Json, const Secret&> && !std::is_constructible_v<Json, Secret>);
static_assert(!std::is_convertible_v<const Secret&, std::string_view>);

TEST_CASE("a secret holds its bytes, zeros among them, until it is moved from") {
  Secret a(std::string_view("a\0b", 3));
  CHECK(a.reveal() == std::string_view("a\0b", 3));
  Secret b(std::move(a));
  CHECK(a.empty());
  CHECK(b.size() == 3);
  Secret c(std::string_view("other"));
  c = std::move(b);
  CHECK(b.empty());
  CHECK(c.reveal() == std::string_view("a\0b", 3));
  Secret& same = c;
  c = std::move(same);
  CHECK(c.size() == 3);
}

TEST_CASE("absorb clears its source") {
  std::string password = "correct horse";
  const Secret taken = Secret::absorb(password);
  CHECK(taken.reveal() == "correct horse");
  CHECK(password == std::string(13, '\0'));
  CHECK(Secret::absorb({}).empty());
}

TEST_CASE("shrink keeps the front, clears the rest and never grows") {
  Secret s(std::string_view("secret"));
  const char* data = s.reveal().data();
  s.shrink(3);
  CHECK(s.reveal() == "sec");
  CHECK(std::string_view(data + 3, 3) == std::string_view("\0\0\0", 3));
  s.shrink(10);
  CHECK(s.size() == 3);
}

TEST_CASE("a sized secret is zero, a random one is not, a clone is separate") {
  const Secret zero(std::size_t{32});
  CHECK(std::ranges::all_of(zero.reveal(), [](char c) { return c == 0; }));
  const Secret random = Secret::random(32);
  CHECK(random.reveal() != zero.reveal());
  Secret copy = random.clone();
  CHECK(copy.reveal() == random.reveal());
  copy.fill()[0] = static_cast<char>(copy.fill()[0] ^ 1);
  CHECK(copy.reveal() != random.reveal());
  CHECK(Secret(std::size_t{0}).empty());
  CHECK(Secret().clone().empty());
}
