#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "license/license_standing.hpp"

namespace {

using namespace ymgr;
using namespace ymgr::license;

/// What is read as a licence has the text that was given, and counts nowhere unless it is signed.
void read_license(std::string_view text) {
  const License license = parse_license(text);
  if (license.text != text || license.not_before >= license.expires_at) std::abort();
  const VendorKey key{std::string(32, '\x01')};
  if (signer_of(license, {&key, 1})) std::abort();
  Evidence evidence;
  evidence.installation_id = license.installation_id;
  evidence.entries = {{license.text, {}, "fuzz"}};
  if (const auto standing = judge(evidence, {&key, 1}); standing.license || !standing.refuses()) std::abort();
}

/// What is read as the document of the store is written and read as the same.
void read_entries(std::string_view text) {
  const auto written = format_entries(parse_entries(text));
  if (format_entries(parse_entries(written)) != written) std::abort();
}

void read_key(std::string_view text) {
  if (parse_vendor_key(text, "fuzz").bytes.size() != 32) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto read : {read_license, read_entries, read_key}) {
    try {
      read(text);
    } catch (const ymgr::Error&) {
    }
  }
  made_at(text);
  return 0;
}
