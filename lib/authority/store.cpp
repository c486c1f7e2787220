#include "authority/store.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"

namespace ymgr::ca {
namespace {

constexpr std::string_view issuer_columns =
    "SELECT issuer_id, kind, name, status, subject, certificate, csr, chain, key_path, crl, crl_number, not_after, "
    "crl_this_update, crl_next_update FROM issuers ";

std::optional<Time> optional_time(const sql::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return from_micros(row.integer(column));
}

IssuerRow read_row(const sql::Row& row) {
  IssuerRow result;
  int column = 0;
  for (std::string* text : {&result.issuer_id, &result.kind, &result.name, &result.status, &result.subject,
                            &result.certificate, &result.csr, &result.chain, &result.key_path, &result.crl}) {
    *text = row.text(column++);
  }
  result.crl_number = row.integer(column++);
  result.not_after = optional_time(row, column++);
  result.crl_this_update = optional_time(row, column++);
  result.crl_next_update = optional_time(row, column);
  return result;
}

std::vector<IssuerRow> select_issuers(sql::Connection& db, std::string_view rest) {
  std::vector<IssuerRow> rows;
  db.run(std::string(issuer_columns) + std::string(rest), {},
         [&](const sql::Row& row) { rows.push_back(read_row(row)); });
  return rows;
}

sql::Value text_or_null(const std::string& text) {
  if (text.empty()) return std::monostate{};
  return std::string_view(text);
}

Json texts_of(const std::vector<San>& names) {
  Json list = Json::array();
  for (const San& name : names) list.push(to_string(name));
  return list;
}

/// Not parse_san: a constraint may be ".example.com" or "10.0.0.0/8".
San constraint_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  for (const SanKind kind : {SanKind::dns, SanKind::ip, SanKind::email, SanKind::uri}) {
    if (colon != std::string_view::npos && to_string(kind) == text.substr(0, colon)) {
      return {kind, std::string(text.substr(colon + 1))};
    }
  }
  throw Error(Code::name_invalid, "not a name constraint: " + printable(text));
}

std::string with_issuer(std::string url, std::string_view issuer_id) {
  constexpr std::string_view mark = "{issuer}";
  for (std::size_t at = url.find(mark); at != std::string::npos; at = url.find(mark, at + issuer_id.size())) {
    url.replace(at, mark.size(), issuer_id);
  }
  return url;
}

}  // namespace

std::vector<IssuerRow> issuer_rows(sql::Connection& db) {
  return select_issuers(db, "ORDER BY created_at DESC, kind, issuer_id DESC");
}

IssuerRow active_row(sql::Connection& db) {
  auto rows = select_issuers(db, "WHERE kind = 'issuing' AND status = 'active' ORDER BY created_at DESC");
  if (rows.empty()) {
    throw Error(Code::ca_not_ready, "the CA has no issuing certificate yet",
                "Have the request of `ymgr init --ca-csr` signed, then run `ymgr ca import`.");
  }
  return std::move(rows.front());
}

IssuerRow root_row(sql::Connection& db) {
  auto rows = select_issuers(db, "WHERE kind = 'root' ORDER BY created_at DESC");
  if (rows.empty()) throw Error(Code::root_key_missing, "the root CA is not kept in this profile");
  return std::move(rows.front());
}

CaInfo to_info(const IssuerRow& row, std::string_view root_key_kept) {
  CaInfo info;
  info.issuer_id = row.issuer_id;
  info.kind = row.kind;
  info.name = row.name;
  info.status = row.status;
  info.subject = row.subject;
  if (!row.certificate.empty()) info.certificate = parse_certificate(row.certificate);
  if (!row.chain.empty()) info.chain = parse_pem_chain(row.chain);
  info.csr = row.csr;
  if (!row.is_issuing()) info.root_key = root_key_kept;
  info.crl_number = row.crl_number;
  info.crl_this_update = row.crl_this_update;
  info.crl_next_update = row.crl_next_update;
  return info;
}

