#include "cli/schema.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/args.hpp"
#include "cli/ask_gate.hpp"
#include "cli/invocation.hpp"
#include "cli/output/printer.hpp"
#include "report/digest.hpp"

namespace ymgr::cli {

namespace {

constexpr Field error_fields[] = {
    {"error", "string", "what failed, on what"},
    {"code", "string", "see ymgr explain"},
    {"exit", "integer", "exit status"},
    {"retryable", "boolean", "whether the same command may work later"},
    {"suggestion", "string", "the next thing to try"},
    {"details", "object", "more of the failure, by name; every value is a text"},
    {"policy_version", "?string", "of the policy that refused"},
    {"violations", "?array of object", "every rule that was violated"},
    {"state", "?string", "state of the operation"},
    {"resume_id", "?string", "argument of ymgr resume"},
    {"audit_reference", "?string", "request id of the operation"},
};

/// What webhooks and programs get: lib/report/digest.cpp writes it.
constexpr Field notice_fields[] = {
    {"id", "string", "of this message; what is sent again has another"},
    {"at", "time", "when it was made"},
    {"host", "string", "that sends it"},
    {"test", "boolean", "a person tries the channel: there are no notices"},
    {"subject", "string", "one line for people"},
    {"summary", "object", "how many of each kind"},
    {"summary.failure", "integer", "what fails"},
    {"summary.expiry", "integer", "certificates that nobody has renewed"},
    {"summary.recovery", "integer", "failures that are over"},
    {"notices", "array of object", "failures first, expiries by their date"},
    {"notices.id", "string", "the same however often it is sent: what is known already can be left out"},
    {"notices.kind", "string", "failure, expiry or recovery"},
    {"notices.name", "string", "of the certificate, or what ends or failed"},
    {"notices.cert_id", "?string", "certificate that it is about; track-… of one from elsewhere"},
    {"notices.owner", "?string", "person it belongs to"},
    {"notices.host", "?string", "where it is installed, or where something failed"},
    {"notices.expires_at", "?time", "its end"},
    {"notices.window_days", "?integer",
     "of an expiry: which of notify.windows, or when it became due; 0: it has expired"},
    {"notices.days_left", "?integer", "whole days until its end"},
    {"notices.code", "?string", "of a failure: see ymgr explain"},
    {"notices.message", "?string", "what failed; of an expiry: where it was seen, or what to do"},
    {"notices.repeated", "boolean", "it may have come before: an attempt had no answer"},
    {"notices.text", "string", "all of it in one line for people"},
};

Json schema_object(std::span<const Field> fields, std::string_view prefix);

Json schema_of_type(std::string_view type, std::span<const Field> fields, std::string_view path) {
  if (type == "any") return Json::object();
  if (type == "time") return Json::object({{"type", "string"}, {"format", "date-time"}});
  if (type == "object") return schema_object(fields, path);
  constexpr std::string_view array = "array of ";
  if (type.starts_with(array)) {
    return Json::object({{"type", "array"}, {"items", schema_of_type(type.substr(array.size()), fields, path)}});
  }
  return Json::object({{"type", type}});
}

Json schema_of(const Field& field, std::span<const Field> fields) {
  const bool optional = field.type.starts_with('?');
  Json schema = schema_of_type(optional ? field.type.substr(1) : field.type, fields, field.name);
  if (const Json* type = schema.find("type"); optional && type)
    schema.set("type", Json::array().push(*type).push("null"));
  return schema.set("description", field.help);
}

/// The fields directly below `prefix`; an object without any is free in its members.
Json schema_object(std::span<const Field> fields, std::string_view prefix) {
  Json properties = Json::object(), required = Json::array();
  for (const Field& field : fields) {
    const auto dot = field.name.rfind('.');
    const auto parent = dot == std::string_view::npos ? std::string_view() : field.name.substr(0, dot);
    if (parent != prefix) continue;
    const auto name = dot == std::string_view::npos ? field.name : field.name.substr(dot + 1);
    properties.set(name, schema_of(field, fields));
    if (!field.type.starts_with('?')) required.push(name);
  }
  Json schema = Json::object({{"type", "object"}});
  if (!properties.members().empty())
    schema.set("properties", std::move(properties)).set("required", std::move(required));
  return schema;
}

/// @param success  the schema of that member; null: it has none
Json document_schema(std::string_view name, std::string_view title, Json success, std::span<const Field> fields) {
  Json body = schema_object(fields, "");
  Json properties = Json::object({{"schema", Json::object({{"const", name}})}});
  Json required = Json::array().push("schema");
  if (!success.is_null()) {
    properties.set("success", std::move(success));
    required.push("success");
  }
  if (const Json* own = body.find("properties")) {
    for (const auto& [member, value] : own->members()) properties.set(member, value);
    for (const Json& member : body.at("required").items()) required.push(member);
  }
  return Json::object({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                       {"$id", "urn:ymgr:schema:" + std::string(name)},
                       {"title", title},
                       {"type", "object"},
                       {"properties", std::move(properties)},
                       {"required", std::move(required)}});
}

constexpr Argument arguments[] = {
    {"COMMAND", "command whose document is described, error or notice; or the schema's name", Argument::Count::any,
     "command"},
};
constexpr Field fields[] = {
    {"schemas", "?array of object", "without COMMAND: all of them"},
    {"schemas.name", "string", "value of the member \"schema\""},
    {"schemas.command", "string", "command that prints it"},
    {"json_schema", "?object", "with COMMAND: its JSON Schema"},
};
constexpr Column columns[] = {{"NAME", "name"}, {"COMMAND", "command"}};
constexpr Example examples[] = {
    {"ymgr schema", "the names of all schemas"},
    {"ymgr schema user list", "the schema of what ymgr user list --json prints"},
    {"ymgr schema ymgr.cert-list.v1", "by the name that a document has"},
    {"ymgr schema error", "the schema of every failure"},
    {"ymgr schema notice", "the schema of what notify.webhook and notify.exec get"},
};

Result list_schemas() {
  Result result{.json = Json::object({{"schemas", Json::array()}}), .items = "schemas", .columns = columns};
  Json& list = *result.json.find("schemas");
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::hidden) continue;
    list.push(Json::object({{"name", schema_name(*command)}, {"command", full_name(*command)}}));
  }
  list.push(Json::object({{"name", "ymgr.error.v1"}, {"command", "error"}}));
  list.push(Json::object({{"name", "ymgr.ask-answer.v1"}, {"command", "ask-answer"}}));
  list.push(Json::object({{"name", digest_schema}, {"command", "notice"}}));
  return result;
}

