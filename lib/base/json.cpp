#include "base/json.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace ymgr {
namespace {

const char* type_name(const Json& value) noexcept {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "true or false";
  if (value.is_integer() || value.is_real()) return "a number";
  if (value.is_text()) return "text";
  return value.is_array() ? "a list" : "an object";
}

[[noreturn]] void wrong_type(const char* want, const Json& got) {
  throw Error(Code::json_invalid, "the JSON has " + std::string(type_name(got)) + " where " + want + " is needed");
}

template <class T, class Variant>
auto& get_or_throw(Variant& value, const char* want, const Json& self) {
  auto* found = std::get_if<T>(&value);
  if (found == nullptr) wrong_type(want, self);
  return *found;
}

Error error_at(std::string_view text, std::size_t offset, const std::string& reason, std::size_t first_line) {
  const TextPlace place = place_of(text, offset);
  const std::string line = std::to_string(first_line - 1 + place.line), column = std::to_string(place.column);
  return Error(Code::json_invalid, reason + " at line " + line + ", column " + column, {},
               {{"line", line}, {"column", column}});
}

// Tells the builder how far the lexer has come.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** seen) noexcept : at_(at), seen_(seen) {}
  const char& operator*() const noexcept { return *at_; }
  Cursor& operator++() noexcept {
    ++at_;
    if (seen_ != nullptr) *seen_ = at_;
    return *this;
  }
  Cursor operator++(int) noexcept {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const noexcept { return at_ == other.at_; }

 private:
  const char* at_;
  const char** seen_;
};

// Receives the events of nlohmann's parser, which does not recurse.
class Builder {
 public:
  Builder(std::string_view text, const JsonLimits& limits) : text_(text), seen_(text.data()), limits_(limits) {}
  Cursor begin() noexcept { return {text_.data(), &seen_}; }
  Cursor end() const noexcept { return {text_.data() + text_.size(), nullptr}; }
  Json take() { return std::move(root_); }

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(INT64_MAX)) throw error_here("a number is too large");
    return add(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string& digits) {
    if (digits.find_first_of(".eE") == std::string::npos) throw error_here("a number is too large");
    return add(value);
  }
  bool string(std::string& value) { return add(std::move(value)); }
  template <class Binary>
  bool binary(Binary&) {
    return false;  // JSON text has none
  }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool key(std::string& name) {
    open_.back()->members().emplace_back(std::move(name), Json());
    return true;
  }
  bool end_object() {
    if (const auto twice = repeated_name(open_.back()->members())) {
      throw error_here("the member \"" + printable(*twice) + "\" stands twice in the object that ends");
    }
    open_.pop_back();
    return true;
  }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
    // The library's text quotes the input, which may hold a secret.
    if (error.id == 406) throw error_at(text_, position, "a number is too large", limits_.first_line);
    const bool cut = position > text_.size();
    throw error_at(text_, position == 0 ? 0 : position - 1, cut ? "the JSON ends too early" : "the JSON is malformed",
                   limits_.first_line);
  }

 private:
  static std::optional<std::string> repeated_name(const Json::Object& members) {
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto& [name, value] : members) names.push_back(name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    return twice == names.end() ? std::nullopt : std::optional<std::string>(*twice);
  }
  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push(std::move(value));
      return &open_.back()->items().back();
    }
    Json& last = open_.back()->members().back().second;
    last = std::move(value);
    return &last;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  // A container does not move while one inside it is open, so pointers to the open ones stay good.
  bool open(Json value) {
    if (open_.size() >= limits_.depth) {
      throw error_here("the JSON is nested deeper than " + std::to_string(limits_.depth));
    }
    open_.push_back(place(std::move(value)));
    return true;
  }
  Error error_here(const std::string& reason) const {
    const auto read = static_cast<std::size_t>(seen_ - text_.data());
    return error_at(text_, read == 0 ? 0 : read - 1, reason, limits_.first_line);
  }

  std::string_view text_;
  const char* seen_;
  const JsonLimits& limits_;
  Json root_;
  std::vector<Json*> open_;
};

}  // namespace

Json Json::texts(const std::vector<std::string>& items) {
  return Json(Array(items.begin(), items.end()));
}

bool Json::boolean() const {
  return get_or_throw<bool>(value_, "true or false", *this);
}

std::int64_t Json::integer() const {
  return get_or_throw<std::int64_t>(value_, "a whole number", *this);
}

double Json::real() const {
  if (is_integer()) return static_cast<double>(integer());
  return get_or_throw<double>(value_, "a number", *this);
}

const std::string& Json::text() const {
  return get_or_throw<std::string>(value_, "text", *this);
}
const Json::Array& Json::items() const {
  return get_or_throw<Array>(value_, "a list", *this);
}
Json::Array& Json::items() {
  return get_or_throw<Array>(value_, "a list", *this);
}
const Json::Object& Json::members() const {
  return get_or_throw<Object>(value_, "an object", *this);
}
Json::Object& Json::members() {
  return get_or_throw<Object>(value_, "an object", *this);
}

const Json* Json::find(std::string_view name) const noexcept {
  const auto* object = std::get_if<Object>(&value_);
  if (object == nullptr) return nullptr;
  const auto found = std::ranges::find(*object, name, &Member::first);
  return found == object->end() ? nullptr : &found->second;
}

Json* Json::find(std::string_view name) noexcept {
  return const_cast<Json*>(std::as_const(*this).find(name));
}

const Json& Json::at(std::string_view name) const {
  if (const Json* found = find(name)) return *found;
  throw Error(Code::json_invalid, "the JSON has no member \"" + printable(name) + "\"");
}

std::string Json::text_or(std::string_view name, std::string_view fallback) const {
  const Json* found = find(name);
  return found == nullptr || found->is_null() ? std::string(fallback) : found->text();
}

std::int64_t Json::integer_or(std::string_view name, std::int64_t fallback) const {
  const Json* found = find(name);
  return found == nullptr || found->is_null() ? fallback : found->integer();
}

bool Json::boolean_or(std::string_view name, bool fallback) const {
  const Json* found = find(name);
  return found == nullptr || found->is_null() ? fallback : found->boolean();
}

std::vector<std::string> Json::texts_or_empty(std::string_view name) const {
  std::vector<std::string> texts;
  const Json* found = find(name);
  if (found == nullptr || found->is_null()) return texts;
  for (const Json& item : found->items()) texts.push_back(item.text());
  return texts;
}

Json& Json::set(std::string_view name, Json value) {
  if (is_null()) value_ = Object{};
  if (Json* found = find(name)) {
    *found = std::move(value);
  } else {
    members().emplace_back(name, std::move(value));
  }
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  items().push_back(std::move(value));
  return *this;
}

bool Json::erase(std::string_view name) {
  if (!is_object()) return false;
  return std::erase_if(members(), [&](const Member& member) { return member.first == name; }) > 0;
}

Json parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    throw Error(Code::json_invalid, "the JSON is larger than " + std::to_string(limits.bytes) + " bytes");
  }
  Builder builder(text, limits);
  nlohmann::json::sax_parse(builder.begin(), builder.end(), &builder);
  return builder.take();
}

}  // namespace ymgr
