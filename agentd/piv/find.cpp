// Which of the keys that are plugged in is meant.
#include <algorithm>

#include "agentd/piv/card.hpp"
#include "agentd/piv/readers.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::piv {
namespace {

struct Plugged {
  std::string reader, serial;
};

/// A key that can't be opened now is left out; `refused` says why.
std::vector<Plugged> plugged_in(const OpenOptions& options, std::optional<Error>& refused) {
  std::vector<Plugged> keys;
  for (const auto& reader : list_readers()) {
    try {
      const Card card = Card::open(reader, options);
      keys.push_back({reader, card.serial()});
    } catch (const Error& error) {
      refused = error;
    }
  }
  return keys;
}

}  // namespace

std::string find_reader(std::string_view serial, const OpenOptions& options) {
  std::optional<Error> refused;
  const auto keys = plugged_in(options, refused);
  if (serial.empty() && keys.size() > 1) {
    std::vector<std::string> serials;
    for (const auto& key : keys) serials.push_back(key.serial);
    throw Error(Code::device_ambiguous, "there is more than one YubiKey: " + join(serials, ", "),
                "name one by its serial number", {{"serials", join(serials, ",")}});
  }
  for (const auto& key : keys) {
    if (serial.empty() || key.serial == serial) return key.reader;
  }
  if (refused) throw Error(*refused);
  throw Error(Code::device_not_found,
              serial.empty() ? "there is no YubiKey" : "there is no YubiKey " + std::string(serial), "plug it in");
}

}  // namespace ymgr::piv
