#include "cli/output/printer.hpp"

#include <algorithm>

#include "base/csv.hpp"
#include "base/secret_text.hpp"
#include "base/text.hpp"
#include "cli/output/notices.hpp"
#include "cli/output/stream.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {

namespace {

/// The dotted part of "users.name", when `list` is "users"; members of members are no columns.
std::string_view member_of(std::string_view field, std::string_view list) {
  if (!field.starts_with(list) || field.size() <= list.size() || field[list.size()] != '.') return {};
  const auto name = field.substr(list.size() + 1);
  return name.find('.') == std::string_view::npos ? name : std::string_view();
}

bool is_list(const Field& field) {
  return field.type == "array of object" || field.type == "?array of object";
}

enum class For { people, programs };

std::string cell(const Json* value, For reader) {
  if (!value || value->is_null()) return {};
  if (value->is_bool() && reader == For::people) return value->boolean() ? "yes" : "no";
  if (value->is_text()) return value->text();
  if (value->is_array() &&
      std::all_of(value->items().begin(), value->items().end(), [](const Json& v) { return v.is_text(); })) {
    std::vector<std::string> texts;
    for (const Json& item : value->items()) texts.push_back(item.text());
    return join(texts, ", ");
  }
  return dump_json(*value);
}

std::string title_of(std::string_view field) {
  std::string title;
  for (const char c : field) title += c == '_' ? ' ' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return title;
}

Json only(const Json& object, const std::vector<std::string>& fields) {
  Json kept = Json::object();
  for (const auto& field : fields) {
    if (const Json* value = object.find(field)) kept.set(field, *value);
  }
  return kept;
}

struct Shown {
  std::string title, field;
};

std::vector<Shown> columns_for(const Result& result, const View& view) {
  std::vector<Shown> columns;
  for (const auto& field : view.fields) columns.push_back({title_of(field), field});
  if (!columns.empty()) return columns;
  for (const Column& column : result.columns) {
    if (!column.wide || view.format != Format::text)
      columns.push_back({std::string(column.title), std::string(column.field)});
  }
  return columns;
}

const Json::Array& items_of(const Result& result) {
  static const Json::Array none;
  const Json* list = result.json.find(result.items);
  return list && list->is_array() ? list->items() : none;
}

/// A column that has nothing to say for any item, such as ERROR, is left out; one that was asked for stays.
std::vector<Shown> telling_columns(const Result& result, const View& view) {
  auto columns = columns_for(result, view);
  const auto& items = items_of(result);
  if (!view.fields.empty() || items.empty()) return columns;
  std::erase_if(columns, [&](const Shown& column) {
    return std::ranges::all_of(items,
                               [&](const Json& item) { return cell(item.find(column.field), For::people).empty(); });
  });
  return columns;
}

std::string render_table(const Result& result, const View& view) {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  const auto columns = telling_columns(result, view);
  for (const auto& column : columns) header.push_back(column.title);
  for (const Json& item : items_of(result)) {
    auto& row = rows.emplace_back();
    for (const auto& column : columns) row.push_back(cell(item.find(column.field), For::people));
  }
  return format_table(header, rows);
}

std::string render_csv(const Command& command, const Result& result, const View& view) {
  std::vector<Shown> columns = columns_for(result, view);
  if (columns.empty()) {
    for (const Field& field : command.fields) {
      if (field.name.find('.') == std::string_view::npos) columns.push_back({"", std::string(field.name)});
    }
  }
  const auto line = [&](const Json* item) {
    std::vector<std::string> cells;
    for (const auto& column : columns)
      cells.push_back(item ? cell(item->find(column.field), For::programs) : column.field);
    return csv_line(cells);
  };
  std::string out = line(nullptr);
  if (result.items.empty()) return out + line(&result.json);
  for (const Json& item : items_of(result)) out += line(&item);
  return out;
}

std::string render_names(const Command& command, const Result& result, const View& view) {
  const auto columns = columns_for(result, view);
  if (result.items.empty()) {
    const std::string_view field = !view.fields.empty()     ? std::string_view(view.fields.front())
                                   : command.fields.empty() ? std::string_view()
                                                            : command.fields.front().name;
    return cell(result.json.find(field), For::programs) + "\n";
  }
  std::string out;
  for (const Json& item : items_of(result))
    out += cell(item.find(columns.empty() ? "name" : columns.front().field), For::programs) + "\n";
  return out;
}

bool is_success(int exit) {
  return exit == 0 || exit >= 10;
}

Json document(const Command& command, const Result& result, const View& view) {
  Json all = Json::object();
  all.set("schema", schema_name(command));
  all.set("success", is_success(result.exit));
  for (const auto& [name, value] : result.json.members()) {
    const bool named = std::find(view.fields.begin(), view.fields.end(), name) != view.fields.end();
    if (view.fields.empty() || named) {
      all.set(name, value);
    } else if (name == result.items) {
      Json kept = Json::array();
      for (const Json& item : value.items()) kept.push(only(item, view.fields));
      all.set(name, std::move(kept));
    }
  }
  return all;
}

std::string render_lines(const Command& command, const Result& result, const View& view) {
  if (result.items.empty()) return dump_json(document(command, result, view)) + "\n";
  std::string out;
  for (const Json& item : items_of(result)) {
    out += dump_json(view.fields.empty() ? item : only(item, view.fields)) + "\n";
  }
  return out;
}

std::string render_text(const Command& command, const Result& result, const View& view) {
  if (result.raw) return result.text;
  const bool is_summary = command.effect == Effect::changes;
  if (view.fields.empty() && !result.text.empty()) return view.quiet && is_summary ? std::string() : result.text;
  if (!result.items.empty()) return render_table(result, view);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& field : view.fields) pairs.emplace_back(field, cell(result.json.find(field), For::people));
  return format_pairs(pairs);
}

}  // namespace

