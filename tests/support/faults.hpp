// Wrappers of ports: they count the calls, and one of them fails, before its effect or after it.
#pragma once
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "authority/authority.hpp"
#include "base/error.hpp"
#include "keys/key_store.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"

namespace ymgr::test {

enum class Fault { before, after };  // after: it is done, and the answer got lost

/// Of one port; workers share it.
class Faults {
 public:
  explicit Faults(Code code) : code_(code) {}
  /// Calls are counted anew; the one of that number, from 1, fails.
  void arm(int call, Fault fault) {
    has_struck_ = false;
    arm_again(call, fault);
    is_again_ = false;
  }
  /// For the recovery: has_struck stays what it is.
  void arm_again(int call, Fault fault) {
    calls_ = 0;
    is_again_ = true;
    fault_ = fault;
    call_ = call;
  }
  void disarm() { call_ = 0; }
  /// False: there were fewer calls since `arm`.
  bool has_struck() const { return has_struck_; }
  /// How many recoveries met a fault.
  int struck_again() const { return struck_again_; }

  template <class Effect>
  std::invoke_result_t<Effect> pass(const Effect& effect) {
    const bool strikes = ++calls_ == call_;
    if (strikes && is_again_) ++struck_again_;
    if (strikes && !is_again_) has_struck_ = true;
    if (strikes && fault_ == Fault::before) throw Error(code_, "injected: nobody answers");
    if constexpr (std::is_void_v<std::invoke_result_t<Effect>>) {
      effect();
      if (strikes) lose();
    } else {
      auto answer = effect();
      if (strikes) lose();
      return answer;
    }
  }

 private:
  [[noreturn]] void lose() const { throw Error(code_, "injected: the answer got lost", {}, {}, Outcome::unknown); }

  Code code_;
  Fault fault_ = Fault::before;
  bool is_again_ = false;
  std::atomic<int> calls_ = 0, call_ = 0, struck_again_ = 0;
  std::atomic<bool> has_struck_ = false;
};

/// Has each call of each port fail once, before its effect and after it. `once` gets a word for the run, arms the fault by the second
/// argument when it is ready, and disarms them all.
inline void each_fault(const std::vector<std::pair<std::string, Faults*>>& ports,
                       const std::function<void(const std::string& word, const std::function<void()>& arm)>& once) {
  for (const auto& entry : ports) {
    const std::string& port = entry.first;
    Faults& faults = *entry.second;
    for (const Fault fault : {Fault::before, Fault::after}) {
      int call = 0;
      do {
        const std::string word = port + (fault == Fault::before ? "-before-" : "-after-") + std::to_string(++call);
        CAPTURE(word);
        once(word, [&] { faults.arm(call, fault); });
      } while (faults.has_struck());
      CAPTURE(port);
      CHECK(call > 1);  // it was asked at all
    }
  }
}

class FaultyConnection final : public sql::Connection {
 public:
  FaultyConnection(sql::Connection& real, Faults& faults)
      : FaultyConnection(std::shared_ptr<sql::Connection>(std::shared_ptr<void>(), &real), faults) {}
  FaultyConnection(std::shared_ptr<sql::Connection> real, Faults& faults) : real_(std::move(real)), faults_(faults) {}
  using sql::Connection::later;
  using sql::Connection::run;
  sql::Dialect dialect() const noexcept override { return real_->dialect(); }
  std::int64_t run(std::string_view text, std::span<const sql::Value> params, const sql::Each& each) override {
    return faults_.pass([&] { return real_->run(text, params, each); });
  }
  void later(std::string_view text, std::span<const sql::Value> params) override {
    faults_.pass([&] { real_->later(text, params); });
  }
  void insert_later(std::string_view table, std::span<const std::string_view> columns,
                    std::span<const sql::Value> row) override {
    faults_.pass([&] { real_->insert_later(table, columns, row); });
  }
  void insert_many(std::string_view table, std::span<const std::string_view> columns,
                   const sql::NextRow& next) override {
    faults_.pass([&] { real_->insert_many(table, columns, next); });
  }
  void update_many(std::string_view table, std::span<const std::string_view> columns, std::size_t keys,
                   const sql::NextRow& next) override {
    faults_.pass([&] { real_->update_many(table, columns, keys, next); });
  }
  void transaction(sql::Access access, const std::function<void()>& body) override {
    faults_.pass([&] { real_->transaction(access, body); });
  }
  void run_script(std::string_view text) override {
    faults_.pass([&] { real_->run_script(text); });
  }
  void* tls_session() const noexcept override { return real_->tls_session(); }