void insert_issuer(sql::Connection& db, const NewIssuer& issuer) {
  sql::Value pem, from, until;
  if (const auto& certificate = issuer.certificate) {
    pem = std::string_view(certificate->pem);
    from = to_micros(certificate->not_before);
    until = to_micros(certificate->not_after);
  }
  db.run(
      "INSERT INTO issuers (issuer_id, kind, name, status, subject, certificate, csr, chain, key_path, not_before, "
      "not_after, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      {issuer.issuer_id, issuer.kind, issuer.name, issuer.certificate ? "active" : "pending", issuer.subject, pem,
       text_or_null(issuer.csr), text_or_null(issuer.chain), text_or_null(issuer.key_path), from, until,
       to_micros(now())});
}

void activate_issuer(sql::Connection& db, std::string_view issuer_id, const Certificate& certificate,
                     std::string_view chain_pem) {
  db.run("UPDATE issuers SET status = 'retired' WHERE kind = 'issuing' AND status = 'active' AND issuer_id <> $1",
         {issuer_id});
  db.run(
      "UPDATE issuers SET status = 'active', subject = $2, certificate = $3, chain = $4, not_before = $5, "
      "not_after = $6 WHERE issuer_id = $1",
      {issuer_id, certificate.subject, certificate.pem, chain_pem, to_micros(certificate.not_before),
       to_micros(certificate.not_after)});
}

Secret issuing_key(sql::Connection& db, const DataKey& data_key, const IssuerRow& row) {
  auto document = open_sealed_secrets(db, data_key)->read(row.key_path);
  if (!document) throw Error(Code::key_not_found, "the key of " + row.name + " is gone", "Restore a backup.");
  return std::move(document->value);
}

void store_crl(sql::Connection& db, std::string_view issuer_id, const Crl& crl) {
  const std::string pem = to_pem(crl.der, "X509 CRL");
  db.run(
      "UPDATE issuers SET crl_number = $2, crl = $3, crl_this_update = $4, crl_next_update = $5 WHERE issuer_id = $1",
      {issuer_id, crl.number, pem, to_micros(crl.this_update), to_micros(crl.next_update)});
}

void store_plan(sql::Connection& db, const StoredPlan& plan) {
  const Json stored = Json::object({{"name", plan.name},
                                    {"key", to_string(plan.key)},
                                    {"issuing_life", plan.issuing_life.count()},
                                    {"permitted_names", texts_of(plan.constraints.permitted)}});
  const Json urls = Json::object({{"crl", Json::texts(plan.urls.crl)},
                                  {"ocsp", Json::texts(plan.urls.ocsp)},
                                  {"issuer", Json::texts(plan.urls.issuer)}});
  sql::write_setting(db, "ca.plan", dump_json(stored));
  sql::write_setting(db, "ca.urls", dump_json(urls));
}

StoredPlan stored_plan(sql::Connection& db) {
  const auto plan_text = sql::read_setting(db, "ca.plan"), urls_text = sql::read_setting(db, "ca.urls");
  if (!plan_text || !urls_text) throw Error(Code::ca_not_ready, "the profile has no CA");
  const Json plan = parse_json(*plan_text), urls = parse_json(*urls_text);
  StoredPlan result;
  result.name = plan.at("name").text();
  result.key = parse_key_algorithm(plan.at("key").text()).value_or(KeyAlgorithm::ec_p256);
  result.issuing_life = Duration(plan.at("issuing_life").integer());
  for (const std::string& text : plan.texts_or_empty("permitted_names")) {
    result.constraints.permitted.push_back(constraint_of(text));
  }
  result.urls = {urls.texts_or_empty("crl"), urls.texts_or_empty("ocsp"), urls.texts_or_empty("issuer")};
  return result;
}

std::string root_key_kept(sql::Connection& db) {
  return sql::read_setting(db, "ca.root_key_kept").value_or("");
}

CertificateUrls urls_of(const CertificateUrls& urls, std::string_view issuer_id) {
  CertificateUrls result = urls;
  for (auto* list : {&result.crl, &result.ocsp, &result.issuer}) {
    for (std::string& url : *list) url = with_issuer(std::move(url), issuer_id);
  }
  return result;
}

}  // namespace ymgr::ca
