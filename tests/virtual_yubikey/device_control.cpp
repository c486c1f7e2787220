// What the control socket can say. Each answer is one JSON document on one line.
#include <nlohmann/json.hpp>
#include <sstream>

#include "virtual_yubikey/device.hpp"

namespace virtual_yubikey {
namespace {

using nlohmann::json;

std::string good() {
  return R"({"ok":true})";
}

std::string bad(const std::string& why) {
  return json{{"ok", false}, {"error", why}}.dump();
}

std::vector<std::string> headers_of(std::vector<std::string> apdus) {
  for (std::string& apdu : apdus) {
    const std::size_t blank = apdu.find(' ');
    apdu = apdu.substr(0, std::min<std::size_t>(blank, 10)) + apdu.substr(blank);
  }
  return apdus;
}

}  // namespace

std::string Device::obey(const std::string& line) {
  std::istringstream words(line);
  std::string verb, first, second;
  words >> verb >> first >> second;
  try {
    if (verb == "status") return status();
    if (verb == "trace") return json{{"ok", true}, {"trace", headers_of(apdus_)}}.dump();
    if (verb == "apdus") return json{{"ok", true}, {"apdus", apdus_}}.dump();
    if (verb == "touch") return obey_touch(first);
    if (verb == "set") return obey_set(first, second);
    if (verb == "fault") {
      arm(parse_fault(line.substr(line.find("fault") + 5)));
    } else if (verb == "reload") {
      reload();
    } else if (verb == "clear") {
      faults_.clear();
    } else if (verb == "release") {
      released_ = true;
    } else if (verb == "unplug") {
      pull();
    } else if (verb == "plug") {
      plug();
    } else {
      return bad("no such command: " + verb);
    }
  } catch (const std::exception& error) {
    return bad(error.what());
  }
  return good();
}

/// Becomes what the state file says by now, as after a power cycle that nobody saw.
void Device::reload() {
  if (const auto state = file_.load()) card_.memory().change() = *state;
  card_.memory().take_changed();
  card_.reset();
  faults_.clear();
  apdus_.clear();
  counts_.clear();
}

std::string Device::obey_touch(const std::string& how) {
  if (how != "given" && how != "refused" && how != "asked") return bad("touch given, refused or asked");
  settings_.finger = how == "given" ? Finger::given : how == "refused" ? Finger::refused : Finger::asked;
  return good();
}

std::string Device::obey_set(const std::string& what, const std::string& value) {
  if (value != "on" && value != "off") return bad("on or off");
  State& state = card_.memory().change();
  if (what == "complexity") {
    state.complexity = value == "on";
  } else if (what == "reset-blocked") {
    state.reset_blocked = value == "on";
  } else {
    return bad("set complexity or reset-blocked");
  }
  card_.memory().take_changed();
  file_.save(state);
  return good();
}

std::string Device::status() const {
  json document = {{"ok", true},
                   {"plugged", vpcd_.connected()},
                   {"powered", powered_},
                   {"waiting", nullptr},
                   {"faults", faults_.armed()},
                   {"apdus", apdus_.size()},
                   {"instructions", counts_}};
  if (waiting_ != nullptr) document["waiting"] = waiting_;
  return document.dump();
}

}  // namespace virtual_yubikey
