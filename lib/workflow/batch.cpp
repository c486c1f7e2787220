#include "workflow/batch.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"

namespace ymgr {
namespace {

constexpr std::size_t most_bytes = 64 * 1024 * 1024;
constexpr std::string_view label_prefix = "label.";

struct Field {
  std::string_view name;
  std::string BatchRow::*member;
};
constexpr Field fields[] = {{"name", &BatchRow::name},         {"profile", &BatchRow::profile}, {"key", &BatchRow::key},
                            {"validity", &BatchRow::validity}, {"owner", &BatchRow::owner},     {"out", &BatchRow::out},
                            {"csr", &BatchRow::csr_file}};

const Field* find_field(std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == std::end(fields) ? nullptr : &*found;
}

/// Names in errors: the file and the line in it, or the number of an item where JSON has no lines.
struct Source {
  std::string file;
  bool by_item = false;

  std::string place(int line) const { return (by_item ? "item " : "line ") + std::to_string(line); }
  Error error(int line, const std::string& message, std::string hint = {}) const {
    const auto number = std::to_string(line);
    const auto where = by_item ? file + ": item " + number : file + ":" + number;
    return Error(Code::batch_invalid, where + ": " + message, std::move(hint),
                 {{"file", file}, {by_item ? "item" : "line", number}});
  }
};

Error unknown(const Source& source, int line, std::string_view what, std::string_view name, std::string_view labels) {
  std::vector<std::string_view> known{"sans", labels};
  for (const auto& field : fields) known.push_back(field.name);
  const auto near = nearest(name, known);
  const std::vector<std::string> all(known.begin(), known.end());
  return source.error(line, "unknown " + std::string(what) + " \"" + printable(name) + "\"",
                      near ? "did you mean \"" + *near + "\"?" : "known: " + join(all, ", "));
}

std::vector<std::string> split_sans(std::string_view text) {
  std::vector<std::string> sans;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of("; \t"), text.size());
    if (end > 0) sans.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return sans;
}

/// Columns of the header, each known and none twice.
std::vector<std::string> read_header(const Source& source, const CsvRow& header) {
  std::vector<std::string> columns;
  for (const auto& text : header.fields) {
    std::string column(trim(text));
    const bool label = column.starts_with(label_prefix) && column.size() > label_prefix.size();
    if (!label && column != "sans" && find_field(column) == nullptr) {
      throw unknown(source, header.line, "column", column, "label.KEY");
    }
    if (std::ranges::find(columns, column) != columns.end()) {
      throw source.error(header.line, "column \"" + printable(column) + "\" stands twice");
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

void set_column(BatchRow& row, const std::string& column, std::string_view value) {
  if (value.empty()) return;
  if (const auto* field = find_field(column)) {
    row.*field->member = value;
  } else if (column == "sans") {
    row.sans = split_sans(value);
  } else {
    row.labels.emplace_back(column.substr(label_prefix.size()), value);
  }
}

std::vector<BatchRow> from_csv(const Source& source, std::string_view text) {
  CsvLimits limits;
  limits.bytes = most_bytes;
  limits.rows = max_batch + 1;
  const auto lines = parse_csv(text, limits);
  std::vector<BatchRow> rows;
  if (lines.empty()) return rows;
  const auto columns = read_header(source, lines.front());
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    if (line->fields.size() != columns.size()) {
      throw source.error(
          line->line,
          std::to_string(line->fields.size()) + " fields where the header has " + std::to_string(columns.size()),
          "put a field that has commas in quotes; leave a field empty, but keep its comma");
    }
    auto& row = rows.emplace_back();
    row.line = line->line;
    for (std::size_t i = 0; i < columns.size(); ++i) set_column(row, columns[i], trim(line->fields[i]));
  }
  return rows;
}

const std::string& json_text(const Source& source, int line, std::string_view name, const Json& value) {
  if (!value.is_text()) throw source.error(line, printable(name) + " must be text", "put it in quotes");
  return value.text();
}

void set_member(const Source& source, BatchRow& row, const std::string& name, const Json& value) {
  if (value.is_null()) return;
  if (const auto* field = find_field(name)) {
    row.*field->member = json_text(source, row.line, name, value);
  } else if (name == "sans" && value.is_array()) {
    for (const auto& san : value.items()) row.sans.push_back(json_text(source, row.line, name, san));
  } else if (name == "sans") {
    row.sans = split_sans(json_text(source, row.line, name, value));
  } else if (name != "labels") {
    throw unknown(source, row.line, "member", name, "labels");
  } else if (!value.is_object()) {
    throw source.error(row.line, "labels must be an object", R"("labels": {"team": "web"})");
  } else {
    for (const auto& [key, label] : value.members())
      row.labels.emplace_back(key, json_text(source, row.line, key, label));
  }
}

BatchRow from_json(const Source& source, int line, const Json& object) {
  if (!object.is_object()) throw source.error(line, "not a JSON object", R"({"name": "api.example.com"})");
  BatchRow row;
  row.line = line;
  for (const auto& [name, value] : object.members()) set_member(source, row, name, value);
  return row;
}

void require_room(const Source& source, std::size_t rows, int line) {
  if (rows >= max_batch) throw source.error(line, "more than " + std::to_string(max_batch) + " rows", "split the file");
}

std::vector<BatchRow> from_json_lines(const Source& source, std::string_view text) {
  std::vector<BatchRow> rows;
  JsonLimits limits;
  for (int line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto one = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.empty()) continue;
    require_room(source, rows.size(), line);
    limits.first_line = static_cast<std::size_t>(line);
    rows.push_back(from_json(source, line, parse_json(one, limits)));
  }
  return rows;
}

std::vector<BatchRow> from_json_list(const Source& source, std::string_view text) {
  JsonLimits limits;
  limits.bytes = most_bytes;
  const auto document = parse_json(text, limits);
  if (document.is_object()) return {from_json(source, 1, document)};
  if (!document.is_array()) throw source.error(1, "not a list of objects", R"([{"name": "api.example.com"}])");
  std::vector<BatchRow> rows;
  for (const auto& item : document.items()) {
    const auto number = static_cast<int>(rows.size()) + 1;
    require_room(source, rows.size(), number);
    rows.push_back(from_json(source, number, item));
  }
  return rows;
}

BatchRow from_yaml_item(const Source& source, const YamlNode& node) {
  YamlReader reader(node, source.file, Code::batch_invalid, "certificate");
  BatchRow row;
  row.line = node.line;
  for (const auto& field : fields) row.*field.member = reader.text(field.name).value_or("");
  const auto sans = reader.texts("sans").value_or(std::vector<std::string>{});
  const auto* list = reader.node("sans");
  row.sans = list != nullptr && list->type == YamlNode::Type::scalar ? split_sans(list->scalar) : sans;
  if (const auto* labels = reader.node("labels")) {
    if (labels->type != YamlNode::Type::mapping)
      throw reader.error(*labels, "labels must be a mapping", "labels: {team: web}");
    for (const auto& [key, value] : labels->members) {
      if (value.type != YamlNode::Type::scalar) throw reader.error(value, "a label must be one text");
      row.labels.emplace_back(key.scalar, value.scalar);
    }
  }
  reader.finish();
  return row;
}

std::vector<BatchRow> from_yaml(const Source& source, std::string_view text) {
  YamlLimits limits;
  limits.bytes = most_bytes;
  const auto root = parse_yaml(text, source.file, limits);
  const auto* list = &root;
  if (root.type == YamlNode::Type::mapping) {
    YamlReader reader(root, source.file, Code::batch_invalid, "the batch");
    list = reader.node("certificates");
    reader.finish();
  }
  std::vector<BatchRow> rows;
  if (list == nullptr || list->type == YamlNode::Type::null) return rows;
  if (list->type != YamlNode::Type::sequence)
    throw source.error(list->line, "not a list of certificates", "- name: api.example.com");
  for (const auto& item : list->items) {
    require_room(source, rows.size(), item.line);
    rows.push_back(from_yaml_item(source, item));
  }
  return rows;
}

void require_plain(const Source& source, int line, std::string_view text) {
  if (printable(text) != text) throw source.error(line, "control character in " + printable(text));
}

void check_row(const Source& source, const BatchRow& row) {
  if (row.name.empty() && row.csr_file.empty()) throw source.error(row.line, "no name", "give a name, or a csr");
  for (const auto& field : fields) require_plain(source, row.line, row.*field.member);
  for (const auto& san : row.sans) require_plain(source, row.line, san);
  for (const auto& [key, value] : row.labels) {
    if (key.empty()) throw source.error(row.line, "a label without a name");
    require_plain(source, row.line, key);
    require_plain(source, row.line, value);
  }
}

void check_rows(const Source& source, const std::vector<BatchRow>& rows) {
  if (rows.empty())
    throw Error(Code::batch_invalid, source.file + ": no certificates in the batch", {}, {{"file", source.file}});
  std::unordered_map<std::string, int> seen;
  for (const auto& row : rows) {
    check_row(source, row);
    if (row.name.empty()) continue;
    const auto [first, fresh] = seen.emplace(lower(row.name), row.line);
    if (fresh) continue;
    throw source.error(row.line,
                       "name " + printable(row.name) + " stands in " + source.place(first->second) + " already",
                       "each name is one certificate: put further names under sans");
  }
}

}  // namespace

BatchFormat batch_format(std::string_view file, std::string_view text) {
  const auto name = lower(file);
  if (name.ends_with(".csv")) return BatchFormat::csv;
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson")) return BatchFormat::json_lines;
  if (name.ends_with(".json")) return BatchFormat::json;
  if (name.ends_with(".yaml") || name.ends_with(".yml")) return BatchFormat::yaml;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with('{')) return BatchFormat::json_lines;
    if (line.starts_with('[')) return BatchFormat::json;
    return line.starts_with('-') || line.find(':') < line.find(',') ? BatchFormat::yaml : BatchFormat::csv;
  }
  return BatchFormat::csv;
}

std::vector<BatchRow> parse_batch(std::string_view text, std::string_view file) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto format = batch_format(file, text);
  const Source source{printable(file), format == BatchFormat::json};
  std::vector<BatchRow> rows;
  switch (format) {
    case BatchFormat::csv: rows = from_csv(source, text); break;
    case BatchFormat::json_lines: rows = from_json_lines(source, text); break;
    case BatchFormat::json: rows = from_json_list(source, text); break;
    case BatchFormat::yaml: rows = from_yaml(source, text); break;
  }
  check_rows(source, rows);
  return rows;
}

}  // namespace ymgr
