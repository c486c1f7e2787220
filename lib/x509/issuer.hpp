// What an Issuer keeps. For this folder.
#pragma once
#include <string>

#include "x509/certificate.hpp"

namespace ymgr {

struct Issuer::Impl {
  Certificate certificate;
  PrivateKey key;
  std::string subject;    // Name, DER
  std::string key_id;     // raw: of its SKI, or made from its key
  std::string authority;  // the AKI extension of what it signs, DER
};

}  // namespace ymgr
