// One message to one mail server (SMTP over libcurl, which is opened when it is first used).   Source: RFC 5321, 3207, 8314, 4954
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"

namespace ymgr::http {

enum class SmtpTls {
  starttls,  // port 587 or 25; a server that does not offer it gets nothing
  implicit,  // port 465
  none       // for a server on this host: who may have that is the caller's to say
};

struct SmtpSettings {
  std::string host;  // a name or an address, IPv6 without brackets
  int port = 587;
  SmtpTls tls = SmtpTls::starttls;
  std::string ca_file = {};  // PEM: the only roots that are trusted; empty: the system's
  std::string user = {};     // empty: no login
  /// libcurl copies it, and does not clear the copy.
  std::shared_ptr<const Secret> password = {};
  Duration timeout = std::chrono::seconds(30);  // of all of it; a server that stops in its midst may take twice that
};

struct Envelope {
  std::string from;
  std::vector<std::string> to;
};

/// local@domain in ASCII, without quoting: nothing that ends a line, a path or a header (RFC 5321, 4.1.2: dot-string).
bool is_mail_address(std::string_view text) noexcept;
/// "localhost", 127.0.0.0/8 or ::1: what is said to it stays on this host without TLS.
bool is_this_host(std::string_view host) noexcept;

/// Hands `message` (RFC 5322, lines end in CRLF) over. Either all recipients are taken or none. Certificates and names are always
/// checked, TLS 1.2 is the least; nothing is taken from the environment.
/// @throws Error channel-unreachable: no answer, or a refusal for now (4yz); outcome unknown when the whole message was sent and
/// not answered · channel-refused: 5yz, the login included · channel-untrusted · library-missing, usage: an address
/// file-not-found: no CA file
void send_mail(const SmtpSettings& settings, const Envelope& envelope, std::string_view message);

}  // namespace ymgr::http
