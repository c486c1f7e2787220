#include "x509/attestation.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "x509/openssl.hpp"

namespace ymgr {
namespace {

struct Embedded {
  std::string_view name, text;
};
constexpr Embedded files[] = {
#include "x509/yubico_attestation.inc"
};

enum class Use { root, firmware_4_root, long_root, intermediate };
struct Pin {
  std::string_view sha256;
  Use use;
};
/// In the order of the file.
constexpr Pin pins[] = {
    {"63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546", Use::root},
    {"0fa1386f80eb8713263ae5c1d84deb455bdf08aea50ab05503cefee82b092d42", Use::firmware_4_root},
    {"62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8", Use::long_root},
    {"4698a1d3389c3ec60016c216250f1d0439922832d65142327436376dc2942b55", Use::intermediate},
    {"d4cc3f456fdaf4e7812a21aab1dfe9d8e27d24e2fd2d6f21c9940109f0daa754", Use::intermediate},
    {"6de693f05376f5d8ca29069261e1c8626c75d503bd2edbfd75354cad1f722870", Use::intermediate},
    {"2d55b7998f4e42569d6d8fa382b6dc77d1dacf07358b19701163892922b17052", Use::intermediate},
};
constexpr int direct_length = 2, full_length = 4;  // certificates from F9's to the root, both included

constexpr std::string_view virtual_root_name = "Virtual YubiKey PIV Root CA";
constexpr std::string_view subject_prefix = "YubiKey PIV Attestation ";
constexpr std::string_view own_arc = "1.3.6.1.4.1.41482.3.";
constexpr std::size_t longest_certificate = 16 * 1024;

using Store = ossl::Owner<X509_STORE, X509_STORE_free>;
using StoreContext = ossl::Owner<X509_STORE_CTX, X509_STORE_CTX_free>;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Code::attestation_refused, "the attestation is refused: " + why);
}

std::vector<Certificate> read_shipped() {
  auto all = parse_pem_chain(files[0].text);
  const bool fits = std::equal(all.begin(), all.end(), std::begin(pins), std::end(pins),
                               [](const Certificate& c, const Pin& pin) { return hex(c.fingerprint) == pin.sha256; });
  if (!fits) throw Error(Code::internal, "Yubico's certificates in this program have not their fingerprints");
  return all;
}

ossl::X509Cert decode_text(std::string_view pem_or_der, std::string_view what) {
  std::string der(pem_or_der);
  if (!pem_or_der.starts_with('\x30')) {
    auto found = from_pem(pem_or_der.substr(0, 2 * longest_certificate), "CERTIFICATE");
    der = found ? std::move(found->bytes) : std::string();
  }
  auto x509 = der.size() > longest_certificate ? nullptr : ossl::from_der<ossl::X509Cert>(d2i_X509, der);
  if (x509 == nullptr) throw Error(Code::certificate_invalid, std::string(what) + " can't be read");
  return x509;
}

// ---- the way from F9's certificate to a root

struct Way {
  std::string root;
  std::optional<Use> use;  // nullopt: not Yubico's
  int length = 0;
};

Way way_of(X509* top, int length) {
  Way way;
  way.root = ossl::common_name(X509_get_subject_name(top));
  way.length = length;
  const std::string fingerprint = hex(sha256(ossl::to_der(i2d_X509, static_cast<const X509*>(top))));
  for (const auto& pin : pins)
    if (pin.sha256 == fingerprint) way.use = pin.use;
  return way;
}

