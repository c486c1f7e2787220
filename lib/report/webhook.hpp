// Digests for programs that take them by HTTP.
#pragma once
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "report/digest.hpp"

namespace ymgr::webhook {

enum class Kind { json, slack };

struct Settings {
  /// https://, or http:// to this host. May itself be the secret, as Slack's are: shown to nobody but for the host in it.
  std::shared_ptr<const Secret> url;
  Kind kind = Kind::json;
  std::string ca_file = {};  // PEM: the only roots that are trusted; empty: the system's
  std::string header = {};   // a header line of its own, "Authorization"; empty: none
  std::shared_ptr<const Secret> header_value = {};
  Duration timeout = std::chrono::seconds(30);
};

/// https://HOST[:PORT][/PATH], or http:// where HOST is this host itself; no user, no blanks.
bool is_url(std::string_view text) noexcept;

/// POSTs digest_json or slack_json; any 2yz is a delivery, redirects are not followed.
/// @throws Error channel-unreachable: no answer, 408, 425, 429 or 5yz; outcome unknown where there was no answer to what was
/// sent · channel-refused: any other status · channel-untrusted · usage: no such URL · library-missing, file-not-found
void send(const Settings&, const Digest&);

}  // namespace ymgr::webhook
