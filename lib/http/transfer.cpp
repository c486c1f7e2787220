#include "http/transfer.hpp"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/files.hpp"
#include "base/text.hpp"
#include "http/listen.hpp"

namespace ymgr::http {
namespace {

constexpr std::size_t max_head = 64UL * 1024;

bool fits_on_a_line(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// NUL at the end.
Secret secret_line(std::string_view prefix, const Secret& secret) {
  if (!fits_on_a_line(secret.reveal())) throw Error(Code::usage, "a token has a control character in it");
  Secret line(prefix.size() + secret.size() + 1);
  const auto to = std::copy(prefix.begin(), prefix.end(), line.fill().begin());
  const auto bytes = secret.reveal();
  std::copy(bytes.begin(), bytes.end(), to);
  return line;
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl().easy_setopt(easy, option, value) != CURLE_OK) {
    throw Error(Code::internal, "libcurl does not know option " + std::to_string(option));
  }
}

/// Not copied: it lives as long as the client.
void set_blob(CURL* easy, CURLoption option, std::string_view bytes) {
  curl_blob blob{.data = const_cast<char*>(bytes.data()), .len = bytes.size(), .flags = CURL_BLOB_NOCOPY};
  set(easy, option, &blob);
}

}  // namespace

const std::string* ClientAnswer::header(std::string_view name) const noexcept {
  const auto at = std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == name; });
  return at == headers.end() ? nullptr : &at->second;
}

Transfer::Transfer(CURLM* multi, const ClientSettings& settings, const ClientRequest& request)
    : multi_(multi), settings_(settings), effect_(request.effect), easy_(curl().easy_init()) {
  if (!easy_) throw std::bad_alloc();
  choose_connection();
  choose_trust();
  describe(request);
  curl().multi_add(multi_, easy_.get());
}

Transfer::~Transfer() {
  curl().multi_remove(multi_, easy_.get());
  explicit_bzero(answer_.body.data(), answer_.body.size());
}

ClientAnswer Transfer::take_answer() {
  throw_failure();
  long status = 0;
  const char* type = nullptr;
  curl().easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  curl().easy_getinfo(easy_.get(), CURLINFO_CONTENT_TYPE, &type);
  answer_.status = static_cast<int>(status);
  if (type != nullptr) answer_.content_type = type;
  if (settings_.tell_certificate) answer_.certificate = server_certificate();
  return std::move(answer_);
}

std::string Transfer::server_certificate() const {
  constexpr std::string_view name = "Cert:";
  const curl_certinfo* told = nullptr;
  curl().easy_getinfo(easy_.get(), CURLINFO_CERTINFO, &told);
  if (told == nullptr || told->num_of_certs < 1) return {};
  for (const curl_slist* entry = told->certinfo[0]; entry != nullptr; entry = entry->next)
    if (std::string_view(entry->data).starts_with(name)) return entry->data + name.size();
  return {};
}

void Transfer::fail(const std::string& why) const {
  throw Error(settings_.unreachable, settings_.peer_name + " " + why, {}, {},
              effect_ == Effect::changes && was_sent() ? Outcome::unknown : Outcome::known);
}

