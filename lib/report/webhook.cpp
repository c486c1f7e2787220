#include "report/webhook.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "http/client.hpp"
#include "http/smtp.hpp"

namespace ymgr::webhook {
namespace {

struct Url {
  std::string_view base, host, path;  // "https://example.com:8443", "example.com", "/hook?x=1"
};

Url parts_of(std::string_view url) noexcept {
  const auto from = url.find("://") + 3;
  const auto end = std::min(url.find_first_of("/?#", from), url.size());
  auto host = url.substr(from, end - from);
  const auto bracket = host.find(']');
  const auto colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  host = host.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {url.substr(0, end), host, url.substr(end)};
}

http::ClientSettings client_settings(const Settings& settings, const Url& url) {
  return {.base_url = std::string(url.base),
          .peer_name = "the webhook at " + std::string(url.host),
          .timeout = settings.timeout,
          .max_body = 64UL * 1024,
          .ca_file = settings.ca_file,
          .unreachable = Code::channel_unreachable,
          .untrusted = Code::channel_untrusted};
}

http::ClientRequest request_of(const Settings& settings, const Url& url, const Digest& digest) {
  http::ClientRequest request{
      .method = "POST",
      .path = std::string(url.path),
      .body = dump_json(settings.kind == Kind::slack ? slack_json(digest) : digest_json(digest)),
      .content_type = "application/json",
      .effect = http::Effect::changes,
      .headers = {{"Idempotency-Key", digest.id}}};
  if (!settings.header.empty() && settings.header_value) {
    request.bearer = settings.header_value.get();
    request.bearer_prefix = settings.header + ": ";
  }
  return request;
}

/// The server's words, as far as they fit into a line.
std::string words_of(const http::ClientAnswer& answer) {
  const auto words = printable(trim(std::string_view(answer.body).substr(0, 200)));
  return words.empty() ? "" : ": " + words;
}

void require_taken(const http::ClientAnswer& answer, std::string_view host) {
  if (answer.status >= 200 && answer.status < 300) return;
  const bool for_now = answer.status >= 500 || answer.status == 408 || answer.status == 425 || answer.status == 429;
  throw Error(for_now ? Code::channel_unreachable : Code::channel_refused,
              "the webhook at " + std::string(host) + " answers " + std::to_string(answer.status) + words_of(answer));
}

}  // namespace

bool is_url(std::string_view text) noexcept {
  const bool safe = text.starts_with("https://"), plain = text.starts_with("http://");
  if (!safe && !plain) return false;
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '\\' || c == '#')
      return false;
  const auto url = parts_of(text);
  if (url.host.empty() || url.base.find('@') != std::string_view::npos) return false;
  return safe || http::is_this_host(url.host);
}

void send(const Settings& settings, const Digest& digest) {
  const auto text = settings.url->reveal();
  if (!is_url(text)) throw Error(Code::usage, "the URL of the webhook is none", "https://…, or http:// to this host");
  const auto url = parts_of(text);
  http::Client client(client_settings(settings, url));
  require_taken(client.send(request_of(settings, url, digest)), url.host);
}

}  // namespace ymgr::webhook
