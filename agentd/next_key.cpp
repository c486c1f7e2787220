#include "agentd/next_key.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/certificate.hpp"

namespace ymgr::agentd {

std::string key_id_of(const PublicKey& key) {
  return to_base64url({reinterpret_cast<const char*>(key.sha256.data()), key.sha256.size()});
}

std::string pem_of(const PublicKey& key) {
  return to_pem(key.spki, "PUBLIC KEY");
}

NextKey::NextKey() {
  make();
}

void NextKey::make() {
  worker_.run([this] {
    PrivateKey made = PrivateKey::generate(KeyAlgorithm::rsa_3072);
    const PublicKey half = made.public_key();
    std::vector<Waiter> waiting;
    {
      const std::lock_guard lock(mutex_);
      key_ = std::move(made);
      waiting.swap(waiters_);
    }
    for (const Waiter& waiter : waiting) waiter(half);
  });
}

void NextKey::ask(Waiter waiter) {
  std::optional<PublicKey> half;
  {
    const std::lock_guard lock(mutex_);
    if (!key_) return waiters_.push_back(std::move(waiter));
    half = key_->public_key();
  }
  waiter(*half);
}

PrivateKey NextKey::take(const std::string& key_id) {
  const std::lock_guard lock(mutex_);
  if (!key_ || key_id_of(key_->public_key()) != key_id) {
    throw Error(Code::agent_key_changed, "the next session's key is not the one that the request names");
  }
  PrivateKey taken = std::move(*key_);
  key_.reset();
  make();
  return taken;
}

}  // namespace ymgr::agentd
