#include "vault/failure.hpp"

#include <algorithm>
#include <iterator>

#include "base/json.hpp"
#include "base/text.hpp"

namespace ymgr::vault {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t longest_text = 500;
constexpr Duration longest_wait = seconds(30);

struct Row {
  int status;
  std::string_view text;
  Code code;
  Trouble trouble;
  std::string_view hint = {};
};
/// The first that fits counts. `text` is part of Vault's words; empty: any.
constexpr Row rows[] = {
    {400, "non-versioned to versioned", Code::vault_standby, Trouble::busy, "the mount is new; wait a moment"},
    {401, "", Code::vault_denied, Trouble::refused},
    {403, "", Code::vault_denied, Trouble::refused},
    {404, "no handler for route", Code::vault_mount_missing, Trouble::refused},
    {404, "namespace not found", Code::vault_mount_missing, Trouble::refused},
    {404, "", Code::vault_not_found, Trouble::refused},
    {412, "", Code::vault_standby, Trouble::busy},
    {429, "quota", Code::vault_rate_limited, Trouble::busy},
    {500, "active cluster node not found", Code::vault_standby, Trouble::no_leader},
    {500, "node not active", Code::vault_standby, Trouble::no_leader},
    {500, "leadership lost", Code::vault_standby, Trouble::lost},
    {500, "is not an allowed role", Code::vault_refused, Trouble::refused},
    {500, "incompatible key usage", Code::vault_refused, Trouble::refused, "the client certificate needs clientAuth"},
    {500, "unable to find PKI issuer", Code::vault_refused, Trouble::refused},
    {500, "public key does not match", Code::vault_refused, Trouble::refused},
    {500, "soft-deleted", Code::vault_refused, Trouble::refused},
    {502, "", Code::vault_unreachable, Trouble::lost},
    {503, "sealed", Code::vault_sealed, Trouble::busy},
    {503, "", Code::vault_unreachable, Trouble::busy},
    {504, "", Code::vault_unreachable, Trouble::lost},
};

Row general(int status, const std::vector<std::string>& texts, const std::string& text) {
  if (status == 307 || status == 308) return {status, "", Code::vault_standby, Trouble::redirected};
  if (status == 429 && texts.empty()) return {status, "", Code::vault_standby, Trouble::busy};
  if (status == 429) return {status, "", Code::vault_rate_limited, Trouble::busy};
  // A metadata value with a wildcard or a slash in a policy's template: then every request of the token has this answer.
  if (status == 400 && text == "Forbidden") {
    return {status, "", Code::vault_denied, Trouble::refused,
            "a metadata value of your entity has '*', '+' or '/' in it; an administrator must repair it"};
  }
  const auto at = std::find_if(std::begin(rows), std::end(rows), [&](const Row& row) {
    return row.status == status && text.find(row.text) != std::string::npos;
  });
  if (at != std::end(rows)) return *at;
  if (status < 500) return {status, "", Code::vault_refused, Trouble::refused};
  return {status, "", Code::vault_failed, Trouble::failed};
}

std::string words_for(int status) {
  if (status == 412 || status == 429) return "the node has not caught up with what was written";
  if (status == 307 || status == 308) return "the node sends its callers to another one";
  return "status " + std::to_string(status);
}

std::optional<Duration> retry_after(const http::ClientAnswer& answer) {
  const std::string* header = answer.header("retry-after");
  const auto time = header == nullptr ? std::nullopt : parse_number(*header);
  if (!time) return std::nullopt;
  return std::min<Duration>(seconds(*time), longest_wait);
}

std::string_view host_part(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!starts_with_icase(url, scheme)) return {};
  url.remove_prefix(scheme.size());
  return url.substr(0, url.find('/'));
}

bool has_port(std::string_view host) {
  const auto colon = host.rfind(':');
  return colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
}

}  // namespace

