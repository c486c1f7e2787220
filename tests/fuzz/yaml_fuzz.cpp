// Parses any bytes as YAML and asks a reader for every type.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "base/yaml.hpp"

using namespace ymgr;

namespace {

void require_bounded(const YamlNode& node, std::size_t depth) {
  if (depth > YamlLimits{}.depth || node.line < 1 || node.column < 1) std::abort();
  for (const YamlNode& item : node.items) require_bounded(item, depth + 1);
  for (const auto& [key, value] : node.members) {
    if (key.type != YamlNode::Type::scalar) std::abort();
    require_bounded(value, depth + 1);
  }
}

template <class Read>
void attempt(const YamlNode& root, Read read) {
  try {
    YamlReader reader(root, "fuzz", Code::config_invalid, "the file");
    read(reader);
    reader.finish();
  } catch (const Error& error) {
    if (error.code() != Code::config_invalid) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const YamlNode root = parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz");
    require_bounded(root, 0);
    constexpr std::string_view choices[] = {"a", "b"};
    attempt(root, [](YamlReader& r) { r.text("a"); });
    attempt(root, [](YamlReader& r) { r.number("a", -100, 100); });
    attempt(root, [](YamlReader& r) { r.boolean("a"); });
    attempt(root, [](YamlReader& r) { r.duration("a"); });
    attempt(root, [](YamlReader& r) { r.texts("a"); });
    attempt(root, [&](YamlReader& r) { r.choice("a", choices); });
  } catch (const Error& error) {
    if (error.code() != Code::yaml_invalid) std::abort();
  }
  return 0;
}
