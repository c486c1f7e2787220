#include <algorithm>

#include "inventory/row.hpp"
#include "inventory/where.hpp"

namespace ymgr::inventory {
namespace {

void stream(sql::Connection& db, Where& where, std::string_view order, std::int64_t limit,
            const std::function<void(const CertificateRow&)>& each) {
  std::string text = std::string("SELECT ") + columns + " FROM certificates " + where.text() + " " + std::string(order);
  if (limit > 0) text += " LIMIT " + where.bind(limit);
  db.run(text, where.params(), [&](const sql::Row& row) { each(read_row(row)); });
}

/// RenewBefore::due_at as SQL.
std::string due_condition(Where& where, const DueQuery& query) {
  if (!query.renew_before) return "renew_at <= " + where.bind(query.at);
  const auto& before = *query.renew_before;
  if (before.percent == 0) return "expires_at <= " + where.bind(query.at + before.fixed);
  return "expires_at - (expires_at - not_before) / 100 * " + where.bind(std::int64_t{before.percent}) +
         " <= " + where.bind(query.at);
}

Where due_where(const DueQuery& query) {
  Where where;
  where.add("status = 'active'");
  where.add(due_condition(where, query));
  if (query.only_host) where.add("(host IS NULL OR host = " + where.bind(query.host) + ")");
  where.add(query.selection, query.at, Where::Use::filter);
  return where;
}

}  // namespace

void list(sql::Connection& db, const ListQuery& query, Time at,
          const std::function<void(const CertificateRow&)>& each) {
  Where where;
  const auto use = query.selection.empty() ? Where::Use::lookup : Where::Use::filter;
  if (query.status) where.add_status(*query.status, at, use);
  if (query.expired) where.add_expired(at);
  where.add(query.selection, at, Where::Use::lookup);
  stream(db, where, "ORDER BY expires_at, cert_id", query.limit, each);
}

void page(sql::Connection& db, std::string_view cert_id, std::int64_t limit,
          const std::function<void(const CertificateRow&)>& each) {
  Where where;
  where.add("cert_id > " + where.bind(cert_id));
  stream(db, where, "ORDER BY cert_id", limit, each);
}

void due(sql::Connection& db, const DueQuery& query, const std::function<void(const CertificateRow&)>& each) {
  Where where = due_where(query);
  // The sign keeps SQLite from walking all of certificates_expiry for the sake of its order: 0.1 ms become seconds.
  const auto order = query.renew_before ? "ORDER BY expires_at, cert_id" : "ORDER BY +expires_at, cert_id";
  stream(db, where, order, query.limit, each);
}

std::int64_t count_due(sql::Connection& db, const DueQuery& query) {
  const Where where = due_where(query);
  std::int64_t count = 0;
  db.run("SELECT count(*) FROM certificates " + where.text(), where.params(),
         [&](const sql::Row& row) { count = row.integer(0); });
  return query.limit > 0 ? std::min(count, query.limit) : count;
}

}  // namespace ymgr::inventory
