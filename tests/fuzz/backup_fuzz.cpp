#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "workflow/backup_archive.hpp"

using namespace ymgr;

namespace {

Secret key() {
  return Secret(std::size_t{32});
}

SealedHead small_head() {
  SealedHead head;
  head.salt = std::string(16, 's');
  head.piece = 64;
  return head;
}

ByteSource source_of(std::string_view bytes) {
  return [bytes](std::span<char> out) mutable {
    const std::size_t count = bytes.copy(out.data(), out.size());
    bytes.remove_prefix(count);
    return count;
  };
}

/// As it comes from outside: a head and pieces.
void open_stream(std::string_view data) {
  const SealedHead head = parse_sealed_head(data.substr(0, SealedHead::size));
  if (format_sealed_head(head) != data.substr(0, SealedHead::size)) std::abort();
  SealedReader reader(head, key(), source_of(data.substr(SealedHead::size)));
  std::string block(100, '\0');
  while (reader.read(block) != 0) {
  }
}

/// As it is inside, after the pieces were opened: manifest and files.
void open_archive(std::string_view data) {
  std::string sealed;
  SealedWriter writer(small_head(), key(), [&](std::string_view bytes) { sealed += bytes; });
  writer.write(data);
  writer.finish();
  SealedReader reader(small_head(), key(), source_of(std::string_view(sealed).substr(SealedHead::size)));
  const TemporaryFolder folder("ymgr-fuzz");
  backup::unpack(reader, folder.path());
}

void guarded(void (*call)(std::string_view), std::string_view data) {
  try {
    call(data);
  } catch (const Error& error) {
    if (error.code() != Code::backup_invalid && error.code() != Code::file_exists) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  guarded(open_stream, bytes);
  guarded(open_archive, bytes);
  guarded([](std::string_view text) { backup::parse_manifest(text); }, bytes);
  return 0;
}
