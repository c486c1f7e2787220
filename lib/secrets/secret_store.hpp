// Versioned secret documents.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "sql/connection.hpp"

namespace ymgr {

/// The key that everything sealed in an embedded profile is sealed under.
struct DataKey {
  Secret key;  // 32 bytes
  DataKey clone() const { return {key.clone()}; }
};

/// A secret of one path: "keys/web1", "ca/issuing/…", "yubikeys/12345678/pin".
struct SecretDocument {
  Secret value;
  std::int64_t version = 0;
};

/// One instance serves one thread.
class SecretStore {
 public:
  virtual ~SecretStore() = default;
  /// The newest version; nullopt: never written, or destroyed. @throws Error box-invalid
  virtual std::optional<SecretDocument> read(std::string_view path) = 0;
  /// Writes version `expected`+1 when the newest is `expected` (0: nothing there yet; a destroyed one counts).
  /// @return the new version   @throws Error version-conflict
  virtual std::int64_t write(std::string_view path, const Secret& value, std::int64_t expected) = 0;
  /// All versions, unrecoverably; the version number stays. Missing: fine.
  virtual void destroy(std::string_view path) = 0;
  /// Newest version number, 0 when never written; works without the data key.
  virtual std::int64_t version(std::string_view path) = 0;
};

/// Rows of `secrets`, each box bound to path and version; joins the caller's transaction.
std::unique_ptr<SecretStore> open_sealed_secrets(sql::Connection&, const DataKey&);

/// What the column `box` holds: base64 of seal(key, "ymgr-secret" NUL path NUL version, value). Needs no database.
std::string make_secret_box(const DataKey&, std::string_view path, std::int64_t version, const Secret& value);
/// @throws Error box-invalid
Secret open_secret_box(const DataKey&, std::string_view path, std::int64_t version, std::string_view box);

}  // namespace ymgr
