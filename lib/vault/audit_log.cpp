#include "vault/audit_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "x509/types.hpp"

namespace ymgr::vault {
namespace {

constexpr std::size_t longest_line = 16UL * 1024 * 1024;
constexpr std::size_t deepest = 32;
constexpr std::string_view hashed = "hmac-";

const Json& member(const Json& json, std::string_view name) {
  static const Json none;
  const auto* found = json.find(name);
  return found == nullptr ? none : *found;
}

/// Empty: not there, no text, or a hash.
std::string clear_text(const Json& json, std::string_view name) {
  const Json& value = member(json, name);
  if (!value.is_text() || value.text().starts_with(hashed)) return {};
  return printable(value.text());
}

std::string operation_of(const Json& request) {
  const Json& headers = member(request, "headers");
  if (!headers.is_object()) return {};
  for (const auto& [name, values] : headers.members()) {
    if (lower(name) != "x-ymgr-op" || !values.is_array() || values.items().empty()) continue;
    const Json& value = values.items().front();
    if (value.is_text() && !value.text().starts_with(hashed)) return printable(value.text());
  }
  return {};
}

bool is_refused(const Json& entry) {
  const Json& error = member(entry, "error");
  const Json& data = member(member(entry, "response"), "data");
  return (error.is_text() && !error.text().empty()) || !member(data, "error").is_null();
}

AuditEntry entry_of(const Json& json, Time at) {
  const Json &request = member(json, "request"), &auth = member(json, "auth");
  auto name_space = clear_text(member(request, "namespace"), "path");
  while (name_space.ends_with('/')) name_space.pop_back();
  return {at,
          clear_text(request, "id"),
          clear_text(request, "operation"),
          clear_text(request, "path"),
          std::move(name_space),
          clear_text(auth, "display_name"),
          clear_text(auth, "entity_id"),
          clear_text(request, "remote_address"),
          operation_of(request),
          normal_serial(clear_text(member(member(json, "response"), "data"), "serial_number")).value_or("")};
}

bool changes(std::string_view operation) {
  constexpr std::array<std::string_view, 4> all = {"create", "update", "patch", "delete"};
  return std::ranges::find(all, operation) != all.end();
}

}  // namespace

bool AuditLogReader::read_line(std::string_view line) {
  Json json;
  Time at{};
  try {
    json = parse_json(line, {.bytes = longest_line, .depth = deepest});
    at = parse_time(json.at("time").text());
  } catch (const Error&) {  // counted by the caller
    return false;
  }
  if (!summary_.first) summary_.first = at;
  summary_.last = std::max(summary_.last.value_or(at), at);
  if (clear_text(json, "type") != "response") return true;
  const auto entry = entry_of(json, at);
  summary_.names_operations |= !entry.ymgr_operation.empty();
  if (changes(entry.operation) && !is_refused(json)) each_(entry);
  return true;
}

void AuditLogReader::take_line() {
  ++summary_.lines;
  const bool is_blank = !too_long_ && trim(line_).empty();
  if (!is_blank && (too_long_ || !read_line(line_))) {
    if (summary_.damaged++ == 0) summary_.first_damaged = summary_.lines;
  }
  line_.clear();
  too_long_ = false;
}

void AuditLogReader::add(std::string_view piece) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const auto part = piece.substr(0, end);
    too_long_ |= line_.size() + part.size() > longest_line;
    if (too_long_)
      line_.clear();
    else
      line_.append(part);
    if (end == std::string_view::npos) return;
    take_line();
    piece.remove_prefix(end + 1);
  }
}

AuditLogSummary AuditLogReader::finish() {
  if (line_.empty() && !too_long_) return summary_;
  ++summary_.lines;
  summary_.is_cut = too_long_ || !read_line(line_);
  return summary_;
}

AuditLogSummary read_audit_log(const std::string& file, const AuditLogReader::Each& each) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw system_error("open", file, errno);
  AuditLogReader reader(each);
  std::string piece(std::size_t{256} * 1024, '\0');
  for (;;) {
    const auto count = ::read(fd.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("read", file, errno);
    if (count == 0) return reader.finish();
    reader.add(std::string_view(piece).substr(0, static_cast<std::size_t>(count)));
  }
}

}  // namespace ymgr::vault
