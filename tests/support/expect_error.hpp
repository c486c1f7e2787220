// CHECK_CODE(expression, Code::x): the expression throws Error with that code.
#pragma once
#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace ymgr::test {

inline std::optional<Error> error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}
inline std::string code_of(const std::function<void()>& body) {
  const auto error = error_of(body);
  return error ? std::string(info(error->code()).text) : "no error";
}

}  // namespace ymgr::test

#define CHECK_CODE(expression, wanted) \
  CHECK(ymgr::test::code_of([&] { static_cast<void>(expression); }) == std::string(ymgr::info(wanted).text))
