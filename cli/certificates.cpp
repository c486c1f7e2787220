#include "cli/certificates.hpp"

#include <filesystem>

#include "base/child.hpp"
#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/environment.hpp"
#include "cli/output/table.hpp"
#include "keys/key_file.hpp"

namespace ymgr::cli {
namespace {

constexpr Column columns[] = {{"NAME", "name"},
                              {"RESULT", "result"},
                              {"EXPIRES", "expires_at"},
                              {"CERT-ID", "cert_id"},
                              {"SERIAL", "serial_number", true},
                              {"KEY", "key_reference", true},
                              {"ERROR", "error"}};

/// The Error that a single item ended with, with what a person needs to go on.
[[noreturn]] void throw_item(const Json& item, const CertificateAnswer& answer) {
  const Error stored = failure_from(item);
  const Error error(stored.code(), stored.what(), stored.hint(),
                    {{"state", item.text_or("state", "planned")}, {"audit_reference", answer.request_id}});
  throw answer.resumable ? of_operation(error, answer.request_id) : error;
}

std::string line_for(const Json& item, std::string_view member) {
  return item.text_or(member, "");
}

std::string text_of(const Json& item) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::string result = line_for(item, "result");
  pairs.emplace_back(result.empty() ? "certificate" : result, line_for(item, "name"));
  pairs.emplace_back("cert id", line_for(item, "cert_id"));
  pairs.emplace_back("serial number", line_for(item, "serial_number"));
  pairs.emplace_back("names", join(item.texts_or_empty("sans"), ", "));
  pairs.emplace_back("valid until", line_for(item, "expires_at"));
  const std::string key = line_for(item, "key");
  pairs.emplace_back("key", line_for(item, "key_reference") + (key.empty() ? "" : " (" + key + ")"));
  pairs.emplace_back("replaces", line_for(item, "renewed_from"));
  pairs.emplace_back("next", line_for(item, "suggestion"));
  if (const Json* files = item.find("files"); files && files->is_object())
    for (const auto& [name, path] : files->members()) pairs.emplace_back(name + " file", path.text());
  return format_pairs(pairs);
}

std::int64_t count_result(const std::vector<Json>& items, std::string_view result) {
  std::int64_t n = 0;
  for (const auto& item : items) n += item.text_or("result", "") == result ? 1 : 0;
  return n;
}

}  // namespace

Result flat_answer(const CertificateAnswer& answer) {
  if (answer.items.empty()) throw Error(Code::internal, "the answer of " + answer.request_id + " has no certificate");
  const Json& item = answer.items.front();
  if (!item.boolean_or("success", false)) throw_item(item, answer);
  Result result;
  result.json = item;
  result.json.erase("success");
  result.json.set("audit_reference", answer.request_id.empty() ? Json() : Json(answer.request_id));
  result.json.set("state", answer.state.empty() ? Json() : Json(answer.state));
  if (answer.resumable) result.json.set("resume_id", resume_id(answer.request_id));
  result.text = text_of(item);
  result.exit = answer.exit;
  result.changed = answer.changed;
  return result;
}

Result batch_answer(const CertificateAnswer& answer) {
  Result result;
  Json summary = Json::object({{"total", answer.items.size()}});
  std::int64_t failed = 0;
  for (const auto& item : answer.items) failed += item.boolean_or("success", false) ? 0 : 1;
  for (const std::string_view name : {"issued", "renewed", "unchanged", "planned", "waiting"})
    if (const auto n = count_result(answer.items, name); n > 0) summary.set(name, n);
  summary.set("failed", failed);
  result.json.set("items", Json(answer.items));
  result.json.set("summary", summary);
  result.json.set("state", answer.state.empty() ? Json() : Json(answer.state));
  result.json.set("audit_reference", answer.request_id.empty() ? Json() : Json(answer.request_id));
  result.json.set("resume_id", answer.resumable ? Json(resume_id(answer.request_id)) : Json());
  result.items = "items";
  result.columns = columns;
  result.exit = answer.exit;
  result.changed = answer.changed;
  return result;
}

void tell_hooks(Invocation& call, const hooks::Outcome& outcome, Json& answer) {
  for (const auto& message : outcome.messages) call.notices().warn("hook failed: " + message);
  answer.set(
      "hooks",
      Json::object({{"run", outcome.run}, {"failed", outcome.failed}, {"messages", Json::texts(outcome.messages)}}));
}

std::string absolute_path(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

std::string read_input(const std::string& path) {
  return path == "-" ? read_stdin() : read_file(path);
}

std::map<std::string, std::string> pairs_of(Invocation& call, std::string_view option) {
  std::map<std::string, std::string> pairs;
  for (const auto& text : call.list(option)) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw Error(Code::usage, std::string(option) + " " + printable(text) + " is not NAME=VALUE",
                  "for example " + std::string(option) + " team=web");
    pairs[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return pairs;
}

piv::Slot slot_from(const std::string& text) {
  if (const auto slot = piv::parse_slot(lower(text))) return *slot;
  throw Error(Code::usage, "no slot " + printable(text), "--slot 9a, 9c, 9d, 9e, or 82 to 95");
}

std::function<std::optional<Secret>(const std::string& serial)> pin_asker(Invocation& call, PinPrompt prompt) {
  return [&call, prompt, known = std::make_shared<std::map<std::string, Secret>>()](
             const std::string& serial) -> std::optional<Secret> {
    const bool from_file = call.has("--pin-file");
    if (!from_file && (prompt == PinPrompt::never || !call.has_terminal())) return std::nullopt;
    const std::string key = from_file ? "" : serial;  // a file holds one PIN, and standard input is read once
    auto found = known->find(key);
    if (found == known->end()) found = known->emplace(key, call.secret("--pin-file", "PIN of YubiKey " + serial)).first;
    return found->second.clone();
  };
}

void warn_of_missing_hooks(Invocation& call) {
  for (const char* option : {"--pre-hook", "--deploy-hook", "--post-hook"}) {
    const auto hook = split_words(call.text(option));
    if (hook.empty() || is_program(hook.front(), split(environment("PATH").value_or(""), ':'))) continue;
    call.notices().warn("the hook's program " + printable(hook.front()) +
                        " is not there, or may not be run: renewals will tell the same, with exit status 10");
  }
}

std::optional<Installation> installation_of(Invocation& call, const std::string& out) {
  Installation place;
  place.out = absolute_path(out);
  place.pkcs12 = absolute_path(call.text("--pkcs12"));
  place.pkcs12_password_file = absolute_path(call.text("--pkcs12-password-file"));
  place.file_mode = call.text("--file-mode");
  place.file_group = call.text("--file-group");
  place.pre_hook = split_words(call.text("--pre-hook"));
  place.deploy_hook = split_words(call.text("--deploy-hook"));
  place.post_hook = split_words(call.text("--post-hook"));
  if (!place.file_mode.empty()) parse_key_mode(place.file_mode);
  if (!place.file_group.empty()) group_id(place.file_group);
  if (place == Installation{}) return std::nullopt;
  if (place.out.empty() && place.pkcs12.empty())
    throw Error(Code::usage, "hooks, --file-mode and --file-group need files to go with",
                "add --out DIR or --pkcs12 FILE");
  if (place.pkcs12.empty() != place.pkcs12_password_file.empty())
    throw Error(Code::usage, "--pkcs12 and --pkcs12-password-file go together", "give both");
  if (!place.pkcs12.empty()) read_secret_file(place.pkcs12_password_file);
  return place;
}

}  // namespace ymgr::cli
