#include "workflow/stores.hpp"

namespace ymgr {
namespace {

class SealedStores : public Stores {
 public:
  SealedStores(sql::Connection& db, const Session& session) : db_(db), session_(session) {}
  bool is_open() const noexcept override { return session_.has_data_key(); }
  std::unique_ptr<SecretStore> secrets() override { return open_sealed_secrets(db_, session_.data_key()); }
  std::unique_ptr<KeyStore> keys(KeyPlace place) override {
    return place == KeyPlace::file ? open_file_keys(session_.data_key()) : open_sealed_keys(session_.data_key());
  }
  std::unique_ptr<IdentityTokens> tokens() override { return open_sealed_tokens(db_, session_.data_key()); }

 private:
  sql::Connection& db_;
  const Session& session_;
};

}  // namespace

std::unique_ptr<Stores> open_sealed_stores(sql::Connection& db, const Session& session) {
  return std::make_unique<SealedStores>(db, session);
}

}  // namespace ymgr
