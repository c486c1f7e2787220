#include "virtual_yubikey/attestation.hpp"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virtual_yubikey/algorithms.hpp"
#include "virtual_yubikey/block_cipher.hpp"
#include "virtual_yubikey/keys.hpp"
#include "virtual_yubikey/status.hpp"

namespace virtual_yubikey {
namespace {

using Extension = Owner<X509_EXTENSION, X509_EXTENSION_free>;
using Object = Owner<ASN1_OBJECT, ASN1_OBJECT_free>;
using OctetString = Owner<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
using File = Owner<FILE, std::fclose>;

constexpr const char* root_name = "Virtual YubiKey PIV Root CA";
constexpr const char* key_name = "Virtual YubiKey PIV Attestation";

void set_name(X509_NAME* name, const std::string& common_name) {
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name.c_str()),
                                  -1, -1, 0) == 1,
       "no name");
}

/// Version 3, a random serial of 16 bytes, that subject and key.
Certificate blank(const std::string& subject, EVP_PKEY* key) {
  Certificate certificate(X509_new());
  Bytes serial = random_bytes(16);
  serial[0] = static_cast<Byte>((serial[0] & 0x3F) | 0x40);
  const Number number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  must(X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
           X509_set_pubkey(certificate.get(), key) == 1,
       "no certificate");
  set_name(X509_get_subject_name(certificate.get()), subject);
  return certificate;
}

/// `issuer`: nothing for a root.
void add_standard(X509* certificate, const X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, const_cast<X509*>(issuer == nullptr ? certificate : issuer), certificate, nullptr, nullptr,
                 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  must(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "no extension");
}

/// Yubico's 1.3.6.1.4.1.41482.3.`arc` with these bytes directly inside.
void add_own(X509* certificate, int arc, View value) {
  const Object id(OBJ_txt2obj(("1.3.6.1.4.1.41482.3." + std::to_string(arc)).c_str(), 1));
  const OctetString octets(ASN1_OCTET_STRING_new());
  must(ASN1_OCTET_STRING_set(octets.get(), value.data(), static_cast<int>(value.size())) == 1, "no memory");
  const Extension extension(X509_EXTENSION_create_by_OBJ(nullptr, id.get(), 0, octets.get()));
  must(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "no extension");
}

Certificate make_authority(const std::string& subject, EVP_PKEY* key, const X509* issuer, EVP_PKEY* issuer_key) {
  Certificate certificate = blank(subject, key);
  const X509* above = issuer == nullptr ? certificate.get() : issuer;
  must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(above)) == 1, "no issuer");
  ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), "20160314000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate.get()), "20520417000000Z");
  const auto add = [&](int nid, const char* value) { add_standard(certificate.get(), issuer, nid, value); };
  add(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:0");
  add(NID_key_usage, "critical,keyCertSign,cRLSign");
  add(NID_subject_key_identifier, "hash");
  if (issuer != nullptr) add(NID_authority_key_identifier, "keyid:always");
  must(X509_sign(certificate.get(), issuer_key, EVP_sha256()) > 0, "not signed");
  return certificate;
}

struct Root {
  Pkey key;
  Certificate certificate;
};

File open_file(const std::filesystem::path& path, const char* mode) {
  File file(std::fopen(path.c_str(), mode));
  if (!file) throw std::runtime_error("cannot open " + path.string());
  return file;
}

