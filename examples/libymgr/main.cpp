// Asks ymgr's policy about a certificate request, without a profile: would it be signed, and for how long?
// Usage: judge REQUEST.pem [POLICY.yaml [PROFILE]]
#include <exception>
#include <iostream>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "policy/policy.hpp"
#include "x509/certificate.hpp"

namespace {

ymgr::PolicyRequest asked(const ymgr::Csr& csr, const ymgr::Policy& policy, const std::string& profile) {
  ymgr::PolicyRequest request;
  request.profile = profile;
  request.role = "admin";
  request.name = request.common_name = csr.common_name;
  request.algorithm = csr.key.algorithm ? ymgr::to_string(*csr.key.algorithm) : csr.key.family;
  request.key_family = csr.key.family;
  request.key_bits = csr.key.bits;
  request.sans = csr.sans;
  request.validity = policy.default_validity(policy.profile(profile), ymgr::now());
  return request;
}

int judge(const std::string& request_file, const std::string& policy_file, const std::string& profile) {
  const auto csr = ymgr::parse_csr(ymgr::read_file(request_file));
  const auto text = policy_file.empty() ? ymgr::default_policy("internal") : ymgr::read_file(policy_file);
  const auto policy = ymgr::Policy::parse(text, policy_file.empty() ? "internal" : policy_file);
  const auto request = asked(csr, policy, profile);
  const auto decision = policy.decide(request, ymgr::now());
  for (const auto& violation : decision.violations)
    std::cout << violation.rule << ": " << violation.message << "\n  " << violation.suggestion << '\n';
  if (!decision.approved()) return 5;
  std::cout << csr.common_name << ": " << request.algorithm << ", " << ymgr::format_duration(request.validity) << " as "
            << profile << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::cerr << "usage: judge REQUEST.pem [POLICY.yaml [PROFILE]]\n";
    return 2;
  }
  try {
    return judge(argv[1], argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : "tls-server");
  } catch (const ymgr::Error& error) {
    std::cerr << "judge: " << error.what() << "\njudge: hint: " << error.suggestion() << '\n';
    return ymgr::exit_status(error.kind());
  } catch (const std::exception& error) {
    std::cerr << "judge: " << error.what() << '\n';
    return 1;
  }
}
