#include <algorithm>

#include "base/text.hpp"
#include "base/yaml.hpp"

namespace ymgr {
namespace {

std::optional<std::int64_t> read_integer(std::string_view text) noexcept {
  if (!text.starts_with('-')) return parse_number(text);
  const auto number = parse_number(text.substr(1));
  return number ? std::optional(-*number) : std::nullopt;
}

std::string in_quotes(std::string_view text) {
  return "\"" + printable(text) + "\"";
}

}  // namespace

YamlReader::YamlReader(const YamlNode& node, std::string_view file, Code code, std::string_view what)
    : node_(node), file_(file), code_(code), what_(what) {
  if (node.type != YamlNode::Type::mapping && node.type != YamlNode::Type::null) {
    throw error(node, what_ + " must be a mapping", "write one `key: value` a line");
  }
}

const YamlNode* YamlReader::node(std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
  const YamlNode* found = node_.find(key);
  return found == nullptr || found->type == YamlNode::Type::null ? nullptr : found;
}

const YamlNode* YamlReader::scalar(std::string_view key, std::string_view want) {
  const YamlNode* found = node(key);
  if (found != nullptr && found->type != YamlNode::Type::scalar) wrong(*found, key, want);
  return found;
}

void YamlReader::wrong(const YamlNode& value, std::string_view key, std::string_view want) const {
  throw error(value, std::string(key) + " must be " + std::string(want));
}

std::optional<std::string> YamlReader::text(std::string_view key) {
  const YamlNode* found = scalar(key, "one text");
  return found == nullptr ? std::nullopt : std::optional(found->scalar);
}

std::optional<std::int64_t> YamlReader::number(std::string_view key, std::int64_t min, std::int64_t max) {
  const std::string want = "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  const YamlNode* found = scalar(key, want);
  if (found == nullptr) return std::nullopt;
  const auto value = found->quoted ? std::nullopt : read_integer(found->scalar);
  if (!value || *value < min || *value > max) wrong(*found, key, want);
  return value;
}

std::optional<bool> YamlReader::boolean(std::string_view key) {
  constexpr std::string_view want = "true or false";
  const YamlNode* found = scalar(key, want);
  if (found == nullptr) return std::nullopt;
  if (found->quoted || (found->scalar != "true" && found->scalar != "false")) wrong(*found, key, want);
  return found->scalar == "true";
}

std::optional<Duration> YamlReader::duration(std::string_view key) {
  constexpr std::string_view want = "a duration such as 90d or 1h30m";
  const YamlNode* found = scalar(key, want);
  if (found == nullptr) return std::nullopt;
  const auto value = read_duration(found->scalar);
  if (!value) wrong(*found, key, want);
  return value;
}

std::optional<std::vector<std::string>> YamlReader::texts(std::string_view key) {
  const YamlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->type == YamlNode::Type::scalar) return std::vector{found->scalar};
  if (found->type != YamlNode::Type::sequence) wrong(*found, key, "a list of texts");
  std::vector<std::string> texts;
  for (const YamlNode& item : found->items) {
    if (item.type != YamlNode::Type::scalar) wrong(item, key, "a list of texts");
    texts.push_back(item.scalar);
  }
  return texts;
}

std::optional<std::string> YamlReader::choice(std::string_view key, std::span<const std::string_view> choices) {
  const std::vector<std::string> names(choices.begin(), choices.end());
  const std::string want = "one of " + join(names, ", ");
  const YamlNode* found = scalar(key, want);
  if (found == nullptr) return std::nullopt;
  if (std::ranges::find(choices, found->scalar) == choices.end()) {
    const auto near = nearest(found->scalar, choices);
    throw error(*found, std::string(key) + " must be " + want + ", not " + in_quotes(found->scalar),
                near ? "did you mean " + in_quotes(*near) + "?" : "");
  }
  return found->scalar;
}

void YamlReader::finish() {
  for (const auto& [key, value] : node_.members) {
    if (std::ranges::find(known_, key.scalar) != known_.end()) continue;
    const std::vector<std::string_view> candidates(known_.begin(), known_.end());
    const auto near = nearest(key.scalar, candidates);
    throw error(key, "unknown key " + in_quotes(key.scalar) + " in " + what_,
                near ? "did you mean " + in_quotes(*near) + "?" : "known keys: " + join(known_, ", "));
  }
}

Error YamlReader::error(const YamlNode& node, std::string_view message, std::string hint) const {
  const std::string line = std::to_string(node.line), column = std::to_string(node.column);
  return Error(code_, file_ + ":" + line + ":" + column + ": " + std::string(message), std::move(hint),
               {{"file", file_}, {"line", line}, {"column", column}});
}

}  // namespace ymgr
