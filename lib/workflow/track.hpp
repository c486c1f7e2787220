// Certificates from elsewhere come into the inventory: watched, and, where somebody says so, replaced by our CA's when they are due.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "inventory/tracked.hpp"
#include "workflow/engine.hpp"
#include "workflow/installation.hpp"

namespace ymgr {

/// A place where somebody looked.
struct Sighting {
  std::string source;                      // as TrackedRow has it
  std::optional<Certificate> certificate;  // the first that is there
  std::optional<Error> error;              // why there is none
};
/// PEM or DER, 1 MiB at most. @param path  absolute
Sighting look_in_file(const std::string& path);
enum class Depth { one_folder, recursive };
/// Files .pem .crt .cer .cert .der that hold a certificate, by name; others are passed over. No link to a folder is followed.
/// @throws Error usage: more than 10,000 files · what reading the folder throws
std::vector<Sighting> look_in_folder(const std::string& folder, Depth);
/// @param place  HOST:PORT
Sighting look_at_server(const std::string& place, Duration timeout);
/// What Vault's CA signed, has not expired, and the inventory has not. @throws Error usage: the CA is a profile's own, whose books are the inventory
std::vector<Sighting> look_in_ca(Workbench&);
/// A line each: a file, a folder, or HOST:PORT; empty lines and those with # before them are passed over.
/// @throws Error batch-invalid: more than 10,000 of them, or one that can't be
std::vector<Sighting> look_by_list(std::string_view text, const std::string& folder, Duration timeout);
/// One word of such a list. @param folder  of relative paths
std::vector<Sighting> look_at(const std::string& word, const std::string& folder, Depth, Duration timeout);

struct TrackOptions {
  std::string owner;                  // empty: the actor
  std::optional<Installation> place;  // our successor goes there; only for one certificate
  std::string profile;                // of the successor
  bool dry_run = false;
};
struct TrackAnswer {
  std::vector<Json> items;  // tracked, changed, unchanged, ours (nothing to track), planned; or why there is none
  std::vector<int> exits;
  int exit = 0;
  bool changed = false;
};
/// What is ours already is left alone. Right: issue, as for whoever makes rows. @throws Error role-denied, installation-exists
TrackAnswer track(Workbench&, const std::vector<Sighting>&, const TrackOptions&);
struct TrackedDue {
  std::vector<Json> items;  // successors that were issued, or why not
  std::vector<int> exits;
  std::vector<TrackedRow> elsewhere;  // somebody has to renew these
  bool changed = false;
};
enum class Rehearsal { no, yes };
/// What this host watches and is due: a successor from our CA where somebody said so. One that can't be issued keeps no other from it.
TrackedDue replace_tracked(Workbench&, const std::optional<RenewBefore>&, Rehearsal);

/// @throws Error certificate-not-found, certificate-ambiguous, role-denied
TrackedRow untrack(Workbench&, const std::string& argument, Rehearsal);

}  // namespace ymgr
