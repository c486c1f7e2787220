// Commands that go on although a team's database does not answer.
#pragma once
#include <optional>
#include <vector>

#include "cli/invocation.hpp"
#include "workflow/watch.hpp"

namespace ymgr::cli {

/// While it lives, the command works with the team's database, or, when that does not answer, with the stand-in of this host. What was
/// done in a stand-in before is delivered first.
class Steadfast {
 public:
  /// What can't be delivered ends the command, or is kept for its answer.
  enum class Undelivered { ends_it, is_told };
  explicit Steadfast(Invocation&, Undelivered = Undelivered::ends_it);
  Workbench& bench();
  /// Why what waits was not delivered.
  const std::optional<Error>& undelivered() const noexcept { return undelivered_; }
  /// It is the real database.
  bool is_here() const noexcept { return is_here_; }
  /// At the end: notes what the next bad day will need. What keeps it from being noted is a warning.
  void note();

 private:
  bool is_here_ = true;  // the database
  Invocation& call_;
  std::optional<Error> undelivered_;
};
/// What was done while the database was away goes into it; with --dry-run a warning says that it waits.
/// @return what somebody has to look after all the same, which a warning has told
std::optional<Error> deliver_what_waits(Invocation&);

/// Where a host keeps what it notes for days without the team's database.
std::string stand_in_folder();

/// What the next login of this kind hangs on, as far as it ends.
std::vector<Watched> watched_logins(Invocation&);

}  // namespace ymgr::cli
