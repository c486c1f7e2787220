// Key Management: where private keys are made and live.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "secrets/secret_store.hpp"
#include "x509/certificate.hpp"
#include "x509/key.hpp"

namespace ymgr {

enum class KeyPlace { sealed, file, transit, card, external };  // external: somebody else's, we only have a request
std::string_view to_string(KeyPlace) noexcept;
/// "sealed", "file" or "transit"; a card is named by device and slot. @throws Error usage
KeyPlace parse_key_place(std::string_view text);

/// Of a reference: "sealed:NAME", "file:PATH", "transit:NAME", "yubikey:SERIAL:SLOT"; any other is external.
KeyPlace place_of(std::string_view reference) noexcept;

/// What is journaled of a key that a step has made: no secret in clear.
struct EnsuredKey {
  std::string reference;  // "sealed:NAME", "file:PATH", "transit:NAME"
  PublicKey public_key;
  /// For stores whose keys are written by the journal's own transaction: the sealed PKCS#8, base64. Else empty.
  std::string box;
};

/// The half that workers use: makes keys and requests. One instance serves one worker and keeps the keys it decoded.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// Makes a new key `name` (of a file: its path), or, when `box` comes from a journal, takes that one up again: the same
  /// key every time. @throws Error box-invalid: also the box of another name
  virtual EnsuredKey ensure(std::string_view name, KeyAlgorithm, std::string_view box) = 0;
  /// A key that exists already (renewal with the same key), by its reference. `box`: its sealed form where the store keeps
  /// it in the database (see sealed_key_box) or a journal, else empty. A key file may be a link; it must be a regular file
  /// of ours or root's, at most readable for its group. @throws Error key-not-found, box-invalid, key-invalid, file-unsafe
  virtual EnsuredKey open(std::string_view reference, std::string_view box) = 0;
  /// A PKCS#10 request signed by the key. The key was ensured or opened on this instance.
  virtual Der certificate_request(const EnsuredKey&, const RequestedNames&) = 0;
  /// For files: the key itself, to be written where a server reads it.
  /// @throws Error key-not-found when the store never gives keys out
  virtual Secret export_pem(const EnsuredKey&) = 0;
  /// Drops the decoded key; nothing on disk changes.
  virtual void forget(const EnsuredKey&) = 0;
  /// Destroys what this store itself keeps, when it is the private key of that public half (SHA-256, hex). A sealed key is the database's:
  /// destroy_key. Missing: fine. @return true: it was there and is gone  @throws Error key-not-found: of another kind
  virtual bool destroy(std::string_view reference, std::string_view public_key_sha256) = 0;
};

/// Keys sealed under the data key; exported by nothing. The box of key NAME is what the secret "keys/NAME" has as version 1
/// (make_secret_box), so that SecretStore::read opens it too.
std::unique_ptr<KeyStore> open_sealed_keys(const DataKey&);
/// Keys that end in a file: sealed in the journal (bound to "ymgr-key" NUL "file:PATH") until they are delivered, then read
/// from `file:PATH`.
std::unique_ptr<KeyStore> open_file_keys(const DataKey&);

// The half that belongs to the command's own thread, inside its transactions.

/// "api-example-com" for NAME: dots to '-', '*' to "wildcard", other characters to '-'; if another name took that, '-' and 8
/// hex digits of SHA-256(name). `taken` tells whether a key of that name is there for another name.
std::string key_name_for(std::string_view certificate_name, bool taken);
/// Stores the box that `ensure` gave as secret "keys/NAME"; the same box again is fine. @throws Error key-exists: also when
/// a key of that name was destroyed, since certificates still name it
void record_sealed_key(sql::Connection&, const EnsuredKey&);
/// @throws Error key-not-found
std::string sealed_key_box(sql::Connection&, std::string_view reference);
/// References of all of them.
std::set<std::string> sealed_keys(sql::Connection&);
/// True: the private key is still there, and in one of these two stores.
bool key_is_there(sql::Connection&, std::string_view reference);
/// Destroys a sealed key's box (secure_delete is on), or overwrites and removes a file; of a link, the file it points to.
/// Missing: fine. @throws Error key-not-found for a reference of another kind
void destroy_key(sql::Connection&, std::string_view reference);
/// The file, if it is there and holds the private key of that public half (SHA-256, hex); any other file stays.
/// @return true: it was there and is gone
bool destroy_key_copy(const std::string& path, std::string_view public_key_sha256);

}  // namespace ymgr