/// "cert list" of "ymgr.cert-list.v1", as documents name it.
std::string word_of(const std::string& given) {
  if (given == "ymgr.error.v1") return "error";
  if (given == "ymgr.ask-answer.v1") return "ask-answer";
  if (given == digest_schema) return "notice";
  for (const Command* command : commands())
    if (schema_name(*command) == given) return std::string(command->path);
  return given;
}

const Command& find_shown(const std::string& path) {
  const Command* command = find_command(path);
  if (command && command->visibility == Visibility::shown) return *command;
  std::vector<std::string_view> names = {"error", "ask-answer", "notice"};
  for (const Command* known : commands()) names.push_back(known->path);
  const auto near = nearest(path, names);
  throw Error(Code::usage, "there is no schema of '" + path + "'",
              (near ? "Did you mean '" + *near + "'? " : std::string()) + "'ymgr schema' lists all of them");
}

Result run(Invocation& call) {
  if (!call.has("COMMAND")) return list_schemas();
  const std::string path = word_of(join(call.list("COMMAND"), " "));
  Json schema = path == "error"        ? error_schema()
                : path == "ask-answer" ? ask_answer_schema()
                : path == "notice"     ? notice_schema()
                                       : json_schema(find_shown(path));
  Result result{.json = Json::object(), .text = dump_json_pretty(schema)};
  result.json.set("json_schema", std::move(schema));
  result.raw = true;
  return result;
}

}  // namespace

Json json_schema(const Command& command) {
  return document_schema(schema_name(command), full_name(command) + ": " + std::string(command.summary),
                         Json::object({{"type", "boolean"}}), command.fields);
}

Json error_schema() {
  return document_schema("ymgr.error.v1", "A command that failed", Json::object({{"const", false}}), error_fields);
}

Json notice_schema() {
  return document_schema(digest_schema, "What people are told of certificates that end and of what fails", {},
                         notice_fields);
}

extern const Command schema_command;
constinit const Command schema_command = {
    .path = "schema",
    .summary = "show the JSON Schema of a command's document",
    .description =
        "Every command prints, with `--json`, one JSON document that names its schema. This prints that schema (JSON "
        "Schema, draft "
        "2020-12). A failure is described by `ymgr schema error`, what the program of `ask.command` must print by "
        "`ymgr schema ask-answer`. Members may be added to a version of a schema; one "
        "that changes "
        "its meaning or goes away makes a new version.",
    .arguments = arguments,
    .options = {},
    .fields = fields,
    .examples = examples,
    .run = run,
    .setup = Setup::standalone,
};

}  // namespace ymgr::cli
