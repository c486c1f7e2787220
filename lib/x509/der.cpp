#include "x509/der.hpp"

#include "base/error.hpp"

namespace ymgr::der {
namespace {

void append_base128(std::string& out, std::uint64_t value) {
  char groups[10];
  std::size_t count = 0;
  do {
    groups[count++] = static_cast<char>(value & 0x7FU);
    value >>= 7U;
  } while (value != 0);
  while (count > 1) out += static_cast<char>(static_cast<unsigned char>(groups[--count]) | 0x80U);
  out += groups[0];
}

std::string digits_of(Time t) {
  constexpr std::int64_t year_10000 = 253402300800;
  if (to_seconds(t) < 0 || to_seconds(t) >= year_10000) {
    throw Error(Code::time_invalid, "a certificate can only hold times of the years 1970 to 9999");
  }
  return format_compact(t) + 'Z';
}

}  // namespace

std::string tlv(unsigned char tag, std::string_view content) {
  std::string out;
  out.reserve(content.size() + 6);
  out += static_cast<char>(tag);
  const std::size_t size = content.size();
  if (size < 0x80) {
    out += static_cast<char>(size);
  } else {
    int bytes = 1;
    while ((size >> (8 * bytes)) != 0) ++bytes;
    out += static_cast<char>(0x80 | bytes);
    while (bytes-- > 0) out += static_cast<char>((size >> (8 * bytes)) & 0xFFU);
  }
  return out.append(content);
}

std::string integer(std::string_view magnitude) {
  while (magnitude.size() > 1 && magnitude.front() == 0) magnitude.remove_prefix(1);
  const bool pad = magnitude.empty() || (static_cast<unsigned char>(magnitude.front()) & 0x80U) != 0;
  return tlv(integer_tag, (pad ? std::string(1, '\0') : std::string()).append(magnitude));
}

std::string integer(std::int64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xFF);
  return integer(bytes);
}

std::string oid(std::string_view dotted) {
  std::string content;
  std::uint64_t arc = 0, first = 0;
  int index = 0;
  for (std::size_t i = 0; i <= dotted.size(); ++i) {
    if (i < dotted.size() && dotted[i] != '.') {
      arc = arc * 10 + static_cast<std::uint64_t>(dotted[i] - '0');
      continue;
    }
    if (index == 0) {
      first = arc;
    } else {
      append_base128(content, index == 1 ? first * 40 + arc : arc);
    }
    ++index;
    arc = 0;
  }
  return tlv(oid_tag, content);
}

std::string bit_string(std::string_view bytes, unsigned char unused_bits) {
  return tlv(bit_string_tag, std::string(1, static_cast<char>(unused_bits)).append(bytes));
}

std::string named_bits(unsigned bits) {
  std::string bytes;
  unsigned char unused = 0;
  for (unsigned i = 0; (bits >> i) != 0; ++i) {
    if (i % 8 == 0) bytes += '\0';
    if (((bits >> i) & 1U) != 0) {
      bytes.back() = static_cast<char>(static_cast<unsigned char>(bytes.back()) | (0x80U >> (i % 8)));
    }
    unused = static_cast<unsigned char>(7 - i % 8);
  }
  return bit_string(bytes, unused);
}

std::string octet_string(std::string_view bytes) {
  return tlv(octet_string_tag, bytes);
}

std::string time(Time t) {
  constexpr std::int64_t year_2050 = 2524608000;
  return to_seconds(t) < year_2050 ? tlv(utc_time, std::string_view(digits_of(t)).substr(2)) : generalized_time(t);
}

std::string generalized_time(Time t) {
  return tlv(generalized_time_tag, digits_of(t));
}

std::optional<std::string_view> take(std::string_view& rest, unsigned char tag) noexcept {
  if (rest.size() < 2 || static_cast<unsigned char>(rest[0]) != tag) return std::nullopt;
  std::size_t size = static_cast<unsigned char>(rest[1]);
  std::size_t head = 2;
  if (size >= 0x80) {
    const std::size_t bytes = size & 0x7FU;
    if (bytes == 0 || bytes > 4 || rest.size() < 2 + bytes) return std::nullopt;
    size = 0;
    for (std::size_t i = 0; i < bytes; ++i) size = size << 8U | static_cast<unsigned char>(rest[2 + i]);
    head += bytes;
  }
  if (size > rest.size() - head) return std::nullopt;
  const auto content = rest.substr(head, size);
  rest.remove_prefix(head + size);
  return content;
}

std::optional<std::string_view> take_whole(std::string_view& rest) noexcept {
  const auto before = rest;
  if (rest.empty() || !take(rest, static_cast<unsigned char>(rest.front()))) return std::nullopt;
  return before.substr(0, before.size() - rest.size());
}

std::optional<std::string_view> key_bits(std::string_view spki) noexcept {
  auto inner = take(spki, sequence_tag);
  if (!inner || !take(*inner, sequence_tag)) return std::nullopt;
  const auto bits = take(*inner, bit_string_tag);
  if (!bits || bits->empty() || bits->front() != 0) return std::nullopt;
  return bits->substr(1);
}

}  // namespace ymgr::der
