// JSON values. nlohmann/json is included by json.cpp alone (0.8 s instead of 27 s a file).
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ymgr {

class Secret;

/// A value: null, bool, integer, real, text, array, or object. Objects keep their members in the order of insertion.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool v) : value_(v) {}
  Json(int v) : value_(std::int64_t{v}) {}
  Json(std::int64_t v) : value_(v) {}
  Json(std::size_t v) : value_(static_cast<std::int64_t>(v)) {}
  Json(double v) : value_(v) {}
  Json(const char* v) : value_(std::string(v)) {}
  Json(std::string_view v) : value_(std::string(v)) {}
  Json(std::string v) : value_(std::move(v)) {}
  Json(Array v) : value_(std::move(v)) {}
  Json(Object v) : value_(std::move(v)) {}
  Json(const Secret&) = delete;
  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }
  static Json object(std::initializer_list<Member> members) { return Json(Object(members)); }
  static Json texts(const std::vector<std::string>& items);

  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const noexcept { return std::holds_alternative<bool>(value_); }
  bool is_integer() const noexcept { return std::holds_alternative<std::int64_t>(value_); }
  bool is_real() const noexcept { return std::holds_alternative<double>(value_); }
  bool is_text() const noexcept { return std::holds_alternative<std::string>(value_); }
  bool is_array() const noexcept { return std::holds_alternative<Array>(value_); }
  bool is_object() const noexcept { return std::holds_alternative<Object>(value_); }

  /// @throws Error json-invalid: the value is of another type
  bool boolean() const;
  std::int64_t integer() const;
  double real() const;  // an integer serves too
  const std::string& text() const;
  const Array& items() const;
  Array& items();
  const Object& members() const;
  Object& members();

  /// nullptr: not an object, or no such member.
  const Json* find(std::string_view name) const noexcept;
  Json* find(std::string_view name) noexcept;
  /// @throws Error json-invalid: no such member
  const Json& at(std::string_view name) const;
  /// The member, or `fallback` when it is absent or null. @throws Error json-invalid: another type
  std::string text_or(std::string_view name, std::string_view fallback) const;
  std::int64_t integer_or(std::string_view name, std::int64_t fallback) const;
  bool boolean_or(std::string_view name, bool fallback) const;
  std::vector<std::string> texts_or_empty(std::string_view name) const;

  /// Replaces the member or appends it. On null: becomes an object.
  Json& set(std::string_view name, Json value);
  /// Appends to an array. On null: becomes an array.
  Json& push(Json value);
  bool erase(std::string_view name);

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  std::size_t bytes = 16 * 1024 * 1024;
  std::size_t depth = 32;
  std::size_t first_line = 1;  // of the text in its file, for the line in errors
};

/// One document, whole input. Duplicate member names are refused.
/// @throws Error json-invalid, with line and column in details
Json parse_json(std::string_view text, const JsonLimits& limits = {});
/// One line, members in their order, invalid UTF-8 replaced by U+FFFD.
std::string dump_json(const Json& value);
/// Indented by two, with a final newline.
std::string dump_json_pretty(const Json& value);
/// Members sorted by name, for hashing and comparing.
std::string canonical_json(const Json& value);

}  // namespace ymgr
