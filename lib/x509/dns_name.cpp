#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/names_internal.hpp"
#include "x509/types.hpp"

namespace ymgr {
namespace {

constexpr std::size_t max_label = 63, max_name = 253;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_ldh(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}
bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

[[noreturn]] void refuse(std::string_view name, std::string_view why, std::string hint = {}) {
  throw Error(Code::name_invalid, quoted(name) + " is not a DNS name: " + std::string(why), std::move(hint));
}

/// Of the scripts with capitals that names are written in; IDNA maps them to lower case.
bool is_capital(char32_t c) {
  const bool odd = c % 2 != 0;
  if (c >= 0xC0 && c <= 0xDE) return c != 0xD7;
  if ((c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177)) return !odd;  // Latin Extended-A
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return odd;
  if (c >= 0x386 && c <= 0x3AB) return c != 0x390;  // Greek
  if (c >= 0x400 && c <= 0x42F) return true;        // Cyrillic
  if (c >= 0x460 && c <= 0x481) return !odd;
  if (c >= 0x531 && c <= 0x556) return true;                                  // Armenian
  if (c >= 0x1E00 && c <= 0x1EFF) return !odd && (c < 0x1E96 || c > 0x1E9D);  // Latin Extended Additional
  return c == 0x178;
}

/// What IDNA would map or drop before it encodes: capitals, uncomposed marks, full-width forms, other dots and blanks.
/// Without its tables the rest is taken as it is.
bool needs_mapping(char32_t c) {
  return is_capital(c) || (c >= 0x80 && c <= 0xA0) || c == 0xAD || (c >= 0x300 && c <= 0x36F) ||
         (c >= 0x2000 && c <= 0x206F) || c == 0x3002 || (c >= 0xFF00 && c <= 0xFFEF);
}

/// What no A-label can stand for.
bool is_barred(char32_t c) {
  return is_capital(c) || (c >= 0x80 && c <= 0xA0) || (c >= 0xFF00 && c <= 0xFFEF);
}

std::string to_a_label(const std::string& label) {
  return is_ascii(label) ? lower(label) : "xn--" + punycode(code_points(lower(label)));
}

[[noreturn]] void refuse_unicode(std::string_view name) {
  const auto points = code_points(name);
  if (std::any_of(points.begin(), points.end(), needs_mapping)) {
    refuse(name, "it is Unicode",
           "write it in lower-case, composed letters with plain dots first; ymgr then names the A-label (xn--...)");
  }
  std::vector<std::string> labels;
  for (const auto& label : split(name, '.')) labels.push_back(to_a_label(label));
  refuse(name, "it is Unicode", "write its A-label: " + join(labels, "."));
}

/// What people write instead of a DNS name.
void refuse_other_kinds(std::string_view name) {
  if (ip_bytes(name)) {
    throw Error(Code::name_invalid, "dns:" + std::string(name) + " is an IP address", "write ip:" + std::string(name));
  }
  if (const auto scheme = name.find("://"); scheme != std::string_view::npos) {
    const auto host = name.substr(scheme + 3, name.find_first_of("/:?#", scheme + 3) - scheme - 3);
    refuse(name, "it is a URI", "write the host alone, dns:" + printable(host) + ", or uri:" + printable(name));
  }
  if (name.find('@') != std::string_view::npos) {
    refuse(name, "it is an e-mail address", "write email:" + printable(name));
  }
  if (const auto colon = name.find(':'); colon != std::string_view::npos) {
    refuse(name, "names have no port", "write " + printable(name.substr(0, colon)));
  }
  if (name.find('/') != std::string_view::npos) refuse(name, "names have no path", "write the host alone");
  if (name.find_first_of(" \t\r\n") != std::string_view::npos) refuse(name, "it has a blank");
}

void check_label(std::string_view name, std::string_view label) {
  if (label.empty()) refuse(name, "a label is empty", "remove the extra dot");
  if (label.size() > max_label) refuse(name, "a label has more than 63 characters");
  if (label.find('_') != std::string_view::npos) refuse(name, "it has an underscore", "use a dash instead");
  if (label.find('*') != std::string_view::npos) {
    refuse(name, "the wildcard must be the whole first label", "write it as *.example.com");
  }
  if (!std::all_of(label.begin(), label.end(), is_ldh)) refuse(name, "labels are letters, digits and dashes");
  if (label.front() == '-' || label.back() == '-') refuse(name, "a label begins or ends with a dash");
  if (!label.starts_with("xn--")) return;
  const auto decoded = from_punycode(label.substr(4));
  if (!decoded || punycode(*decoded) != label.substr(4) || std::any_of(decoded->begin(), decoded->end(), is_barred) ||
      std::all_of(decoded->begin(), decoded->end(), [](char32_t c) { return c < 0x80; })) {
    refuse(name, "the label " + std::string(label) + " is not punycode of a Unicode name");
  }
}

}  // namespace

std::string check_dns_name(std::string_view name) {
  if (name.empty()) refuse(name, "it is empty");
  if (!is_utf8(name)) refuse(name, "it is not UTF-8");
  refuse_other_kinds(name);
  if (!is_ascii(name)) refuse_unicode(name);
  if (name.size() > max_name) refuse(name, "it has more than 253 characters");
  if (name.back() == '.' && name.size() > 1)
    refuse(name, "it ends with a dot", "write " + printable(name.substr(0, name.size() - 1)));
  std::string result = lower(name);
  auto labels = split(result, '.');
  if (labels.front() == "*") {
    labels.erase(labels.begin());
    if (labels.size() < 2) refuse(name, "a wildcard needs two labels or more after it", "write it as *.example.com");
  }
  for (const auto& label : labels) check_label(name, label);
  if (std::all_of(labels.back().begin(), labels.back().end(), is_digit)) {
    refuse(name, "the last label is a number", "an IP address is written ip:192.0.2.1");
  }
  return result;
}

}  // namespace ymgr
