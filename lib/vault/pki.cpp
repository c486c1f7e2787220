#include "vault/pki.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr::vault {
namespace {

constexpr std::size_t page = 1000;
constexpr std::string_view upn_oid = "1.3.6.1.4.1.311.20.2.3";
constexpr Meaning sign_meanings[] = {
    {400, "beyond the expiration of the CA certificate", Code::ca_expired,
     "ask for a shorter life, or have the CA renewed"},
    {400, "unknown role", Code::vault_not_found, "name a role that the PKI mount has"},
    {400, "not allowed by this role", Code::ca_refused,
     "the role signs names of the team's domains alone, and of people their own: an admin adds a domain to "
     "`vault.domains` and sets up again: ymgr init --team --apply"},
    {400, "", Code::ca_refused, "the role's rules do not allow it"},
    {500, "unable to find PKI issuer", Code::vault_not_found, "name an issuer that the PKI mount has"}};
constexpr Meaning revoke_meanings[] = {{400, "not found", Code::certificate_not_found},
                                       {404, "", Code::certificate_not_found}};
constexpr Meaning issuer_meanings[] = {
    {500, "unable to find PKI issuer", Code::vault_not_found, "name an issuer that the PKI mount has"}};

std::vector<std::string> values_of(const std::vector<San>& sans, SanKind kind) {
  std::vector<std::string> values;
  for (const San& san : sans) {
    if (san.kind == kind)
      values.push_back(kind == SanKind::upn ? std::string(upn_oid) + ";UTF8:" + san.value : san.value);
  }
  return values;
}

/// Vault reads it as a list with commas.
std::string alt_names_of(const std::vector<San>& sans) {
  std::vector<std::string> values = values_of(sans, SanKind::dns);
  for (auto& one : values_of(sans, SanKind::email)) values.push_back(std::move(one));
  for (const auto& one : values) {
    if (one.find(',') != std::string::npos) {
      throw Error(Code::name_invalid, "Vault takes no name with a comma in it: " + printable(one));
    }
  }
  return join(values, ",");
}

void add_names(Json& body, const RequestedNames& names) {
  if (!names.common_name.empty()) body.set("common_name", names.common_name);
  if (const auto alt_names = alt_names_of(names.sans); !alt_names.empty()) body.set("alt_names", alt_names);
  const std::pair<const char*, SanKind> lists[] = {
      {"ip_sans", SanKind::ip}, {"uri_sans", SanKind::uri}, {"other_sans", SanKind::upn}};
  for (const auto& [member, kind] : lists) {
    if (const auto values = values_of(names.sans, kind); !values.empty()) body.set(member, Json::texts(values));
  }
  body.set("exclude_cn_from_sans", true);  // a CN that looks like a host would become a name more
}

Json sign_body(const PkiRequest& request) {
  Json body = Json::object({{"csr", to_pem(request.csr, "CERTIFICATE REQUEST")}});
  add_names(body, request.names);
  if (request.life) {
    body.set("ttl", std::to_string(std::chrono::ceil<std::chrono::seconds>(*request.life).count()) + "s");
  }
  if (request.not_after) body.set("not_after", format_time(*request.not_after));
  return body;
}

std::string listed_serial(const std::string& text) {
  const auto serial = normal_serial(text);
  if (!serial) throw Error(Code::json_invalid, "not a serial number: " + printable(text));
  return *serial;
}

std::vector<Certificate> certificates_of(const Json& data, std::string_view member) {
  std::vector<Certificate> chain;
  for (const auto& pem : data.texts_or_empty(member)) chain.push_back(parse_certificate(pem));
  return chain;
}

}  // namespace

std::string vault_serial(std::string_view serial) {
  const auto normal = normal_serial(serial);
  if (!normal) throw Error(Code::usage, "not a serial number: " + printable(serial));
  return lower(*normal);
}

PkiCertificate Pki::sign(const PkiRequest& request) {
  const Path from = request.issuer.empty() ? mount_ : mount_ / "issuer" / request.issuer;
  const Call call{.method = "POST",
                  .path = from / "sign" / request.role,
                  .body = sign_body(request),
                  .meanings = sign_meanings,
                  .effect = http::Effect::changes};
  return client_.call(call, [](Answer& answer) {
    const Json& data = answer.data();
    PkiCertificate made{parse_certificate(data.at("certificate").text()), data.texts_or_empty("ca_chain"),
                        std::move(answer.warnings)};
    if (made.chain.empty()) made.chain.push_back(data.at("issuing_ca").text());
    return made;
  });
}

