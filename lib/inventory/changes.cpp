#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inventory/row.hpp"

namespace ymgr::inventory {
namespace {

void require_changed(std::int64_t rows, std::string_view cert_id) {
  if (rows == 0) throw Error(Code::certificate_not_found, "there is no certificate " + printable(cert_id));
}

sql::Value or_null(std::string_view text) {
  return text.empty() ? sql::Value() : sql::Value(text);
}

}  // namespace

void supersede(sql::Connection& db, std::string_view cert_id) {
  db.run("UPDATE certificates SET status = 'superseded' WHERE cert_id = $1 AND status = 'active'", {cert_id});
}

void mark_revoked(sql::Connection& db, std::string_view cert_id, Time revoked_at, Reason reason,
                  std::optional<Time> invalidity_at) {
  const auto rows = db.run(
      "UPDATE certificates SET status = 'revoked', revoked_at = COALESCE(revoked_at, $2), revocation_reason = $3, "
      "invalidity_at = COALESCE(CAST($4 AS BIGINT), invalidity_at) WHERE cert_id = $1",
      {cert_id, to_micros(revoked_at), to_string(reason),
       invalidity_at ? sql::Value(to_micros(*invalidity_at)) : sql::Value()});
  require_changed(rows, cert_id);
}

void mark_active(sql::Connection& db, std::string_view cert_id) {
  const auto rows = db.run(
      "UPDATE certificates SET revoked_at = NULL, revocation_reason = NULL, invalidity_at = NULL, "
      "status = CASE WHEN EXISTS (SELECT 1 FROM certificates n WHERE n.renewed_from = certificates.cert_id) "
      "THEN 'superseded' ELSE 'active' END "
      "WHERE cert_id = $1 AND status = 'revoked' AND revocation_reason = 'certificateHold'",
      {cert_id});
  if (rows == 0) throw Error(Code::certificate_state, "the certificate " + printable(cert_id) + " is not on hold");
}

void set_hook_result(sql::Connection& db, std::string_view cert_id, std::string_view state, std::string_view message,
                     Time at) {
  require_changed(
      db.run("UPDATE certificates SET hook_state = $2, hook_message = $3, hook_at = $4, hook_holder = NULL, "
             "hook_until = NULL WHERE cert_id = $1",
             {cert_id, or_null(state), or_null(message), to_micros(at)}),
      cert_id);
}

void set_installation(sql::Connection& db, std::string_view cert_id, std::string_view host,
                      std::string_view installation) {
  require_changed(db.run("UPDATE certificates SET host = $2, installation = $3 WHERE cert_id = $1",
                         {cert_id, or_null(host), or_null(installation)}),
                  cert_id);
}

void set_violations(sql::Connection& db, std::string_view cert_id, std::string_view policy_version,
                    const Json& violations) {
  const bool complies = violations.is_null() || violations.items().empty();
  const std::string text = complies ? std::string() : dump_json(violations);
  require_changed(db.run("UPDATE certificates SET policy_version = $2, violations = $3 WHERE cert_id = $1",
                         {cert_id, policy_version, or_null(text)}),
                  cert_id);
}

std::vector<CertificateRow> with_pending_hooks(sql::Connection& db, std::string_view host) {
  static const std::string text = std::string("SELECT ") + columns +
                                  " FROM certificates WHERE hook_state = 'pending' AND host = $1 AND status = 'active' "
                                  "ORDER BY cert_id";
  std::vector<CertificateRow> rows;
  db.run(text, {host}, [&](const sql::Row& row) { rows.push_back(read_row(row)); });
  return rows;
}

bool claim_hook(sql::Connection& db, const CertificateRow& seen, const HookClaim& claim,
                const std::function<bool(std::string_view)>& is_gone) {
  std::string other;
  db.run("SELECT hook_holder FROM certificates WHERE cert_id = $1 AND hook_until > $2",
         {seen.cert_id, to_micros(claim.at)}, [&](const sql::Row& row) { other = row.text(0); });
  if (!other.empty() && !is_gone(other)) return false;
  return db.run(
             "UPDATE certificates SET hook_holder = $1, hook_until = $2 WHERE cert_id = $3 AND hook_state = 'pending' "
             "AND COALESCE(hook_at, 0) = $4 AND (hook_holder IS NULL OR hook_until <= $5 OR hook_holder = $6)",
             {claim.holder, to_micros(claim.until), seen.cert_id, seen.hook_at ? to_micros(*seen.hook_at) : 0,
              to_micros(claim.at), other}) > 0;
}

void deny_key(sql::Connection& db, std::string_view public_key_sha256, std::string_view reason,
              std::string_view cert_id, Time at) {
  db.run(
      "INSERT INTO denied_keys (public_key_sha256, reason, denied_at, cert_id) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT (public_key_sha256) DO NOTHING",
      {public_key_sha256, reason, to_micros(at), or_null(cert_id)});
}

bool DeniedKeys::contain(std::string_view public_key_sha256) {
  constexpr std::size_t few = 1000;
  if (!first_) {
    auto& keys = first_.emplace();
    db_.run("SELECT public_key_sha256 FROM denied_keys ORDER BY public_key_sha256 LIMIT $1",
            {static_cast<std::int64_t>(few + 1)}, [&](const sql::Row& row) { keys.emplace_back(row.text(0)); });
  }
  if (first_->size() > few) return is_key_denied(db_, public_key_sha256);
  return std::ranges::binary_search(*first_, public_key_sha256);
}

bool is_key_denied(sql::Connection& db, std::string_view public_key_sha256) {
  bool denied = false;
  db.run("SELECT 1 FROM denied_keys WHERE public_key_sha256 = $1", {public_key_sha256},
         [&](const sql::Row&) { denied = true; });
  return denied;
}

}  // namespace ymgr::inventory
