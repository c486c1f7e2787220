#include <cstdint>

#include "x509/names_internal.hpp"

// RFC 3492, with the parameters of its section 5.
namespace ymgr {
namespace {

constexpr std::uint32_t base = 36, t_min = 1, t_max = 26, skew = 38, damp = 700, initial_bias = 72, initial_n = 128;
constexpr std::uint32_t max_code_point = 0x10FFFF;

std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / damp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > (base - t_min) * t_max / 2; k += base) delta /= base - t_min;
  return k + (base - t_min + 1) * delta / (delta + skew);
}

constexpr std::uint32_t threshold(std::uint32_t k, std::uint32_t bias) {
  return k <= bias ? t_min : k >= bias + t_max ? t_max : k - bias;
}

constexpr char digit(std::uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26));
}

std::optional<std::uint32_t> value_of(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a');
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0') + 26;
  return std::nullopt;
}

void append_delta(std::string& out, std::uint32_t delta, std::uint32_t bias) {
  for (std::uint32_t k = base;; k += base) {
    const std::uint32_t t = threshold(k, bias);
    if (delta < t) break;
    out += digit(t + (delta - t) % (base - t));
    delta = (delta - t) / (base - t);
  }
  out += digit(delta);
}

}  // namespace

// Labels are short (a name has at most 253 bytes), so 64-bit sums can't overflow.
std::string punycode(std::u32string_view label) {
  std::string out;
  for (const char32_t c : label) {
    if (c < 0x80) out += static_cast<char>(c);
  }
  const auto basic = static_cast<std::uint32_t>(out.size());
  std::uint32_t handled = basic, n = initial_n, bias = initial_bias;
  std::uint64_t delta = 0;
  if (basic > 0) out += '-';
  while (handled < label.size()) {
    std::uint32_t next = max_code_point + 1;
    for (const char32_t c : label) {
      if (c >= n && c < next) next = c;
    }
    delta += static_cast<std::uint64_t>(next - n) * (handled + 1);
    n = next;
    for (const char32_t c : label) {
      if (c < n) ++delta;
      if (c != n) continue;
      append_delta(out, static_cast<std::uint32_t>(delta), bias);
      bias = adapt(static_cast<std::uint32_t>(delta), handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out;
}

std::optional<std::u32string> from_punycode(std::string_view text) {
  std::u32string out;
  if (const auto dash = text.rfind('-'); dash != std::string_view::npos) {
    for (const char c : text.substr(0, dash)) out += static_cast<char32_t>(static_cast<unsigned char>(c));
    text.remove_prefix(dash + 1);
  }
  std::uint32_t bias = initial_bias;
  std::uint64_t n = initial_n, i = 0;
  while (!text.empty()) {
    const std::uint64_t before = i;
    std::uint64_t weight = 1;
    for (std::uint32_t k = base;; k += base) {
      const auto value = text.empty() ? std::nullopt : value_of(text.front());
      if (!value) return std::nullopt;
      text.remove_prefix(1);
      i += *value * weight;
      if (i > UINT32_MAX) return std::nullopt;
      const std::uint32_t t = threshold(k, bias);
      if (*value < t) break;
      weight *= base - t;
      if (weight > UINT32_MAX) return std::nullopt;
    }
    const auto points = static_cast<std::uint32_t>(out.size() + 1);
    bias = adapt(static_cast<std::uint32_t>(i - before), points, before == 0);
    n += i / points;
    i %= points;
    if (n > max_code_point || (n >= 0xD800 && n < 0xE000)) return std::nullopt;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(i++), static_cast<char32_t>(n));
  }
  return out;
}

std::u32string code_points(std::string_view utf8) {
  std::u32string out;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80) {
      out += static_cast<char32_t>(byte < 0x80   ? byte
                                   : byte < 0xE0 ? byte & 0x1FU
                                   : byte < 0xF0 ? byte & 0x0FU
                                                 : byte & 0x07U);
    } else if (!out.empty()) {
      out.back() = out.back() << 6U | (byte & 0x3FU);
    }
  }
  return out;
}

}  // namespace ymgr
