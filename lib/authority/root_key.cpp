#include "authority/root_key.hpp"

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"

namespace ymgr::ca {
namespace {

std::string binding(std::string_view root_id) {
  return "ca/" + std::string(root_id) + "/key";
}

std::string base64_member(const Json& stored, std::string_view name) {
  auto bytes = from_base64(stored.at(name).text());
  if (!bytes) throw Error(Code::box_invalid, "the sealed root key can't be read", "Restore a backup.");
  return std::move(*bytes);
}

Secret unseal_root(sql::Connection& db, std::string_view root_id, const Secret& passphrase) {
  const auto text = sql::read_setting(db, "ca.root_key");
  if (!text) throw Error(Code::root_key_missing, "the root key is not kept here", "Give the file of the root key.");
  const Json stored = parse_json(*text);
  const std::string salt = base64_member(stored, "salt"), box = base64_member(stored, "box");
  const PasswordCost cost{static_cast<std::uint64_t>(stored.at("passes").integer()),
                          static_cast<std::uint64_t>(stored.at("memory_kib").integer())};
  const Secret key = stretch_password(passphrase, salt, cost);
  try {
    return unseal(key, binding(root_id), box);
  } catch (const Error&) {
    throw Error(Code::wrong_password, "the passphrase does not open the root key",
                root_key_kept(db) == "sealed-admin-password"
                    ? "It is the password that the first admin had when the profile was made."
                    : "It is the passphrase that was given to `ymgr init`.");
  }
}

PrivateKey root_private_key(sql::Connection& db, std::string_view root_id, const RootKey& given) {
  if (given.pem != nullptr) return PrivateKey::from_pem(*given.pem);
  const std::string kept = root_key_kept(db);
  if (kept == "outside") {
    throw Error(Code::root_key_missing, "the root CA of this profile is an outside one",
                "Have the CA's request signed there again, then run `ymgr ca import`.");
  }
  if (kept == "file") {
    throw Error(Code::root_key_missing, "the root key is kept in a file of yours",
                "Give the file that `ymgr init --root-key-out` wrote with --root-key.");
  }
  if (given.passphrase == nullptr) {
    throw Error(Code::root_key_missing, "the root key is sealed under a passphrase", "Give --root-passphrase-file.");
  }
  return PrivateKey::from_pkcs8(unseal_root(db, root_id, *given.passphrase));
}

}  // namespace

void keep_root_key(sql::Connection& db, std::string_view root_id, const PrivateKey& root, const Secret& passphrase) {
  const PasswordCost cost;
  const std::string salt = random_bytes(16);
  const Secret key = stretch_password(passphrase, salt, cost);
  const Secret plain = root.pkcs8();
  const Json stored = Json::object({{"salt", to_base64(salt)},
                                    {"passes", static_cast<std::int64_t>(cost.passes)},
                                    {"memory_kib", static_cast<std::int64_t>(cost.memory_kib)},
                                    {"box", to_base64(seal(key, binding(root_id), plain.reveal()))}});
  sql::write_setting(db, "ca.root_key", dump_json(stored));
}

Issuer open_root(sql::Connection& db, const IssuerRow& root, const RootKey& given) {
  return {parse_certificate(root.certificate), root_private_key(db, root.issuer_id, given)};
}

}  // namespace ymgr::ca
