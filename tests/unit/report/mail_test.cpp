#include "report/mail.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

const http::Envelope envelope{"ymgr@example.com", {"ops@example.com", "security@example.com"}};

mail::Message message() {
  return {.subject = "2 certificates expire", .text = "one\ntwo\n", .date = parse_time("2026-03-15T04:05:06Z")};
}

std::string header(const std::string& composed) {
  return composed.substr(0, composed.find("\r\n\r\n"));
}

TEST_CASE("compose writes a mail of one part as RFC 5322 has it") {
  auto given = message();
  given.id = "digest-20260315040506-0123456789ab";
  CHECK(mail::compose(given, envelope) ==
        "Date: Sun, 15 Mar 2026 04:05:06 +0000\r\nFrom: ymgr@example.com\r\nTo: ops@example.com,\r\n "
        "security@example.com\r\n"
        "Subject: 2 certificates expire\r\nMessage-ID: <digest-20260315040506-0123456789ab@example.com>\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\none\r\ntwo\r\n");
}

TEST_CASE("compose keeps what came from outside out of the header") {
  auto given = message();
  for (const char* subject :
       {"a\r\nBcc: victim@example.com", "a\nBcc: victim@example.com", "a\r\n\r\nbody", "a\x01\x7f"}) {
    CAPTURE(subject);
    given.subject = subject;
    const auto head = header(mail::compose(given, envelope));
    CHECK(head.find("\r\nBcc") == std::string::npos);
    CHECK(std::count(head.begin(), head.end(), '\n') == 8);
  }
  given = message();
  for (const char* id : {"a>\r\nBcc: x", "a b", "a@b", "a>"}) {
    CAPTURE(id);
    given.id = id;
    CHECK_CODE((mail::compose(given, envelope)), Code::usage);
  }
}

TEST_CASE("addresses that could end a line, a path or a header are none") {
  for (const char* text : {"a@b", "a.b+c@example.com", "o'neil@xn--bcher-kva.example"})
    CHECK(http::is_mail_address(text));
  for (const char* text :
       {"",     "a",     "@b",          "a@",      "a@b@c", "a b@c", "a@b c",  "a@b\r\nRCPT TO:<x@y>",
        "a@b>", "<a@b>", "a,b@c",       "\"a\"@b", ".a@b",  "a.@b",  "a..b@c", "a@b..c",
        "a@-b", "a@b_c", "b\xc3\xbc@c", "a@b\\",   "a;b@c", "a:b@c", "(a)@b"}) {
    CAPTURE(text);
    CHECK_FALSE(http::is_mail_address(text));
    CHECK_CODE((mail::compose(message(), {text, {"a@b"}})), Code::usage);
    CHECK_CODE((mail::compose(message(), {"a@b", {"c@d", text}})), Code::usage);
  }
}

TEST_CASE("a subject that is long or not ASCII becomes encoded words, each whole and of 75 characters at most") {
  auto given = message();
  std::string umlauts;
  for (int i = 0; i < 60; ++i) umlauts += "\xc3\xbc";
  for (const std::string& subject : {std::string("3 f\xc3\xa4llig"), umlauts, "a" + umlauts, std::string(200, 'x'),
                                     std::string("=?UTF-8?B?eA==?=")}) {
    CAPTURE(subject);
    given.subject = subject;
    const auto composed = mail::compose(given, envelope);
    const auto from = composed.find("Subject: ") + 9;
    auto text = composed.substr(from, composed.find("\r\nAuto-Submitted") - from);
    std::string decoded;
    for (const auto& word : split(text, ' ')) {
      const auto bare = std::string(trim(word));
      CHECK(bare.size() <= 75);
      CHECK(bare.starts_with("=?UTF-8?B?"));
      const auto part = from_base64(bare.substr(10, bare.size() - 12)).value();
      CHECK(is_utf8(part));
      decoded += part;
    }
    CHECK(decoded == subject);
  }
}

TEST_CASE("a text goes as quoted-printable: dots, long lines, blanks at the end and other alphabets survive") {
  auto given = message();
  given.text = ".\n" + std::string(100, 'x') + "\nblank \nf\xc3\xbcr 1=1\r\nend";
  const auto composed = mail::compose(given, envelope);
  CHECK(composed.substr(composed.find("\r\n\r\n") + 4) ==
        ".\r\n" + std::string(75, 'x') + "=\r\n" + std::string(25, 'x') + "\r\nblank=20\r\nf=C3=BCr 1=3D1\r\nend\r\n");
}

TEST_CASE("text, HTML and attachments nest as mixed around alternative") {
  auto given = message();
  given.html = "<p>one</p>";
  given.attachments = {{"we ird\r\n\".csv", "text/csv; charset=utf-8", std::string(60, 'a')}};
  const auto composed = mail::compose(given, envelope);
  const auto body = composed.substr(composed.find("MIME-Version"));
  CHECK(body ==
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_ymgr_mixed\"\r\n\r\n--=_ymgr_mixed\r\n"
        "Content-Type: multipart/alternative; boundary=\"=_ymgr_alternative\"\r\n\r\n--=_ymgr_alternative\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\none\r\ntwo\r\n"
        "--=_ymgr_alternative\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>one</p>\r\n"
        "--=_ymgr_alternative--\r\n--=_ymgr_mixed\r\nContent-Type: text/csv; charset=utf-8\r\n"
        "Content-Disposition: attachment; filename=\"we_ird___.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            to_base64(std::string(57, 'a')) + "\r\n" + to_base64("aaa") + "\r\n--=_ymgr_mixed--\r\n");
}

}  // namespace
