#include <algorithm>
#include <array>
#include <functional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inventory/inventory.hpp"

namespace ymgr {
namespace {

constexpr std::array<std::string_view, 11> fields{"owner",     "profile", "name",           "status",
                                                  "label.KEY", "ca",      "expires-before", "expires-after",
                                                  "host",      "key",     "device"};
constexpr std::array<std::string_view, 5> statuses{"active", "expired", "superseded", "revoked", "tracked"};
constexpr std::string_view label_prefix = "label.";
constexpr std::size_t most_conditions = 32;

Error wrong(std::string_view condition, const std::string& why, std::string hint) {
  return Error(Code::usage, "selection " + printable(condition) + ": " + why, std::move(hint));
}

void check_field(std::string_view condition, std::string_view field) {
  if (field.starts_with(label_prefix) && field.size() > label_prefix.size()) return;
  if (field != "label.KEY" && std::find(fields.begin(), fields.end(), field) != fields.end()) return;
  const auto near = nearest(field, fields);
  throw wrong(condition, "unknown field " + printable(field),
              near ? "did you mean " + *near + "?"
                   : "fields are " + join(std::vector<std::string>(fields.begin(), fields.end()), ", "));
}

void check_choice(std::string_view condition, std::string_view value, std::span<const std::string_view> choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  throw wrong(condition, "unknown value " + printable(value),
              "one of " + join(std::vector<std::string>(choices.begin(), choices.end()), ", "));
}

void check_value(std::string_view condition, std::string_view field, std::string_view value) {
  if (field.starts_with(label_prefix)) return;
  if (value.empty()) throw wrong(condition, "no value", "write " + std::string(field) + "=VALUE");
  if (field == "name" || field == "owner") return;
  if (field == "status") return check_choice(condition, value, statuses);
  if (field == "key") return check_choice(condition, value, key_algorithm_names());
  if (field == "expires-before" || field == "expires-after") {
    parse_time(value);
    return;
  }
  if (value.find('*') != std::string_view::npos) {
    throw wrong(condition, "'*' stands for any text in name and owner only", "write the whole " + std::string(field));
  }
}

Selection::Condition parse_condition(std::string_view text) {
  std::string_view rest = text;
  const bool negated = rest.starts_with('!');
  if (negated) rest.remove_prefix(1);
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) {
    throw wrong(text, "no '='", "write FIELD=VALUE, such as owner=alice, joined by commas");
  }
  const auto field = trim(rest.substr(0, equals)), value = trim(rest.substr(equals + 1));
  check_field(text, field);
  check_value(text, field, value);
  return {std::string(field), std::string(value), negated};
}

}  // namespace

Selection parse_selection(std::string_view text) {
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
    throw Error(Code::usage, "the selection is not UTF-8 text");
  }
  const auto parts = split(text, ',');
  if (parts.size() > most_conditions) {
    throw Error(Code::usage, "the selection has more than " + std::to_string(most_conditions) + " conditions");
  }
  Selection selection;
  for (const auto& part : parts) selection.conditions.push_back(parse_condition(trim(part)));
  return selection;
}

std::vector<std::string> texts_of(const Selection& selection) {
  std::vector<std::string> texts;
  for (const auto& condition : selection.conditions)
    texts.push_back((condition.negated ? "!" : "") + condition.field + "=" + condition.value);
  return texts;
}

}  // namespace ymgr
