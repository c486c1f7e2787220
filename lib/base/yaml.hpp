// YAML as configuration and policy use it: mappings, sequences, scalars; every node knows its place.
// yaml-cpp is included by yaml.cpp alone. Anchors, aliases and tags are refused.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace ymgr {

struct YamlMember;

struct YamlNode {
  enum class Type { null, scalar, sequence, mapping };
  Type type = Type::null;
  std::string scalar;
  bool quoted = false;
  std::vector<YamlNode> items;      // of a sequence
  std::vector<YamlMember> members;  // of a mapping
  int line = 0, column = 0;         // from 1

  const YamlNode* find(std::string_view key) const noexcept;
};

struct YamlMember {
  YamlNode key;  // a node for its place
  YamlNode value;
};

struct YamlLimits {
  std::size_t bytes = 1024 * 1024;
  std::size_t depth = 16;
};

/// One document; an empty text is null. Keys are scalars; duplicate ones are refused, and so are control characters.
/// @throws Error yaml-invalid, details file, line, column
YamlNode parse_yaml(std::string_view text, std::string_view file, const YamlLimits& limits = {});

/// Reads a mapping with a fixed set of keys. Each getter marks its key as known; finish() refuses all others with file,
/// line, column and the nearest known key. Errors carry the code given here (config-invalid, policy-invalid, …).
/// A key without a value counts as absent. The node must outlive the reader.
class YamlReader {
 public:
  /// @param what  "a profile": named in messages
  /// @throws Error when `node` is neither a mapping nor null
  YamlReader(const YamlNode& node, std::string_view file, Code code, std::string_view what);
  std::optional<std::string> text(std::string_view key);
  std::optional<std::int64_t> number(std::string_view key, std::int64_t min, std::int64_t max);
  std::optional<bool> boolean(std::string_view key);  // true and false only
  std::optional<Duration> duration(std::string_view key);
  std::optional<std::vector<std::string>> texts(std::string_view key);  // a sequence of scalars, or one scalar
  const YamlNode* node(std::string_view key);
  /// The value must be one of `choices`.
  std::optional<std::string> choice(std::string_view key, std::span<const std::string_view> choices);
  void finish();
  /// An error at `node`: "FILE:LINE:COLUMN: message".
  Error error(const YamlNode& node, std::string_view message, std::string hint = {}) const;
  const YamlNode& mapping() const noexcept { return node_; }

 private:
  const YamlNode* scalar(std::string_view key, std::string_view want);
  [[noreturn]] void wrong(const YamlNode& value, std::string_view key, std::string_view want) const;

  const YamlNode& node_;
  std::string file_;
  Code code_;
  std::string what_;
  std::vector<std::string> known_;
};

}  // namespace ymgr
