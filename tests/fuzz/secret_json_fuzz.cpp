// A document of secrets: what is read out of it, written again, is read as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "secrets/secret_json.hpp"

using namespace ymgr;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

Members read(const Secret& document) {
  Members members;
  read_secret_json(document, [&](std::string_view path, const Secret& value) {
    members.emplace_back(std::string(path), std::string(value.reveal()));
  });
  return members;
}

bool is_plain(const Members& members) {
  for (const auto& [path, value] : members)
    if (path.find('.') != std::string::npos) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto members = read(Secret(std::string_view(reinterpret_cast<const char*>(data), size)));
    if (size > 512 || !is_plain(members)) return 0;
    SecretJsonWriter writer;
    writer.open("");
    for (const auto& [path, value] : members) writer.text(path, value);
    writer.close();
    if (read(writer.finish()) != members) std::abort();
  } catch (const Error&) {
    // The only way out for bad input.
  }
  return 0;
}
