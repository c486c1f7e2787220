// Writing names, serial numbers and extensions (RFC 5280 4.2). For this folder.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "x509/certificate.hpp"

namespace ymgr::extensions {

/// Each function gives one Extension, DER.
enum class Critical { no, yes };
std::string extension(std::string_view oid, Critical critical, std::string_view value);
std::string basic_constraints(bool is_ca, std::optional<int> path_length);
std::string key_usage(unsigned bits);
constexpr unsigned digital_signature = 1U << 0U, key_encipherment = 1U << 2U, data_encipherment = 1U << 3U,
                   key_agreement = 1U << 4U, ca_usage = 1U << 5U | 1U << 6U, only_with_agreement = 1U << 7U | 1U << 8U;
std::string extended_key_usage(std::span<const std::string> names_or_oids);
std::string subject_key_id(std::string_view id);
std::string authority_key_id(std::string_view id);
std::string alternative_names(std::span<const San> sans, Critical critical);
std::string name_constraints(const NameConstraints& constraints);
std::string crl_urls(std::span<const std::string> urls);
std::string authority_info(const CertificateUrls& urls);
std::string ocsp_nocheck();

/// @throws Error certificate-invalid: not a serial number, or zero
std::string serial(std::string_view text);
/// A Name with O, when given, and CN, when given, as UTF8String; of more than 64 characters they are left out.
std::string name(std::string_view common_name, std::string_view organization = {});
/// RFC 7093 method 1: the first 20 bytes of SHA-256 of the key's bits. @param spki SubjectPublicKeyInfo
std::string key_id(std::string_view spki);

}  // namespace ymgr::extensions
