#include "http/exchange.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"

namespace ymgr::http {
namespace {

std::size_t count(const Request& request, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(request.headers.begin(), request.headers.end(), [&](const auto& h) { return h.first == name; }));
}

MHD_Result collect_header(void* target, MHD_ValueKind, const char* name, std::size_t name_size, const char* value,
                          std::size_t value_size) {
  static_cast<Request*>(target)->headers.emplace_back(
      lower({name, name_size}), value == nullptr ? std::string() : std::string(value, value_size));
  return MHD_YES;
}

/// Bytes of the head as a plain client sends it: one blank, "name: value", CR LF, nothing folded.
std::size_t plain_size(const Request& request) {
  std::size_t size = request.method.size() + request.path.size() + std::string_view("  HTTP/1.1\r\n\r\n").size();
  if (!request.query.empty()) size += 1 + request.query.size();
  for (const auto& [name, value] : request.headers) size += name.size() + value.size() + 4;
  return size;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_plain(const Request& request, std::size_t head_size) {
  const auto ok = [](const auto& header) {
    return !header.first.empty() && std::all_of(header.first.begin(), header.first.end(), is_name_character) &&
           header.second.find('\0') == std::string::npos;
  };
  return head_size == plain_size(request) && std::all_of(request.headers.begin(), request.headers.end(), ok);
}

}  // namespace

const std::string* Request::header(std::string_view name) const noexcept {
  const auto at = std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == name; });
  return at == headers.end() ? nullptr : &at->second;
}

void Desk::ring() const noexcept {
  const std::uint64_t one = 1;
  while (::write(wake.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

Promise::Promise(std::shared_ptr<Exchange> exchange, std::shared_ptr<Desk> desk, Response otherwise)
    : exchange_(std::move(exchange)), desk_(std::move(desk)), otherwise_(std::move(otherwise)) {}

Promise::~Promise() {
  keep(std::move(otherwise_));
}

void Promise::keep(Response response) {
  const std::lock_guard lock(desk_->mutex);
  if (exchange_->answer) return;
  exchange_->answer = std::move(response);
  if (exchange_->suspended == nullptr) return;
  desk_->answered.push_back(exchange_->suspended);
  desk_->ring();
}

std::optional<Fault> read_head(MHD_Connection* connection, const char* method, const std::string& target,
                               const char* version, const ServerSettings& settings, Request& request) {
  request.method = method;
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  if (mark < target.size()) request.query = target.substr(mark + 1);
  microhttpd().get_connection_values_n(connection, MHD_HEADER_KIND, &collect_header, &request);
  const std::string_view spoken = version;
  const std::size_t size =
      microhttpd().get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
  if (spoken != "HTTP/1.1" && spoken != "HTTP/1.0") return Fault{505, "HTTP/1.1 only"};
  if (size > settings.max_head) return Fault{431, "the head is too large"};
  if (request.headers.size() > settings.max_headers) return Fault{431, "too many headers"};
  if (request.path.empty() || request.path.front() != '/') return Fault{400, "the target must be a path"};
  if (count(request, "host") > 1) return Fault{400, "two Host headers"};
  if (count(request, "content-length") > 1) return Fault{400, "two Content-Length headers"};
  if (count(request, "transfer-encoding") > 0 && count(request, "content-length") > 0) {
    return Fault{400, "both Content-Length and Transfer-Encoding"};
  }
  if (settings.plain_head_only && !is_plain(request, size)) return Fault{400, "an odd head"};
  return std::nullopt;
}

MHD_Result queue(MHD_Connection* connection, const Response& response) {
  MHD_Response* out = microhttpd().create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  if (out == nullptr) return MHD_NO;
  if (!response.content_type.empty())
    microhttpd().add_response_header(out, "Content-Type", response.content_type.c_str());
  for (const auto& [name, value] : response.headers) microhttpd().add_response_header(out, name.c_str(), value.c_str());
  const MHD_Result result = microhttpd().queue_response(connection, static_cast<unsigned>(response.status), out);
  microhttpd().destroy_response(out);
  return result;
}

Response refuse(const ServerSettings& settings, int status, const char* why, After after) {
  Response response = settings.refusal != nullptr ? settings.refusal(status, why)
                                                  : Response{status, "text/plain", std::string(why) + "\n", {}};
  if (after == After::close) response.headers.emplace_back("Connection", "close");
  return response;
}

}  // namespace ymgr::http
