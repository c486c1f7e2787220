#include "x509/extensions.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/der.hpp"
#include "x509/names_internal.hpp"

namespace ymgr::extensions {
namespace {

std::string general_name(SanKind kind, std::string_view value) {
  switch (kind) {
    case SanKind::email: return der::tlv(der::context(1), value);
    case SanKind::dns: return der::tlv(der::context(2), value);
    case SanKind::uri: return der::tlv(der::context(6), value);
    case SanKind::upn:
      return der::tlv(der::constructed(0),
                      der::oid(upn_oid) + der::tlv(der::constructed(0), der::tlv(der::utf8_string, value)));
    case SanKind::ip: break;
  }
  return der::tlv(der::context(7), value);
}

std::string general_name(const San& san) {
  if (san.kind != SanKind::ip) return general_name(san.kind, san.value);
  const auto bytes = ip_bytes(san.value);
  if (!bytes) throw Error(Code::name_invalid, "ip:" + printable(san.value) + " is not an IP address");
  return general_name(san.kind, *bytes);
}

std::string subtree(const San& base) {
  if (base.kind != SanKind::ip) return der::sequence(general_name(base));
  const auto network = network_bytes(base.value);
  if (!network) throw Error(Code::name_invalid, "ip:" + printable(base.value) + " is not a network");
  return der::sequence(general_name(SanKind::ip, *network));
}

}  // namespace

std::string extension(std::string_view oid, Critical critical, std::string_view value) {
  const std::string flag = critical == Critical::yes ? der::tlv(der::boolean, "\xFF") : std::string();
  return der::sequence(der::oid(oid), flag, der::octet_string(value));
}

std::string basic_constraints(bool is_ca, std::optional<int> path_length) {
  const std::string ca = is_ca ? der::tlv(der::boolean, "\xFF") : std::string();
  const std::string length = path_length ? der::integer(std::int64_t{*path_length}) : std::string();
  return extension("2.5.29.19", Critical::yes, der::sequence(ca, length));
}

std::string key_usage(unsigned bits) {
  return extension("2.5.29.15", Critical::yes, der::named_bits(bits));
}

std::string extended_key_usage(std::span<const std::string> names_or_oids) {
  std::string oids;
  for (const auto& name : names_or_oids) {
    const auto oid = eku_oid(name);
    if (!oid) throw Error(Code::certificate_invalid, "there is no extended key usage \"" + printable(name) + "\"");
    oids += der::oid(*oid);
  }
  return extension("2.5.29.37", Critical::no, der::sequence(oids));
}

std::string subject_key_id(std::string_view id) {
  return extension("2.5.29.14", Critical::no, der::octet_string(id));
}

std::string authority_key_id(std::string_view id) {
  return extension("2.5.29.35", Critical::no, der::sequence(der::tlv(der::context(0), id)));
}

std::string alternative_names(std::span<const San> sans, Critical critical) {
  std::string names;
  for (const auto& san : sans) names += general_name(san);
  return extension("2.5.29.17", critical, der::sequence(names));
}

std::string name_constraints(const NameConstraints& constraints) {
  std::string permitted;
  for (const auto& base : constraints.permitted) permitted += subtree(base);
  return extension("2.5.29.30", Critical::yes, der::sequence(der::tlv(der::constructed(0), permitted)));
}

std::string crl_urls(std::span<const std::string> urls) {
  std::string names;
  for (const auto& url : urls) names += general_name(SanKind::uri, url);
  const std::string full_name = der::tlv(der::constructed(0), names);
  return extension("2.5.29.31", Critical::no, der::sequence(der::sequence(der::tlv(der::constructed(0), full_name))));
}

std::string authority_info(const CertificateUrls& urls) {
  std::string list;
  for (const auto& url : urls.ocsp)
    list += der::sequence(der::oid("1.3.6.1.5.5.7.48.1"), general_name(SanKind::uri, url));
  for (const auto& url : urls.issuer)
    list += der::sequence(der::oid("1.3.6.1.5.5.7.48.2"), general_name(SanKind::uri, url));
  return extension("1.3.6.1.5.5.7.1.1", Critical::no, der::sequence(list));
}

std::string ocsp_nocheck() {
  return extension("1.3.6.1.5.5.7.48.1.5", Critical::no, der::tlv(der::null_tag, ""));
}

std::string serial(std::string_view text) {
  const auto normal = normal_serial(text);
  if (!normal || *normal == "00")
    throw Error(Code::certificate_invalid, "\"" + printable(text) + "\" is not a serial number");
  std::string digits;
  for (const char c : *normal) {
    if (c != ':') digits += c;
  }
  return der::integer(*from_hex(digits));
}

std::string name(std::string_view common_name, std::string_view organization) {
  constexpr std::size_t upper_bound = 64;  // of both, RFC 5280 appendix A; a longer name stands in the SANs
  const auto part = [](std::string_view oid, std::string_view value) {
    if (value.empty() || code_points(value).size() > upper_bound) return std::string();
    return der::tlv(der::set_tag, der::sequence(der::oid(oid), der::tlv(der::utf8_string, value)));
  };
  return der::sequence(part("2.5.4.10", organization), part("2.5.4.3", common_name));
}

std::string key_id(std::string_view spki) {
  const auto digest = sha256(der::key_bits(spki).value());
  return {reinterpret_cast<const char*>(digest.data()), 20};
}

}  // namespace ymgr::extensions
