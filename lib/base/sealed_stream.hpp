// Bytes of any length sealed under a password, piece by piece: memory stays flat, and a piece that was changed, moved, left
// out or cut off is noticed before it is used.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/crypto.hpp"
#include "base/secret.hpp"

namespace ymgr {

/// Takes the next bytes.
using ByteSink = std::function<void(std::string_view)>;
/// Fills the span, or as much of it as there is left; returns how much.
using ByteSource = std::function<std::size_t(std::span<char>)>;

/// What stands in clear in front: "ymgr-backup-v1\r\n", 16 bytes salt, then passes, memory in KiB and the size of a piece,
/// 32 bits each, little-endian. Every piece is bound to all of it, to its number, and to being the last or not. Each is
/// sealed by seal() and holds `piece` bytes; the last one holds fewer, perhaps none.
struct SealedHead {
  static constexpr std::size_t size = 44;
  std::string salt;
  PasswordCost cost;
  std::uint32_t piece = 1024 * 1024;
};
std::string format_sealed_head(const SealedHead&);
/// Fuzzed. @throws Error backup-invalid: something else, a later version, or a cost that no ymgr chooses
SealedHead parse_sealed_head(std::string_view bytes);

class SealedWriter {
 public:
  /// Argon2id with a fresh salt; the head is written at once.
  SealedWriter(const Secret& password, ByteSink sink);
  SealedWriter(const SealedHead& head, Secret key, ByteSink sink);
  void write(std::string_view plain);
  /// The last piece. Without it, nobody can read to the end.
  void finish();

 private:
  void seal_piece(bool last);

  ByteSink sink_;
  Secret key_, piece_;
  std::string head_hash_;
  std::size_t filled_ = 0;
  std::uint64_t number_ = 0;
};

class SealedReader {
 public:
  /// @throws Error backup-invalid: not a sealed stream
  SealedReader(const Secret& password, ByteSource source);
  SealedReader(const SealedHead& head, Secret key, ByteSource source);
  /// Fills `out`, less only at the true end. @throws Error backup-invalid: wrong password, changed, cut off, or more behind
  std::size_t read(std::span<char> out);

 private:
  void open_piece();

  ByteSource source_;
  Secret key_, piece_;
  std::string head_hash_, box_;
  std::size_t used_ = 0;
  std::uint64_t number_ = 0;
  bool last_ = false;
};

}  // namespace ymgr
