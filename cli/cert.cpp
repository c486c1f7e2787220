#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/inventory.hpp"
#include "cli/output/or_null.hpp"
#include "cli/output/table.hpp"
#include "inventory/tracked.hpp"

namespace ymgr::cli {
namespace {

constexpr std::int64_t first_limit = 1000;

constexpr Option list_options[] = {
    {.name = "--select",
     .value = "FIELD=VALUE,…",
     .help =
         "only those that fit: owner, profile, name, status, label.KEY, expires-before, expires-after, ca, host, key, "
         "device"},
    {.name = "--status", .value = "active|superseded|revoked", .help = "only those; active ones have not expired"},
    {.name = "--expired", .value = "", .help = "only those that expired and were not renewed"},
    {.name = "--expiring", .value = "DURATION", .help = "only active ones that expire within it, such as 30d"},
    {.name = "--limit", .value = "N", .help = "at most so many, 1000 at first; 0: all"}};

constexpr Field list_fields[] = {
    {"certificates", "array of object", "soonest expiry first"},
    {"certificates.cert_id", "string", "id of the certificate"},
    {"certificates.name", "string", "name of the lineage"},
    {"certificates.status", "string", "active, expired, superseded or revoked; tracked: from elsewhere"},
    {"certificates.expires_at", "time", "last second of its validity"},
    {"certificates.owner", "?string", "the person it belongs to"},
    {"certificates.profile", "string", "certificate profile"},
    {"certificates.serial_number", "string", "upper-case hex with colons"},
    {"certificates.subject", "string", "distinguished name"},
    {"certificates.sans", "array of string", "names, as KIND:VALUE"},
    {"certificates.issuer", "string", "distinguished name of the CA"},
    {"certificates.ca_name", "string", "name of the CA"},
    {"certificates.key_reference", "?string", "where the key is"},
    {"certificates.key_algorithm", "string", "of the key"},
    {"certificates.device", "?string", "serial number of the YubiKey that has the key"},
    {"certificates.slot", "?string", "its slot there: 9a"},
    {"certificates.attested", "?boolean", "the YubiKey attests that it made the key; null: it is on none"},
    {"certificates.labels", "object", "as given"},
    {"certificates.policy_version", "string", "policy that it was last measured by"},
    {"certificates.violations", "?array of object", "what that policy has against it"},
    {"certificates.issued_at", "time", "when it was issued"},
    {"certificates.not_before", "time", "first second of its validity"},
    {"certificates.renew_at", "time", "from when it is due"},
    {"certificates.renew_before", "?string", "as asked for; null: default"},
    {"certificates.renewed_from", "?string", "the certificate that it replaced"},
    {"certificates.revoked_at", "?time", "when it was revoked"},
    {"certificates.revocation_reason", "?string", "as RFC 5280 names it"},
    {"certificates.fingerprint", "string", "SHA-256 of the certificate, hex"},
    {"certificates.host", "?string", "where it is installed"},
    {"certificates.installation", "?string", "name of the installation file there"},
    {"certificates.hook_state", "?string", "of the deploy hook: ok or pending"},
    {"certificates.request_id", "string", "operation that made it"},
    {"certificates.issued_by", "string", "who asked for it"},
    {"truncated", "boolean", "there are more than --limit"}};

constexpr Example list_examples[] = {
    {"ymgr cert list --expiring 30d", "what to look after"},
    {"ymgr cert list --select 'owner=alice,name=*.example.com' -o wide", "with ids, serials and keys"},
    {"ymgr cert list --select status=tracked", "what is watched of other CAs; cert track"},
    {"ymgr cert list --limit 0 -o csv > inventory.csv", "the whole inventory"}};

constexpr Column list_columns[] = {{"NAME", "name"},
                                   {"STATUS", "status"},
                                   {"EXPIRES", "expires_at"},
                                   {"OWNER", "owner"},
                                   {"PROFILE", "profile"},
                                   {"CERT-ID", "cert_id", true},
                                   {"SERIAL", "serial_number", true},
                                   {"KEY", "key_reference", true},
                                   {"ALGORITHM", "key_algorithm", true},
                                   {"DEVICE", "device", true},
                                   {"SLOT", "slot", true},
                                   {"RENEW-AT", "renew_at", true},
                                   {"HOST", "host", true},
                                   {"ISSUED", "issued_at", true}};

CertificateStatus parse_status(const std::string& text) {
  if (text == "superseded") return CertificateStatus::superseded;
  return text == "revoked" ? CertificateStatus::revoked : CertificateStatus::active;
}

inventory::ListQuery list_query(Invocation& call, const Session& session, Time at) {
  inventory::ListQuery query;
  if (const auto text = call.maybe("--select")) query.selection = parse_selection(*text);
  if (const auto text = call.maybe("--status")) query.status = parse_status(*text);
  query.expired = call.has("--expired");
  const auto within = call.duration("--expiring");
  if (query.expired && (query.status || within))
    throw Error(Code::usage, "--expired goes with neither --status nor --expiring", "give one of them");
  if (within && query.status && *query.status != CertificateStatus::active)
    throw Error(Code::usage, "--expiring is for active certificates", "leave out --status");
  if (within) {
    query.status = CertificateStatus::active;
    query.selection.conditions.push_back({"expires-before", format_time(at + *within), false});
  }
  if (session.identity().role == Role::user)
    query.selection.conditions.push_back({"owner", session.identity().user, false});
  return query;
}

/// Certificates from elsewhere stand apart, and come only when they are asked for.
bool asks_for_tracked(const Selection& selection) {
  return std::ranges::any_of(selection.conditions, [](const auto& condition) {
    return condition.field == "status" && condition.value == "tracked" && !condition.negated;
  });
}

Result run_list(Invocation& call) {
  const auto& session = call.wiring().session();
  session.require(Right::read_inventory);
  const Time at = now();
  auto query = list_query(call, session, at);
  const auto limit = call.number("--limit", 0, 100'000'000).value_or(first_limit);
  query.limit = limit == 0 ? 0 : limit + 1;
  Json::Array items;
  auto& db = call.wiring().database();
  if (asks_for_tracked(query.selection)) {
    for (const auto& row : tracked::list(db, query.selection)) items.push_back(tracked::as_certificate(row, at));
  } else {
    inventory::list(db, query, at, [&](const CertificateRow& row) {
      items.push_back(inventory::to_json(row, at, inventory::WithPem::no));
    });
  }
  const bool truncated = limit > 0 && items.size() > static_cast<std::size_t>(limit);
  if (truncated) {
    items.pop_back();
    call.notices().warn("only the first " + std::to_string(limit) + " are listed; --limit 0 lists all");
  }
  Result result{.json = Json::object({{"certificates", Json(std::move(items))}, {"truncated", truncated}}),
                .items = "certificates",
                .columns = list_columns};
  return result;
}

constexpr Argument cert_argument[] = {{"CERT", "cert_id, name or serial number", Argument::Count::one, "certificate"}};

constexpr Field show_fields[] = {
    {"cert_id", "string", "id of the certificate"},
    {"name", "string", "name of the lineage"},
    {"subject", "string", "distinguished name"},
    {"sans", "array of string", "names, as KIND:VALUE"},
    {"serial_number", "string", "upper-case hex with colons"},
    {"status", "string", "active, expired, superseded or revoked"},
    {"issuer", "string", "distinguished name of the CA"},
    {"ca_name", "string", "name of the CA"},
    {"key_reference", "?string", "where the key is"},
    {"key_algorithm", "string", "of the key"},
    {"key_created_at", "time", "when the key was made"},
    {"device", "?string", "serial number of the YubiKey that has the key"},
    {"slot", "?string", "its slot there: 9a"},
    {"attested", "?boolean", "the YubiKey attests that it made the key; null: the key is on none"},
    {"attestation", "?string", "PEM of that attestation and of the certificate that signed it"},
    {"public_key_sha256", "string", "SHA-256 of the public key, hex"},
    {"profile", "string", "certificate profile"},
    {"owner", "?string", "the person it belongs to"},
    {"labels", "object", "as given"},
    {"policy_version", "string", "policy that it was last measured by"},
    {"violations", "?array of object", "what that policy has against it"},
    {"issued_at", "time", "when it was issued"},
    {"not_before", "time", "first second of its validity"},
    {"expires_at", "time", "last second of its validity"},
    {"renew_at", "time", "from when it is due"},
    {"renew_before", "?string", "as asked for; null: default"},
    {"renewed_from", "?string", "the certificate that it replaced"},
    {"revoked_at", "?time", "when it was revoked"},
    {"revocation_reason", "?string", "as RFC 5280 names it"},
    {"invalidity_at", "?time", "since when the key is distrusted"},
    {"fingerprint", "string", "SHA-256 of the certificate, hex"},
    {"eku", "array of string", "extended key usage"},
    {"key_usage", "array of string", "key usage"},
    {"host", "?string", "where it is installed"},
    {"installation", "?string", "name of the installation file there"},
    {"hook_state", "?string", "of the deploy hook: ok or pending"},
    {"hook_message", "?string", "why it failed"},
    {"hook_at", "?time", "when it ran last"},
    {"request_id", "string", "operation that made it"},
    {"issued_by", "string", "who asked for it"},
    {"certificate", "string", "the certificate, PEM"},
    {"csr", "?string", "the request it answers, PEM, when the key is somebody else's"},
    {"lineage", "array of object", "what it was renewed from and what replaced it, newest first"},
    {"lineage.cert_id", "string", "id of the certificate"},
    {"lineage.serial_number", "string", "upper-case hex with colons"},
    {"lineage.status", "string", "active, expired, superseded or revoked"},
    {"lineage.issued_at", "time", "when it was issued"},
    {"lineage.expires_at", "time", "last second of its validity"},
    {"lineage.renewed_from", "?string", "the certificate that it replaced"}};

constexpr Example show_examples[] = {{"ymgr cert show www.example.com", "the active certificate of that name"},
                                     {"ymgr cert show 4A:3F:2B:… --json", "by serial number, with the PEM"}};

Json lineage_json(const std::vector<CertificateRow>& rows, Time at) {
  Json list = Json::array();
  for (const auto& row : rows) {
    const Json all = inventory::to_json(row, at, inventory::WithPem::no);
    Json item = Json::object();
    for (const std::string_view name :
         {"cert_id", "serial_number", "status", "issued_at", "expires_at", "renewed_from"})
      item.set(name, all.at(name));
    list.push(std::move(item));
  }
  return list;
}

Json show_json(const CertificateRow& row, Time at) {
  Json json = inventory::to_json(row, at, inventory::WithPem::yes);
  const Certificate certificate = parse_certificate(row.pem);
  json.set("key_created_at", format_time(row.key_created_at));
  json.set("public_key_sha256", row.public_key_sha256);
  json.set("invalidity_at", or_null(row.invalidity_at));
  json.set("eku", Json::texts(certificate.eku));
  json.set("key_usage", Json::texts(certificate.key_usage));
  json.set("hook_message", or_null(row.hook_message));
  json.set("hook_at", or_null(row.hook_at));
  json.set("csr", or_null(row.csr));
  json.set("attestation", or_null(row.attestation));
  return json;
}

std::string dated(const std::optional<Time>& time, Time at) {
  return time ? format_time(*time) + " (" + describe_distance(at, *time) + ")" : "";
}

std::string violations_text(const Json& violations) {
  std::vector<std::string> messages;
  if (violations.is_array())
    for (const auto& violation : violations.items()) messages.push_back(violation.text_or("message", ""));
  return join(messages, "; ");
}

std::string labels_text(const CertificateRow& row) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : row.labels) pairs.push_back(name + "=" + value);
  return join(pairs, ", ");
}

