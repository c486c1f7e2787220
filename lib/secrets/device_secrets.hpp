// PIN, PUK and management key of a YubiKey: two documents a serial, so that who may read the one need not read the other.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/piv_types.hpp"
#include "secrets/secret_store.hpp"

namespace ymgr {

enum class Credential { pin, puk, management_key };
std::string_view to_string(Credential) noexcept;  // "pin", "puk", "management_key"

/// A value on its way to the card: whether the card has it is not known.
struct PendingSecret {
  std::string request_id;  // of the operation that sends it
  Credential what{};
  Secret value;                          // PIN and PUK as they are, a management key raw
  piv::ManagementAlgorithm algorithm{};  // of a management key
};

/// `yubikeys/data/SERIAL/secrets`, for operators.
struct CardSecrets {
  Secret puk;                // empty: not known
  bool puk_stale = false;    // it failed once: never tried again
  bool puk_exposed = false;  // somebody was shown it: to be changed at the next contact
  std::optional<piv::ManagementKey> management_key;
  std::optional<PendingSecret> pending;  // PUK or management key
  std::int64_t version = 0;              // 0: nothing is there
};

/// `yubikeys/data/SERIAL/pin`, for operators and the person.
struct CardPin {
  Secret pin;          // empty: not kept here (secrets.pin: user)
  bool stale = false;  // it failed once: never tried again
  bool exposed = false;
  std::optional<PendingSecret> pending;
  std::int64_t version = 0;
};

/// Every change is a compare-and-set: @throws Error version-conflict: somebody else changed the document meanwhile. One instance
/// serves one thread. A write that says nothing of it changes nothing else.
class DeviceSecrets {
 public:
  DeviceSecrets(SecretStore& store, std::string_view serial);
  /// The same over a store of its own.
  DeviceSecrets(std::unique_ptr<SecretStore> store, std::string_view serial);

  /// @throws Error box-invalid
  CardSecrets card() const;
  CardPin pin() const;
  /// What is on its way to the card for this credential.
  std::optional<PendingSecret> pending(Credential what) const;

  /// Writes a new value as pending and reads it back. The same operation's value is kept when there is one: it may be on the card.
  /// @throws Error credential-pending: another operation's is there, of this credential or of the one in the same document
  void propose(const PendingSecret& value);
  /// The pending value is on the card: it becomes the current one; its flags end. Nothing pending of that operation: fine.
  void promote(Credential what, std::string_view request_id);
  /// The pending value is not on the card and will not be.
  void withdraw(Credential what, std::string_view request_id);

  /// What a card is known to have (adopted, or told by a person); nothing is pending of it afterwards.
  void set_pin(const Secret& pin);
  void set_puk(const Secret& puk);
  void set_management_key(const piv::ManagementKey& key);
  /// The card is known to have another one, which is not known; nothing is pending of it afterwards.
  void forget_management_key();
  /// That PIN, that PUK failed. Another one, or none, is stored by now: fine.
  void mark_stale(const Secret& failed);
  void mark_puk_stale(const Secret& failed);
  /// PIN or PUK was shown to somebody.
  void mark_exposed(Credential what);
  /// The person's PIN is not kept here any more.
  void forget_pin();
  /// Both documents, unrecoverably.
  void destroy();

 private:
  void write(CardSecrets&);
  void write(CardPin&);

  std::unique_ptr<SecretStore> own_;  // empty: somebody else's
  SecretStore& store_;
  std::string secrets_path_, pin_path_;
};

}  // namespace ymgr