std::vector<std::string> fitting_serials(const Json& data, const PkiSearch& search) {
  std::vector<std::string> serials;
  const Json* details = data.find("key_info");
  for (const auto& serial : data.texts_or_empty("keys")) {
    const Json* detail = details == nullptr ? nullptr : details->find(serial);
    if (detail != nullptr) {
      if (!search.common_name.empty() && detail->text_or("common_name", "") != search.common_name) continue;
      const std::string end = detail->text_or("not_after", "");
      if (search.not_after && !end.empty() && floor_seconds(parse_time(end)) != floor_seconds(*search.not_after))
        continue;
    }
    listed_serial(serial);
    serials.push_back(serial);
  }
  return serials;
}

void Pki::serials(PkiList which, const std::function<void(const std::string& serial)>& each, std::size_t page_size) {
  const Path certs = mount_ / "certs";
  const auto take = [&](const Json& data) {
    for (const auto& serial : data.texts_or_empty("keys")) each(listed_serial(serial));
    return true;
  };
  list_pages(client_, which == PkiList::issued ? certs : certs / "revoked", page_size, take, Names::serials);
}

std::vector<Certificate> Pki::find(const PkiSearch& search) {
  std::vector<std::string> serials;
  const auto take = [&](const Json& data) {
    for (auto& serial : fitting_serials(data, search)) serials.push_back(std::move(serial));
    return true;
  };
  list_pages(client_, mount_ / "certs" / "detailed", page, take, Names::serials);
  std::vector<Certificate> found;
  for (const auto& serial : serials) {
    auto record = read(serial);
    if (record && record->certificate.key.sha256 == search.public_key) found.push_back(std::move(record->certificate));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.not_before > b.not_before; });
  return found;
}

std::optional<PkiRecord> Pki::read(std::string_view serial) {
  const Call call{.path = mount_ / "cert" / vault_serial(serial), .missing = Missing::answers};
  return client_.call(call, [](const Answer& answer) -> std::optional<PkiRecord> {
    if (answer.status == 404) return std::nullopt;
    PkiRecord record{parse_certificate(answer.data().at("certificate").text()), std::nullopt};
    const auto revoked = answer.data().integer_or("revocation_time", 0);
    if (revoked > 0) record.revoked_at = from_seconds(revoked);
    return record;
  });
}

PkiRevocation Pki::revoke_by(const Json& body) {
  const Call call{.method = "POST",
                  .path = mount_ / "revoke",
                  .body = body,
                  .meanings = revoke_meanings,
                  .effect = http::Effect::changes,
                  .repeat = Repeat::safe};
  return client_.call(call, [](const Answer& answer) -> PkiRevocation {
    if (!answer.data().is_null()) return {from_seconds(answer.data().at("revocation_time").integer())};
    const bool expired = std::any_of(answer.warnings.begin(), answer.warnings.end(),
                                     [](const auto& one) { return one.find("already expired") != std::string::npos; });
    if (!expired) throw Error(Code::json_invalid, "neither revoked nor expired");
    return {std::nullopt};
  });
}

PkiRevocation Pki::revoke(std::string_view serial) {
  return revoke_by(Json::object({{"serial_number", vault_serial(serial)}}));
}

PkiRevocation Pki::revoke(const Certificate& certificate) {
  return revoke_by(Json::object({{"certificate", certificate.pem}}));
}

Crl Pki::crl(const std::string& issuer, const Certificate& signed_by) {
  const Call call{.path = mount_ / "issuer" / issuer / "crl" / "der",
                  .meanings = issuer_meanings,
                  .form = Form::bytes,
                  .auth = Auth::none};
  return client_.call(call, [&](const Answer& answer) { return parse_crl(answer.bytes, &signed_by); });
}

void Pki::rotate_crl() {
  client_.call({.path = mount_ / "crl" / "rotate", .effect = http::Effect::changes, .repeat = Repeat::safe});
}

std::string Pki::ocsp(const std::string& request) {
  return client_
      .call({.method = "POST",
             .path = mount_ / "ocsp",
             .form = Form::bytes,
             .auth = Auth::none,
             .bytes = request,
             .content_type = "application/ocsp-request"})
      .bytes;
}

std::vector<PkiIssuer> Pki::issuers() {
  std::vector<PkiIssuer> issuers;
  list_pages(client_, mount_ / "issuers", page, [&](const Json& data) {
    for (const auto& id : data.texts_or_empty("keys")) {
      const Json& detail = data.at("key_info").at(id);
      issuers.push_back({printable(id), printable(detail.text_or("issuer_name", "")),
                         detail.boolean_or("is_default", false), !detail.text_or("key_id", "").empty()});
    }
    return true;
  });
  return issuers;
}

std::vector<Certificate> Pki::chain(const std::string& issuer) {
  const Call call{.path = mount_ / "issuer" / issuer / "json", .meanings = issuer_meanings, .auth = Auth::none};
  return client_.call(call, [](const Answer& answer) {
    auto chain = certificates_of(answer.data(), "ca_chain");
    if (chain.empty()) chain.push_back(parse_certificate(answer.data().at("certificate").text()));
    return chain;
  });
}

}  // namespace ymgr::vault
