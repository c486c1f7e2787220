#include "session/password.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

constexpr std::size_t salt_size = 16;
constexpr std::int64_t most_passes = 100, most_memory_kib = 4 * 1024 * 1024;

std::string format_cost(const PasswordCost& cost) {
  return dump_json(Json::object({{"passes", static_cast<std::int64_t>(cost.passes)},
                                 {"memory_kib", static_cast<std::int64_t>(cost.memory_kib)}}));
}

PasswordCost parse_cost(std::string_view text) {
  const Json json = parse_json(text);
  const auto passes = json.at("passes").integer(), memory = json.at("memory_kib").integer();
  if (passes < 1 || passes > most_passes || memory < 1 || memory > most_memory_kib) {
    throw Error(Code::database_corrupt, "the password cost of a user is out of range");
  }
  return {static_cast<std::uint64_t>(passes), static_cast<std::uint64_t>(memory)};
}

PasswordKeys derive_keys(const Secret& password, std::string_view salt, const PasswordCost& cost) {
  const Secret stretched = stretch_password(password, salt, cost);
  return {derive(stretched, "ymgr password verifier"), derive(stretched, "ymgr password box key")};
}

std::string box_binding(std::string_view user) {
  return "users/" + std::string(user) + "/box";
}

}  // namespace

PasswordRecord make_password_record(std::string_view user, const Secret& password) {
  const std::string salt = random_bytes(salt_size);
  const PasswordCost cost;
  const PasswordKeys keys = derive_keys(password, salt, cost);
  const BoxKeys box = make_box_keys();
  return {to_base64(salt), format_cost(cost), to_base64(keys.verifier.reveal()), to_base64(box.public_key),
          to_base64(seal(keys.box_key, box_binding(user), box.private_key.reveal()))};
}

PasswordRecord stand_in_record() {
  return {to_base64(std::string(salt_size, '\0')), format_cost({}), to_base64(random_bytes(32)), {}, {}};
}

PasswordKeys stretch(const PasswordRecord& record, const Secret& password) {
  return derive_keys(password, decode_column(record.salt, "password_salt"), parse_cost(record.cost));
}

bool is_right(const PasswordRecord& record, const PasswordKeys& keys) {
  return equal_constant_time(decode_column(record.verifier, "password_verifier"), keys.verifier.reveal());
}

BoxKeys open_box_keys(const PasswordRecord& record, std::string_view user, const PasswordKeys& keys) {
  return {decode_column(record.box_public, "box_public"),
          unseal(keys.box_key, box_binding(user), decode_column(record.box_private, "box_private"))};
}

std::string decode_column(std::string_view base64, std::string_view what) {
  auto bytes = from_base64(base64);
  if (!bytes) throw Error(Code::database_corrupt, "the column " + std::string(what) + " is not base64");
  return std::move(*bytes);
}

}  // namespace ymgr
