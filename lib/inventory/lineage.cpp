#include <algorithm>

#include "inventory/inventory.hpp"

namespace ymgr::inventory {
namespace {

using Rows = std::vector<CertificateRow>;

bool holds(const Rows& rows, std::string_view cert_id) {
  return std::any_of(rows.begin(), rows.end(), [&](const CertificateRow& row) { return row.cert_id == cert_id; });
}

}  // namespace

std::vector<CertificateRow> lineage(sql::Connection& db, const CertificateRow& row) {
  const Rows all = by_name(db, row.name);  // newest first
  Rows found{row};
  for (const auto& older : all) {  // each stands before the one it was renewed from
    const bool is_parent = std::any_of(
        found.begin(), found.end(), [&](const CertificateRow& child) { return child.renewed_from == older.cert_id; });
    if (is_parent && !holds(found, older.cert_id)) found.push_back(older);
  }
  for (auto newer = all.rbegin(); newer != all.rend(); ++newer)
    if (!newer->renewed_from.empty() && holds(found, newer->renewed_from) && !holds(found, newer->cert_id))
      found.insert(found.begin(), *newer);
  return found;
}

}  // namespace ymgr::inventory