 private:
  std::shared_ptr<sql::Connection> real_;
  Faults& faults_;
};

class FaultyKeys final : public KeyStore {
 public:
  FaultyKeys(std::unique_ptr<KeyStore> real, Faults& faults) : real_(std::move(real)), faults_(faults) {}
  EnsuredKey ensure(std::string_view name, KeyAlgorithm algorithm, std::string_view box) override {
    return faults_.pass([&] { return real_->ensure(name, algorithm, box); });
  }
  EnsuredKey open(std::string_view reference, std::string_view box) override {
    return faults_.pass([&] { return real_->open(reference, box); });
  }
  Der certificate_request(const EnsuredKey& key, const RequestedNames& names) override {
    return faults_.pass([&] { return real_->certificate_request(key, names); });
  }
  Secret export_pem(const EnsuredKey& key) override {
    return faults_.pass([&] { return real_->export_pem(key); });
  }
  void forget(const EnsuredKey& key) override { real_->forget(key); }
  bool destroy(std::string_view reference, std::string_view public_key_sha256) override {
    return faults_.pass([&] { return real_->destroy(reference, public_key_sha256); });
  }

 private:
  std::unique_ptr<KeyStore> real_;
  Faults& faults_;
};

class FaultySigner final : public Signer {
 public:
  FaultySigner(std::unique_ptr<Signer> real, Faults& faults) : real_(std::move(real)), faults_(faults) {}
  IssuedCertificate sign(const SigningRequest& wanted) override {
    return faults_.pass([&] { return real_->sign(wanted); });
  }
  std::optional<IssuedCertificate> find(const SigningRequest& wanted) override {
    return faults_.pass([&] { return real_->find(wanted); });
  }

 private:
  std::unique_ptr<Signer> real_;
  Faults& faults_;
};

class FaultyAuthority final : public Authority {
 public:
  FaultyAuthority(Authority& real, Faults& faults) : real_(real), faults_(faults) {}
  std::unique_ptr<Signer> open_signer() override {
    return std::make_unique<FaultySigner>(faults_.pass([&] { return real_.open_signer(); }), faults_);
  }
  void record_issued(const IssuedCertificate& issued, std::string_view cert_id) override {
    faults_.pass([&] { real_.record_issued(issued, cert_id); });
  }
  void revoke(std::string_view issuer, const RevocationRequest& request) override {
    faults_.pass([&] { real_.revoke(issuer, request); });
  }
  void unhold(std::string_view issuer, std::string_view serial) override {
    faults_.pass([&] { real_.unhold(issuer, serial); });
  }
  using Authority::refresh_crls;
  std::vector<Crl> refresh_crls(bool force, const CrlRecord& record) override {
    return faults_.pass([&] { return real_.refresh_crls(force, record); });
  }
  std::optional<Crl> crl(std::string_view issuer) override {
    return faults_.pass([&] { return real_.crl(issuer); });
  }
  std::optional<OcspStatus> ocsp_status(std::string_view issuer, std::string_view serial) override {
    return faults_.pass([&] { return real_.ocsp_status(issuer, serial); });
  }
  std::vector<Known> find_by_public_key(const Sha256& spki) override {
    return faults_.pass([&] { return real_.find_by_public_key(spki); });
  }
  CaBooks* books() noexcept override { return real_.books(); }

 private:
  Authority& real_;
  Faults& faults_;
};

class FaultyAuthenticator final : public Authenticator {
 public:
  FaultyAuthenticator(std::unique_ptr<Authenticator> real, Faults& faults) : real_(std::move(real)), faults_(faults) {}
  Authenticated authenticate(const Credentials& credentials) override {
    return faults_.pass([&] { return real_->authenticate(credentials); });
  }

 private:
  std::unique_ptr<Authenticator> real_;
  Faults& faults_;
};

}  // namespace ymgr::test
