// Source: RFC 5322 (header), RFC 2047 (words that are not ASCII), RFC 2045, 2046, 2183 (parts), RFC 3834 (Auto-Submitted)
#include "report/mail.hpp"

#include <algorithm>
#include <span>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::mail {
namespace {

constexpr std::string_view end_of_line = "\r\n";

bool is_plain(unsigned char c) noexcept {
  return c >= 0x20 && c < 0x7f;
}

/// At most `limit` bytes, and no character torn.
std::string_view first_characters(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0U) == 0x80U) --limit;
  return text.substr(0, limit);
}

/// A text in the header. An encoded word has 75 characters at most, so 45 bytes fit in.
std::string header_text(std::string_view given) {
  constexpr std::size_t in_one_line = 60, in_a_word = 45;
  std::string text = printable(given);
  if (text.size() <= in_one_line && std::ranges::all_of(text, is_plain) && text.find("=?") == std::string::npos) {
    return text;
  }
  std::string words;
  for (std::string_view left = text; !left.empty();) {
    const auto part = first_characters(left, in_a_word);
    words += std::string(words.empty() ? "" : "\r\n ") + "=?UTF-8?B?" + to_base64(part) + "?=";
    left.remove_prefix(part.size());
  }
  return words;
}

/// Quoted-printable, of one line: blanks at its end and whatever is not ASCII are encoded, lines stay below 76 characters.
void add_quoted_line(std::string& out, std::string_view line) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::size_t column = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    const bool as_it_is = is_plain(c) && c != '=' && (c != ' ' || i + 1 < line.size());
    const std::size_t width = as_it_is ? 1 : 3;
    if (column + width > 75) {
      out += "=\r\n";
      column = 0;
    }
    if (as_it_is)
      out += line[i];
    else
      (out += '=').append({digits[c >> 4U], digits[c & 15U]});
    column += width;
  }
  out += end_of_line;
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    add_quoted_line(out, line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string base64_lines(std::string_view bytes) {
  constexpr std::size_t in_a_line = 57;  // 76 characters
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += in_a_line)
    (out += to_base64(bytes.substr(at, in_a_line))) += end_of_line;
  return out;
}

std::string text_part(std::string_view type, std::string_view text) {
  return "Content-Type: text/" + std::string(type) +
         "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted_printable(text);
}

/// Neither quoted-printable nor base64 has "=_" in it.
std::string multipart(const std::string& type, std::span<const std::string> parts) {
  const std::string boundary = "=_ymgr_" + type;
  std::string out = "Content-Type: multipart/" + type + "; boundary=\"" + boundary + "\"\r\n\r\n";
  for (const auto& part : parts) out += "--" + boundary + "\r\n" + part;
  return out + "--" + boundary + "--\r\n";
}

std::string attachment_part(const Attachment& attachment) {
  std::string name = attachment.name, type = printable(attachment.content_type);
  constexpr std::string_view safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  for (char& c : name)
    if (safe.find(c) == std::string_view::npos) c = '_';
  return "Content-Type: " + type + "\r\nContent-Disposition: attachment; filename=\"" + name +
         "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64_lines(attachment.bytes);
}

std::string body(const Message& message) {
  std::string whole = text_part("plain", message.text);
  if (!message.html.empty()) {
    const std::string both[] = {std::move(whole), text_part("html", message.html)};
    whole = multipart("alternative", both);
  }
  if (message.attachments.empty()) return whole;
  std::vector<std::string> parts = {std::move(whole)};
  for (const auto& attachment : message.attachments) parts.push_back(attachment_part(attachment));
  return multipart("mixed", parts);
}

/// "Sun, 15 Mar 2026 14:32:00 +0000"
std::string header_date(Time at) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::string time = format_time(at);  // 2026-03-15T14:32:00Z
  return std::string(days[std::chrono::weekday(day).c_encoding()]) + ", " + time.substr(8, 2) + " " +
         months[static_cast<unsigned>(date.month()) - 1] + " " + time.substr(0, 4) + " " + time.substr(11, 8) +
         " +0000";
}

std::string checked(const std::string& address) {
  if (!http::is_mail_address(address)) throw Error(Code::usage, "'" + printable(address) + "' is no mail address");
  return address;
}

std::string message_id(const Message& message, const std::string& from) {
  if (!http::is_mail_address(message.id + "@id"))
    throw Error(Code::usage, "'" + printable(message.id) + "' is no id of a message");
  return "Message-ID: <" + message.id + from.substr(from.find('@')) + ">\r\n";
}

}  // namespace

std::string compose(const Message& message, const http::Envelope& envelope) {
  std::string to;
  for (const auto& address : envelope.to) to += (to.empty() ? "" : ",\r\n ") + checked(address);
  std::string head = "Date: " + header_date(message.date) + "\r\nFrom: " + checked(envelope.from) + "\r\nTo: " + to +
                     "\r\nSubject: " + header_text(message.subject) + "\r\n";
  if (!message.id.empty()) head += message_id(message, envelope.from);
  return head + "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n" + body(message);
}

void send(const MailSettings& settings, const Message& message) {
  http::send_mail(settings.server, settings.envelope, compose(message, settings.envelope));
}

}  // namespace ymgr::mail
