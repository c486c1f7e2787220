#include "vault/transit.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "base/trace.hpp"
#include "x509/raw_key.hpp"

namespace ymgr::vault {
namespace {

constexpr std::size_t most_inputs = 450;
constexpr std::pair<KeyAlgorithm, std::string_view> types[] = {
    {KeyAlgorithm::rsa_2048, "rsa-2048"},  {KeyAlgorithm::rsa_3072, "rsa-3072"},  {KeyAlgorithm::rsa_4096, "rsa-4096"},
    {KeyAlgorithm::ec_p256, "ecdsa-p256"}, {KeyAlgorithm::ec_p384, "ecdsa-p384"}, {KeyAlgorithm::ed25519, "ed25519"}};
constexpr Meaning key_meanings[] = {{400, "not found", Code::key_not_found}, {404, "", Code::key_not_found}};

PublicKey public_key_of(const std::string& type, const std::string& text) {
  if (type == "ed25519") {
    const auto raw = from_base64(text);
    if (!raw) throw Error(Code::key_invalid, "the public key is no base64");
    return public_key_of_point(Curve::ed25519, *raw);
  }
  const auto spki = from_pem(text, "PUBLIC KEY");
  if (!spki) throw Error(Code::key_invalid, "the public key is no PEM");
  return parse_public_key(*spki);
}

std::vector<std::pair<std::int64_t, PublicKey>> versions_of(const std::string& type, const Json& keys) {
  std::vector<std::pair<std::int64_t, PublicKey>> versions;
  for (const auto& [name, version] : keys.members()) {
    if (!version.is_object()) continue;  // of a symmetric key: the time it was made
    const auto number = parse_number(name);
    if (!number) throw Error(Code::json_invalid, "a version is no number");
    versions.emplace_back(*number, public_key_of(type, version.at("public_key").text()));
  }
  std::sort(versions.begin(), versions.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return versions;
}

TransitKey key_of(const Json& data) {
  const std::string& type = data.at("type").text();
  const auto known =
      std::find_if(std::begin(types), std::end(types), [&](const auto& row) { return row.second == type; });
  return {.name = printable(data.at("name").text()),
          .type = printable(type),
          .algorithm = known == std::end(types) ? std::nullopt : std::optional(known->first),
          .latest_version = data.at("latest_version").integer(),
          .versions = versions_of(type, data.at("keys")),
          .exportable = data.boolean_or("exportable", false),
          .deletion_allowed = data.boolean_or("deletion_allowed", false),
          .soft_deleted = data.boolean_or("soft_deleted", false)};
}

/// "vault:v1:MEUC…": the third part. The first is the product's name.
std::string signature_of(const std::string& text, SignatureForm form) {
  const auto parts = split(text, ':');
  const auto bytes = parts.size() != 3            ? std::nullopt
                     : form == SignatureForm::jws ? from_base64url(parts[2])
                                                  : from_base64(parts[2]);
  if (!bytes) throw Error(Code::json_invalid, "the signature can't be read");
  return *bytes;
}

Json sign_body(std::span<const std::string> inputs, const SignSettings& settings) {
  Json batch = Json::array();
  for (const auto& input : inputs) batch.push(Json::object({{"input", to_base64(input)}}));
  Json body = Json::object({{"batch_input", batch}});
  if (settings.digest != Digest::none) {
    body.set("hash_algorithm", settings.digest == Digest::sha256 ? "sha2-256" : "sha2-384");
    body.set("signature_algorithm", "pkcs1v15");  // of RSA, whose default is PSS
    body.set("prehashed", settings.prehashed);
  }
  body.set("marshaling_algorithm", settings.form == SignatureForm::jws ? "jws" : "asn1");
  return body;
}

void check_request(const Der& request, const RequestedNames& names, const PublicKey& expected) {
  const Csr csr = parse_csr(request.bytes);
  auto wanted = names.sans, got = csr.sans;
  std::sort(wanted.begin(), wanted.end());
  std::sort(got.begin(), got.end());
  if (csr.key.spki != expected.spki) throw Error(Code::csr_invalid, "the request has another key");
  if (csr.common_name != names.common_name || got != wanted)
    throw Error(Code::csr_invalid, "the request has other names");
}

}  // namespace

std::string_view transit_type(KeyAlgorithm algorithm) noexcept {
  return std::find_if(std::begin(types), std::end(types), [&](const auto& row) { return row.first == algorithm; })
      ->second;
}

const PublicKey& TransitKey::public_key() const {
  const auto at =
      std::find_if(versions.begin(), versions.end(), [&](const auto& one) { return one.first == latest_version; });
  if (at == versions.end()) throw Error(Code::key_not_found, "the transit key " + name + " has no public half");
  return at->second;
}

TransitKey Transit::ensure(std::string_view name, KeyAlgorithm algorithm) {
  const TraceSpan span("transit");
  const Call call{.method = "POST",
                  .path = mount_ / "keys" / name,
                  .body = Json::object({{"type", transit_type(algorithm)}}),
                  .effect = http::Effect::changes,
                  .repeat = Repeat::safe};
  auto key = client_.call(call, [](const Answer& answer) -> std::optional<TransitKey> {
    if (!answer.data().is_object()) return std::nullopt;  // older servers say nothing
    return key_of(answer.data());
  });
  if (!key) key = read(name);
  if (!key) throw Error(Code::vault_failed, "Vault has not made the transit key " + printable(name));
  if (key->algorithm != algorithm || key->exportable || key->soft_deleted) {
    throw Error(Code::key_exists,
                "the transit key " + printable(name) + " is there, " +
                    (key->exportable     ? "and can be exported"
                     : key->soft_deleted ? "and is soft-deleted"
                                         : "as " + key->type),
                "choose another name, or destroy that key");
  }
  return std::move(*key);
}

std::optional<TransitKey> Transit::read(std::string_view name) {
  return client_.call({.path = mount_ / "keys" / name, .missing = Missing::answers},
                      [](const Answer& answer) -> std::optional<TransitKey> {
                        if (answer.status == 404) return std::nullopt;
                        return key_of(answer.data());
                      });
}

std::optional<bool> Transit::peek(std::string_view name) noexcept {
  const auto answer = client_.peek({.path = mount_ / "keys" / name, .missing = Missing::answers});
  if (!answer) return std::nullopt;
  return answer->status != 404 && !answer->data().boolean_or("soft_deleted", false);
}

std::vector<std::string> Transit::list() {
  return vault::list(client_, mount_ / "keys");
}

Der Transit::certificate_request(std::string_view name, const RequestedNames& names, const PublicKey& expected) {
  // Vault takes the names of a template and puts in key and signature of its own.
  const PrivateKey throw_away = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const std::string sent = to_pem(make_csr(throw_away, names), "CERTIFICATE REQUEST");
  const Call call{.method = "POST",
                  .path = mount_ / "keys" / name / "csr",
                  .body = Json::object({{"csr", sent}}),
                  .meanings = key_meanings};
  const TraceSpan span("transit");
  return client_.call(call, [&](const Answer& answer) {
    auto request = from_pem(answer.data().at("csr").text(), "CERTIFICATE REQUEST");
    if (!request) throw Error(Code::csr_invalid, "the request is no PEM");
    check_request(*request, names, expected);
    return std::move(*request);
  });
}

std::vector<Signed> Transit::sign(std::string_view name, std::span<const std::string> inputs,
                                  const SignSettings& settings) {
  std::vector<Signed> out;
  out.reserve(inputs.size());
  while (!inputs.empty()) {
    const auto now = inputs.first(std::min(most_inputs, inputs.size()));
    sign_some(name, now, settings, out);
    inputs = inputs.subspan(now.size());
  }
  return out;
}

void Transit::sign_some(std::string_view name, std::span<const std::string> inputs, const SignSettings& settings,
                        std::vector<Signed>& out) {
  const TraceSpan span("transit");
  const Call call{
      .method = "POST", .path = mount_ / "sign" / name, .body = sign_body(inputs, settings), .meanings = key_meanings};
  client_.call(call, [&](const Answer& answer) {
    const auto& results = answer.data().at("batch_results").items();
    if (results.size() != inputs.size()) throw Error(Code::json_invalid, "not as many signatures as inputs");
    for (const Json& one : results) {
      const std::string error = printable(one.text_or("error", ""));
      out.push_back({error.empty() ? signature_of(one.at("signature").text(), settings.form) : "", error});
    }
  });
}

void Transit::destroy(std::string_view name) {
  if (!read(name)) return;
  client_.call({.method = "POST",
                .path = mount_ / "keys" / name / "config",
                .body = Json::object({{"deletion_allowed", true}}),
                .meanings = key_meanings,
                .effect = http::Effect::changes,
                .repeat = Repeat::safe});
  client_.call(
      {.method = "DELETE", .path = mount_ / "keys" / name, .meanings = key_meanings, .effect = http::Effect::changes});
}

}  // namespace ymgr::vault
