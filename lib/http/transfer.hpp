// One request of the client under way. For this folder.
#pragma once
#include <array>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "http/curl.hpp"

namespace ymgr::http {

/// Stays where it is: libcurl has its address, and those of the request.
class Transfer {
 public:
  Transfer(CURLM* multi, const ClientSettings& settings, const ClientRequest& request);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  bool is(const CURL* easy) const noexcept { return easy == easy_.get(); }
  void finish(CURLcode code) noexcept { finished_ = code; }
  bool done() const noexcept { return finished_.has_value(); }
  bool failed() const noexcept { return finished_.value_or(CURLE_OK) != CURLE_OK; }
  ClientAnswer take_answer();
  [[noreturn]] void fail(const std::string& why) const;

 private:
  struct CloseEasy {
    void operator()(CURL* easy) const noexcept { curl().easy_cleanup(easy); }
  };

  void choose_connection();
  void choose_trust();
  void describe(const ClientRequest& request);
  void describe_body(const ClientRequest& request);
  void add_header(std::string line);
  void link(char* line);

  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* to);
  static int check_peer(void* self, char*, char*, int, int);
  static std::size_t give_body(char* out, std::size_t size, std::size_t count, void* self);
  static int refuse_rewind(void* self, curl_off_t offset, int origin);
  static std::size_t take_body(const char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t take_head(const char* data, std::size_t size, std::size_t count, void* self);
  void append_body(std::string_view part);

  std::string server_certificate() const;
  bool was_sent() const noexcept;
  bool is_untrusted() const noexcept;
  std::string why_not_connected() const;
  std::string why_failed() const;
  void throw_failure() const;

  CURLM* multi_;
  const ClientSettings& settings_;
  Effect effect_;
  std::string_view body_;  // what is still to be sent of it, where libcurl asks for it
  Secret bearer_;
  std::list<std::string> lines_;
  std::list<curl_slist> list_;
  int socket_ = -1;  // of a connection that was made for this; libcurl owns it
  bool foreign_ = false;
  ClientAnswer answer_;
  std::size_t head_size_ = 0;
  std::optional<CURLcode> finished_;
  std::array<char, CURL_ERROR_SIZE> why_{};
  std::unique_ptr<CURL, CloseEasy> easy_;  // goes first: it has addresses of the others
};

}  // namespace ymgr::http
