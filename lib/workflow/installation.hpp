// What a certificate means on this host: where its files go, for whom, and which hooks run. Stands in the host's own
// installation files, never in the database, and is owned by root or this user and writable by nobody else.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "x509/certificate.hpp"

namespace ymgr {

struct Installation {
  std::string name;  // of the certificate
  std::string out;   // folder, absolute; empty: none
  std::string pkcs12, pkcs12_password_file;
  bool with_key = true;               // false: the key stays sealed, only certificates are written
  std::string file_mode, file_group;  // "0600" and "" unless given
  std::vector<std::string> pre_hook, deploy_hook, post_hook;  // argv
  bool operator==(const Installation&) const = default;
};

namespace installation {

/// "www.example.com.yaml" for a certificate name: '*' becomes "wildcard", other characters outside [a-z0-9.@_-] "%XX".
std::string file_name(std::string_view certificate_name);
/// FOLDER/NAME.yaml. nullopt: none. @throws Error installation-invalid: unknown keys, unsafe owner or mode, relative paths
std::optional<Installation> load(const std::string& folder, std::string_view certificate_name);
/// Every file of the folder, by name.
std::vector<Installation> load_all(const std::string& folder);
/// Fuzzed.
Installation parse(std::string_view yaml, std::string_view file);
std::string to_yaml(const Installation&);
/// @return true: written, false: it stood there with the same settings
/// @throws Error installation-exists: other settings stand there and `existing` is refuse
bool save(const std::string& folder, const Installation&, Existing existing);
void remove(const std::string& folder, std::string_view certificate_name);

/// Of the key and the PKCS#12 file; certificates are readable for everybody besides.
FileMode file_mode(const Installation&);
/// "file:OUT/privkey.pem" or "file:PKCS12".
std::string key_reference(const Installation&);

/// Where a new key waits for its certificate when no journal seals it: a file in OUT, or beside the PKCS#12 file.
/// @param cert_id  checked  @throws Error internal: it is none
std::string pending_key(const Installation&, std::string_view cert_id);
/// What waits there: certificates' ids, also those of other installations that share the folder.
std::vector<std::string> pending_keys(const Installation&);

/// Before a key is made: files can be written there, in that mode and group, and no name of ours is somebody else's file.
/// Leaves nothing behind. `probed`: folders that need no second look, filled in.
/// @throws Error what deliver would throw
void require_room(const Installation&, std::set<std::string>& probed);
/// The certificate that stands in OUT now, PEM. nullopt: none was delivered there
std::optional<std::string> delivered_pem(const Installation&);

struct Delivery {
  std::string cert_id;
  const Certificate& certificate;
  std::span<const Certificate> chain;  // nearest first, the root last
  const Secret* key_pem;               // nullptr: the key stays elsewhere
};
/// Writes OUT/versions/CERT_ID/{privkey,cert,chain,fullchain}.pem, then points OUT/current at it: one rename changes all four
/// names of OUT at once, so certificate and key are always a pair. The last five versions stay. Also the PKCS#12 file.
/// Doing it twice is doing it once. @throws Error disk-unusable, file-denied, file-exists: OUT/privkey.pem is a file that we did not make
void deliver(const Installation&, const Delivery&);
/// What stands there now is `certificate` with its key (where there should be one), readable and a pair.
bool is_delivered(const Installation&, const Certificate& certificate);
/// Why it is not so, in words; empty: it is.
std::string delivery_fault(const Installation&, const Certificate& certificate);
/// The key that stands there. @throws Error key-not-found, file-unsafe: open to others, or somebody else's
Secret read_key(const Installation&);
/// Paths as answers and hooks show them; empty where there is none.
struct Paths {
  std::string key, certificate, chain, fullchain, pkcs12;
};
Paths paths(const Installation&);
Json to_json(const Installation&);

}  // namespace installation
}  // namespace ymgr
