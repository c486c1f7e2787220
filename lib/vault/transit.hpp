// The transit engine: keys that never leave Vault.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vault/client.hpp"
#include "x509/certificate.hpp"
#include "x509/key.hpp"

namespace ymgr::vault {

struct TransitKey {
  std::string name, type;                 // "ecdsa-p256"
  std::optional<KeyAlgorithm> algorithm;  // nullopt: none of ours
  std::int64_t latest_version = 0;
  std::vector<std::pair<std::int64_t, PublicKey>> versions;  // ascending; empty for symmetric keys
  bool exportable = false, deletion_allowed = false, soft_deleted = false;

  /// Of the latest version. @throws Error key-not-found: a symmetric key
  const PublicKey& public_key() const;
};

/// "rsa-3072", "ecdsa-p256", "ed25519": what Vault calls it.
std::string_view transit_type(KeyAlgorithm) noexcept;

enum class Digest { sha256, sha384, none };  // `none`: Ed25519, which takes the whole input
/// `asn1`: DER of EC signatures. `jws`: r and s side by side, as JWTs have it.
enum class SignatureForm { asn1, jws };
struct SignSettings {
  Digest digest = Digest::sha256;
  SignatureForm form = SignatureForm::asn1;
  bool prehashed = false;  // the inputs are digests; not for Ed25519
};
/// One of the two is empty.
struct Signed {
  std::string signature;  // raw bytes; RSA: PKCS#1 v1.5
  std::string error;      // Vault's words for this input; printable
};

/// One instance a mount; cheap. Names of keys are one part of a path.
class Transit {
 public:
  Transit(Client& client, std::string_view mount) : client_(client), mount_(mount) {}

  /// Makes a key that can't be exported, or finds it: done twice is done once. An RSA-4096 key takes Vault a second or more.
  /// @throws Error key-exists: that name has a key of another type, or one that can be exported, or was soft-deleted
  TransitKey ensure(std::string_view name, KeyAlgorithm algorithm);
  std::optional<TransitKey> read(std::string_view name);
  /// Whether there is a key of that name, asked as Client::peek does. nullopt: nobody knows.
  std::optional<bool> peek(std::string_view name) noexcept;
  std::vector<std::string> list();

  /// A request signed by the key's latest version, checked: its signature, its key and its names are what they should be.
  /// @throws Error key-not-found · vault-failed: Vault made another request than it was asked for
  Der certificate_request(std::string_view name, const RequestedNames& names, const PublicKey& expected);
  /// In the order of `inputs`, 450 of them a call (Vault refuses requests of more than about 1,000 texts). An input that Vault refuses
  /// has its error, the others their signatures.
  std::vector<Signed> sign(std::string_view name, std::span<const std::string> inputs, const SignSettings& settings);

  /// In two steps, as Vault wants it; a key that is not there: fine. After an unknown outcome: again.
  void destroy(std::string_view name);

 private:
  void sign_some(std::string_view name, std::span<const std::string> inputs, const SignSettings& settings,
                 std::vector<Signed>& out);

  Client& client_;
  Path mount_;
};

}  // namespace ymgr::vault