std::string yubikey_text(const CertificateRow& row) {
  if (row.device.empty()) return {};
  return row.device + ", slot " + row.slot + (row.attestation.empty() ? ", not attested" : ", attested");
}

std::string show_text(const CertificateRow& row, const Json& json, Time at) {
  const std::string revoked =
      row.revoked_at ? dated(row.revoked_at, at) + " for " + row.revocation_reason : std::string();
  const std::string hook = row.hook_state + (row.hook_message.empty() ? "" : ": " + row.hook_message);
  return format_pairs({{"name", row.name},
                       {"cert id", row.cert_id},
                       {"status", json.text_or("status", "")},
                       {"serial number", row.serial},
                       {"subject", row.subject},
                       {"names", join(json.texts_or_empty("sans"), ", ")},
                       {"issuer", row.issuer},
                       {"valid from", dated(row.not_before, at)},
                       {"valid until", dated(row.expires_at, at)},
                       {"due from", dated(row.renew_at, at)},
                       {"renew before", row.renew_before},
                       {"revoked", revoked},
                       {"key", row.key_reference + " (" + row.key_algorithm + ")"},
                       {"YubiKey", yubikey_text(row)},
                       {"key made", dated(row.key_created_at, at)},
                       {"key usage", join(json.texts_or_empty("key_usage"), ", ")},
                       {"extended usage", join(json.texts_or_empty("eku"), ", ")},
                       {"profile", row.profile},
                       {"owner", row.owner},
                       {"labels", labels_text(row)},
                       {"policy", row.policy_version},
                       {"violations", violations_text(row.violations)},
                       {"fingerprint", row.fingerprint},
                       {"host", row.host},
                       {"installation", row.installation},
                       {"deploy hook", hook},
                       {"request id", row.request_id},
                       {"issued by", row.issued_by}});
}

