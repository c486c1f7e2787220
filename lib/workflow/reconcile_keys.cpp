// Sealed keys against the certificates that name them, and operations that nobody works on.
#include <set>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "keys/key_store.hpp"
#include "workflow/operation.hpp"
#include "workflow/reconciliation.hpp"
#include "workflow/resume.hpp"

namespace ymgr::reconciling {
namespace {

struct Used {
  std::string cert_id, name, reference, public_key;
};

std::vector<Used> sealed_in_use(sql::Connection& db, Time at) {
  std::vector<Used> used;
  db.run(
      "SELECT cert_id, name, key_reference, public_key_sha256 FROM certificates "
      "WHERE status = 'active' AND expires_at >= $1 AND key_reference LIKE 'sealed:%' ORDER BY cert_id",
      {to_micros(at)}, [&](const sql::Row& row) {
        used.push_back(
            {std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)), std::string(row.text(3))});
      });
  return used;
}

void open_key(Reconciliation& run, KeyStore& store, const Used& used) {
  const std::string hint = "ymgr renew " + used.name + " --new-key";
  if (!key_is_there(run.bench.db, used.reference)) {
    run.report("key_missing", used.reference, "the key of " + used.cert_id + " (" + used.name + ") is gone", hint);
    return;
  }
  const auto key = store.open(used.reference, sealed_key_box(run.bench.db, used.reference));
  store.forget(key);
  if (hex(key.public_key.sha256) != used.public_key)
    run.report("key_mismatch", used.reference, "the key is not that of " + used.cert_id + " (" + used.name + ")", hint);
}

/// References that open operations are going to use.
std::set<std::string> spoken_for(sql::Connection& db) {
  std::set<std::string> references;
  for (const auto& op : operations::list(db, true, 100'000))
    for (const auto& item : operations::items(db, op.request_id))
      if (const auto reference = item.data.text_or("key_reference", ""); !reference.empty())
        references.insert(reference);
  return references;
}

std::vector<std::string> unused_keys(sql::Connection& db) {
  std::vector<std::string> references;
  db.run(
      "SELECT 'sealed:' || substr(path, 6) FROM secrets WHERE path LIKE 'keys/%' AND box IS NOT NULL "
      "EXCEPT SELECT key_reference FROM certificates ORDER BY 1",
      {}, [&](const sql::Row& row) { references.emplace_back(row.text(0)); });
  const auto busy = references.empty() ? std::set<std::string>() : spoken_for(db);
  std::erase_if(references, [&](const std::string& reference) { return busy.contains(reference); });
  return references;
}

}  // namespace

void compare_keys(Reconciliation& run) {
  auto& db = run.bench.db;
  const auto store = run.bench.stores.keys(KeyPlace::sealed);
  for (const auto& used : sealed_in_use(db, run.at)) {
    ++run.answer.keys;
    run.examine("key_damaged", used.reference, [&] { open_key(run, *store, used); });
  }
  for (const auto& reference : unused_keys(db)) {
    if (run.options.destroy_unused_keys)
      run.repair("key_unused", reference, "destroyed: no certificate has this key",
                 [&] { destroy_key(db, reference); });
    else
      run.report("key_unused", reference, "no certificate has this key",
                 "destroy it with ymgr reconcile --destroy-unused-keys");
  }
}

void look_at_operations(Reconciliation& run) {
  for (const auto& id : resumable(run.bench)) {
    const auto op = operations::get(run.bench.db, id);
    ++run.answer.operations;
    if (op.state == "open")
      run.report("operation_open", id, op.kind + " of " + op.target + " stopped half-way and nobody works on it",
                 "ymgr resume " + resume_id(id) + ", or give it up: ymgr operation abandon " + id);
  }
}

}  // namespace ymgr::reconciling
