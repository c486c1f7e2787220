#include "base/sealed_stream.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

SealedHead small_head(std::uint32_t piece = 64) {
  SealedHead head;
  head.salt = std::string(16, 's');
  head.piece = piece;
  return head;
}

Secret key() {
  return Secret(std::string(32, 'k'));
}

std::string seal_all(std::string_view plain, const SealedHead& head = small_head()) {
  std::string out;
  SealedWriter writer(head, key(), [&](std::string_view bytes) { out += bytes; });
  writer.write(plain);
  writer.finish();
  return out;
}

ByteSource source_of(std::string_view bytes) {
  return [bytes](std::span<char> out) mutable {
    const std::size_t count = std::min(out.size(), bytes.size());
    std::copy_n(bytes.begin(), count, out.begin());
    bytes.remove_prefix(count);
    return count;
  };
}

std::string open_all(std::string_view sealed) {
  const auto head = parse_sealed_head(sealed.substr(0, SealedHead::size));  // refuses what is too short
  SealedReader reader(head, key(), source_of(sealed.substr(SealedHead::size)));
  std::string plain, block(50, '\0');
  while (const auto count = reader.read(block)) plain += block.substr(0, count);
  return plain;
}

std::string text_of(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 23);
  return text;
}

}  // namespace

TEST_CASE("what was sealed piece by piece is read as it was written, whatever its length") {
  for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 127U, 128U, 129U, 1000U}) {
    CAPTURE(size);
    const auto plain = text_of(size);
    CHECK(open_all(seal_all(plain)) == plain);
  }
}

TEST_CASE("a password opens what it sealed, and no other does") {
  std::string sealed;
  SealedWriter writer(Secret("right"), [&](std::string_view bytes) { sealed += bytes; });
  writer.write("hello");
  writer.finish();
  SealedReader reader(Secret("right"), source_of(sealed));
  std::string plain(10, '\0');
  CHECK(reader.read(plain) == 5);
  CHECK(plain.substr(0, 5) == "hello");
  SealedReader wrong(Secret("wrong"), source_of(sealed));
  CHECK(code_of([&] { wrong.read(plain); }) == Code::backup_invalid);
}

TEST_CASE("the same bytes are never sealed the same way twice") {
  CHECK(seal_all("hello") != seal_all("hello"));
}

TEST_CASE("a changed byte is noticed, wherever it is") {
  const auto sealed = seal_all(text_of(200));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    CAPTURE(i);
    auto changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(code_of([&] { open_all(changed); }) == Code::backup_invalid);
  }
}

TEST_CASE("a stream that is cut off anywhere does not end") {
  const auto sealed = seal_all(text_of(200));
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CAPTURE(size);
    CHECK(code_of([&] { open_all(std::string_view(sealed).substr(0, size)); }) == Code::backup_invalid);
  }
  CHECK(code_of([&] { open_all(sealed + "x"); }) == Code::backup_invalid);
}

TEST_CASE("pieces can't be moved, left out, repeated or taken from elsewhere") {
  constexpr std::size_t box = 64 + 40;
  const auto sealed = seal_all(text_of(64 * 3 + 5)), other = seal_all(text_of(64 * 3 + 5), small_head(64));
  const auto head = sealed.substr(0, SealedHead::size);
  const auto piece = [&](const std::string& from, std::size_t i) {
    return from.substr(SealedHead::size + i * box, box);
  };
  REQUIRE(head + piece(sealed, 0) + piece(sealed, 1) + piece(sealed, 2) + piece(sealed, 3) == sealed);
  auto other_head = small_head();
  other_head.salt = std::string(16, 't');
  const auto foreign = seal_all(text_of(64 * 3 + 5), other_head);
  const std::string rows[] = {
      head + piece(sealed, 1) + piece(sealed, 0) + piece(sealed, 2) + piece(sealed, 3),
      head + piece(sealed, 0) + piece(sealed, 2) + piece(sealed, 3),
      head + piece(sealed, 0) + piece(sealed, 0) + piece(sealed, 1) + piece(sealed, 2) + piece(sealed, 3),
      head + piece(sealed, 3),
      head + piece(foreign, 0) + piece(sealed, 1) + piece(sealed, 2) + piece(sealed, 3),
  };
  for (const auto& row : rows) CHECK(code_of([&] { open_all(row); }) == Code::backup_invalid);
}

TEST_CASE("a head is read as it was written, and costs that no ymgr chooses are refused") {
  const auto head = small_head(4096);
  const auto bytes = format_sealed_head(head);
  CHECK(bytes.size() == SealedHead::size);
  const auto again = parse_sealed_head(bytes);
  CHECK(again.salt == head.salt);
  CHECK(again.piece == 4096);
  CHECK(again.cost.passes == head.cost.passes);
  CHECK(again.cost.memory_kib == head.cost.memory_kib);
  struct Row {
    std::uint64_t passes, memory_kib;
    std::uint32_t piece;
  };
  for (const auto& row : {Row{2, 65536, 64}, Row{65, 65536, 64}, Row{3, 65535, 64}, Row{3, 4194305, 64},
                          Row{3, 65536, 15}, Row{3, 65536, 16777217}}) {
    auto wrong = small_head(row.piece);
    wrong.cost = {row.passes, row.memory_kib};
    CHECK(code_of([&] { parse_sealed_head(format_sealed_head(wrong)); }) == Code::backup_invalid);
  }
  auto newer = bytes;
  newer[13] = '2';
  CHECK(code_of([&] { parse_sealed_head(newer); }) == Code::backup_invalid);
}
