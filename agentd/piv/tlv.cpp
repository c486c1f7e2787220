#include "agentd/piv/tlv.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace ymgr::piv {
namespace {

constexpr std::size_t most_elements = 64;

[[noreturn]] void malformed(const char* why) {
  throw Error(Code::device_failed, std::string("the card's answer is malformed: ") + why);
}

unsigned take_byte(std::string_view& rest) {
  if (rest.empty()) malformed("it ends early");
  const auto byte = static_cast<unsigned char>(rest.front());
  rest.remove_prefix(1);
  return byte;
}

unsigned take_tag(std::string_view& rest) {
  const unsigned first = take_byte(rest);
  if ((first & 0x1FU) != 0x1F) return first;
  const unsigned second = take_byte(rest);
  if ((second & 0x80U) != 0) malformed("a tag of three bytes");
  return first << 8U | second;
}

std::size_t take_length(std::string_view& rest) {
  const unsigned first = take_byte(rest);
  if (first < 0x80) return first;
  const unsigned bytes = first & 0x7FU;
  if (bytes == 0 || bytes > 2) malformed("a length that no card needs");
  std::size_t length = 0;
  for (unsigned i = 0; i < bytes; ++i) length = length << 8U | take_byte(rest);
  return length;
}

Element take(std::string_view& rest) {
  Element element;
  element.tag = take_tag(rest);
  const std::size_t length = take_length(rest);
  if (length > rest.size()) malformed("an element is longer than the answer");
  element.value = rest.substr(0, length);
  rest.remove_prefix(length);
  return element;
}

std::string header(unsigned tag, std::size_t size) {
  std::string out;
  if (tag > 0xFF) out += static_cast<char>(tag >> 8U);
  out += static_cast<char>(tag & 0xFFU);
  if (size > 0xFF) {
    out += '\x82';
    out += static_cast<char>(size >> 8U);
  } else if (size > 0x7F) {
    out += '\x81';
  }
  return out += static_cast<char>(size & 0xFFU);
}

}  // namespace

std::vector<Element> read_tlvs(std::string_view bytes) {
  std::vector<Element> elements;
  while (true) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (bytes.empty()) return elements;
    if (elements.size() == most_elements) malformed("too many elements");
    elements.push_back(take(bytes));
  }
}

std::optional<std::string_view> find(const std::vector<Element>& elements, unsigned tag) noexcept {
  const auto found = std::find_if(elements.begin(), elements.end(), [&](const Element& e) { return e.tag == tag; });
  if (found == elements.end()) return std::nullopt;
  return found->value;
}

std::string_view need(const std::vector<Element>& elements, unsigned tag) {
  const auto value = find(elements, tag);
  if (!value) malformed("an element is missing");
  return *value;
}

std::string_view only(std::string_view bytes, unsigned tag) {
  const auto elements = read_tlvs(bytes);
  if (elements.size() != 1) malformed("not the one element that it must be");
  return need(elements, tag);
}

std::string tlv(unsigned tag, std::string_view value) {
  return header(tag, value.size()).append(value);
}

Secret secret_tlv(unsigned tag, const Secret& value) {
  const std::string start = header(tag, value.size());
  Secret out(start.size() + value.size());
  const auto rest = std::copy(start.begin(), start.end(), out.fill().begin());
  std::copy(value.reveal().begin(), value.reveal().end(), rest);
  return out;
}

}  // namespace ymgr::piv
