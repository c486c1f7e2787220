// Keys against the certificates that name them, those that wait in files, and operations that nobody works on.
#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "keys/key_file.hpp"
#include "keys/key_store.hpp"
#include "workflow/operation.hpp"
#include "workflow/reconciliation.hpp"
#include "workflow/resume.hpp"

namespace ymgr::reconciling {
namespace {

struct Used {
  std::string cert_id, name, reference, public_key;
};

std::string prefix_of(KeyPlace place) {
  return std::string(to_string(place)) + ":";
}

std::vector<Used> in_use(sql::Connection& db, KeyPlace place, Time at) {
  std::vector<Used> used;
  db.run(
      "SELECT cert_id, name, key_reference, public_key_sha256 FROM certificates "
      "WHERE status = 'active' AND expires_at >= $1 AND key_reference LIKE $2 ORDER BY cert_id",
      {to_micros(at), prefix_of(place) + "%"}, [&](const sql::Row& row) {
        used.push_back(
            {std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)), std::string(row.text(3))});
      });
  return used;
}

void open_key(Reconciliation& run, KeyStore& store, const std::set<std::string>& there, const Used& used) {
  const std::string hint = "ymgr renew " + used.name + " --new-key";
  if (!there.contains(used.reference)) {
    run.report("key_missing", used.reference, "the key of " + used.cert_id + " (" + used.name + ") is gone", hint);
    return;
  }
  const auto key = store.open(used.reference, run.bench.stores.key_box(used.reference));
  store.forget(key);
  if (hex(key.public_key.sha256) != used.public_key)
    run.report("key_mismatch", used.reference, "the key is not that of " + used.cert_id + " (" + used.name + ")", hint);
}

/// The key that an item makes, or is going to make.
std::string reference_in(const Json& item) {
  const auto reference = text_in(item, "key_reference");
  return reference.empty() ? text_in(item, "key_place") + ":" + text_in(item, "key_name") : reference;
}

/// Of those references: what operations made, and what open ones are going to use.
struct Journaled {
  std::set<std::string> ours, busy;
};

Journaled look_into_journal(sql::Connection& db, KeyPlace place, const std::set<std::string>& references) {
  Journaled found;
  if (references.empty()) return found;
  // A person of a team makes no keys there: what a row of one says of them is a lie.
  constexpr const char* of_makers =
      "SELECT i.data, i.status FROM operation_items i JOIN operations o ON o.request_id = i.request_id "
      "LEFT JOIN users u ON u.name = o.actor WHERE i.kind IN ('issue', 'renew') AND (u.role IS NULL OR u.role <> "
      "'user')";
  constexpr const char* of_all = "SELECT data, status FROM operation_items WHERE kind IN ('issue', 'renew')";
  db.run(place == KeyPlace::transit ? of_makers : of_all, {}, [&](const sql::Row& row) {
    const auto reference = reference_in(journaled(row.text(0)));
    if (!references.contains(reference)) return;
    found.ours.insert(reference);
    if (row.text(1) == "open" || row.text(1) == "waiting") found.busy.insert(reference);
  });
  return found;
}

std::set<std::string> without_named(sql::Connection& db, KeyPlace place, std::set<std::string> references) {
  db.run("SELECT key_reference FROM certificates WHERE key_reference LIKE $1", {prefix_of(place) + "%"},
         [&](const sql::Row& row) { references.erase(std::string(row.text(0))); });
  return references;
}

void settle_unused(Reconciliation& run, const std::string& reference) {
  auto& stores = run.bench.stores;
  if (!run.options.destroy_unused_keys)
    run.report("key_unused", reference, "no certificate has this key",
               "destroy it with ymgr reconcile --destroy-unused-keys");
  else if (stores.seals_journal())
    run.repair("key_unused", reference, "destroyed: no certificate has this key",
               [&] { stores.destroy_key(reference); });
  else
    run.repair_outside("key_unused", reference, "destroyed: no certificate has this key",
                       [&] { stores.destroy_key(reference); });
}

/// `there` was listed before the journal and the inventory are read, so whatever was made meanwhile is not in it. Vault may keep keys of
/// others in the same place: they are left alone.
void settle_unused_keys(Reconciliation& run, KeyPlace place, const std::set<std::string>& there) {
  const auto unused = without_named(run.bench.db, place, there);
  const auto journaled = look_into_journal(run.bench.db, place, unused);
  std::int64_t foreign = 0;
  for (const auto& reference : unused) {
    if (journaled.busy.contains(reference)) continue;
    if (place == KeyPlace::transit && !journaled.ours.contains(reference))
      ++foreign;
    else
      settle_unused(run, reference);
  }
  if (foreign > 0)
    run.note("key_foreign", std::string(to_string(place)),
             std::to_string(foreign) + " keys there were not made by ymgr and are left alone");
}

/// nullopt: the journal knows of no such certificate.
std::optional<std::string> status_of(sql::Connection& db, const std::string& cert_id) {
  std::optional<std::string> status;
  db.run("SELECT data, status FROM operation_items WHERE kind IN ('issue', 'renew')", {}, [&](const sql::Row& row) {
    if (text_in(journaled(row.text(0)), "cert_id") == cert_id) status = row.text(1);
  });
  return status;
}

void settle_waiting_key(Reconciliation& run, const Installation& place, const std::string& cert_id) {
  const auto path = installation::pending_key(place, cert_id);
  const auto status = status_of(run.bench.db, cert_id);
  if (status == "open" || status == "waiting") return;
  if (status)
    run.repair_outside("key_left", path, "destroyed: the operation that made this key has ended",
                       [&] { destroy_key_file(path); });
  else
    run.report("key_left", path, "a key waits there for a certificate that the journal does not know",
               "remove the file when no other profile of this host uses it");
}

}  // namespace

void compare_keys(Reconciliation& run) {
  auto& stores = run.bench.stores;
  const auto place = stores.usual_place();
  const auto there = stores.all_keys();
  const auto store = stores.keys(place);
  for (const auto& used : in_use(run.bench.db, place, run.at)) {
    ++run.answer.keys;
    run.examine("key_damaged", used.reference, [&] { open_key(run, *store, there, used); });
  }
  settle_unused_keys(run, place, there);
}

void settle_waiting_keys(Reconciliation& run) {
  if (run.bench.stores.seals_journal()) return;
  std::set<std::string> seen;
  std::vector<Installation> places;
  try {
    places = installation::load_all(run.bench.installations);
  } catch (const Error& error) {  // told by those who look at installations
    if (error.retryable()) throw;
  }
  for (const auto& place : places)
    run.examine("key_left", place.name, [&] {
      for (const auto& cert_id : installation::pending_keys(place))
        if (seen.insert(cert_id).second) settle_waiting_key(run, place, cert_id);
    });
}

void look_at_operations(Reconciliation& run) {
  for (const auto& id : resumable(run.bench)) {
    const auto op = operations::get(run.bench.db, id);
    ++run.answer.operations;
    run.examine("operation_damaged", id, [&] { operations::require_readable(run.bench.db, op); });
    if (op.state == "open")
      run.report(
          "operation_open", id, op.kind + " of " + op.target + " stopped half-way and nobody works on it",
          "ymgr resume " + shell_quote(resume_id(id)) + ", or give it up: ymgr operation abandon " + shell_quote(id));
  }
}

}  // namespace ymgr::reconciling
