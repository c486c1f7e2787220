#include "base/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace ymgr {
namespace {

Error error_at(std::string_view file, int line, int column, const std::string& reason) {
  const std::string row = std::to_string(line), col = std::to_string(column);
  return Error(Code::yaml_invalid, std::string(file) + ":" + row + ":" + col + ": " + reason, {},
               {{"file", std::string(file)}, {"line", row}, {"column", col}});
}

// yaml-cpp takes U+0004 for the end of its input, and would leave out what follows.
void require_printable(std::string_view text, std::string_view file) {
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char next = utf8_at(text, at);
    const bool control = next.code < 0x20 && next.code != '\t' && next.code != '\n' && next.code != '\r';
    if (!next.valid || control || next.code == 0x7F) {
      const TextPlace place = place_of(text, at);
      throw error_at(file, static_cast<int>(place.line), static_cast<int>(place.column),
                     next.valid ? "a control character" : "the text is not UTF-8");
    }
    at += next.size;
  }
}

/// The later of the first two keys that are equal.
const YamlNode* repeated_key(const std::vector<YamlMember>& members) {
  std::vector<const YamlNode*> keys;
  keys.reserve(members.size());
  for (const YamlMember& member : members) keys.push_back(&member.key);
  std::ranges::stable_sort(keys, {}, [](const YamlNode* key) -> std::string_view { return key->scalar; });
  const auto same = [](const YamlNode* a, const YamlNode* b) { return a->scalar == b->scalar; };
  const auto found = std::ranges::adjacent_find(keys, same);
  return found == keys.end() ? nullptr : *(found + 1);
}

// Takes events, because yaml-cpp's own nodes follow aliases and its recursion is stopped only from here.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view file, std::size_t depth) : file_(file), depth_(depth) { root_.line = root_.column = 1; }
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (started_) throw error(mark, "text after the end of the document");
    started_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(node(mark, YamlNode::Type::null, anchor, "?"));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { throw error(mark, "aliases (*) are not supported"); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    throw error(mark, "anchors (&) are not supported");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode made = node(mark, YamlNode::Type::scalar, anchor, tag);
    made.scalar = value;
    made.quoted = tag == "!";
    add(std::move(made));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, node(mark, YamlNode::Type::sequence, anchor, tag));
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, node(mark, YamlNode::Type::mapping, anchor, tag));
  }
  void OnMapEnd() override {
    const YamlNode& mapping = open_.back().node;
    if (const YamlNode* twice = repeated_key(mapping.members)) {
      throw error_at(file_, twice->line, twice->column, "the key \"" + printable(twice->scalar) + "\" stands twice");
    }
    end();
  }

  Error error(const YAML::Mark& mark, const std::string& reason) const {
    return error_at(file_, std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1, reason);
  }

 private:
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;  // of a mapping, until its value comes
  };

  YamlNode node(const YAML::Mark& mark, YamlNode::Type type, YAML::anchor_t anchor, const std::string& tag) const {
    if (anchor != YAML::NullAnchor) throw error(mark, "anchors (&) are not supported");
    if (!tag.empty() && tag != "?" && tag != "!") throw error(mark, "tags (!) are not supported");
    YamlNode made;
    made.type = type;
    made.line = mark.line + 1;
    made.column = mark.column + 1;
    return made;
  }
  void begin(const YAML::Mark& mark, YamlNode container) {
    if (open_.size() >= depth_) throw error(mark, "nested deeper than " + std::to_string(depth_));
    open_.push_back({std::move(container), std::nullopt});
  }
  void end() {
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }
  void add(YamlNode made) {
    if (open_.empty()) {
      root_ = std::move(made);
      return;
    }
    auto& [parent, key] = open_.back();
    if (parent.type == YamlNode::Type::sequence) {
      parent.items.push_back(std::move(made));
    } else if (key) {
      parent.members.push_back({std::move(*key), std::move(made)});
      key.reset();
    } else if (made.type == YamlNode::Type::scalar) {
      key = std::move(made);
    } else {
      throw error_at(file_, made.line, made.column, "a key must be a word");
    }
  }

  std::string file_;
  std::size_t depth_;
  bool started_ = false;
  YamlNode root_;
  std::vector<Open> open_;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const noexcept {
  const auto found =
      std::ranges::find(members, key, [](const YamlMember& m) -> std::string_view { return m.key.scalar; });
  return found == members.end() ? nullptr : &found->value;
}

YamlNode parse_yaml(std::string_view text, std::string_view file, const YamlLimits& limits) {
  if (text.size() > limits.bytes) {
    throw error_at(file, 1, 1, "larger than " + std::to_string(limits.bytes) + " bytes");
  }
  require_printable(text, file);
  Builder builder(file, limits.depth);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::ParserException& error) {
    const bool alias = error.msg == YAML::ErrorMsg::UNKNOWN_ANCHOR;
    throw builder.error(error.mark, alias ? "aliases (*) are not supported" : printable(error.msg));
  }
  return builder.take();
}

}  // namespace ymgr