/// By OpenSSL, but not its strict check: old certificates in F9 are no CAs and name no key of their issuer.
Way find_way(X509* device, std::span<const Certificate> others, Time at) {
  const auto shipped = yubico_attestation_certificates();
  std::vector<Certificate> intermediates;
  const Store roots(X509_STORE_new());
  ossl::require(roots != nullptr, "allocate");
  const auto trust = [&](const Certificate& root) {
    ossl::require(X509_STORE_add_cert(roots.get(), ossl::decode(root).get()) == 1, "keep a root");
  };
  for (std::size_t i = 0; i < shipped.size(); ++i) {
    if (pins[i].use == Use::intermediate)
      intermediates.push_back(shipped[i]);
    else
      trust(shipped[i]);
  }
  for (const auto& root : others) trust(root);
  const auto between = ossl::decode_all(intermediates);
  const StoreContext context(X509_STORE_CTX_new());
  ossl::require(context != nullptr && X509_STORE_CTX_init(context.get(), roots.get(), device, between.get()) == 1,
                "check a chain");
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(to_seconds(at)));
  if (X509_verify_cert(context.get()) != 1)
    refuse(std::string("the YubiKey's own certificate leads to no root that is trusted (") +
           X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())) + ")");
  const auto* chain = X509_STORE_CTX_get0_chain(context.get());
  const int length = sk_X509_num(chain);
  return way_of(sk_X509_value(chain, length - 1), length);
}

void check_way(const Way& way, int firmware_major, VirtualRoot virtual_root) {
  const auto must_be = [&](int length) {
    if (way.length != length)
      refuse("the certificates between the YubiKey and " + way.root + " are not those of a PIV key");
  };
  if (!way.use) {
    if (way.root == virtual_root_name && virtual_root == VirtualRoot::refused)
      refuse("it is a virtual YubiKey's, which only a demo profile takes");
    return;
  }
  switch (*way.use) {
    case Use::root: return must_be(direct_length);
    case Use::long_root: return must_be(full_length);
    case Use::firmware_4_root:
      if (firmware_major != 4) refuse(way.root + " stands for firmware 4 only");
      return must_be(direct_length);
    case Use::intermediate: refuse("an intermediate certificate stands as root");
  }
}

// ---- the statement

/// Yubico's extensions of the statement, by the last number of their identifiers. Nothing else may be critical.
std::map<std::string, std::string> own_extensions(const X509* statement) {
  std::map<std::string, std::string> found;
  for (int i = 0; i < X509_get_ext_count(statement); ++i) {
    X509_EXTENSION* extension = X509_get_ext(statement, i);
    char oid[128];
    const int size = OBJ_obj2txt(oid, sizeof oid, X509_EXTENSION_get_object(extension), 1);
    if (size <= 0 || static_cast<std::size_t>(size) >= sizeof oid) refuse("an extension can't be read");
    const std::string_view name(oid);
    if (!name.starts_with(own_arc)) {
      if (X509_EXTENSION_get_critical(extension) == 1 && X509_supported_extension(extension) != 1)
        refuse("it has a critical extension that is not known: " + std::string(name));
      continue;
    }
    const bool is_new =
        found.emplace(name.substr(own_arc.size()), ossl::view(X509_EXTENSION_get_data(extension))).second;
    if (!is_new) refuse("it has the extension " + std::string(name) + " twice");
  }
  return found;
}

int byte_at(std::string_view bytes, std::size_t place) noexcept {
  return static_cast<unsigned char>(bytes[place]);
}

std::string_view need(const std::map<std::string, std::string>& extensions, const char* arc, std::size_t size) {
  const auto found = extensions.find(arc);
  if (found == extensions.end()) refuse("it lacks the extension " + std::string(own_arc) + arc);
  if (size != 0 && found->second.size() != size)
    refuse("its extension " + std::string(own_arc) + arc + " has a wrong length");
  return found->second;
}

/// Of a DER INTEGER of up to four bytes.
std::string serial_from(std::string_view der) {
  using Integer = ossl::Owner<ASN1_INTEGER, ASN1_INTEGER_free>;
  const auto number = ossl::from_der<Integer>(d2i_ASN1_INTEGER, der);
  std::uint64_t value = 0;
  if (number == nullptr || ASN1_INTEGER_get_uint64(&value, number.get()) != 1 || value > 0xFFFFFFFFU)
    refuse("its serial number is none of a YubiKey");
  return std::to_string(value);
}

