#include "secrets/secret_store.hpp"

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

class SealedSecrets final : public SecretStore {
 public:
  SealedSecrets(sql::Connection& connection, const DataKey& key) : connection_(connection), key_(key.clone()) {}

  std::optional<SecretDocument> read(std::string_view path) override {
    std::string box;
    std::int64_t version = 0;
    connection_.run("SELECT version, box FROM secrets WHERE path = $1 ORDER BY version DESC LIMIT 1", {path},
                    [&](const sql::Row& row) {
                      version = row.integer(0);
                      box = row.text(1);
                    });
    if (box.empty()) return std::nullopt;
    return SecretDocument{open_secret_box(key_, path, version, box), version};
  }

  std::int64_t write(std::string_view path, const Secret& value, std::int64_t expected) override {
    const auto next = expected + 1;
    const auto box = make_secret_box(key_, path, next, value);
    // No row when the newest is not `expected`, also when another writer was faster.
    const auto written = connection_.run(
        "INSERT INTO secrets (path, version, box, created_at) "
        "SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT) "
        "WHERE COALESCE((SELECT max(version) FROM secrets WHERE path = $1), 0) = $2 - 1 ON CONFLICT DO NOTHING",
        {path, next, box, to_micros(now())});
    if (written == 0)
      throw Error(Code::version_conflict, "secret " + std::string(path) + " is at version " +
                                              std::to_string(version(path)) + ", not " + std::to_string(expected));
    return next;
  }

  void destroy(std::string_view path) override {
    connection_.run("UPDATE secrets SET box = NULL, destroyed_at = $2 WHERE path = $1 AND box IS NOT NULL",
                    {path, to_micros(now())});
  }

  std::int64_t version(std::string_view path) override {
    std::int64_t newest = 0;
    connection_.run("SELECT max(version) FROM secrets WHERE path = $1", {path},
                    [&](const sql::Row& row) { newest = row.integer(0); });
    return newest;
  }

 private:
  sql::Connection& connection_;
  DataKey key_;
};

std::string binding(std::string_view path, std::int64_t version) {
  std::string bound = "ymgr-secret";
  bound.append(1, '\0').append(path).append(1, '\0').append(std::to_string(version));
  return bound;
}

}  // namespace

std::string make_secret_box(const DataKey& key, std::string_view path, std::int64_t version, const Secret& value) {
  return to_base64(seal(key.key, binding(path, version), value.reveal()));
}

Secret open_secret_box(const DataKey& key, std::string_view path, std::int64_t version, std::string_view box) {
  const auto bytes = from_base64(box);
  if (!bytes) throw Error(Code::box_invalid, "secret " + std::string(path) + " is not base64");
  return unseal(key.key, binding(path, version), *bytes);
}

std::unique_ptr<SecretStore> open_sealed_secrets(sql::Connection& connection, const DataKey& key) {
  return std::make_unique<SealedSecrets>(connection, key);
}

}  // namespace ymgr
