// What is told to people of certificates that end and of renewals that fail: one digest a run, and how it looks as text, as
// JSON and for Slack.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace ymgr {

enum class NoticeKind {
  failure,  // a renewal, a hook or a whole run that failed
  expiry,   // a certificate that nobody has renewed so far
  recovery  // a failure that was told has ended
};
std::string_view to_string(NoticeKind) noexcept;
/// @throws Error internal: no kind
NoticeKind parse_notice_kind(std::string_view text);

struct Notice {
  std::string id;  // the same however often it is sent: "expiry/cert-…/7"
  NoticeKind kind = NoticeKind::failure;
  std::string name;                  // of the certificate, or of the host that a whole run failed on
  std::string cert_id, owner, host;  // where there are such
  std::optional<Time> expires_at;
  int window_days = 0;  // of an expiry: which limit was passed; 0: it has expired
  std::string code,
      message;            // of a failure, and what failed before a recovery; of an expiry: what is to be known besides
  bool repeated = false;  // it may have been sent before, without an answer
};

struct Digest {
  std::string id;  // "digest-…"
  Time at{};
  std::string host;      // that sends it
  bool is_test = false;  // then there are no notices
  std::vector<Notice> notices{};
};

/// What a notice is beside id, kind and whether it is repeated, and back. @throws Error json-invalid
Json to_json(const Notice&);
Notice notice_from(const Json&);

/// "www.example.com expires in 6 days (2026-03-21T00:00:00Z), owner alice": one line.
std::string notice_text(const Notice&, Time at);
/// "ymgr: 1 failure, 2 certificates not renewed".
std::string digest_subject(const Digest&);
/// For people, failures first; at most `limit` lines of notices, then how many more there are.
std::string digest_text(const Digest&, std::size_t limit);
inline constexpr std::string_view digest_schema = "ymgr.notice.v1";
/// For programs: all notices.
Json digest_json(const Digest&);
/// {"text": …} as Slack's incoming webhooks take it, and what is compatible with them.
Json slack_json(const Digest&);

}  // namespace ymgr
