// What an Issuer keeps. For this folder.
#pragma once
#include <string>
#include <string_view>

#include "x509/certificate.hpp"

namespace ymgr {

struct Issuer::Impl {
  Certificate certificate;
  PrivateKey key;
  std::string subject;    // Name, DER
  std::string key_id;     // raw: of its SKI, or made from its key
  std::string authority;  // the AKI extension of what it signs, DER
};

/// The subject of a parsed certificate, DER. Valid while the certificate lives.
std::string_view subject_of(const Certificate& certificate);

}  // namespace ymgr