std::vector<std::string_view> field_names(const Command& command) {
  std::vector<std::string_view> names;
  for (const Field& list : command.fields) {
    if (!is_list(list)) continue;
    for (const Field& field : command.fields) {
      const auto name = member_of(field.name, list.name);
      if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  for (const Field& field : command.fields) {
    if (field.name.find('.') == std::string_view::npos &&
        std::find(names.begin(), names.end(), field.name) == names.end()) {
      names.push_back(field.name);
    }
  }
  return names;
}

void check_fields(const Command& command, const std::vector<std::string>& fields) {
  const auto names = field_names(command);
  for (const auto& field : fields) {
    if (std::find(names.begin(), names.end(), field) != names.end()) continue;
    const auto near = nearest(field, names);
    throw Error(Code::usage, "--fields: 'ymgr " + std::string(command.path) + "' has no field '" + field + "'",
                (near ? "Did you mean '" + *near + "'? " : std::string()) + "The fields are " +
                    join(std::vector<std::string>(names.begin(), names.end()), ", "));
  }
}

std::string schema_name(const Command& command) {
  std::string name = "ymgr." + std::string(command.path) + ".v1";
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string table_text(const Result& result) {
  return render_table(result, {});
}

std::vector<std::string> hints_of(const Result& result, const View& view) {
  constexpr std::size_t most = 3;
  const bool wide = view.format == Format::wide;
  const auto shows_it = [&](const Column& column) { return column.field == "suggestion" && (wide || !column.wide); };
  std::vector<std::string> hints;
  if ((!wide && view.format != Format::text) || result.exit == 0 || result.items.empty()) return hints;
  const Json* items = result.json.find(result.items);
  if (items == nullptr || std::ranges::any_of(result.columns, shows_it)) return hints;
  for (const auto& item : items->items()) {
    if (hints.size() == most) break;
    std::string hint = item.text_or("suggestion", "");
    if (item.text_or("code", "").empty() || hint.empty() || std::ranges::find(hints, hint) != hints.end()) continue;
    hints.push_back(std::move(hint));
  }
  return hints;
}

std::string render(const Command& command, const Result& result, const View& view) {
  if (view.format == Format::json) return dump_json_pretty(document(command, result, view));
  if (view.format == Format::jsonl) return render_lines(command, result, view);
  if (result.raw) return result.text;
  if (view.format == Format::csv) return render_csv(command, result, view);
  if (view.format == Format::name) return render_names(command, result, view);
  if (view.format == Format::wide && !result.items.empty()) return render_table(result, view);
  return render_text(command, result, view);
}

namespace {

Secret escaped(const Secret& secret) {
  SecretWriter out(secret.size() * 6);
  out.put_escaped(secret.reveal());
  return out.finish();
}

/// As a field of a CSV; never prefixed, as other fields are, since it would be another secret.
Secret quoted(const Secret& secret) {
  SecretWriter out(secret.size() * 2 + 2);
  out.put("\"");
  for (const char& c : secret.reveal()) {
    if (c == '"') out.put("\"");
    out.put({&c, 1});
  }
  out.put("\"");
  return out.finish();
}

Secret in_format(const Secret& secret, Format format) {
  switch (format) {
    case Format::json:
    case Format::jsonl: return escaped(secret);
    case Format::csv: return quoted(secret);
    default: return secret.clone();
  }
}

}  // namespace

void print(const Command& command, const Result& result, const View& view) {
  const std::string text = render(command, result, view);
  const auto place = result.secret.empty() ? std::string::npos : text.find(secret_place);
  if (place == std::string::npos) return write_out(text);
  write_out(std::string_view(text).substr(0, place));
  write_out(in_format(result.secret, view.format).reveal());
  write_out(std::string_view(text).substr(place + secret_place.size()));
}

Json error_document(const Error& error, int exit) {
  Json all = Json::object();
  all.set("schema", "ymgr.error.v1").set("success", false).set("error", error.what());
  all.set("code", info(error.code()).text).set("exit", exit).set("retryable", error.retryable());
  all.set("suggestion", error.suggestion());
  Json details = Json::object();
  for (const auto& [name, value] : error.details()) {
    if (name == "suggestion") continue;
    if (name == "policy_version" || name == "state" || name == "resume_id" || name == "audit_reference") {
      all.set(name, value);
    } else if (name == "violations") {
      all.set(name, parse_json(value));
    } else {
      details.set(name, value);
    }
  }
  return all.set("details", std::move(details));
}

std::string error_text(const Error& error, bool color) {
  std::string text = notice_line("error", error.what(), color);
  const std::string hint = !error.hint().empty() ? error.hint() : std::string(info(error.code()).explanation);
  return text + notice_line("hint", hint, color);
}

}  // namespace ymgr::cli
