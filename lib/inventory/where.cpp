#include "inventory/where.hpp"

namespace ymgr::inventory {
namespace {

constexpr std::string_view label_prefix = "label.";

/// '*' is any text; LIKE's own wildcards stand for themselves.
std::string like_pattern(std::string_view value) {
  std::string pattern;
  for (const char c : value) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c == '*' ? '%' : c;
  }
  return pattern;
}

std::string_view column_of(std::string_view field) noexcept {
  if (field == "ca") return "ca_name";
  if (field == "key") return "key_algorithm";
  return field;
}

/// A sign keeps the planner from the index and the number as it is.
std::string expiry_column(Where::Use use) {
  return use == Where::Use::filter ? "+expires_at" : "expires_at";
}

}  // namespace

void Where::add(std::string_view condition) {
  text_.append(text_.empty() ? "WHERE " : " AND ").append(condition);
}

std::string Where::next_place() {
  return "$" + std::to_string(params_.size());
}

std::string Where::bind(Time time) {
  return bind(to_micros(time));
}

std::string Where::bind(std::int64_t number) {
  params_.emplace_back(number);
  return next_place();
}

std::string Where::bind(std::string_view text) {
  params_.emplace_back(std::string_view(texts_.emplace_back(text)));
  return next_place();
}

// Partial indexes are only used where their status stands in the text.
void Where::add_status(CertificateStatus status, Time at, Use use) {
  add("status = '" + std::string(to_string(status)) + "'");
  if (status == CertificateStatus::active) add(expiry_column(use) + " >= " + bind(at));
}

void Where::add_expired(Time at) {
  add("status = 'active'");
  add("expires_at < " + bind(at));
}

void Where::add(const Selection& selection, Time at, Use use) {
  for (const auto& condition : selection.conditions) {
    const std::string text = condition_text(condition, at, use);
    add(condition.negated ? "NOT (" + text + ")" : text);
  }
}

std::string Where::condition_text(const Selection::Condition& condition, Time at, Use use) {
  const auto& [field, value, negated] = condition;
  if (field.starts_with(label_prefix))
    return label_text(std::string_view(field).substr(label_prefix.size()), value, use);
  if (field == "expires-before") return expiry_column(use) + " < " + bind(parse_time(value));
  if (field == "expires-after") return expiry_column(use) + " > " + bind(parse_time(value));
  if (field == "status" && value == "expired")
    return "(status = 'active' AND " + expiry_column(use) + " < " + bind(at) + ")";
  if (field == "status" && value == "active")
    return "(status = 'active' AND " + expiry_column(use) + " >= " + bind(at) + ")";
  if (field == "status") return "status = '" + value + "'";

  std::string column(column_of(field));
  if (use == Use::filter || negated || field == "host" || field == "device") column = "COALESCE(" + column + ", '')";
  if (value.find('*') == std::string::npos) return column + " = " + bind(value);
  return column + " LIKE " + bind(like_pattern(value)) + " ESCAPE '\\'";
}

std::string Where::label_text(std::string_view name, std::string_view value, Use use) {
  const std::string pair = "l.name = " + bind(name) + " AND l.value = " + bind(value);
  if (use == Use::lookup) return "cert_id IN (SELECT l.cert_id FROM certificate_labels l WHERE " + pair + ")";
  return "EXISTS (SELECT 1 FROM certificate_labels l WHERE l.cert_id = certificates.cert_id AND " + pair + ")";
}

}  // namespace ymgr::inventory
