#include "keys/key_store.hpp"

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "keys/decoded_keys.hpp"
#include "keys/key_file.hpp"
#include "keys/reference.hpp"

namespace ymgr {
namespace {

constexpr std::string_view sealed_prefix = "sealed:", file_prefix = "file:";

std::string secret_path(std::string_view name) {
  return "keys/" + std::string(name);
}

/// What both stores do; how a key is sealed is theirs.
class LocalKeys : public DecodedKeys {
 public:
  explicit LocalKeys(const DataKey& key) : data_key_(key.clone()) {}

  EnsuredKey ensure(std::string_view name, KeyAlgorithm algorithm, std::string_view box) override {
    if (!box.empty()) return take_up(name, box);
    auto key = PrivateKey::generate(algorithm);
    auto sealed = make_box(name, key.pkcs8());
    return keep(reference_of(name), std::move(key), std::move(sealed));
  }

 protected:
  virtual std::string reference_of(std::string_view name) const = 0;
  virtual std::string make_box(std::string_view name, const Secret& pkcs8) const = 0;
  virtual Secret open_box(std::string_view name, std::string_view box) const = 0;

  EnsuredKey take_up(std::string_view name, std::string_view box) {
    return keep(reference_of(name), PrivateKey::from_pkcs8(open_box(name, box)), std::string(box));
  }

  const DataKey& data_key() const noexcept { return data_key_; }

 private:
  DataKey data_key_;
};

class SealedKeys final : public LocalKeys {
 public:
  using LocalKeys::LocalKeys;

  EnsuredKey open(std::string_view reference, std::string_view box) override {
    const auto name = name_in(reference, sealed_prefix);
    if (box.empty()) throw Error(Code::key_not_found, "the key " + std::string(reference) + " is not there");
    return take_up(name, box);
  }

  Secret export_pem(const EnsuredKey& key) override {
    throw Error(Code::key_not_found, "the key " + key.reference + " is sealed and never leaves the profile",
                "keep keys that a server must read with --key-store file");
  }

  bool destroy(std::string_view reference, std::string_view) override {
    name_in(reference, sealed_prefix);
    return false;
  }

 private:
  std::string reference_of(std::string_view name) const override { return std::string(sealed_prefix).append(name); }
  std::string make_box(std::string_view name, const Secret& pkcs8) const override {
    return make_secret_box(data_key(), secret_path(name), 1, pkcs8);
  }
  Secret open_box(std::string_view name, std::string_view box) const override {
    return open_secret_box(data_key(), secret_path(name), 1, box);
  }
};

class FileKeys final : public LocalKeys {
 public:
  using LocalKeys::LocalKeys;

  EnsuredKey open(std::string_view reference, std::string_view box) override {
    const auto path = name_in(reference, file_prefix);
    if (!box.empty()) return take_up(path, box);
    return keep(reference_of(path), PrivateKey::from_pem(read_key_file(path)), {});
  }

  Secret export_pem(const EnsuredKey& key) override { return decoded(key).pem(); }
  bool destroy(std::string_view reference, std::string_view public_key_sha256) override {
    return destroy_key_file(name_in(reference, file_prefix), public_key_sha256);
  }

