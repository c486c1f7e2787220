// One YubiKey, open for one operation: connected, in one PC/SC transaction, PIV selected. Nothing else talks to it until the
// object dies. Used by one thread. Connect per operation: an object is not kept.
//
// Every function throws Error:
//   device-removed   pulled out, or reset under us. outcome_unknown() when a command that changes something had been sent
//   device-busy      another program holds the card for longer than `busy_wait`
//   device-failed    the card or pcscd says what makes no sense, or refuses; the message names command and status word
//   device-refused   the card's own rules refuse it: PIN complexity, a full memory, reset not possible
//   device-unsupported  this firmware can't do it
//   touch-timeout    nobody touched the key in time
//   wrong-pin, wrong-puk  details: tries_left (decimal)        pin-blocked, puk-blocked
//   wrong-management-key
// No function sends a secret twice, and none that is listed as reading spends a try.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/piv_types.hpp"
#include "x509/certificate.hpp"

namespace ymgr::piv {

struct OpenOptions {
  std::chrono::milliseconds busy_wait{5000};
  /// Called once per command that has not answered after `touch_after`, by a thread of this object, while the caller waits.
  /// Must not call the Card.
  std::function<void()> on_touch;
  /// The command that on_touch was called for has answered, or was given up.
  std::function<void()> on_touch_end;
  std::chrono::milliseconds touch_after{500};
  /// A command that may need touch and has not answered by then is given up: touch-timeout, outcome unknown. The key's own limit is
  /// 15 s, and then it answers. The connection is closed once the answer has come.
  std::chrono::milliseconds touch_limit{30000};
};

class Card {
 public:
  struct State;
  /// @param reader  exactly a name that ReaderWatch tells
  /// @throws Error device-not-found: no such reader, or no card in it · device-busy · device-failed: no PIV application
  static Card open(const std::string& reader, OpenOptions options = {});
  Card(Card&&) noexcept;
  Card& operator=(Card&&) noexcept;
  /// Leaves the card as it is when nothing was proven to it; else resets it, so that nobody inherits PIN or management key.
  ~Card();

  // ---- reading, without a secret
  const Firmware& firmware() const noexcept;
  /// Decimal; empty: it tells none. Read when the card was opened.
  const std::string& serial() const noexcept;
  DeviceInfo info();
  std::string form_factor();  // as DeviceInfo has it
  ManagementAlgorithm management_algorithm();
  /// nullopt: it does not tell (PUK before firmware 5.3).
  std::optional<Tries> pin_tries();
  std::optional<Tries> puk_tries();
  /// Whether it has carried out a command that changes something since it was opened.
  bool changed() const noexcept;
  /// nullopt: empty slot. @throws Error device-unsupported before firmware 5.3
  std::optional<KeyInfo> key_info(Slot slot);
  /// The object of the slot, compressed or not; nullopt: none. @throws Error device-failed: not a certificate object
  std::optional<Der> read_certificate(Slot slot);
  /// Of a key that was made in the slot. The chain is slot's attestation, attestation_certificate(), Yubico's.
  /// @throws Error slot-empty: no key, or an imported one · device-unsupported before 4.3
  Der attest(Slot slot);
  Der attestation_certificate();

  // ---- PIN and PUK: 6 to 8 bytes. @throws Error pin-unusable: other lengths; nothing is sent
  void verify_pin(const Secret& pin);
  void change_pin(const Secret& old_pin, const Secret& new_pin);
  void change_puk(const Secret& old_puk, const Secret& new_puk);
  /// RESET RETRY COUNTER: sets `new_pin` and both counters. Wrong PUKs count on the PUK.
  void unblock_pin(const Secret& puk, const Secret& new_pin);
  /// 1 to 255. Needs authenticate() and verify_pin() before it. PIN and PUK are the factory's afterwards.
  void set_retries(int pin_tries, int puk_tries);

  // ---- management key
  /// Mutual: the card proves that it knows the key too. @throws Error wrong-management-key (nothing counts down) also when
  /// the card's key is of another algorithm, which metadata tells
  void authenticate(const ManagementKey& key);
  /// Needs authenticate() before it. The card stays authenticated.
  /// @param touch never, always or cached   @throws Error device-unsupported: AES before 5.4
  void set_management_key(const ManagementKey& key, TouchPolicy touch = TouchPolicy::never);
  /// The key that ykman stored under the PIN; nullopt: none there. Needs verify_pin() before it.
  std::optional<ManagementKey> stored_management_key();
  /// Stores it there, or (nullptr) removes what is stored: the key is then known to its owner only. Needs authenticate(). The
  /// flags of DeviceInfo follow; a card that never had administration data gets none by removing.
  void store_management_key(const ManagementKey* key);

  // ---- keys and certificates; each needs authenticate() before it
  /// Makes a key, overwriting what is there. @throws Error device-unsupported: algorithm; RSA before 4.3.5 (ROCA)
  PublicKey generate(Slot slot, Algorithm algorithm, PinPolicy pin, TouchPolicy touch);
  /// "uncompressed"; the slot's key is not looked at. @throws Error device-refused: larger than 3052 bytes, or no room
  void write_certificate(Slot slot, const Der& certificate);
  void delete_certificate(Slot slot);  // done also when there is none
  /// From firmware 5.7 on the slot is empty afterwards; before, an EC P-256 key that is never used overwrites it.
  /// @throws Error slot-empty
  void delete_key(Slot slot);
  /// Certificates do not move. @throws Error device-unsupported before 5.7 · slot-empty · slot-used
  void move_key(Slot from, Slot to);

  // ---- use
  /// RSA: PKCS#1 v1.5 with SHA-256; EC: DER Ecdsa-Sig-Value over SHA-256 (P-384: SHA-384); Ed25519. Needs verify_pin() directly
  /// before it where the key's policy says so. Blocks while the card waits for touch.
  /// @throws Error pin-required · touch-timeout · slot-empty · device-unsupported: X25519
  std::string sign(Slot slot, const PublicKey& key, std::string_view message);
  /// PKCS#10 signed by the key in `slot`, with the signature checked. @throws as sign; device-failed: the signature is wrong
  Der make_csr(Slot slot, const PublicKey& key, const RequestedNames& names);

  // ---- reset of the PIV application
  /// Whether reset can do it, without spending a try. nullopt: it can; else why not, a sentence for people (a Bio key, reset
  /// blocked by configuration).
  std::optional<std::string> why_no_reset();
  /// Blocks PIN and PUK by wrong values, then resets: all keys and certificates are gone, PIN, PUK and management key are the
  /// factory's. @throws Error device-refused (nothing spent) when why_no_reset() says so
  void reset();

 private:
  explicit Card(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::piv
