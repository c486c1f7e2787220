// What Vault lends for a time: renewed while a long command runs, between its steps. Nothing here starts a thread.
#pragma once
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "vault/client.hpp"

namespace ymgr::vault {

/// A time that was lent.
struct Term {
  Time began{};                      // or was renewed last
  std::optional<Time> expires_at{};  // by our own clock; nullopt: never
  bool renewable = false;

  /// From when on it should be renewed: two thirds of it are over. nullopt: it never needs to be, or can't be.
  std::optional<Time> due_at() const;
  bool is_over() const { return expires_at && *expires_at <= now(); }
};
/// Of "lease_duration" and "renewable" of an answer, or of its "auth", from now on; a duration of 0 has no end.
Term term_of(const Json& json);

/// Credentials that end with it.
struct Lease {
  std::string id;
  Term term;
};
/// The server may give less than `increment`; less than asked for means that the end of it is near. @throws Error vault-refused: not
/// renewable · vault-not-found: it is over
void renew(Client& client, Lease& lease, Duration increment);
/// One that is over: fine.
void revoke(Client& client, const Lease& lease);
/// Renews for as long again when it is due. To be called between steps. @return true: renewed
bool tend(Client& client, Lease& lease);

}  // namespace ymgr::vault
