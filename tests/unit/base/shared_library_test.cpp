#include "base/shared_library.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

using namespace ymgr;

TEST_CASE("a library is opened by its name and gives functions") {
  const SharedLibrary math("libm.so.6", "libc6");
  CHECK(math.function<double(double)>("cbrt")(27.0) == doctest::Approx(3.0));
}

TEST_CASE("a library that is not there, or has no such function, is named with its package") {
  const auto error = *thrown([] { SharedLibrary("libnothing.so.77", "libnothing77"); });
  CHECK(error.code() == Code::library_missing);
  CHECK(std::string(error.what()).find("libnothing.so.77") != std::string::npos);
  CHECK(error.hint() == "apt-get install libnothing77");
  const SharedLibrary math("libm.so.6", "libc6");
  CHECK(code_of([&] { math.function<void()>("no_such_function"); }) == Code::library_missing);
}