std::string lineage_text(const std::vector<CertificateRow>& rows, const std::string& cert_id, Time at) {
  if (rows.size() < 2) return {};
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : rows) {
    const Json json = inventory::to_json(row, at, inventory::WithPem::no);
    cells.push_back({row.cert_id == cert_id ? "*" : "", row.cert_id, json.text_or("status", ""),
                     format_time(row.issued_at), format_time(row.expires_at), row.serial});
  }
  return "\nlineage\n" + format_table({"", "CERT-ID", "STATUS", "ISSUED", "EXPIRES", "SERIAL"}, cells);
}

Result run_show(Invocation& call) {
  const Time at = now();
  const auto row = readable_certificate(call, at);
  const auto lineage = inventory::lineage(call.wiring().database(), row);
  Result result;
  result.json = show_json(row, at);
  result.json.set("lineage", lineage_json(lineage, at));
  result.text = show_text(row, result.json, at) + lineage_text(lineage, row.cert_id, at);
  return result;
}

constexpr Option export_options[] = {
    {.name = "--format", .value = "pem|der|chain|fullchain", .help = "the certificate, the CAs above it, or both"},
    {.name = "--out", .value = "FILE", .help = "where to; - is standard output, the default", .complete = "file"},
    {.name = "--force", .value = "", .help = "overwrite the file"}};

