// What the CA/Browser Forum asks of certificates for public TLS servers, as far as a policy decides it.
// Source: Baseline Requirements for TLS Server Certificates, 4.2.2, 6.3.2, 7.1.2.7.12
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "x509/types.hpp"

namespace ymgr::cabf {

/// 398 days, from 2026-03-15 200, from 2027-03-15 100, from 2029-03-15 47.
Duration max_validity(Time at) noexcept;
/// A DNS name that no public resolver knows: one label, or below a reserved or never delegated top-level domain.
bool is_internal_name(std::string_view dns_name) noexcept;
/// The network of IANA's special-purpose registries that holds the address: private, loopback, documentation, ….
std::optional<std::string_view> reserved_network(std::string_view address);

}  // namespace ymgr::cabf
