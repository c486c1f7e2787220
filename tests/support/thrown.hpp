// What a call throws, as a value that a table of cases can name.
#pragma once
#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>

#include "base/error.hpp"

/// Shown as text, not as an address.
template <>
struct doctest::StringMaker<const char*> {
  static String convert(const char* text) { return text == nullptr ? "nullptr" : text; }
};

namespace ymgr {

inline std::ostream& operator<<(std::ostream& out, Code code) {
  return out << info(code).text;
}
inline std::ostream& operator<<(std::ostream& out, const std::optional<Code>& code) {
  return code ? out << *code : out << "no error";
}

/// nullopt: it threw nothing. Anything but an Error passes through.
template <class Call>
std::optional<Error> thrown(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

template <class Call>
std::optional<Code> code_of(Call&& call) {
  const auto error = thrown(call);
  return error ? std::optional(error->code()) : std::nullopt;
}

/// The message, or "" when nothing was thrown.
template <class Call>
std::string message_of(Call&& call) {
  const auto error = thrown(call);
  return error ? error->what() : "";
}

}  // namespace ymgr

/// The expression throws an Error with that code.
#define CHECK_CODE(expression, wanted) \
  CHECK(ymgr::code_of([&] { static_cast<void>(expression); }) == std::optional<ymgr::Code>(wanted))
