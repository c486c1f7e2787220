#include "virtual_yubikey/tlv.hpp"

#include "virtual_yubikey/status.hpp"

namespace virtual_yubikey {
namespace {

class Cursor {
 public:
  explicit Cursor(View bytes) : left_(bytes) {}
  bool at_end() const { return left_.empty(); }

  Byte next() {
    require(!left_.empty(), Status::wrong_data);
    const Byte byte = left_.front();
    left_ = left_.subspan(1);
    return byte;
  }

  View take(std::size_t size) {
    require(size <= left_.size(), Status::wrong_data);
    const View taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

 private:
  View left_;
};

std::uint32_t read_tag(Cursor& cursor) {
  std::uint32_t tag = cursor.next();
  if ((tag & 0x1F) != 0x1F) return tag;
  for (int more = 0; more < 2; ++more) {
    const Byte byte = cursor.next();
    tag = tag << 8 | byte;
    if ((byte & 0x80) == 0) return tag;
  }
  throw Refusal{Status::wrong_data};
}

std::size_t read_length(Cursor& cursor) {
  const Byte first = cursor.next();
  if (first < 0x80) return first;
  require(first == 0x81 || first == 0x82, Status::wrong_data);
  std::size_t length = cursor.next();
  if (first == 0x82) length = length << 8 | cursor.next();
  return length;
}

}  // namespace

std::vector<Tlv> parse_tlvs(View bytes) {
  std::vector<Tlv> elements;
  for (Cursor cursor(bytes); !cursor.at_end();) {
    const auto tag = read_tag(cursor);
    const auto length = read_length(cursor);
    elements.push_back({tag, cursor.take(length)});
  }
  return elements;
}

View only_tlv(View bytes, std::uint32_t tag) {
  const auto elements = parse_tlvs(bytes);
  require(elements.size() == 1 && elements.front().tag == tag, Status::wrong_data);
  return elements.front().value;
}

std::optional<View> find(const std::vector<Tlv>& elements, std::uint32_t tag) {
  for (const Tlv& element : elements) {
    if (element.tag == tag) return element.value;
  }
  return std::nullopt;
}

Bytes tlv(std::uint32_t tag, View value) {
  Bytes bytes = number(tag, tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1);
  const auto length = value.size();
  if (length > 0xFF) {
    append(bytes, Bytes{0x82, static_cast<Byte>(length >> 8)});
  } else if (length > 0x7F) {
    bytes.push_back(0x81);
  }
  bytes.push_back(static_cast<Byte>(length & 0xFF));
  append(bytes, value);
  return bytes;
}

}  // namespace virtual_yubikey