 private:
  std::string reference_of(std::string_view name) const override { return std::string(file_prefix).append(name); }
  std::string binding(std::string_view path) const {
    return std::string("ymgr-key").append(1, '\0').append(reference_of(path));
  }
  std::string make_box(std::string_view path, const Secret& pkcs8) const override {
    return to_base64(seal(data_key().key, binding(path), pkcs8.reveal()));
  }
  Secret open_box(std::string_view path, std::string_view box) const override {
    const auto bytes = from_base64(box);
    if (!bytes) throw Error(Code::box_invalid, "the sealed key of " + std::string(path) + " is not base64");
    return unseal(data_key().key, binding(path), *bytes);
  }
};

bool is_continuation(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string box_of(sql::Connection& connection, std::string_view name) {
  std::string box;
  connection.run("SELECT box FROM secrets WHERE path = $1 AND version = 1", {secret_path(name)},
                 [&](const sql::Row& row) { box = row.text(0); });
  return box;
}

}  // namespace

std::string name_in(std::string_view reference, std::string_view prefix) {
  if (!reference.starts_with(prefix) || reference.size() == prefix.size())
    throw Error(Code::key_not_found, "the key " + printable(reference) + " is not kept here");
  return std::string(reference.substr(prefix.size()));
}

std::string_view to_string(KeyPlace place) noexcept {
  switch (place) {
    case KeyPlace::sealed: return "sealed";
    case KeyPlace::file: return "file";
    case KeyPlace::transit: return "transit";
    case KeyPlace::card: return "card";
    case KeyPlace::external: return "external";
  }
  return "sealed";
}

KeyPlace place_of(std::string_view reference) noexcept {
  if (reference.starts_with(sealed_prefix)) return KeyPlace::sealed;
  if (reference.starts_with(file_prefix)) return KeyPlace::file;
  if (reference.starts_with("transit:")) return KeyPlace::transit;
  return reference.starts_with("yubikey:") ? KeyPlace::card : KeyPlace::external;
}

KeyPlace parse_key_place(std::string_view text) {
  if (text == "sealed") return KeyPlace::sealed;
  if (text == "file") return KeyPlace::file;
  if (text == "transit") return KeyPlace::transit;
  throw Error(Code::usage, "no key store " + printable(text),
              text == "card" ? "--device SERIAL --slot 9a" : "sealed, file or transit");
}

std::unique_ptr<KeyStore> open_sealed_keys(const DataKey& key) {
  return std::make_unique<SealedKeys>(key);
}
std::unique_ptr<KeyStore> open_file_keys(const DataKey& key) {
  return std::make_unique<FileKeys>(key);
}

std::string key_name_for(std::string_view certificate_name, bool taken) {
  std::string name;
  for (const char c : certificate_name) {
    const bool kept = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_';
    if (c == '*')
      name += "wildcard";
    else if (!is_continuation(c))
      name += kept ? c : '-';
  }
  return taken ? name + "-" + hex(sha256(certificate_name)).substr(0, 8) : name;
}

void record_sealed_key(sql::Connection& connection, const EnsuredKey& key) {
  const auto name = name_in(key.reference, sealed_prefix);
  const auto recorded = connection.run(
      "INSERT INTO secrets (path, version, box, created_at) VALUES ($1, 1, $2, $3) ON CONFLICT DO NOTHING",
      {secret_path(name), key.box, to_micros(now())});
  if (recorded == 0 && box_of(connection, name) != key.box)
    throw Error(Code::key_exists, "there is another key " + key.reference + " already, or was one");
}

std::string sealed_key_box(sql::Connection& connection, std::string_view reference) {
  auto box = box_of(connection, name_in(reference, sealed_prefix));
  if (box.empty())
    throw Error(Code::key_not_found, "the key " + std::string(reference) + " is not there", "renew with --new-key");
  return box;
}

std::set<std::string> sealed_keys(sql::Connection& connection) {
  std::set<std::string> references;
  connection.run("SELECT substr(path, 6) FROM secrets WHERE path LIKE 'keys/%' AND box IS NOT NULL", {},
                 [&](const sql::Row& row) { references.insert(std::string(sealed_prefix).append(row.text(0))); });
  return references;
}

bool key_is_there(sql::Connection& connection, std::string_view reference) {
  if (reference.starts_with(file_prefix)) return exists(name_in(reference, file_prefix));
  if (!reference.starts_with(sealed_prefix)) return false;
  return !box_of(connection, reference.substr(sealed_prefix.size())).empty();
}

bool destroy_key_copy(const std::string& path, std::string_view public_key_sha256) {
  return destroy_key_file(path, public_key_sha256);
}

void destroy_key(sql::Connection& connection, std::string_view reference) {
  if (reference.starts_with(file_prefix)) {
    destroy_key_file(name_in(reference, file_prefix));
    return;
  }
  connection.run("UPDATE secrets SET box = NULL, destroyed_at = $2 WHERE path = $1 AND box IS NOT NULL",
                 {secret_path(name_in(reference, sealed_prefix)), to_micros(now())});
}

}  // namespace ymgr