std::optional<std::vector<std::string>> error_texts(std::string_view body) {
  try {
    const Json document = parse_json(body, {.bytes = 1024UL * 1024, .depth = 8});
    const Json* errors = document.find("errors");
    if (errors == nullptr || errors->is_null()) {  // of a deleted secret: a whole document
      return document.is_object() ? std::optional(std::vector<std::string>()) : std::nullopt;
    }
    std::vector<std::string> texts;
    for (const Json& one : errors->items()) texts.push_back(printable(trim(one.text()).substr(0, longest_text)));
    return texts;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Failure judge(const http::ClientAnswer& answer, std::span<const Meaning> meanings) {
  const auto texts = error_texts(answer.body);
  const auto words = texts.value_or(std::vector<std::string>());
  const std::string text = join(words, "; ");
  const Row row = general(answer.status, words, text);
  Failure failure{row.trouble,         row.code, text.empty() ? words_for(answer.status) : text, std::string(row.hint),
                  retry_after(answer), false};
  failure.plain_denial = answer.status == 403 && text.find("1 error occurred") == std::string::npos;
  const auto at = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& one) {
    return one.status == answer.status && text.find(one.text) != std::string::npos;
  });
  if (at != meanings.end()) {
    failure.trouble = Trouble::refused;
    failure.code = at->code;
    failure.hint = at->hint;
    failure.plain_denial = false;
  } else if (!texts && row.trouble != Trouble::redirected && row.trouble != Trouble::busy &&
             row.trouble != Trouble::lost) {
    failure.code = Code::vault_unreachable;
    failure.why = "status " + std::to_string(answer.status) + ", and no words of Vault's";
    failure.hint = "check that the address is Vault's own, and what stands in between";
    failure.trouble = answer.status < 500 ? Trouble::refused : Trouble::failed;
  }
  return failure;
}

std::string_view capability_of(std::string_view method) noexcept {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"GET", "read"}, {"HEAD", "read"}, {"LIST", "list"}, {"SCAN", "scan"}, {"DELETE", "delete"}, {"PATCH", "patch"}};
  const auto at =
      std::find_if(std::begin(names), std::end(names), [&](const auto& name) { return name.first == method; });
  return at == std::end(names) ? "update" : at->second;
}

std::string policy_line(std::string_view path, std::string_view capability) {
  return "path \"" + std::string(path) + "\" { capabilities = [\"" + std::string(capability) + "\"] }";
}

std::string normal_address(std::string_view text) {
  std::string_view rest = trim(text);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::string host = lower(host_part(rest));
  const bool plain = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view(".-:[]").find(c) != std::string_view::npos;
  });
  if (!plain || rest.size() != std::string_view("https://").size() + host.size() || host.starts_with(':')) {
    throw Error(Code::usage, "not an address of Vault: " + printable(text),
                "write https://, a host and a port: https://vault.example.com:8200");
  }
  return "https://" + host + (has_port(host) ? "" : ":443");
}

std::optional<std::size_t> redirect_target(std::string_view location, std::string_view url,
                                           std::span<const std::string> addresses) {
  const std::string_view host = host_part(location);
  if (host.empty()) return std::nullopt;
  const std::size_t path = location.find('/', std::string_view("https://").size());
  if (path == std::string_view::npos || location.substr(path) != url) return std::nullopt;
  const std::string address = "https://" + lower(host) + (has_port(host) ? "" : ":443");
  const auto at = std::find(addresses.begin(), addresses.end(), address);
  if (at == addresses.end()) return std::nullopt;
  return static_cast<std::size_t>(at - addresses.begin());
}

std::optional<Duration> Retries::next_round(const Failure& failure, Duration spent) {
  in_round_ = addresses_ - 1;
  unreachable_ = failure.trouble == Trouble::unreachable ? addresses_ - 1 : 0;
  return next(failure, spent);
}

std::optional<Duration> Retries::next(const Failure& failure, Duration spent) {
  constexpr Duration alone[] = {seconds(1), seconds(2), seconds(4)};
  constexpr Duration first = milliseconds(250), longest = seconds(2);
  spent_ += spent;
  ++tries_;
  if (failure.trouble == Trouble::unreachable) ++unreachable_;
  if (++in_round_ < addresses_) return left() > Duration{} ? std::optional(Duration{}) : std::nullopt;
  in_round_ = 0;
  const bool nobody = std::exchange(unreachable_, 0) == addresses_ && rounds_ == 0;
  const bool down = failure.code == Code::vault_sealed || failure.code == Code::vault_unreachable;
  const auto round = static_cast<std::size_t>(rounds_++);
  if (nobody || (addresses_ == 1 && down && round >= std::size(alone))) return std::nullopt;
  Duration wait =
      addresses_ == 1 && down ? alone[round] : std::min(longest, first * (1U << std::min<std::size_t>(round, 4)));
  if (failure.wait) wait = std::max(wait, *failure.wait);
  if (wait >= left()) return std::nullopt;
  spent_ += wait;
  return wait;
}

}  // namespace ymgr::vault
