#include "license/license.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/certificate.hpp"

namespace ymgr::license {
namespace {

constexpr std::string_view first_line = "ymgr-license-1\n", last_key = "signature: ";
constexpr std::string_view inline_word = "ed25519:";
constexpr std::string_view id_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
constexpr std::string_view spki_head("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);  // RFC 8410
constexpr std::size_t key_size = 32, signature_size = 64;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Code::license_unreadable, "the licence can't be read: " + what,
              "give the file as the vendor sent it, unchanged");
}

/// Takes the lines one after another.
class Lines {
 public:
  explicit Lines(std::string_view text) : left_(text) {}

  std::string take(std::string_view key) {
    const auto end = left_.find('\n');
    std::string_view line = left_.substr(0, end);
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos || line.substr(0, colon) != key)
      refuse("the line '" + std::string(key) + ": …' does not stand in its place, or not only there");
    left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
    line.remove_prefix(colon + 2);
    if (line.empty() || line.size() > 200 || printable(line) != line || trim(line) != line)
      refuse(std::string(key) + " has no value, a long one, or one with characters that are not seen");
    return std::string(line);
  }
  std::string take_id(std::string_view key) {
    auto id = take(key);
    if (id.size() > 64 || id.find_first_not_of(id_characters) != std::string::npos)
      refuse(std::string(key) + " is none: 1 to 64 of a-z, A-Z, 0-9, dot, dash and underscore");
    return id;
  }
  Time take_time(std::string_view key) {
    const auto text = take(key);
    try {
      if (const Time at = parse_time(text); format_time(at) == text) return at;
    } catch (const Error& error) {
      if (error.code() != Code::time_invalid) throw;
    }
    refuse(std::string(key) + " is not like 2026-11-22T00:00:00Z");
  }
  bool at_end() const noexcept { return left_.empty(); }

 private:
  std::string_view left_;
};

std::string_view signed_part(std::string_view text) {
  return text.substr(0, text.find(std::string("\n").append(last_key)) + 1);
}

std::string signature_of(std::string_view text) {
  text.remove_prefix(signed_part(text).size() + last_key.size());
  return from_base64(text.substr(0, text.find('\n'))).value_or("");
}

}  // namespace

std::string VendorKey::id() const {
  return hex(sha256(bytes)).substr(0, 16);
}

std::string VendorKey::inline_text() const {
  return std::string(inline_word) + to_base64(bytes);
}

std::optional<VendorKey> inline_vendor_key(std::string_view value) {
  if (!value.starts_with(inline_word)) return std::nullopt;
  const auto bytes = from_base64(value.substr(inline_word.size()));
  if (!bytes || bytes->size() != key_size)
    throw Error(Code::config_invalid,
                "'" + printable(value) + "' is not " + std::string(inline_word) + " and the base64 of 32 bytes");
  return VendorKey{*bytes};
}

VendorKey parse_vendor_key(std::string_view pem, const std::string& origin) {
  const auto der = from_pem(pem, "PUBLIC KEY");
  if (!der || der->bytes.size() != spki_head.size() + key_size || !der->bytes.starts_with(spki_head))
    throw Error(Code::config_invalid, origin + " holds no Ed25519 public key in PEM",
                "give what 'openssl pkey -pubout' writes");
  return {der->bytes.substr(spki_head.size())};
}

License parse_license(std::string_view text) {
  if (text.size() > largest_license) refuse("it is longer than " + std::to_string(largest_license) + " bytes");
  if (!text.starts_with(first_line)) refuse("its first line is not ymgr-license-1");
  Lines lines(text.substr(first_line.size()));
  License license;
  license.license_id = lines.take_id("license_id");
  license.customer = lines.take("customer");
  license.installation_id = lines.take_id("installation_id");
  license.issued_at = lines.take_time("issued_at");
  license.not_before = lines.take_time("not_before");
  license.expires_at = lines.take_time("expires_at");
  const auto signature = from_base64(lines.take("signature"));
  if (!signature || signature->size() != signature_size) refuse("its signature is not the base64 of 64 bytes");
  if (!lines.at_end()) refuse("something follows its signature");
  if (license.not_before >= license.expires_at) refuse("it ends before it begins");
  license.text = text;
  return license;
}

std::optional<std::string> signer_of(const License& license, std::span<const VendorKey> keys) {
  const auto signature = signature_of(license.text);
  const auto found = std::ranges::find_if(
      keys, [&](const VendorKey& key) { return verify_detached(key.bytes, signed_part(license.text), signature); });
  return found == keys.end() ? std::nullopt : std::optional(found->id());
}

}  // namespace ymgr::license
