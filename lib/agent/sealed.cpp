#include "agent/sealed.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/oaep.hpp"

namespace ymgr::agent {
namespace {

[[noreturn]] void refuse() {
  throw Error(Code::sealed_invalid, "the sealed secret can't be opened");
}

/// Takes the one place where `value` stands as a string out of `text`, leaving "".
void blank(std::string& text, const std::string& value) {
  const std::string quoted = "\"" + value + "\"";
  const std::size_t at = text.find(quoted);
  if (at == std::string::npos || text.find(quoted, at + 1) != std::string::npos) refuse();
  text.replace(at, quoted.size(), "\"\"");
}

}  // namespace

std::string sealed_label(std::string_view path, std::string_view field, std::string_view nonce, const Sha256& body) {
  std::string label("ymgr-agent-v1");
  for (const std::string_view part : {path, field, nonce}) label.append(1, '\0').append(part);
  return label.append(1, '\0').append(reinterpret_cast<const char*>(body.data()), body.size());
}

std::string seal_request(std::string_view path, Json body, std::string_view nonce,
                         std::span<const std::pair<std::string, Secret>> secrets, const Der& key) {
  body.set("encrypted", true).set("nonce", nonce);
  for (const auto& [field, secret] : secrets) body.set(field, "");
  const Sha256 hash = sha256(dump_json(body));
  for (const auto& [field, secret] : secrets) {
    body.set(field, to_base64(oaep_seal(key, sealed_label(path, field, nonce, hash), secret.reveal())));
  }
  return dump_json(body);
}

std::map<std::string, Secret> open_request(std::string_view path, std::string_view text, const Json& body,
                                           std::span<const std::string_view> fields, const PrivateKey& key) {
  const Json *encrypted = body.find("encrypted"), *nonce = body.find("nonce");
  if (encrypted == nullptr || *encrypted != Json(true) || nonce == nullptr || !nonce->is_text()) refuse();
  std::string blanked(text);
  std::map<std::string, std::string> boxes;
  for (const std::string_view field : fields) {
    const Json* value = body.find(field);
    if (value == nullptr) continue;
    auto box = value->is_text() ? from_base64(value->text()) : std::nullopt;
    if (!box || box->size() != static_cast<std::size_t>(key.public_key().bits) / 8) refuse();
    blank(blanked, value->text());
    boxes.emplace(field, std::move(*box));
  }
  const Sha256 hash = sha256(blanked);
  std::map<std::string, Secret> secrets;
  for (const auto& [field, box] : boxes) {
    secrets.emplace(field, oaep_open(key, sealed_label(path, field, nonce->text(), hash), box));
  }
  return secrets;
}

}  // namespace ymgr::agent
