#include "http/client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <optional>
#include <system_error>

#include "http/curl.hpp"
#include "http/listen.hpp"

namespace ymgr::http {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t max_head = 64UL * 1024;

/// NUL at the end.
Secret bearer_line(const Secret& bearer) {
  constexpr std::string_view name = "Authorization: Bearer ";
  Secret line(name.size() + bearer.size() + 1);
  const auto to = std::copy(name.begin(), name.end(), line.fill().begin());
  const auto secret = bearer.reveal();
  std::copy(secret.begin(), secret.end(), to);
  return line;
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl().easy_setopt(easy, option, value) != CURLE_OK) {
    throw Error(Code::internal, "libcurl does not know option " + std::to_string(option));
  }
}

struct CloseEasy {
  void operator()(CURL* easy) const noexcept { curl().easy_cleanup(easy); }
};

/// One request under way. Stays where it is: libcurl has its address.
class Transfer {
 public:
  Transfer(CURLM* multi, const ClientSettings& settings, const ClientRequest& request)
      : multi_(multi), settings_(settings), effect_(request.effect), easy_(curl().easy_init()) {
    if (!easy_) throw std::bad_alloc();
    choose_connection();
    describe(request);
    curl().multi_add(multi_, easy_.get());
  }
  ~Transfer() { curl().multi_remove(multi_, easy_.get()); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  bool is(const CURL* easy) const noexcept { return easy == easy_.get(); }
  void finish(CURLcode code) noexcept { finished_ = code; }
  bool done() const noexcept { return finished_.has_value(); }
  bool failed() const noexcept { return finished_.value_or(CURLE_OK) != CURLE_OK; }
  ClientAnswer take_answer() {
    throw_failure();
    long status = 0;
    const char* type = nullptr;
    curl().easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    curl().easy_getinfo(easy_.get(), CURLINFO_CONTENT_TYPE, &type);
    answer_.status = static_cast<int>(status);
    if (type != nullptr) answer_.content_type = type;
    return std::move(answer_);
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(settings_.unreachable, settings_.peer_name + " " + why, {}, {},
                effect_ == Effect::changes && was_sent() ? Outcome::unknown : Outcome::known);
  }

 private:
  void choose_connection() {
    set(easy_.get(), CURLOPT_NOSIGNAL, 1L);
    set(easy_.get(), CURLOPT_PROXY, "");
    set(easy_.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy_.get(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy_.get(), CURLOPT_FRESH_CONNECT, effect_ == Effect::changes ? 1L : 0L);
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

  void describe(const ClientRequest& request) {
    const std::string url = settings_.base_url + request.path;
    set(easy_.get(), CURLOPT_URL, url.c_str());
    if (request.method == "POST") {
      body_ = request.body;
      set(easy_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
      set(easy_.get(), CURLOPT_POSTFIELDS, body_.c_str());
    } else if (request.method != "GET") {
      set(easy_.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    add_header("Expect:");
    if (!request.content_type.empty()) add_header("Content-Type: " + request.content_type);
    if (request.bearer != nullptr) {
      bearer_ = bearer_line(*request.bearer);
      link(bearer_.fill().data());
    }
    set(easy_.get(), CURLOPT_HTTPHEADER, list_.data());
    set(easy_.get(), CURLOPT_WRITEDATA, this);
    set(easy_.get(), CURLOPT_WRITEFUNCTION, &Transfer::take_body);
    set(easy_.get(), CURLOPT_HEADERDATA, this);
    set(easy_.get(), CURLOPT_HEADERFUNCTION, &Transfer::take_head);
  }

  void add_header(std::string line) {
    lines_.at(links_) = std::move(line);
    link(lines_.at(links_).data());
  }
  void link(char* line) {
    list_.at(links_).data = line;
    if (links_ > 0) list_.at(links_ - 1).next = &list_.at(links_);
    ++links_;
  }

  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* to) {
    const int made = ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    static_cast<Transfer*>(self)->socket_ = made;
    return made < 0 ? CURL_SOCKET_BAD : made;
  }
  /// Connected, and nothing is sent yet. On a kept connection it was checked when that was new.
  static int check_peer(void* self, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (transfer.socket_ < 0) return CURL_PREREQFUNC_OK;
    const auto peer = peer_of(transfer.socket_);
    transfer.foreign_ = !peer || (*peer != ::geteuid() && *peer != 0);
    return transfer.foreign_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
  }

  static std::size_t take_body(const char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (size * count > transfer.settings_.max_body - transfer.answer_.body.size()) return 0;
    transfer.answer_.body.append(data, size * count);
    return size * count;
  }
  static std::size_t take_head(const char*, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.head_size_ += size * count;
    return transfer.head_size_ > max_head ? 0 : size * count;
  }

  bool was_sent() const noexcept {
    long size = 0;
    curl().easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &size);
    return size > 0;
  }

  std::string why_not_connected() const {
    long number = 0;
    curl().easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
    if (settings_.unix_socket.empty()) return std::generic_category().message(static_cast<int>(number));
    if (number == ENOENT) return "there is no socket " + settings_.unix_socket;
    if (number == ECONNREFUSED) return "nobody listens on " + settings_.unix_socket;
    return settings_.unix_socket + ": " + std::generic_category().message(static_cast<int>(number));
  }

  void throw_failure() const {
    if (!failed()) return;
    if (foreign_) {
      throw Error(settings_.untrusted,
                  settings_.peer_name + "'s socket belongs to another user: " + settings_.unix_socket,
                  "remove it, and find out who made it");
    }
    if (finished_ == CURLE_COULDNT_CONNECT) fail("can't be reached: " + why_not_connected());
    if (finished_ == CURLE_WRITE_ERROR) fail("gives an answer that is too long");
    fail("gives no answer: " + std::string(curl().easy_strerror(*finished_)));
  }

  CURLM* multi_;
  const ClientSettings& settings_;
  Effect effect_;
  std::string body_;
  Secret bearer_;
  std::array<std::string, 3> lines_;
  std::array<curl_slist, 3> list_{};
  std::size_t links_ = 0;
  int socket_ = -1;  // of a connection that was made for this; libcurl owns it
  bool foreign_ = false;
  ClientAnswer answer_;
  std::size_t head_size_ = 0;
  std::optional<CURLcode> finished_;
  std::unique_ptr<CURL, CloseEasy> easy_;  // goes first: it has addresses of the others
};

/// The watch beside a request: one small request after the other.
class Watcher {
 public:
  Watcher(CURLM* multi, const ClientSettings& settings, const Watch& watch, Steady::time_point from)
      : multi_(multi), settings_(settings), watch_(watch), next_(from + watch.every) {}

  void finish(const CURL* easy, CURLcode code) {
    if (asking_ && asking_->is(easy)) asking_->finish(code);
  }
  void run(Steady::time_point at) {
    if (asking_ && asking_->done()) {
      ended_ = asking_->failed();
      paused_ = !ended_ && watch_.seen(asking_->take_answer());
      asking_.reset();
      next_ = at + watch_.every;
    } else if (!asking_ && !ended_ && at >= next_) {
      paused_ = false;
      asking_.emplace(multi_, settings_, watch_.request);
    }
  }
  /// The time does not count for the other request.
  bool paused() const noexcept { return paused_; }
  Steady::time_point next() const noexcept { return asking_ || ended_ ? Steady::time_point::max() : next_; }

 private:
  CURLM* multi_;
  const ClientSettings& settings_;
  const Watch& watch_;
  Steady::time_point next_;
  std::optional<Transfer> asking_;
  bool paused_ = false, ended_ = false;
};

int milliseconds_until(Steady::time_point end, Steady::time_point at) {
  constexpr std::int64_t longest = 60'000;
  if (end <= at) return 0;
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(end - at).count() + 1;
  return static_cast<int>(std::min<std::int64_t>(rest, longest));
}

struct CloseMulti {
  void operator()(CURLM* multi) const noexcept { curl().multi_cleanup(multi); }
};

}  // namespace

struct Client::State {
  ClientSettings settings;
  std::unique_ptr<CURLM, CloseMulti> multi{};

  void collect(Transfer& transfer, std::optional<Watcher>& watcher) const {
    int running = 0, left = 0;
    curl().multi_perform(multi.get(), &running);
    while (const CURLMsg* message = curl().multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      if (transfer.is(message->easy_handle)) {
        transfer.finish(message->data.result);
      } else if (watcher) {
        watcher->finish(message->easy_handle, message->data.result);
      }
    }
  }
};

Client::Client(ClientSettings settings) : state_(new State{std::move(settings)}) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

ClientAnswer Client::send(const ClientRequest& request, const Watch* watch) {
  State& state = *state_;
  if (!state.multi) state.multi.reset(curl().multi_init());
  auto at = Steady::now();
  auto deadline = at + (request.timeout > Duration{} ? request.timeout : state.settings.timeout);
  Transfer transfer(state.multi.get(), state.settings, request);
  std::optional<Watcher> watcher;
  if (watch != nullptr) watcher.emplace(state.multi.get(), state.settings, *watch, at);
  while (true) {
    state.collect(transfer, watcher);
    if (transfer.done()) return transfer.take_answer();
    const auto before = std::exchange(at, Steady::now());
    if (watcher && watcher->paused()) deadline += at - before;
    if (at >= deadline) transfer.fail("gives no answer in time");
    if (watcher) watcher->run(at);
    const auto next = watcher ? std::min(deadline, watcher->next()) : deadline;
    curl().multi_poll(state.multi.get(), nullptr, 0, milliseconds_until(next, at), nullptr);
  }
}

}  // namespace ymgr::http
