#include "virtual_yubikey/state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "virtual_yubikey/algorithms.hpp"

namespace virtual_yubikey {
namespace {

using nlohmann::json;

json to_json(const Credential& credential) {
  return {{"value", to_hex(credential.value)}, {"tries", credential.tries}, {"most", credential.most}};
}

Credential to_credential(const json& document) {
  return {from_hex(document.at("value").get<std::string>()), document.at("tries").get<unsigned>(),
          document.at("most").get<unsigned>()};
}

json to_json(const Key& key) {
  return {{"algorithm", key.algorithm},
          {"pin_policy", key.pin_policy},
          {"touch_policy", key.touch_policy},
          {"origin", key.origin == Origin::generated ? "generated" : "imported"},
          {"private_key", to_hex(key.private_key)}};
}

Key to_key(const json& document) {
  return {document.at("algorithm").get<Byte>(), document.at("pin_policy").get<Byte>(),
          document.at("touch_policy").get<Byte>(),
          document.at("origin") == "generated" ? Origin::generated : Origin::imported,
          from_hex(document.at("private_key").get<std::string>())};
}

json to_json(const State& state) {
  json document = {{"firmware", to_string(state.firmware)},
                   {"serial", state.serial},
                   {"fips", state.fips},
                   {"complexity", state.complexity},
                   {"reset_blocked", state.reset_blocked},
                   {"pin", to_json(state.pin)},
                   {"puk", to_json(state.puk)},
                   {"management_key",
                    {{"algorithm", state.management_key.algorithm},
                     {"value", to_hex(state.management_key.value)},
                     {"touch_policy", state.management_key.touch_policy}}},
                   {"keys", json::object()},
                   {"objects", json::object()}};
  for (const auto& [slot, key] : state.keys) document["keys"][std::to_string(slot)] = to_json(key);
  for (const auto& [id, data] : state.objects) document["objects"][std::to_string(id)] = to_hex(data);
  return document;
}

State to_state(const json& document) {
  State state{.firmware = parse_version(document.at("firmware").get<std::string>()),
              .serial = document.at("serial").get<std::uint32_t>(),
              .fips = document.at("fips").get<bool>(),
              .complexity = document.at("complexity").get<bool>(),
              .reset_blocked = document.at("reset_blocked").get<bool>(),
              .pin = to_credential(document.at("pin")),
              .puk = to_credential(document.at("puk")),
              .management_key = {},
              .keys = {},
              .objects = {}};
  const json& management = document.at("management_key");
  state.management_key = {management.at("algorithm").get<Byte>(), from_hex(management.at("value").get<std::string>()),
                          management.at("touch_policy").get<Byte>()};
  for (const auto& [slot, key] : document.at("keys").items()) {
    state.keys[static_cast<Byte>(std::stoul(slot))] = to_key(key);
  }
  for (const auto& [id, data] : document.at("objects").items()) {
    state.objects[static_cast<std::uint32_t>(std::stoul(id))] = from_hex(data.get<std::string>());
  }
  return state;
}

}  // namespace

std::string to_string(const Version& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

Version parse_version(const std::string& text) {
  std::istringstream stream(text);
  unsigned major = 256, minor = 256, patch = 256;
  char dots[2] = {};
  stream >> major >> dots[0] >> minor >> dots[1] >> patch;
  if (stream.fail() || !stream.eof() || dots[0] != '.' || dots[1] != '.' || std::max({major, minor, patch}) > 255) {
    throw std::invalid_argument("not a firmware version: " + text);
  }
  return {static_cast<Byte>(major), static_cast<Byte>(minor), static_cast<Byte>(patch)};
}

void to_factory(State& state) {
  const std::string_view pin = "123456\xFF\xFF", puk = "12345678";
  state.pin = {{pin.begin(), pin.end()}, 3, 3};
  state.puk = {{puk.begin(), puk.end()}, 3, 3};
  state.management_key = {default_management_algorithm(state.firmware), default_management_key(), 1};
  std::erase_if(state.keys, [](const auto& entry) { return entry.first != attestation_slot; });
  std::erase_if(state.objects, [](const auto& entry) { return entry.first != attestation_object; });
}

StateFile::StateFile(std::filesystem::path path) : path_(std::move(path)) {
  const auto lock = path_.string() + ".lock";
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    throw std::runtime_error(lock_ < 0 ? "cannot write " + lock : "another process has " + path_.string());
  }
}

StateFile::~StateFile() {
  ::close(lock_);
}

std::optional<State> StateFile::load() const {
  if (!std::filesystem::exists(path_)) return std::nullopt;
  std::ifstream file(path_);
  try {
    return to_state(json::parse(file));
  } catch (const std::exception& error) {
    throw std::runtime_error(path_.string() + " is not the state of a virtual YubiKey: " + error.what());
  }
}

void StateFile::save(const State& state) const {
  const auto temporary = path_.string() + ".new";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const std::string text = to_json(state).dump(1) + "\n";
  const bool written = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (file >= 0) ::close(file);
  if (!written) throw std::runtime_error("cannot write " + temporary);
  std::filesystem::rename(temporary, path_);
}

}  // namespace virtual_yubikey
