// The agent as ymgr sees it: one method an endpoint (agentd/openapi.yaml), over the Unix socket.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/messages.hpp"
#include "agent/piv_types.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace ymgr::agent {

/// A session that the agent opened for an identity token.
struct AgentSession {
  Secret secret;   // the bearer
  Der public_key;  // SubjectPublicKeyInfo; secrets are sealed to it
  Time expires_at;
};

struct ClientSettings {
  std::string socket;  // path
  Duration timeout;    // for one answer of the agent; waiting for a finger and the making of an RSA key do not count
  /// A fresh identity token, asked for when a session is opened. @throws Error when there is none to have
  std::function<std::string()> token;
  std::optional<AgentSession> session = {};  // one that was opened earlier
  std::optional<Time> session_end = {};      // of the login: a session that is opened ends then at the latest
  std::function<void(const AgentSession&)> on_session =
      {};  // a session was opened; nothing else is sent until it returns
  std::function<void(const std::string& serial)> on_touch = {};  // the key waits for a finger; once a call
};

struct Health {
  std::string status, version;
  std::int64_t pid = 0;  // of an agent that tells
  std::string tcp;       // "127.0.0.1:56123", "taken" by another program, or "off"
  bool pcscd = true;     // it answered when it was last asked
};

struct CardInfo {
  piv::DeviceInfo device;
  std::optional<std::string> reset_refused;  // why POST /piv/reset would be refused
};

struct Slots {
  std::string serial;
  std::vector<SlotContent> slots;
};

enum class SlotKeySource { make, existing };
struct CsrRequest {
  std::string serial;
  piv::Slot slot{};
  SlotKeySource key = SlotKeySource::make;
  piv::Algorithm algorithm{};
  piv::PinPolicy pin_policy = piv::PinPolicy::by_slot;
  piv::TouchPolicy touch_policy = piv::TouchPolicy::by_slot;
  bool overwrite = false;
  std::string common_name;
  std::vector<std::string> sans;                       // "dns:…", "email:…", "upn:…"
  const piv::ManagementKey* management_key = nullptr;  // needed to make a key
  bool is_protected = false;                           // instead of it: the one that ykman keeps under `pin` is used
  const Secret* pin = nullptr;                         // where the key's policy asks for it
};
struct SlotCsr {
  Der csr, public_key;                                      // the latter a SubjectPublicKeyInfo
  std::optional<Der> attestation, attestation_certificate;  // nullopt: the firmware has none, or the key was imported
  piv::PinPolicy pin_policy{};
  piv::TouchPolicy touch_policy{};
};

struct ImportRequest {
  std::string serial;
  piv::Slot slot{};
  Der certificate;
  bool overwrite = false;                              // false: another certificate there is refused with slot-used
  const piv::ManagementKey* management_key = nullptr;  // needed
  const Secret* pin = nullptr;                         // for a test signature
};
/// How it was checked that the certificate is that of the slot's key.
enum class ImportCheck { signature, public_key };

struct SlotAttestation {
  Der attestation, attestation_certificate;
};
enum class DeleteKey { keep, destroy };

/// Nothing is connected, opened or loaded before the first call. One instance serves one thread; another may be opened for
/// another. `serial` may be empty where one key is plugged in. Sealed secrets leave the process under the session's key alone.
///
/// Every method throws Error with the agent's own code, message, hint and details (device-not-found, wrong-pin with
/// tries_left, …; see agentd/piv/card.hpp), and:
///   agent-unreachable  no socket, nobody behind it, no answer in time, or one that is none of the agent's. outcome_unknown():
///                      the request had been sent and may have changed something
///   agent-untrusted    another user's program has the socket; nothing was sent
///   token-refused      the agent does not accept the identity token
/// A session that the agent does not know (any more) is opened anew once, unseen.
class Client {
 public:
  explicit Client(ClientSettings);
  Client(Client&&) noexcept;
  ~Client();

  // ---- without a session
  Health health();

  // ---- the session
  /// Opens one when there is none. @throws Error also what ClientSettings::token throws
  const AgentSession& session();
  /// nullptr: none was opened or given.
  const AgentSession* known_session() const noexcept;
  /// Asks the agent to forget it. @return false: it did not know it
  bool close_session();

  // ---- reading; no PIN try is spent
  /// From what plug events left: never waits for a card.
  std::vector<DiscoveredDevice> discover();
  CardInfo info(std::string_view serial = {});
  /// Those that hold something.
  Slots slots(std::string_view serial = {});
  SlotContent slot(std::string_view serial, piv::Slot slot);
  /// Serials of keys that have been waiting for a finger for half a second.
  std::vector<std::string> touch();
  /// @throws Error slot-empty
  SlotAttestation attest(std::string_view serial, piv::Slot slot);

  // ---- PIN, PUK, management key. Spends a try where the value is wrong.
  /// @param at_least_tries  refuses with few-tries, sending nothing to the card, when fewer are left
  void verify_pin(std::string_view serial, const Secret& pin, std::optional<int> at_least_tries = {});
  void verify_puk(std::string_view serial, const Secret& puk, std::optional<int> at_least_tries = {});
  void verify_management_key(std::string_view serial, const piv::ManagementKey&);
  /// The new one is verified on the card in the same transaction.
  void set_pin(std::string_view serial, const Secret& current_pin, const Secret& new_pin);
  void set_puk(std::string_view serial, const Secret& current_puk, const Secret& new_puk);
  void unblock_pin(std::string_view serial, const Secret& puk, const Secret& new_pin);
  /// PIN and PUK are the factory's afterwards.
  void set_retries(std::string_view serial, int pin_tries, int puk_tries, const Secret& pin, const piv::ManagementKey&);
  /// @param touch  nullopt: never. Removes a copy that ykman stored under the PIN.
  /// @throws Error credentials-unknown: nothing is kept under the PIN · few-tries: one is left, and no PIN is sent
  void rotate_management_key(std::string_view serial, const piv::Opener& current, const piv::ManagementKey& next,
                             std::optional<piv::TouchPolicy> touch = {});

  // ---- keys and certificates
  /// Key made (or found) and request signed in one card transaction. @throws Error slot-used, slot-empty
  SlotCsr generate_csr(const CsrRequest&);
  /// Written and read back. @throws Error slot-used, slot-empty
  ImportCheck import_certificate(const ImportRequest&);
  void delete_certificate(std::string_view serial, piv::Slot slot, const piv::Opener&, DeleteKey key = DeleteKey::keep);
  /// @throws Error device-refused, nothing spent
  void reset(std::string_view serial);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The error that a problem document (RFC 9457) of the agent is; agent-unreachable when it is none, or its code is unknown here.
Error error_from_problem(int status, std::string_view body);

}  // namespace ymgr::agent
