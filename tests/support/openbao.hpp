// A real OpenBao server for tests: the program that `ymgr-dev setup` installs, on a free port of 127.0.0.1, with TLS, an audit
// log and storage in memory. It ends with the test, also when that crashes. A missing program fails the test.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/json.hpp"
#include "http/client.hpp"
#include "x509/certificate.hpp"

namespace ymgr::test {

/// A CA whose certificates servers and clients of a test show each other.
class TestTlsCa {
 public:
  /// Also writes FOLDER/ca.pem.
  explicit TestTlsCa(const std::string& folder);
  const std::string& file() const noexcept { return file_; }
  /// Writes FOLDER/NAME.pem (with the CA behind it) and FOLDER/NAME.key.
  /// @param san  "ip:127.0.0.1", or empty   @param eku "serverAuth", "clientAuth"
  http::ClientIdentity issue(const std::string& name, std::string_view san, std::string_view eku, Time not_before,
                             Time not_after) const;
  http::ClientIdentity issue(const std::string& name, std::string_view san, std::string_view eku) const;

 private:
  std::string folder_, file_;
  std::unique_ptr<Issuer> issuer_;
};

enum class OpenBaoState { uninitialised, sealed, active };

class OpenBao {
 public:
  /// Answers when it returns: 0.3 s. @throws std::runtime_error with the server's log
  explicit OpenBao(OpenBaoState = OpenBaoState::active);
  ~OpenBao();
  OpenBao(const OpenBao&) = delete;
  OpenBao& operator=(const OpenBao&) = delete;

  std::string address() const { return address_of(0); }          // "https://127.0.0.1:PORT"
  std::string expired_address() const { return address_of(1); }  // the same, with a certificate of yesterday
  std::string plain_address() const { return address_of(2); }    // "https://…" where plain HTTP is spoken
  const std::string& ca_file() const noexcept { return tls_.file(); }
  const TestTlsCa& tls_ca() const noexcept { return tls_; }
  std::string folder() const { return folder_.path(); }
  const Secret& root_token() const noexcept { return root_token_; }
  pid_t pid() const noexcept { return pid_; }

  /// As root, whatever the status. `path` is below /v1/.
  http::ClientAnswer send(const std::string& method, const std::string& path, const Json& body = {}) const;
  /// The same; null for an empty answer. @throws std::runtime_error: a status of 400 or more
  Json api(const std::string& method, const std::string& path, const Json& body = {}) const;
  void initialise();
  void unseal();
  void seal() const { api("POST", "sys/seal"); }
  /// Two lines of JSON a request.
  std::string audit_log() const { return read_file(folder() + "/audit.log"); }

 private:
  std::string address_of(std::size_t listener) const;
  void start();
  void wait_for(int status) const;
  std::string write_configuration() const;

  TemporaryFolder folder_;
  TestTlsCa tls_;
  std::uint16_t ports_[3]{};
  pid_t pid_ = -1;
  std::unique_ptr<http::Client> http_;
  Secret root_token_, unseal_key_;
};

/// The one server of this test program, started when it is first asked for.
OpenBao& openbao();

}  // namespace ymgr::test
