// What is inside a backup's sealed stream: the length of the manifest (32 bits, little-endian), the manifest as JSON, then
// the bytes of each file it names, in its order.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/sealed_stream.hpp"

namespace ymgr::backup {

struct File {
  std::string name;  // "ymgr.db", "policy.yaml", "ca/NAME", "install.d/NAME"
  std::int64_t size = 0;
  std::string mode = "0600";
};

struct Manifest {
  std::string profile_id, created_by, host, version;  // version: of the ymgr that made it
  Time created_at;
  std::vector<File> files;
};

std::string format_manifest(const Manifest&);
/// Fuzzed. @throws Error backup-invalid: names that no backup has, twice the same one, no database or no policy
Manifest parse_manifest(std::string_view json);

/// Writes the manifest; the bytes of its files follow.
void write_manifest(SealedWriter&, const Manifest&);
/// Writes all files below `folder`, to the authenticated end. Fuzzed. @throws Error backup-invalid
Manifest unpack(SealedReader&, const std::string& folder);

}  // namespace ymgr::backup
