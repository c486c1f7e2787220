// The file of Vault's audit device: what was asked of the server, by whom. Paths stand in it in clear, values as hashes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace ymgr::vault {

/// An answered request that changed something, or may have. Texts are printable.
struct AuditEntry {
  Time at{};                            // of the answer
  std::string request_id;               // the server's
  std::string operation;                // "create", "update", "patch", "delete"
  std::string path;                     // "pki/sign/web", below its namespace
  std::string name_space;               // "team1"; empty: root's
  std::string display_name, entity_id;  // of the token; empty: it has none
  std::string remote_address;
  std::string ymgr_operation;  // the header X-Ymgr-Op; empty: there was none, or the server hashes it
  std::string serial;          // of a certificate in the answer, where it stands in clear: "4A:3F:2B"
};

struct AuditLogSummary {
  std::int64_t lines = 0;
  std::optional<Time> first, last;              // of what was read
  std::int64_t damaged = 0, first_damaged = 0;  // lines that can't be read, the first of them; the last line apart
  bool is_cut = false;                          // the last line ends in the middle: the server was writing it, or died
  bool names_operations = false;                // some request has the header X-Ymgr-Op in clear
};

/// Takes the file piece by piece and keeps one line of it. A line is at most 16 MiB, 32 levels deep; what is more counts as damaged.
class AuditLogReader {
 public:
  using Each = std::function<void(const AuditEntry&)>;
  explicit AuditLogReader(Each each) : each_(std::move(each)) {}
  void add(std::string_view piece);
  AuditLogSummary finish();

 private:
  void take_line();
  /// false: it can't be read.
  bool read_line(std::string_view line);

  Each each_;
  std::string line_;
  bool too_long_ = false;
  AuditLogSummary summary_;
};

/// @throws Error file-not-found, file-denied, disk-unusable, and what `each` throws
AuditLogSummary read_audit_log(const std::string& file, const AuditLogReader::Each& each);

}  // namespace ymgr::vault