void Transfer::choose_connection() {
  set(easy_.get(), CURLOPT_NOSIGNAL, 1L);
  set(easy_.get(), CURLOPT_ERRORBUFFER, why_.data());
  set(easy_.get(), CURLOPT_PROXY, "");
  set(easy_.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_.get(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (settings_.connect_timeout > Duration{}) {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.connect_timeout).count();
    set(easy_.get(), CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, static_cast<long>(time)));
  }
  if (settings_.unix_socket.empty()) return;
  if (settings_.unix_socket.size() >= sizeof(sockaddr_un::sun_path)) {
    fail("can't be reached: the path of its socket has more than 107 bytes");
  }
  set(easy_.get(), CURLOPT_UNIX_SOCKET_PATH, settings_.unix_socket.c_str());
  set(easy_.get(), CURLOPT_OPENSOCKETDATA, this);
  set(easy_.get(), CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
  set(easy_.get(), CURLOPT_PREREQDATA, this);
  set(easy_.get(), CURLOPT_PREREQFUNCTION, &Transfer::check_peer);
}

void Transfer::choose_trust() {
  if (!settings_.base_url.starts_with("https:")) return;
  set(easy_.get(), CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings_.ca_file.empty()) {
    set(easy_.get(), CURLOPT_CAINFO, settings_.ca_file.c_str());
    set(easy_.get(), CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // the system's folder of roots
  }
  set(easy_.get(), CURLOPT_CERTINFO, settings_.tell_certificate ? 1L : 0L);
  if (settings_.identity) {
    set_blob(easy_.get(), CURLOPT_SSLCERT_BLOB, settings_.identity->certificate);
    set_blob(easy_.get(), CURLOPT_SSLKEY_BLOB, settings_.identity->key.reveal());
  }
}

void Transfer::describe(const ClientRequest& request) {
  const std::string url = settings_.base_url + request.path;
  set(easy_.get(), CURLOPT_URL, url.c_str());
  describe_body(request);
  add_header("Expect:");
  if (!request.content_type.empty()) add_header("Content-Type: " + request.content_type);
  for (const auto& [name, value] : request.headers) add_header(name + ": " + value);
  if (request.bearer != nullptr) {
    bearer_ = secret_line(request.bearer_prefix, *request.bearer);
    link(bearer_.fill().data());
  }
  set(easy_.get(), CURLOPT_HTTPHEADER, &list_.front());
  set(easy_.get(), CURLOPT_WRITEDATA, this);
  set(easy_.get(), CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  set(easy_.get(), CURLOPT_HEADERDATA, this);
  set(easy_.get(), CURLOPT_HEADERFUNCTION, &Transfer::take_head);
}

/// A change has its body fetched by libcurl and can't be rewound, which is what stops libcurl from sending it twice; one without a
/// body gets a connection of its own.
void Transfer::describe_body(const ClientRequest& request) {
  body_ = request.secret_body != nullptr ? request.secret_body->reveal() : std::string_view(request.body);
  if (!body_.empty() || request.method == "POST") {
    set(easy_.get(), CURLOPT_POST, 1L);
    set(easy_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    if (effect_ == Effect::reads || body_.empty()) {
      set(easy_.get(), CURLOPT_POSTFIELDS, body_.empty() ? "" : body_.data());
    } else {
      set(easy_.get(), CURLOPT_READDATA, this);
      set(easy_.get(), CURLOPT_READFUNCTION, &Transfer::give_body);
      set(easy_.get(), CURLOPT_SEEKDATA, this);
      set(easy_.get(), CURLOPT_SEEKFUNCTION, &Transfer::refuse_rewind);
    }
  }
  if (request.method != "GET" && request.method != "POST") {
    set(easy_.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  set(easy_.get(), CURLOPT_FRESH_CONNECT, effect_ == Effect::changes && body_.empty() ? 1L : 0L);
}

void Transfer::add_header(std::string line) {
  if (!fits_on_a_line(line)) throw Error(Code::usage, "a header has a control character in it: " + printable(line));
  lines_.push_back(std::move(line));
  link(lines_.back().data());
}
void Transfer::link(char* line) {
  list_.push_back({.data = line, .next = nullptr});
  if (list_.size() > 1) std::prev(list_.end(), 2)->next = &list_.back();
}

curl_socket_t Transfer::open_socket(void* self, curlsocktype, curl_sockaddr* to) {
  const int made = ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  static_cast<Transfer*>(self)->socket_ = made;
  return made < 0 ? CURL_SOCKET_BAD : made;
}
/// Connected, and nothing is sent yet. On a kept connection it was checked when that was new.
int Transfer::check_peer(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.socket_ < 0) return CURL_PREREQFUNC_OK;
  const auto peer = peer_of(transfer.socket_);
  transfer.foreign_ = !peer || (*peer != ::geteuid() && *peer != 0);
  return transfer.foreign_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

std::size_t Transfer::give_body(char* out, std::size_t size, std::size_t count, void* self) {
  auto& body = static_cast<Transfer*>(self)->body_;
  const std::size_t given = std::min(size * count, body.size());
  if (given > 0) std::memcpy(out, body.data(), given);
  body.remove_prefix(given);
  return given;
}
int Transfer::refuse_rewind(void*, curl_off_t, int) {
  return CURL_SEEKFUNC_FAIL;
}

std::size_t Transfer::take_body(const char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (size * count > transfer.settings_.max_body - transfer.answer_.body.size()) return 0;
  transfer.append_body({data, size * count});
  return size * count;
}
void Transfer::append_body(std::string_view part) {
  std::string& body = answer_.body;
  if (body.size() + part.size() > body.capacity()) {
    std::string larger;
    larger.reserve(2 * (body.size() + part.size()));
    larger = body;
    explicit_bzero(body.data(), body.size());
    body = std::move(larger);
  }
  body += part;
}

std::size_t Transfer::take_head(const char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.head_size_ += size * count;
  if (transfer.head_size_ > max_head) return 0;
  const std::string_view line(data, size * count);
  const auto colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    transfer.answer_.headers.clear();  // an interim answer's
  } else if (colon != std::string_view::npos) {
    transfer.answer_.headers.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return size * count;
}

bool Transfer::was_sent() const noexcept {
  long size = 0;
  curl().easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &size);
  return size > 0;
}

std::string Transfer::why_not_connected() const {
  long number = 0;
  curl().easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
  if (settings_.unix_socket.empty()) return std::generic_category().message(static_cast<int>(number));
  if (number == ENOENT) return "there is no socket " + settings_.unix_socket;
  if (number == ECONNREFUSED) return "nobody listens on " + settings_.unix_socket;
  return settings_.unix_socket + ": " + std::generic_category().message(static_cast<int>(number));
}

std::string Transfer::why_failed() const {
  const std::string_view detail = trim({why_.data(), ::strnlen(why_.data(), why_.size())});
  return printable(detail.empty() ? curl().easy_strerror(*finished_) : detail);
}

/// 35 stands for a handshake that failed and for a connection that broke during it.
bool Transfer::is_untrusted() const noexcept {
  if (finished_ == CURLE_PEER_FAILED_VERIFICATION) return true;
  return finished_ == CURLE_SSL_CONNECT_ERROR && std::strstr(why_.data(), "SSL routines") != nullptr;
}

void Transfer::throw_failure() const {
  if (!failed()) return;
  if (foreign_) {
    throw Error(settings_.untrusted,
                settings_.peer_name + "'s socket belongs to another user: " + settings_.unix_socket,
                "remove it, and find out who made it");
  }
  if (is_untrusted()) throw Error(settings_.untrusted, settings_.peer_name + " can't be trusted: " + why_failed());
  if (finished_ == CURLE_SSL_CACERT_BADFILE) {
    read_file(settings_.ca_file);  // says why, if that is it
    throw Error(Code::certificate_invalid, "no certificates can be read from " + settings_.ca_file);
  }
  if (finished_ == CURLE_SSL_CERTPROBLEM) {
    throw Error(Code::key_invalid, "the client certificate can't be used: " + why_failed());
  }
  if (finished_ == CURLE_COULDNT_RESOLVE_HOST) fail("can't be reached: " + why_failed());
  if (finished_ == CURLE_COULDNT_CONNECT) fail("can't be reached: " + why_not_connected());
  if (finished_ == CURLE_WRITE_ERROR) fail("gives an answer that is too long");
  fail("gives no answer: " + why_failed());
}

}  // namespace ymgr::http