int slot_from(const std::string& subject) {
  const std::string_view text(subject);
  if (!text.starts_with(subject_prefix) || text.size() != subject_prefix.size() + 2) refuse("it names no slot");
  const auto bytes = from_hex(text.substr(subject_prefix.size()));
  if (!bytes) refuse("it names no slot");
  return byte_at(*bytes, 0);
}

void require_signed(X509* statement, X509* device, Time at) {
  if (X509_NAME_cmp(X509_get_issuer_name(statement), X509_get_subject_name(device)) != 0)
    refuse("it was not made by the YubiKey's own certificate");
  EVP_PKEY* key = X509_get0_pubkey(device);
  if (key == nullptr || X509_verify(statement, key) != 1) refuse("its signature is wrong");
  const auto from = ossl::time_of(X509_get0_notBefore(statement)), until = ossl::time_of(X509_get0_notAfter(statement));
  if (!from || !until || at < *from || at > *until) refuse("it is not valid now");
  if (X509_get_version(statement) != X509_VERSION_3) refuse("it is not an X.509 version 3 certificate");
  if ((X509_get_extension_flags(statement) & EXFLAG_INVALID) != 0) refuse("an extension can't be read");
  if ((X509_get_extension_flags(statement) & EXFLAG_CA) != 0) refuse("it is a CA");
}

Attestation read_statement(const X509* statement) {
  const auto extensions = own_extensions(statement);
  Attestation out;
  const auto firmware = need(extensions, "3", 3), policies = need(extensions, "8", 2);
  for (std::size_t i = 0; i < 3; ++i) out.firmware[i] = byte_at(firmware, i);
  out.serial = serial_from(need(extensions, "7", 0));
  out.pin_policy = byte_at(policies, 0);
  out.touch_policy = byte_at(policies, 1);
  if (out.firmware[0] > 4 || extensions.contains("9")) out.form_factor = byte_at(need(extensions, "9", 1), 0);
  out.slot = slot_from(ossl::common_name(X509_get_subject_name(statement)));
  out.key = ossl::describe(ossl::spki_of(X509_get_X509_PUBKEY(statement)), Code::certificate_invalid);
  return out;
}

/// never 1, cached 3, always 2.
int touch_strength(int policy) noexcept {
  return policy == 2 ? 3 : policy == 3 ? 2 : policy;
}

}  // namespace

std::span<const Certificate> yubico_attestation_certificates() {
  static const std::vector<Certificate> shipped = read_shipped();
  return shipped;
}

Attestation verify_attestation(std::string_view statement, std::string_view device, std::span<const Certificate> others,
                               VirtualRoot virtual_root, Time at) {
  const ossl::ErrorQueue errors;
  const auto leaf = decode_text(statement, "the attestation"),
             own = decode_text(device, "the YubiKey's own certificate");
  require_signed(leaf.get(), own.get(), at);
  auto out = read_statement(leaf.get());
  const auto way = find_way(own.get(), others, at);
  check_way(way, out.firmware[0], virtual_root);
  out.root = printable(way.root);
  return out;
}

void require_attested(const Attestation& attested, const AttestedKey& wanted) {
  if (attested.serial != wanted.serial)
    refuse("it is that of YubiKey " + attested.serial + ", not of " + wanted.serial);
  if (wanted.slot && attested.slot != *wanted.slot) refuse("it is that of another slot");
  if (wanted.spki && attested.key.spki != *wanted.spki) refuse("it is that of another key");
  if (attested.pin_policy < wanted.pin_policy) refuse("the key's PIN policy is weaker than what was asked for");
  if (touch_strength(attested.touch_policy) < touch_strength(wanted.touch_policy))
    refuse("the key's touch policy is weaker than what was asked for");
}

}  // namespace ymgr
