// Mails: what a message looks like on its way (RFC 5322, MIME), and handing it to a mail server.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "http/smtp.hpp"

namespace ymgr::mail {

struct Attachment {
  std::string name;          // of the file; what is not [A-Za-z0-9._-] becomes _
  std::string content_type;  // "text/csv; charset=utf-8"
  std::string bytes;
};

struct Message {
  std::string subject;  // UTF-8; control characters become ?
  std::string text;     // UTF-8, lines end in \n
  std::string html{};   // the same as text, for programs that show it; empty: none
  std::vector<Attachment> attachments{};
  std::string id{};  // becomes Message-ID <ID@domain of the sender>: the same id, the same message. Empty: none
  Time date{};
};

struct MailSettings {
  http::SmtpSettings server;
  http::Envelope envelope;  // the header has the same
};

/// The message as it is sent, ASCII alone, lines of at most 78 characters and CRLF. Nothing in `message` can add a header, a recipient
/// or a part. @throws Error usage: an address
std::string compose(const Message& message, const http::Envelope& envelope);
/// @throws Error as http::send_mail
void send(const MailSettings& settings, const Message& message);

}  // namespace ymgr::mail
