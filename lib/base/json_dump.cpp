// JSON out. Written here, because hashes are taken over it: it must not change with a library's version.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/json.hpp"
#include "base/utf8.hpp"

namespace ymgr {
namespace {

enum class Order { kept, sorted };
enum class Layout { line, indented };

class Writer {
 public:
  Writer(Order order, Layout layout) : order_(order), layout_(layout) {}
  std::string take() { return std::move(out_); }

  void value(const Json& json) {
    if (json.is_null()) {
      out_ += "null";
    } else if (json.is_bool()) {
      out_ += json.boolean() ? "true" : "false";
    } else if (json.is_integer()) {
      out_ += std::to_string(json.integer());
    } else if (json.is_real()) {
      real(json.real());
    } else if (json.is_text()) {
      text(json.text());
    } else if (json.is_array()) {
      array(json.items());
    } else {
      object(json.members());
    }
  }

 private:
  void real(double number) {
    if (!std::isfinite(number)) {
      out_ += "null";
      return;
    }
    std::array<char, 32> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    const std::string_view written(digits.data(), static_cast<std::size_t>(end - digits.data()));
    out_ += written;
    if (written.find_first_of(".e") == std::string_view::npos) out_ += ".0";  // stays a real when read again
  }
  void text(std::string_view value) {
    out_ += '"';
    for (std::size_t at = 0; at < value.size();) {
      const auto plain = std::find_if_not(value.begin() + static_cast<std::ptrdiff_t>(at), value.end(), is_plain);
      const auto end = static_cast<std::size_t>(plain - value.begin());
      out_ += value.substr(at, end - at);
      at = end;
      if (at == value.size()) break;
      const Utf8Char next = utf8_at(value, at);
      if (!next.valid) {
        out_ += "\xEF\xBF\xBD";
      } else if (next.size == 1) {
        ascii(value[at]);
      } else {
        out_ += value.substr(at, next.size);
      }
      at += next.size;
    }
    out_ += '"';
  }
  static bool is_plain(char c) { return c >= 0x20 && c != '"' && c != '\\' && static_cast<unsigned char>(c) < 0x80; }
  void ascii(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    switch (c) {
      case '"': out_ += "\\\""; break;
      case '\\': out_ += "\\\\"; break;
      case '\b': out_ += "\\b"; break;
      case '\f': out_ += "\\f"; break;
      case '\n': out_ += "\\n"; break;
      case '\r': out_ += "\\r"; break;
      case '\t': out_ += "\\t"; break;
      default:
        const auto code = static_cast<unsigned char>(c);
        out_ += "\\u00";
        out_ += digits[code >> 4];
        out_ += digits[code & 15];
    }
  }
  void array(const Json::Array& items) {
    begin('[');
    for (const Json& item : items) {
      next(&item == items.data());
      value(item);
    }
    end(']', items.empty());
  }
  void object(const Json::Object& members) {
    std::vector<const Json::Member*> order;
    order.reserve(members.size());
    for (const Json::Member& member : members) order.push_back(&member);
    if (order_ == Order::sorted) std::ranges::sort(order, {}, [](const Json::Member* m) { return m->first; });
    begin('{');
    for (const Json::Member* member : order) {
      next(member == order.front());
      text(member->first);
      out_ += layout_ == Layout::indented ? ": " : ":";
      value(member->second);
    }
    end('}', order.empty());
  }
  void begin(char bracket) {
    out_ += bracket;
    ++depth_;
  }
  void next(bool first) {
    if (!first) out_ += ',';
    break_line();
  }
  void end(char bracket, bool empty) {
    --depth_;
    if (!empty) break_line();
    out_ += bracket;
  }
  void break_line() {
    if (layout_ == Layout::line) return;
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }

  Order order_;
  Layout layout_;
  std::size_t depth_ = 0;
  std::string out_;
};

std::string write(const Json& json, Order order, Layout layout) {
  Writer writer(order, layout);
  writer.value(json);
  return writer.take();
}

}  // namespace

std::string dump_json(const Json& value) {
  return write(value, Order::kept, Layout::line);
}

std::string dump_json_pretty(const Json& value) {
  return write(value, Order::kept, Layout::indented) + "\n";
}

std::string canonical_json(const Json& value) {
  return write(value, Order::sorted, Layout::line);
}

}  // namespace ymgr
