#include "http/smtp.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <list>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "http/curl.hpp"

namespace ymgr::http {
namespace {

constexpr long waits_for_end = 354;  // the answer to DATA: what comes next is the answer to the message

/// One conversation with a mail server. Stays where it is: libcurl has its address.
class Conversation {
 public:
  Conversation(const SmtpSettings& settings, std::string_view message)
      : settings_(settings), left_(message), easy_(curl().easy_init()) {
    if (!easy_) throw std::bad_alloc();
    choose_connection();
    choose_trust();
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(message.size()));
    set(CURLOPT_READDATA, this);
    set(CURLOPT_READFUNCTION, &Conversation::give);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Conversation::hear);
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void run(const Envelope& envelope) {
    const std::string from = "<" + envelope.from + ">";
    for (const auto& to : envelope.to) link("<" + to + ">");
    set(CURLOPT_MAIL_FROM, from.c_str());
    set(CURLOPT_MAIL_RCPT, &list_.front());
    const CURLcode code = curl().easy_perform(easy_.get());
    hear_no_more();
    if (code != CURLE_OK) fail(code);
  }

 private:
  struct CloseEasy {
    void operator()(CURL* easy) const noexcept { curl().easy_cleanup(easy); }
  };

  template <class Value>
  void set(CURLoption option, Value value) {
    if (curl().easy_setopt(easy_.get(), option, value) != CURLE_OK)
      throw Error(Code::internal, "libcurl does not know option " + std::to_string(option));
  }
  void link(std::string line) {
    lines_.push_back(std::move(line));
    list_.push_back({.data = lines_.back().data(), .next = nullptr});
    if (list_.size() > 1) std::prev(list_.end(), 2)->next = &list_.back();
  }

  std::string place() const { return settings_.host + ":" + std::to_string(settings_.port); }

  void choose_connection() {
    const bool six = settings_.host.find(':') != std::string::npos;
    const std::string host = six ? "[" + settings_.host + "]" : settings_.host;
    const std::string url =
        (settings_.tls == SmtpTls::implicit ? "smtps://" : "smtp://") + host + ":" + std::to_string(settings_.port);
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.timeout).count();
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, why_.data());
    set(CURLOPT_PROXY, "");
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(time)));
    set(CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(time / 1000 + 1));  // counts where the former does not
    if (settings_.user.empty()) return;
    set(CURLOPT_USERNAME, settings_.user.c_str());
    if (settings_.password) {
      const std::string_view secret = settings_.password->reveal();
      Secret line(secret.size() + 1);  // NUL at the end
      std::ranges::copy(secret, line.fill().begin());
      set(CURLOPT_PASSWORD, line.reveal().data());
    }
  }

  void choose_trust() {
    if (settings_.tls == SmtpTls::none) return;
    set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (settings_.ca_file.empty()) return;
    set(CURLOPT_CAINFO, settings_.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // the system's folder of roots
  }

  static std::size_t give(char* out, std::size_t size, std::size_t count, void* self) {
    auto& left = static_cast<Conversation*>(self)->left_;
    const std::size_t given = std::min(size * count, left.size());
    if (given > 0) std::memcpy(out, left.data(), given);
    left.remove_prefix(given);
    return given;
  }

  /// The server's last refusal: libcurl does not always tell it.
  static std::size_t hear(const char* data, std::size_t size, std::size_t count, void* self) {
    constexpr std::size_t longest = 512;  // RFC 5321, 4.5.3.1.5
    const std::string_view line(data, size * count);
    if (line.starts_with('4') || line.starts_with('5'))
      static_cast<Conversation*>(self)->refusal_ = line.substr(0, longest);
    return line.size();
  }

  /// QUIT is still said, but nobody waits for the answer to it.
  void hear_no_more() const noexcept {
    curl_socket_t socket = CURL_SOCKET_BAD;
    curl().easy_getinfo(easy_.get(), CURLINFO_ACTIVESOCKET, &socket);
    if (socket != CURL_SOCKET_BAD) ::shutdown(socket, SHUT_RD);
  }

  std::string why_failed(CURLcode code, bool was_refused) const {
    if (was_refused && !refusal_.empty()) return "it answers " + printable(trim(refusal_));
    return printable(trim(why_.front() != '\0' ? why_.data() : curl().easy_strerror(code)));
  }

  bool is_untrusted(CURLcode code) const noexcept {
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_USE_SSL_FAILED) return true;
    return code == CURLE_SSL_CONNECT_ERROR && std::strstr(why_.data(), "SSL routines") != nullptr;
  }

  [[noreturn]] void fail(CURLcode code) const {
    if (code == CURLE_SSL_CACERT_BADFILE) {
      read_file(settings_.ca_file);  // says why, if that is it
      throw Error(Code::certificate_invalid, "no certificates can be read from " + settings_.ca_file,
                  "notify.mail.ca_file names a PEM file of CAs; without it the system's count");
    }
    long last = 0;
    curl().easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &last);
    const bool for_now = last >= 400 && last < 500, for_good = last >= 500 && last < 600;
    const std::string whole = "the mail server " + place() + ": " + why_failed(code, for_now || for_good);
    if (is_untrusted(code)) throw Error(Code::channel_untrusted, whole);
    if (for_good || (code == CURLE_LOGIN_DENIED && !for_now)) throw Error(Code::channel_refused, whole);
    const bool was_asked = left_.empty() && last == waits_for_end;
    throw Error(Code::channel_unreachable, whole, {}, {}, was_asked ? Outcome::unknown : Outcome::known);
  }

  const SmtpSettings& settings_;
  std::string_view left_;  // of the message
  std::string refusal_;
  std::list<std::string> lines_;
  std::list<curl_slist> list_;
  std::array<char, CURL_ERROR_SIZE> why_{};
  std::unique_ptr<CURL, CloseEasy> easy_;  // goes first: it has addresses of the others
};

/// RFC 5321: atom. What a slash or a quote does depends on the server, so those are left out.
bool is_dot_string(std::string_view text) noexcept {
  constexpr std::string_view characters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-=?^_`{|}~.";
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string_view::npos;
}

}  // namespace

bool is_mail_address(std::string_view text) noexcept {
  constexpr std::string_view host = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
  const auto at = text.find('@');
  if (at == std::string_view::npos || text.size() > 254 || at > 64) return false;
  const auto domain = text.substr(at + 1);
  return is_dot_string(text.substr(0, at)) && is_dot_string(domain) &&
         domain.find_first_not_of(host) == std::string_view::npos && domain.front() != '-';
}

bool is_this_host(std::string_view host) noexcept {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos &&
         std::ranges::count(host, '.') == 3;
}

void send_mail(const SmtpSettings& settings, const Envelope& envelope, std::string_view message) {
  if (envelope.to.empty()) throw Error(Code::usage, "a mail needs a recipient");
  if (!is_mail_address(envelope.from))
    throw Error(Code::usage, "'" + printable(envelope.from) + "' is no mail address");
  for (const auto& to : envelope.to)
    if (!is_mail_address(to)) throw Error(Code::usage, "'" + printable(to) + "' is no mail address");
  Conversation(settings, message).run(envelope);
}

}  // namespace ymgr::http