constexpr Field export_fields[] = {{"cert_id", "string", "id of the certificate"},
                                   {"name", "string", "name of the lineage"},
                                   {"serial_number", "string", "upper-case hex with colons"},
                                   {"format", "string", "pem, der, chain or fullchain"},
                                   {"content", "?string", "PEM, or base64 of DER; null: in the file"},
                                   {"file", "?string", "where it was written"}};

constexpr Example export_examples[] = {
    {"ymgr cert export www.example.com | openssl x509 -noout -text", "PEM on standard output"},
    {"ymgr cert export www.example.com --format fullchain --out fullchain.pem", "with the issuing CA, for a server"},
    {"ymgr cert export www.example.com --format der --out www.der", "DER"}};

/// As the files of an installation have it: chain with the root, fullchain without.
std::string export_text(sql::Connection& db, const CertificateRow& row, const std::string& format) {
  if (format == "pem") return row.pem;
  if (format == "der") return parse_certificate(row.pem).der.bytes;
  std::string text = format == "fullchain" ? row.pem : "";
  for (const auto& above : chain_above(list_cas(db), parse_certificate(row.pem)))
    if (format == "chain" || above.subject != above.issuer) text += above.pem;
  return text;
}

Result run_export(Invocation& call) {
  const auto row = readable_certificate(call, now());
  const std::string format = call.maybe("--format").value_or("pem");
  const std::string text = export_text(call.wiring().database(), row, format);
  Result result = exported(call, text, format == "der" ? Form::der : Form::pem);
  Json json =
      Json::object({{"cert_id", row.cert_id}, {"name", row.name}, {"serial_number", row.serial}, {"format", format}});
  for (const auto& [name, value] : result.json.members()) json.set(name, value);
  result.json = std::move(json);
  return result;
}

}  // namespace

extern const Command cert_list_command, cert_show_command, cert_export_command;
constinit const Command cert_list_command = {
    .path = "cert list",
    .summary = "list certificates",
    .description =
        "Certificates of the inventory, soonest expiry first. Conditions of `--select` are joined by commas and may "
        "begin with `!`; values of name and owner may hold `*`. A person of the role user sees their own certificates.",
    .arguments = {},
    .options = list_options,
    .fields = list_fields,
    .examples = list_examples,
    .run = run_list,
};
constinit const Command cert_show_command = {
    .path = "cert show",
    .summary = "show everything about a certificate",
    .description =
        "All that the inventory has, and the lineage: what the certificate was renewed from and what replaced it. A "
        "name means its active certificate, else the newest one.",
    .arguments = cert_argument,
    .options = {},
    .fields = show_fields,
    .examples = show_examples,
    .run = run_show,
};
constinit const Command cert_export_command = {
    .path = "cert export",
    .summary = "write a certificate as PEM or DER",
    .description =
        "The certificate from the inventory, to standard output or a file that everybody may read. `chain` is what "
        "stands above it, root last; `fullchain` is the certificate and its issuing CA, as servers want it. Private "
        "keys are never exported.",
    .arguments = cert_argument,
    .options = export_options,
    .fields = export_fields,
    .examples = export_examples,
    .run = run_export,
};

}  // namespace ymgr::cli
