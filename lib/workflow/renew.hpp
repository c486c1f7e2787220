// Workflow 2: renewal, of one certificate or of all that are due.
#pragma once
#include <optional>
#include <string>

#include "workflow/ca.hpp"
#include "workflow/certificate_item.hpp"
#include "workflow/hooks.hpp"
#include "workflow/watch.hpp"

namespace ymgr {

enum class KeyChoice { reuse, fresh };
enum class Scope {
  host,
  all
};  // host: what is installed here or lives in this profile; all: what other hosts have installed too

struct RenewOptions {
  std::string request_id;
  KeyChoice key = KeyChoice::reuse;
  std::optional<KeyAlgorithm> algorithm;  // of a new key
  std::optional<Duration> validity;       // default: as the profile says
  std::string csr;                        // a new request for a certificate whose key is somebody else's
  bool force = false;                     // also within the minimum interval
  bool dry_run = false;
};

struct DueOptions {
  Selection selection;
  std::optional<RenewBefore> renew_before;
  Scope scope = Scope::host;
  std::int64_t limit = 0;
  Duration jitter{};                                  // a certificate is due by jitter_of later
  std::function<std::vector<Watched>()> logins = {};  // what this login hangs on, as far as it ends; empty: nothing
  std::optional<Error> undelivered =
      {};  // why what a stand-in did can't be delivered: counts like a certificate that failed
};

inline constexpr Duration usual_jitter = std::chrono::hours(1);
/// How much later than it is due a run that nobody watches renews a certificate: always the same for its name on that host, below
/// `most` and below 5% of its life. Nothing sleeps: the next run takes it.
Duration jitter_of(std::string_view host, const CertificateRow&, Duration most);

/// A certificate that is due and can't be renewed before somebody does something.
struct Waiting {
  std::string name, cert_id;  // of a renewal that was begun: its target, and empty
  std::string device;         // serial number of the YubiKey with its key; or empty
  /// "device": to be plugged in · "agent": nobody tells what is plugged in · "pin": nobody can be asked for it · "request": of the
  /// key's holder · "elsewhere": another CA's
  std::string needs;
};

struct RenewAnswer : CertificateAnswer {
  hooks::Outcome hooks;
  std::int64_t elsewhere =
      0;  // left: of a name whose renewal is open, elsewhere, stopped or waiting, or that failed thrice
  std::vector<Waiting> waiting;
  CaUpkeep upkeep;
  std::optional<Time> next_expiry;  // of any active certificate
  std::vector<Watched> watched;
};

/// `argument`: cert_id, name or serial.
/// A key on a card is used again where the policy allows it, else its slot gets a new one, which ends the old one.
/// @throws Error certificate-not-found, certificate-state: revoked or superseded · renewed-recently · policy-violation ·
/// device-not-found, key-not-found, slot-used and what require_pin throws: of a key on a card
RenewAnswer renew(Workbench&, const std::string& argument, const RenewOptions&);
/// Goes on with a renewal that this process has taken over, pre- and post-hooks included. @throws Error as resume
/// @param tried  deploy hooks that the command has tried already: cert_ids
RenewAnswer resume_renewal(Workbench&, const std::string& request_id, const std::set<std::string>& tried = {});
/// What is due now, by one plan; unfinished renewals of processes that died are finished first. What needs a card that is not
/// plugged in, or a PIN that nobody can be asked for, is counted as waiting. Nothing due: an empty answer, exit 0.
/// Certificates of one name follow one another, each in an operation of its own: ID, ID-2, ID-3, …, and ID given again tells or
/// finishes all of them. What stops one of the later ones is told as failed of each that was left.
/// Also retries hooks that are owed, and looks after the CA; what fails there counts like a certificate that failed.
RenewAnswer renew_due(Workbench&, const DueOptions&, const RenewOptions&);

}  // namespace ymgr
