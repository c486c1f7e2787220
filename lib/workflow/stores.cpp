#include "workflow/stores.hpp"

#include "base/error.hpp"

namespace ymgr {
namespace {

class SealedStores : public Stores {
 public:
  SealedStores(sql::Connection& db, const Session& session) : db_(db), session_(session) {}
  bool is_open() const noexcept override { return session_.has_data_key(); }
  SecretReach reach() const noexcept override { return is_open() ? SecretReach::all : SecretReach::none; }
  std::unique_ptr<SecretStore> secrets() override { return open_sealed_secrets(db_, session_.data_key()); }
  std::unique_ptr<IdentityTokens> tokens() override { return open_sealed_tokens(db_, session_.data_key()); }
  license::Shelf licenses() override { return {secrets(), "license"}; }

  KeyPlace usual_place() const noexcept override { return KeyPlace::sealed; }
  bool keeps(KeyPlace place) const noexcept override { return place == KeyPlace::sealed || place == KeyPlace::file; }
  bool seals_journal() const noexcept override { return true; }
  std::unique_ptr<KeyStore> keys(KeyPlace place) override {
    require_place(place);
    return place == KeyPlace::file ? open_file_keys(session_.data_key()) : open_sealed_keys(session_.data_key());
  }
  std::string key_box(std::string_view reference) override {
    return reference.starts_with("sealed:") ? sealed_key_box(db_, reference) : std::string();
  }
  bool key_is_there(std::string_view reference) override { return ymgr::key_is_there(db_, reference); }
  void destroy_key(std::string_view reference) override { ymgr::destroy_key(db_, reference); }
  std::set<std::string> all_keys() override { return sealed_keys(db_); }

 private:
  sql::Connection& db_;
  const Session& session_;
};

}  // namespace

void Stores::require_place(KeyPlace place) const {
  if (keeps(place)) return;
  if (keeps(KeyPlace::transit))
    throw Error(Code::usage, "a team keeps no keys " + std::string(to_string(place)) + " in a profile",
                "--key-store transit, or --key-store file for keys that a server must read");
  throw Error(Code::usage, "this profile has no Vault, which keeps keys in " + std::string(to_string(place)),
              "--key-store sealed, or --key-store file for keys that a server must read");
}

std::unique_ptr<Stores> open_sealed_stores(sql::Connection& db, const Session& session) {
  return std::make_unique<SealedStores>(db, session);
}

}  // namespace ymgr
