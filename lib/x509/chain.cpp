#include "x509/openssl.hpp"

namespace ymgr {
namespace {

using Store = ossl::Owner<X509_STORE, X509_STORE_free>;
using StoreContext = ossl::Owner<X509_STORE_CTX, X509_STORE_CTX_free>;

}  // namespace

struct ChainChecker::State {
  Store roots;
  ossl::Certificates intermediates;
};

ChainChecker::ChainChecker(std::span<const Certificate> intermediates, std::span<const Certificate> roots)
    : state_(std::make_unique<State>()) {
  const ossl::ErrorQueue errors;
  state_->roots.reset(X509_STORE_new());
  state_->intermediates = ossl::decode_all(intermediates);
  ossl::require(state_->roots != nullptr, "allocate");
  for (const auto& root : roots)
    ossl::require(X509_STORE_add_cert(state_->roots.get(), ossl::decode(root).get()) == 1, "keep a root");
}
ChainChecker::ChainChecker(ChainChecker&&) noexcept = default;
ChainChecker::~ChainChecker() = default;

std::string ChainChecker::check(const Certificate& leaf, Time at) const {
  const ossl::ErrorQueue errors;
  const auto x509 = ossl::decode(leaf);
  const StoreContext context(X509_STORE_CTX_new());
  ossl::require(context != nullptr && X509_STORE_CTX_init(context.get(), state_->roots.get(), x509.get(),
                                                          state_->intermediates.get()) == 1,
                "check a chain");
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(to_seconds(at)));
  if (X509_verify_cert(context.get()) == 1) return {};
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

std::string check_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                        std::span<const Certificate> roots, Time at) {
  return ChainChecker(intermediates, roots).check(leaf, at);
}

}  // namespace ymgr