Root make_root(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  Root root{load_key(make_key(p384)), nullptr};
  root.certificate = make_authority(root_name, root.key.get(), nullptr, root.key.get());
  const auto old = ::umask(0077);
  PEM_write_PrivateKey(open_file(key, "w").get(), root.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  ::umask(old);
  PEM_write_X509(open_file(certificate, "w").get(), root.certificate.get());
  return root;
}

/// The folder's root, made when there is none. Several processes may ask at once.
Root root_of(const std::filesystem::path& folder) {
  const auto certificate = folder / "virtual-yubikey-root.pem", key = folder / "virtual-yubikey-root.key";
  const auto lock = folder / "virtual-yubikey-root.lock";
  const int held = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (held < 0 || ::flock(held, LOCK_EX) != 0) throw std::runtime_error("cannot write " + lock.string());
  Root root;
  if (std::filesystem::exists(certificate)) {
    root.key.reset(PEM_read_PrivateKey(open_file(key, "r").get(), nullptr, nullptr, nullptr));
    root.certificate.reset(PEM_read_X509(open_file(certificate, "r").get(), nullptr, nullptr, nullptr));
    if (!root.key || !root.certificate) throw std::runtime_error("broken: " + certificate.string());
  } else {
    root = make_root(certificate, key);
  }
  ::close(held);
  return root;
}

/// The certificate in object 5FFF01. @throws Refusal 6A80
Certificate attestation_certificate(const State& state) {
  const auto object = state.objects.find(attestation_object);
  require(object != state.objects.end(), Status::wrong_data);
  const auto der = find(parse_tlvs(object->second), 0x70);
  require(der.has_value(), Status::wrong_data);
  const unsigned char* at = der->data();
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der->size())));
  require(certificate != nullptr, Status::wrong_data);
  return certificate;
}

Bytes der_integer(std::uint32_t value) {
  Bytes digits = number(value, 4);
  while (digits.size() > 1 && digits[0] == 0 && (digits[1] & 0x80) == 0) digits.erase(digits.begin());
  if ((digits[0] & 0x80) != 0) digits.insert(digits.begin(), 0);
  return tlv(0x02, digits);
}

}  // namespace

Byte form_factor(const State& state) {
  return state.fips ? 0x81 : 0x01;
}

void make_attestation_key(State& state, const std::filesystem::path& folder) {
  const Root root = root_of(folder);
  const Byte algorithm = state.firmware >= move_since ? p384 : rsa2048;
  Key& key = state.keys[attestation_slot];
  key = {algorithm, pin_once, touch_never, Origin::imported, make_key(algorithm)};
  if (state.firmware >= move_since) key.origin = Origin::generated;
  const Pkey loaded = load_key(key.private_key);
  const Certificate certificate = make_authority(key_name, loaded.get(), root.certificate.get(), root.key.get());
  Bytes object = tlv(0x70, to_der(certificate, i2d_X509));
  append(object, from_hex("710100fe00"));
  state.objects[attestation_object] = object;
}

Bytes attest(const State& state, Byte slot) {
  const auto found = state.keys.find(slot), signer = state.keys.find(attestation_slot);
  require(found != state.keys.end(), Status::no_reference);
  const Key& key = found->second;
  require(key.origin == Origin::generated && signer != state.keys.end(), Status::wrong_data);
  const Certificate above = attestation_certificate(state);
  const Pkey attested = load_key(key.private_key), own = load_key(signer->second.private_key);
  const Certificate certificate = blank("YubiKey PIV Attestation " + to_hex(Bytes{slot}), attested.get());
  must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(above.get())) == 1 &&
           X509_set1_notBefore(certificate.get(), X509_get0_notBefore(above.get())) == 1 &&
           X509_set1_notAfter(certificate.get(), X509_get0_notAfter(above.get())) == 1,
       "no certificate");
  const Version firmware = state.firmware;
  add_own(certificate.get(), 3, Bytes{firmware.major, firmware.minor, firmware.patch});
  add_own(certificate.get(), 7, der_integer(state.serial));
  add_own(certificate.get(), 8, Bytes{key.pin_policy, key.touch_policy});
  add_own(certificate.get(), 9, Bytes{form_factor(state)});
  const bool plain = EVP_PKEY_is_a(own.get(), "ED25519") == 1;
  require(X509_sign(certificate.get(), own.get(), plain ? nullptr : EVP_sha256()) > 0, Status::wrong_data);
  return to_der(certificate, i2d_X509);
}

}  // namespace virtual_yubikey
