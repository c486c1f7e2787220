// The key/value engine, version 2.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vault/client.hpp"

namespace ymgr::vault {

/// One version of a secret.
struct KvSecret {
  std::int64_t version = 0;  // 0: never written
  Secret document{};         // the JSON object as Vault writes it; empty: deleted, destroyed or never written
  Time created_at{};
  bool destroyed = false;  // this version can't come back; a deleted one can
};

struct KvMetadata {
  std::int64_t current_version = 0, oldest_version = 0;
  std::int64_t metadata_version = 0;  // for `expected` of set_custom; 0 on servers that do not count
  std::int64_t max_versions = 0;      // 0: the mount's
  bool cas_required = false;
  Time created_at{}, updated_at{};
  std::vector<std::pair<std::string, std::string>> custom;
  std::vector<std::int64_t> readable;  // versions that are neither deleted nor destroyed, ascending
};

/// `path`s are below the mount: "12345678/pin". One instance a mount; cheap.
class Kv {
 public:
  Kv(Client& client, std::string_view mount) : client_(client), mount_(mount) {}

  /// The newest version, or one by its number. What is not there has no document, and the version that a write must expect.
  KvSecret read(std::string_view path, std::optional<std::int64_t> version = {});
  /// Writes version `expected` + 1. @param document  a JSON object   @return the new version
  /// @throws Error version-conflict: the newest version is another. After an unknown outcome: read, and compare something that the
  /// document has of this write alone
  std::int64_t write(std::string_view path, const Secret& document, std::int64_t expected);
  /// These versions, for good; absent ones: fine.
  void destroy(std::string_view path, std::span<const std::int64_t> versions);
  /// Everything there was, its metadata too: the next write is version 1.
  void forget(std::string_view path);

  /// nullopt: never written, or forgotten.
  std::optional<KvMetadata> metadata(std::string_view path);
  /// Replaces all custom metadata. Values have at most 512 characters. @param expected  KvMetadata::metadata_version, where the server
  /// counts (OpenBao)   @throws Error version-conflict
  void set_custom(std::string_view path, std::span<const std::pair<std::string, std::string>> values,
                  std::optional<std::int64_t> expected = {});
  /// Names below a folder ("" for the mount), folders with '/' at the end.
  std::vector<std::string> list(std::string_view folder, std::size_t page = 1000);

 private:
  Path at(std::string_view kind, std::string_view path) const { return mount_ / kind + path; }

  Client& client_;
  Path mount_;
};

}  // namespace ymgr::vault
