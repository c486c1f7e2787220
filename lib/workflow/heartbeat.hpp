// Heartbeats: that scheduled renewal ran on a host, and how it ended. Nobody notices a timer that has stopped otherwise.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workflow/workbench.hpp"

namespace ymgr::heartbeat {

/// A day and two hours for a run that takes its time: what `renew.heartbeat` is by default.
inline constexpr Duration usual_limit = std::chrono::hours(26);

/// The last `renew --due` of a host.
struct Beat {
  std::string host = {};
  std::string actor = {};                 // who ran it; empty: none ever ran there
  std::optional<Time> started_at = {};    // of the last run
  std::optional<Time> ended_at = {};      // nullopt: it goes on, or was killed
  std::optional<int> exit = {};           // exit status of the last run that ended
  std::string message = {};               // why that one failed
  std::optional<Time> succeeded_at = {};  // end of the last run that did all it had to
  bool is_stale(Duration limit, Time at) const;
  /// "the last scheduled renewal on web1 that succeeded ended 3 days ago; since then: …". One sentence, no full stop.
  std::string describe(Time at) const;
};

/// A run begins; joins the caller's transaction.
void begin(Workbench&);
/// `exit`: 0 and nothing else is a success. @param message  why it is none
void end(Workbench&, int exit, std::string_view message);
/// The run was ended by `error`. What keeps that from being written down is not told: the error is.
void note_failure(Workbench&, const Error& error);

/// Of one host, whoever ran it last; nothing of it was ever recorded: with an empty actor.
Beat of_host(sql::Connection&, std::string_view host);
/// Of every host that ran one in the last 30 days, or on which an active certificate is installed; by name.
std::vector<Beat> all(sql::Connection&, Time at);

}  // namespace ymgr::heartbeat
