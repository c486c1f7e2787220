// A small PKI of known times and serials, and OpenSSL's program as the second opinion.
#pragma once
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"
#include "x509/certificate.hpp"

namespace ymgr::test {

struct Ran {
  int status = -1;
  std::string output;  // both streams
};
inline Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const auto size = std::fread(buffer.data(), 1, buffer.size(), pipe)) ran.output.append(buffer.data(), size);
  const int status = pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

class Folder {
 public:
  /// The path of a file with these bytes.
  std::string put(const std::string& name, std::string_view bytes) const {
    write_file(path(name), bytes);
    return path(name);
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string get(const std::string& name) const { return read_file(path(name)); }

 private:
  TemporaryFolder folder_{"x509-test"};
};

inline const Time begin = parse_time("2026-01-01T00:00:00Z"), at = parse_time("2026-02-01T00:00:00Z"),
                  end = parse_time("2026-04-01T00:00:00Z");
inline std::string attime() {
  return " -attime " + std::to_string(to_seconds(at)) + " ";
}

inline Certificate root_for(const PrivateKey& key) {
  return parse_certificate(make_root(key, {"Test Root", "Test"}, "01", begin, parse_time("2041-01-01")).bytes);
}

inline Issuer root_issuer(PrivateKey key) {
  const Certificate certificate = root_for(key);
  return {certificate, std::move(key)};
}
inline Issuer ca_issuer(const Issuer& root, PrivateKey key, const NameConstraints& constraints,
                        const CertificateUrls& urls) {
  const Certificate certificate =
      parse_certificate(make_intermediate(root, key.public_key(), {"Test Issuing CA", "Test"}, constraints, "02", begin,
                                          parse_time("2031-01-01"), urls)
                            .bytes);
  return {certificate, std::move(key)};
}

/// Root and issuing CA of one algorithm.
struct Pki {
  explicit Pki(KeyAlgorithm algorithm = KeyAlgorithm::ec_p256, const NameConstraints& constraints = {},
               const CertificateUrls& urls = {})
      : root(root_issuer(PrivateKey::generate(algorithm))),
        ca(ca_issuer(root, PrivateKey::generate(algorithm), constraints, urls)) {}
  Certificate issue(const PublicKey& key, const PlannedCertificate& planned, const CertificateUrls& urls = {}) const {
    return parse_certificate(ca.sign(key.spki, planned, urls).bytes);
  }
  std::vector<Certificate> roots() const { return {root.certificate()}; }
  std::vector<Certificate> intermediates() const { return {ca.certificate()}; }

  Issuer root, ca;
};

inline PlannedCertificate plan(RequestedNames names) {
  return {"4A:3F:2B", std::move(names), begin, end, {"serverAuth"}, {"digitalSignature", "keyEncipherment"}};
}
inline PlannedCertificate plan_for(const std::string& dns) {
  return plan({dns, {make_san(SanKind::dns, dns)}});
}

}  // namespace ymgr::test
