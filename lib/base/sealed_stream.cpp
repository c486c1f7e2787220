#include "base/sealed_stream.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace ymgr {
namespace {

constexpr std::string_view magic = "ymgr-backup-v1\r\n";
constexpr std::string_view magic_stem = "ymgr-backup-v";
constexpr std::size_t salt_size = 16, seal_overhead = 40;
constexpr std::uint64_t most_passes = 64, most_memory_kib = 4 * 1024 * 1024;
constexpr std::uint32_t least_piece = 16, most_piece = 16 * 1024 * 1024;

Error invalid(std::string message, std::string hint = "use another backup") {
  return {Code::backup_invalid, std::move(message), std::move(hint)};
}

void put_number(std::string& out, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((number >> (8 * i)) & 0xFF);
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 4; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

std::string hash_of(const SealedHead& head) {
  const auto digest = sha256(format_sealed_head(head));
  return {digest.begin(), digest.end()};
}

std::string binding(const std::string& head_hash, std::uint64_t number, bool last) {
  std::string bound = "ymgr-backup-piece" + std::string(1, '\0') + head_hash;
  put_number(bound, number, 8);
  bound += last ? '\1' : '\0';
  return bound;
}

SealedHead fresh_head() {
  SealedHead head;
  head.salt = random_bytes(salt_size);
  return head;
}

SealedHead read_head(const ByteSource& source) {
  std::string bytes(SealedHead::size, '\0');
  bytes.resize(source(bytes));
  return parse_sealed_head(bytes);
}

}  // namespace

std::string format_sealed_head(const SealedHead& head) {
  std::string bytes(magic);
  bytes += head.salt;
  put_number(bytes, head.cost.passes, 4);
  put_number(bytes, head.cost.memory_kib, 4);
  put_number(bytes, head.piece, 4);
  return bytes;
}

SealedHead parse_sealed_head(std::string_view bytes) {
  if (bytes.size() != SealedHead::size || !bytes.starts_with(magic)) {
    if (bytes.starts_with(magic_stem) && !bytes.starts_with(magic.substr(0, 14)))
      throw invalid("the backup has a newer format", "use the version of ymgr that made it, or a newer one");
    throw invalid("this is not a backup of ymgr, or its beginning is missing", "name the file of ymgr backup create");
  }
  SealedHead head;
  head.salt = bytes.substr(magic.size(), salt_size);
  head.cost.passes = number_at(bytes, 32);
  head.cost.memory_kib = number_at(bytes, 36);
  head.piece = number_at(bytes, 40);
  const PasswordCost least;
  if (head.cost.passes < least.passes || head.cost.passes > most_passes || head.cost.memory_kib < least.memory_kib ||
      head.cost.memory_kib > most_memory_kib || head.piece < least_piece || head.piece > most_piece)
    throw invalid("the beginning of the backup is damaged");
  return head;
}

SealedWriter::SealedWriter(const SealedHead& head, Secret key, ByteSink sink)
    : sink_(std::move(sink)), key_(std::move(key)), piece_(std::size_t{head.piece}), head_hash_(hash_of(head)) {
  sink_(format_sealed_head(head));
}

SealedWriter::SealedWriter(const Secret& password, ByteSink sink) {
  const SealedHead head = fresh_head();
  *this = SealedWriter(head, stretch_password(password, head.salt, head.cost), std::move(sink));
}

void SealedWriter::write(std::string_view plain) {
  while (!plain.empty()) {
    const std::size_t count = std::min(plain.size(), piece_.size() - filled_);
    std::copy_n(plain.begin(), count, piece_.fill().begin() + static_cast<std::ptrdiff_t>(filled_));
    filled_ += count;
    plain.remove_prefix(count);
    if (filled_ == piece_.size()) seal_piece(false);
  }
}

void SealedWriter::finish() {
  seal_piece(true);
}

void SealedWriter::seal_piece(bool last) {
  sink_(seal(key_, binding(head_hash_, number_, last), piece_.reveal().substr(0, filled_)));
  filled_ = 0;
  ++number_;
}

SealedReader::SealedReader(const SealedHead& head, Secret key, ByteSource source)
    : source_(std::move(source)),
      key_(std::move(key)),
      head_hash_(hash_of(head)),
      box_(head.piece + seal_overhead, '\0') {}

SealedReader::SealedReader(const Secret& password, ByteSource source) {
  const SealedHead head = read_head(source);
  *this = SealedReader(head, stretch_password(password, head.salt, head.cost), std::move(source));
}

std::size_t SealedReader::read(std::span<char> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    if (used_ == piece_.size()) {
      if (last_) break;
      open_piece();
      continue;
    }
    const std::size_t count = std::min(out.size() - filled, piece_.size() - used_);
    std::copy_n(piece_.reveal().begin() + static_cast<std::ptrdiff_t>(used_), count,
                out.begin() + static_cast<std::ptrdiff_t>(filled));
    filled += count;
    used_ += count;
  }
  return filled;
}

void SealedReader::open_piece() {
  const std::size_t there = source_(box_);
  if (there < seal_overhead) throw invalid("the backup is cut off");
  last_ = there < box_.size();
  try {
    piece_ = unseal(key_, binding(head_hash_, number_, last_), std::string_view(box_).substr(0, there));
  } catch (const Error& error) {  // a sealed value of the profile is one thing, this is another
    if (error.code() != Code::box_invalid) throw;
    if (number_ == 0) throw invalid("the backup does not open: wrong password, or damaged", "check the password");
    throw invalid("the backup is damaged or cut off in piece " + std::to_string(number_ + 1));
  }
  used_ = 0;
  ++number_;
}

}  // namespace ymgr
