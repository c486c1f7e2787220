#include "authority/signer_local.hpp"

#include <optional>

#include "authority/constraints.hpp"
#include "base/error.hpp"

namespace ymgr::ca {
namespace {

class LocalSigner : public Signer {
 public:
  LocalSigner(const IssuerRow& issuer, const StoredPlan& plan, Secret key)
      : issuer_id_(issuer.issuer_id),
        name_(issuer.name),
        certificate_(parse_certificate(issuer.certificate)),
        urls_(urls_of(plan.urls, issuer.issuer_id)),
        constraints_(plan.constraints),
        key_(std::move(key)) {}

  IssuedCertificate sign(const SigningRequest& wanted) override {
    check_life(wanted.planned);
    check_name_constraints(constraints_, wanted.planned.names);
    const Csr& request = wanted.csr;
    const Der der = issuer().sign(request.key.spki, wanted.planned, urls_);
    return {parse_certificate(der.bytes), issuer_id_, name_};
  }

 private:
  void check_life(const PlannedCertificate& planned) const {
    if (planned.not_after <= certificate_.not_after) return;
    throw Error(Code::ca_expired,
                name_ + " ends on " + format_time(certificate_.not_after) + ", before the certificate would (" +
                    format_time(planned.not_after) + ")",
                "Run `ymgr ca rotate`, or ask for a shorter --validity.",
                {{"ca_not_after", format_time(certificate_.not_after)}});
  }

  const Issuer& issuer() {
    if (!issuer_) {
      issuer_.emplace(certificate_, PrivateKey::from_pkcs8(key_));
      key_ = Secret();
    }
    return *issuer_;
  }

  std::string issuer_id_, name_;
  Certificate certificate_;
  CertificateUrls urls_;
  NameConstraints constraints_;
  Secret key_;
  std::optional<Issuer> issuer_;
};

}  // namespace

std::unique_ptr<Signer> make_local_signer(const IssuerRow& issuer, const StoredPlan& plan, Secret key) {
  return std::make_unique<LocalSigner>(issuer, plan, std::move(key));
}

}  // namespace ymgr::ca
