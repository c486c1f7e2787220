// Notices: which are due, which channel was told of which, and sending what is owed.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "report/digest.hpp"
#include "report/mail.hpp"
#include "workflow/renew.hpp"
#include "workflow/workbench.hpp"

namespace ymgr::notices {

struct Settings {
  std::vector<int> windows = {30, 14, 7, 1};          // days before the end, falling; the end itself is one more
  Duration heartbeat_limit = std::chrono::hours(26);  // how old a host's last scheduled renewal that succeeded may be
};

/// A way to tell people. Each has its own account of what went over it.
struct Channel {
  std::string name;       // mail, webhook or exec
  Duration time_limit{};  // that `send` keeps
  /// @throws Error: not delivered, or, with outcome unknown, perhaps delivered
  std::function<void(const Digest&)> send;
};

/// By mail: text alone.
void send_by_mail(const mail::MailSettings&, const Digest&);
struct Program {
  std::vector<std::string> argv;         // without a shell
  std::vector<std::string> environment;  // NAME=VALUE
  Duration time_limit = std::chrono::seconds(30);
};
/// digest_json on its stdin; exit status 0 is a delivery. @throws Error channel-unreachable: it took longer (outcome unknown) or
/// can't be started · channel-refused: any other end
void send_by_program(const Program&, const Digest&);

/// What a `renew --due` on this host came to, by what failed: "renewal/NAME", "operation/ID", "run/HOST".
using Failures = std::map<std::string, Notice, std::less<>>;
Failures failures_of(const RenewAnswer&, std::string_view host);
/// The run itself was ended by an error.
Failures failures_of(const Error&, std::string_view host);

/// A certificate in a window, or something else that ends and is due.
struct Ending {
  std::string subject;   // what the ledger calls it, never a second thing's: "expiry/cert-…"
  Notice notice;         // its id is not set
  bool overdue = false;  // worth telling; else what was recorded before holds still
};
/// What the subjects of endings begin with that are no certificate of the inventory: then the host whose it is, or nothing, and "/".
inline constexpr std::string_view other_endings = "ending/";
/// Subject of what is told once of more silent hosts than anybody reads.
inline constexpr std::string_view many_silent_hosts = "heartbeat/*";
/// All that is true now.
struct Facts {
  std::vector<Ending> ending;  // certificates, soonest end first, then what else ends
  bool has_others = false;     // whether `ending` has what else ends: only a run that came to its end has looked
  Failures failing;            // those of the run, owed hooks that failed, hosts whose renewals have stopped
  bool after_run = false;      // a run of this host has just ended: what it did not name is over
};
/// A certificate is worth telling when it is active, in a window, and renewal is overdue: its time came an hour ago where a run on this
/// host has just had the chance to see to it, else a day ago (or half of what was left). Certificates whose key is not ours have no such time. Of
/// several windows that passed since the last run the narrowest counts. One from elsewhere that is watched is worth telling in every
/// window, or, where our successor is asked for, like one of ours. What else ends (CAs, CRLs, tokens) is told when it is due, in a window
/// as wide as that is ahead of its end, and then like a certificate.
/// @param run  nullptr: none has just ended. @param watched  of that run; nullptr: not known
Facts facts(Workbench&, const Settings&, const Failures* run, const std::vector<Watched>* watched, Time at);

struct Delivery {
  std::string channel;
  std::vector<Notice> notices;  // of the digest
  std::optional<Error> error;   // why it is owed still
};
/// Records what is due on each channel, then sends each what it is owed, one digest. Only one process sends a notice at a time; what
/// one that died was sending is sent again, marked as repeated. A channel that fails keeps no other from being served.
/// @return one for each channel that was owed something
std::vector<Delivery> send_due(Workbench&, const Settings&, std::span<const Channel>, const Failures* run,
                               const std::vector<Watched>* watched = nullptr);
/// What send_due would send now, without changing anything.
std::vector<Delivery> preview(Workbench&, const Settings&, std::span<const Channel>);

/// The message that a person asks for to see whether a channel works.
Digest test_digest(const std::string& host, Time at);

struct Entry {
  std::string channel, state;  // owed, sending, sent, dropped
  Notice notice;
  std::int64_t attempts = 0;
  std::string error{}, digest{};
  Time created_at{};
  std::optional<Time> sent_at{};
};
struct ListQuery {
  std::string channel, state;  // empty: all
  std::int64_t limit = 100;
};
/// Newest first.
std::vector<Entry> list(sql::Connection&, const ListQuery&);

}  // namespace ymgr::notices
