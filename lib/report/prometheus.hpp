// The report in Prometheus' text format 0.0.4, for node_exporter's textfile collector.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/charts.hpp"
#include "report/report.hpp"
#include "sql/connection.hpp"

namespace ymgr::prometheus {

struct Authority {
  std::string id, name, kind, status;  // kind: root or issuing; status: active or retired
  Time not_after;
  std::optional<Time> crl_next_update;
};
/// The scheduled renewal of a host.
struct Renewal {
  std::string host;
  std::optional<Time> succeeded_at;
  std::optional<int> exit;  // of the last run that ended
  bool stale = false;
};
struct Facts {
  std::vector<Authority> authorities;
  std::vector<Renewal> renewals;
  std::string policy_version, program_version;
};
using Write = std::function<void(std::string_view)>;

/// All metrics, piece by piece; each name has its HELP and TYPE once and its samples together. Per certificate: those that are
/// neither revoked nor replaced, expired ones included; those from elsewhere that are watched have the label `source`. In one read transaction.
void write_metrics(sql::Connection&, const Report&, const std::vector<NamedCount>& statuses, const Facts&,
                   const Write& write);
/// In double quotes: backslash, quote and line feed escaped; control characters as printable() has them.
std::string label_value(std::string_view text);

}  // namespace ymgr::prometheus
