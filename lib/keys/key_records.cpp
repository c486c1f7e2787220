#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "keys/key_store.hpp"

namespace ymgr {
namespace {

constexpr std::string_view sealed_scheme = "sealed:", file_scheme = "file:";

std::string secret_path(std::string_view reference) {
  return "keys/" + std::string(reference.substr(sealed_scheme.size()));
}

std::string stored_box(sql::Connection& db, std::string_view reference) {
  std::string box;
  db.run("SELECT box FROM secrets WHERE path = $1 AND version = 1", {secret_path(reference)},
         [&](const sql::Row& row) { box = row.text(0); });
  return box;
}

}  // namespace

std::string key_name_for(std::string_view certificate_name, bool taken) {
  std::string name;
  for (const char c : certificate_name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (c == '*')
      name += "wildcard";
    else
      name += plain ? c : '-';
  }
  if (taken) name += "-" + hex(sha256(certificate_name)).substr(0, 8);
  return name;
}

void record_sealed_key(sql::Connection& db, const EnsuredKey& key) {
  const auto written =
      db.run("INSERT INTO secrets (path, version, box, created_at) VALUES ($1, 1, $2, $3) ON CONFLICT DO NOTHING",
             {secret_path(key.reference), key.box, to_micros(now())});
  if (written == 0 && stored_box(db, key.reference) != key.box)
    throw Error(Code::key_exists, "a key " + key.reference + " exists");
}

std::string sealed_key_box(sql::Connection& db, std::string_view reference) {
  auto box = reference.starts_with(sealed_scheme) ? stored_box(db, reference) : std::string();
  if (box.empty()) throw Error(Code::key_not_found, "no sealed key " + std::string(reference), "renew with --new-key");
  return box;
}

bool key_is_there(sql::Connection& db, std::string_view reference) {
  if (reference.starts_with(sealed_scheme)) return !stored_box(db, reference).empty();
  return reference.starts_with(file_scheme) && exists(std::string(reference.substr(file_scheme.size())));
}

void destroy_key(sql::Connection& db, std::string_view reference) {
  if (reference.starts_with(sealed_scheme))
    db.run("UPDATE secrets SET box = NULL, destroyed_at = $2 WHERE path = $1 AND box IS NOT NULL",
           {secret_path(reference), to_micros(now())});
  else if (reference.starts_with(file_scheme))
    overwrite_and_remove_file(std::string(reference.substr(file_scheme.size())));
}

}  // namespace ymgr
