// HTML and SVG put together. Every text and attribute value goes through escape(): what comes in as `content` is markup.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ymgr::markup {

using Attribute = std::pair<std::string_view, std::string>;
using Attributes = std::initializer_list<Attribute>;

/// For text and for attribute values in double quotes; control characters and invalid UTF-8 as printable() has them.
std::string escape(std::string_view text);
/// "<name a="b">content</name>".
std::string element(std::string_view name, Attributes attributes, std::string_view content);
/// The same around text.
std::string word(std::string_view name, Attributes attributes, std::string_view text);
/// SVG coordinates: at most two digits behind the point.
std::string coordinate(double value);

}  // namespace ymgr::markup
