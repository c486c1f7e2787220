#include "vault/kv.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr::vault {
namespace {

constexpr Meaning write_meanings[] = {
    {400, "check-and-set parameter did not match", Code::version_conflict, "read it again and repeat"}};
constexpr Meaning metadata_meanings[] = {
    {400, "check-and-set parameter does not match", Code::version_conflict, "read it again and repeat"}};

/// Its document was cut.
KvSecret secret_of(Answer& answer) {
  if (answer.status == 404 && !answer.data().is_object()) return {};
  const Json& metadata = answer.data().at("metadata");
  return {.version = metadata.at("version").integer(),
          .document = std::move(answer.secrets.front()),
          .created_at = parse_time(metadata.at("created_time").text()),
          .destroyed = metadata.boolean_or("destroyed", false)};
}

KvMetadata metadata_of(const Json& data) {
  KvMetadata metadata{.current_version = data.at("current_version").integer(),
                      .oldest_version = data.integer_or("oldest_version", 0),
                      .metadata_version = data.integer_or("current_metadata_version", 0),
                      .max_versions = data.integer_or("max_versions", 0),
                      .cas_required = data.boolean_or("cas_required", false),
                      .created_at = parse_time(data.at("created_time").text()),
                      .updated_at = parse_time(data.at("updated_time").text()),
                      .custom = {},
                      .readable = {}};
  if (const Json* custom = data.find("custom_metadata"); custom != nullptr && custom->is_object()) {
    for (const auto& [name, value] : custom->members()) metadata.custom.emplace_back(name, value.text());
  }
  for (const auto& [number, version] : data.at("versions").members()) {
    if (version.boolean_or("destroyed", false) || !version.text_or("deletion_time", "").empty()) continue;
    const auto parsed = parse_number(number);
    if (!parsed) throw Error(Code::json_invalid, "a version is no number");
    metadata.readable.push_back(*parsed);
  }
  std::sort(metadata.readable.begin(), metadata.readable.end());
  return metadata;
}

}  // namespace

KvSecret Kv::read(std::string_view path, std::optional<std::int64_t> version) {
  Path where = at("data", path);
  if (version) where.ask("version", std::to_string(*version));
  return client_.call({.path = where, .cut = {"data.data"}, .missing = Missing::answers}, secret_of);
}

std::int64_t Kv::write(std::string_view path, const Secret& document, std::int64_t expected) {
  const Call call{.method = "POST",
                  .path = at("data", path),
                  .body = Json::object({{"options", Json::object({{"cas", expected}})}}),
                  .secrets = {{"data", &document, SecretForm::json}},
                  .meanings = write_meanings,
                  .effect = http::Effect::changes,
                  .capability = expected == 0 ? "create" : "update"};
  return client_.call(call, [](const Answer& answer) { return answer.data().at("version").integer(); });
}

void Kv::destroy(std::string_view path, std::span<const std::int64_t> versions) {
  if (versions.empty()) return;
  Json numbers = Json::array();
  for (const auto version : versions) numbers.push(version);
  client_.call({.method = "PUT",
                .path = at("destroy", path),
                .body = Json::object({{"versions", numbers}}),
                .effect = http::Effect::changes,
                .repeat = Repeat::safe});
}

void Kv::forget(std::string_view path) {
  client_.call({.method = "DELETE",
                .path = at("metadata", path),
                .effect = http::Effect::changes,
                .repeat = Repeat::safe,
                .missing = Missing::answers});
}

std::optional<KvMetadata> Kv::metadata(std::string_view path) {
  return client_.call({.path = at("metadata", path), .missing = Missing::answers},
                      [](const Answer& answer) -> std::optional<KvMetadata> {
                        if (answer.status == 404) return std::nullopt;
                        return metadata_of(answer.data());
                      });
}

void Kv::set_custom(std::string_view path, std::span<const std::pair<std::string, std::string>> values,
                    std::optional<std::int64_t> expected) {
  Json custom = Json::object();
  for (const auto& [name, value] : values) custom.set(name, value);
  Json body = Json::object({{"custom_metadata", custom}});
  if (expected) body.set("metadata_cas", *expected);
  client_.call({.method = "POST",
                .path = at("metadata", path),
                .body = body,
                .meanings = metadata_meanings,
                .effect = http::Effect::changes,
                .repeat = expected ? Repeat::unsafe : Repeat::safe});
}

std::vector<std::string> Kv::list(std::string_view folder, std::size_t page) {
  return vault::list(client_, folder.empty() ? mount_ / "metadata" : at("metadata", folder), page);
}

}  // namespace ymgr::vault
