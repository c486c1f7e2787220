#include "cli/steadfast.hpp"

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/config.hpp"
#include "cli/environment.hpp"
#include "cli/servers.hpp"
#include "vault/auth.hpp"
#include "workflow/stand_in_link.hpp"

namespace ymgr::cli {
namespace {

stand_in::Place place_of(const Config& config, const std::string& entity_id) {
  return {stand_in_folder(), team::stand_in_name(team_settings(config), entity_id, config.at("context").value)};
}

stand_in::Place place_of(Wiring& wiring) {
  return place_of(wiring.config(), wiring.team()->entity_id);
}

/// For as long as the program lives: SQLite tidies up beside the file when wiring closes it.
Fd& held_lock() {
  static Fd lock;
  return lock;
}

/// As wiring logs in, but for the database.
std::unique_ptr<team::Link> link_to_stand_in(Wiring& wiring, const team::OpenStandIn& open) {
  const auto& config = wiring.config();
  const auto place = wiring.session_place();
  auto request = environment_login(config);
  if (!request && !exists(place.folder + "/" + place.profile_id)) request = configured_login(config);
  return team::link_to_stand_in(team_settings(config), place, team_reach(config), request ? &*request : nullptr, open);
}

}  // namespace

std::string stand_in_folder() {
  return xdg_folder("XDG_STATE_HOME", ".local/state") + "/ymgr";
}

Steadfast::Steadfast(Invocation& call, Undelivered undelivered) : call_(call) {
  auto& wiring = call.wiring();
  if (!wiring.is_team()) return;
  try {
    wiring.database();
  } catch (const Error& error) {
    if (!stand_in::is_away(error)) throw;
    Time noted_at;
    auto link = link_to_stand_in(wiring, [&](const std::string& entity_id) {
      auto opened = stand_in::open(place_of(wiring.config(), entity_id), entity_id, wiring.config().timeout());
      if (opened) {
        held_lock() = std::move(opened->lock);
        noted_at = opened->noted_at;
      }
      return opened;
    });
    if (!link) throw;
    is_here_ = false;
    wiring.take_link(std::move(link));
    call.notices().warn("the team's database does not answer; going on with what was known of it " +
                        describe_distance(now(), noted_at) + ": the next run delivers what comes of it");
    return;
  }
  try {
    const auto complaint = deliver_what_waits(call);
    if (undelivered == Undelivered::is_told) undelivered_ = complaint;
  } catch (const Error& error) {
    if (undelivered == Undelivered::ends_it || error.code() == Code::interrupted) throw;
    undelivered_ = error;
  }
}

Workbench& Steadfast::bench() {
  return call_.wiring().workbench();
}

void Steadfast::note() {
  auto& wiring = call_.wiring();
  if (!is_here_ || !wiring.is_team()) return;
  try {
    stand_in::note(wiring.workbench(), place_of(wiring), wiring.team()->entity_id);
  } catch (const Error& error) {
    call_.notices().warn(std::string("nothing is noted for days without the database: ") + error.what());
  }
}

std::optional<Error> deliver_what_waits(Invocation& call) {
  auto& wiring = call.wiring();
  if (!wiring.is_team()) return std::nullopt;
  if (call.globals().dry_run) {
    if (stand_in::waits(place_of(wiring)))
      call.notices().warn(
          "what was done while the database was away waits to be delivered: what follows knows nothing of it");
    return std::nullopt;
  }
  const auto done = stand_in::deliver(wiring.workbench(), place_of(wiring));
  if (!done) return std::nullopt;
  call.notices().warn("what was done while the database was away is delivered: operations " +
                      std::to_string(done->operations) + ", new certificates " + std::to_string(done->certificates) +
                      ", revocations " + std::to_string(done->revocations));
  if (done->unwanted.empty()) return std::nullopt;
  const Error error(Code::certificate_state,
                    "renewed while the database was away, although revoked meanwhile: " + join(done->unwanted, ", "),
                    done->is_revoked ? "they are revoked, too; ymgr issue NAME makes new ones with new keys"
                                     : "an operator revokes them: ymgr reconcile --revoke-orphans");
  call.notices().warn(std::string(error.what()) + ": " + error.hint());
  return error;
}

std::vector<Watched> watched_logins(Invocation& call) {
  auto& wiring = call.wiring();
  const auto& config = wiring.config();
  const auto& session = wiring.session();
  std::vector<Watched> all;
  if (!session.session_id().empty())
    all.push_back({"session", "the session of ymgr login", session.expires_at(), session.expires_at(),
                   "ymgr login; a timer logs in by itself, README tells how"});
  if (!wiring.is_team()) return all;
  if (const auto request = environment_login(config); request && request->method == "token")
    if (const auto term = vault::look_up_self(wiring.team()->vault).term; term.expires_at)
      all.push_back({"token", "the token that was handed over", *term.expires_at,
                     default_due_at(term.began, *term.expires_at),
                     "hand over another; one with a period is renewed here"});
  if (const auto& file = config.at("vault.certificate_file").value; !file.empty()) {
    const auto shown = parse_certificate(read_file(file));
    all.push_back({"login-certificate", shown.subject, shown.not_after,
                   default_due_at(shown.not_before, shown.not_after),
                   "renew the certificate of vault.certificate_file"});
  }
  return all;
}

}  // namespace ymgr::cli
