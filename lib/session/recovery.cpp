#include <algorithm>
#include <span>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "session/password.hpp"
#include "session/session.hpp"
#include "sql/settings.hpp"

namespace ymgr::users {
namespace {

// 32 bytes of key and 3 of its SHA-256 are 56 base32 digits (RFC 4648), written in groups of 4.
constexpr std::string_view prefix = "ymgr-recovery-", digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t key_size = 32, check_size = 3, digit_count = (key_size + check_size) * 8 / 5, group = 4;
constexpr std::size_t text_size = prefix.size() + digit_count + digit_count / group - 1;
constexpr std::string_view setting = "recovery.box", binding = "settings/recovery.box";

Secret with_check(const Secret& key) {
  const Sha256 digest = sha256(key.reveal());
  Secret all(key_size + check_size);
  const auto end = std::copy(key.reveal().begin(), key.reveal().end(), all.fill().begin());
  for (std::size_t i = 0; i < check_size; ++i) end[static_cast<std::ptrdiff_t>(i)] = static_cast<char>(digest[i]);
  return all;
}

/// The `index`-th group of five bits, first bit of the first byte first.
unsigned five_bits(std::string_view bytes, std::size_t index) noexcept {
  unsigned value = 0;
  for (std::size_t bit = index * 5; bit < index * 5 + 5; ++bit) {
    const unsigned byte = static_cast<unsigned char>(bytes[bit / 8]);
    value = value << 1 | (byte >> (7 - bit % 8) & 1U);
  }
  return value;
}

void set_five_bits(std::span<char> bytes, std::size_t index, std::size_t value) noexcept {
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t bit = index * 5 + i;
    if ((value >> (4 - i) & 1U) != 0) bytes[bit / 8] = static_cast<char>(bytes[bit / 8] | 0x80 >> bit % 8);
  }
}

Secret format_key(const Secret& key) {
  const Secret bytes = with_check(key);
  Secret text(text_size);
  auto to = std::copy(prefix.begin(), prefix.end(), text.fill().begin());
  for (std::size_t i = 0; i < digit_count; ++i) {
    if (i > 0 && i % group == 0) *to++ = '-';
    *to++ = digits[five_bits(bytes.reveal(), i)];
  }
  return text;
}

Error mistyped() {
  return Error(Code::box_invalid, "that is not a recovery key: characters are missing or wrong",
               "copy it whole, from ymgr-recovery- to its last group");
}

/// Either case; dashes and blanks between the digits are skipped.
Secret parse_key(std::string_view text) {
  text = trim(text);
  if (!starts_with_icase(text, prefix)) throw mistyped();
  text.remove_prefix(prefix.size());
  Secret bytes(key_size + check_size);
  std::size_t count = 0;
  for (const char c : text) {
    if (c == '-' || c == ' ') continue;
    const auto value = digits.find(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    if (value == std::string_view::npos || count == digit_count) throw mistyped();
    set_five_bits(bytes.fill(), count++, value);
  }
  Secret key = bytes.clone();
  key.shrink(key_size);
  if (count != digit_count || with_check(key).reveal() != bytes.reveal()) throw mistyped();
  return key;
}

}  // namespace

Secret make_recovery_key(sql::Connection& db, const DataKey& data_key) {
  const Secret key = Secret::random(key_size);
  const std::string box = to_base64(seal(key, binding, data_key.key.reveal()));
  sql::write_setting(db, setting, box);
  return format_key(key);
}

DataKey open_recovery(sql::Connection& db, const Secret& recovery_key) {
  const Secret key = parse_key(recovery_key.reveal());
  const auto box = sql::read_setting(db, setting);
  if (!box) {
    throw Error(Code::box_invalid, "this profile has no recovery key", "one is made by: ymgr init --recovery-key-out");
  }
  return {unseal(key, binding, decode_column(*box, "settings.value"))};
}

}  // namespace ymgr::users
