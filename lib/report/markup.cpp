#include "report/markup.hpp"

#include <cmath>
#include <cstdio>

#include "base/text.hpp"

namespace ymgr::markup {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string element(std::string_view name, Attributes attributes, std::string_view content) {
  std::string out = "<" + std::string(name);
  for (const auto& [attribute, value] : attributes) out += " " + std::string(attribute) + "=\"" + escape(value) + "\"";
  return out.append(">").append(content).append("</").append(name).append(">");
}

std::string word(std::string_view name, Attributes attributes, std::string_view text) {
  return element(name, attributes, escape(text));
}

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", std::round(value * 100) / 100);
  std::string out(text);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.ends_with('.')) out.pop_back();
  return out == "-0" ? "0" : out;
}

}  // namespace ymgr::markup
