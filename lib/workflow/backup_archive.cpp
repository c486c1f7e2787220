#include "workflow/backup_archive.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace ymgr::backup {
namespace {

constexpr std::size_t most_manifest = 4 * 1024 * 1024, block = 256 * 1024;
constexpr std::int64_t format = 1;

[[noreturn]] void invalid(const std::string& message) {
  throw Error(Code::backup_invalid, message, "use another backup");
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-@%").find(c) != std::string_view::npos;
  });
}

/// Nothing that a backup holds stands anywhere else.
bool has_place(std::string_view name) {
  for (const std::string_view folder : {"ca/", "install.d/"})
    if (name.starts_with(folder)) return is_file_name(name.substr(folder.size()));
  return name == "ymgr.db" || name == "policy.yaml";
}

File read_entry(const Json& json) {
  File file{json.at("name").text(), json.at("size").integer(), json.at("mode").text()};
  if (!has_place(file.name)) invalid("the backup holds a file of an unknown name: " + printable(file.name));
  if (file.size < 0) invalid("the backup holds a file of an impossible size: " + file.name);
  parse_file_mode(file.mode);
  return file;
}

Manifest read_manifest(const Json& json) {
  if (json.at("format").integer() != format) invalid("the backup has a newer format");
  Manifest manifest{json.at("profile_id").text(),
                    json.at("created_by").text(),
                    json.at("host").text(),
                    json.at("version").text(),
                    parse_time(json.at("created_at").text()),
                    {}};
  for (const auto& entry : json.at("files").items()) manifest.files.push_back(read_entry(entry));
  return manifest;
}

void check_files(const Manifest& manifest) {
  std::set<std::string_view> names;
  for (const auto& file : manifest.files)
    if (!names.insert(file.name).second) invalid("the backup holds " + file.name + " twice");
  for (const auto* name : {"ymgr.db", "policy.yaml"})
    if (!names.contains(name)) invalid(std::string("the backup holds no ") + name);
}

void read_exactly(SealedReader& reader, std::span<char> out) {
  if (reader.read(out) != out.size()) invalid("the backup ends too early");
}

Manifest read_front(SealedReader& reader) {
  char length[4];
  read_exactly(reader, length);
  std::size_t size = 0;
  for (std::size_t i = 4; i-- > 0;) size = size << 8 | static_cast<unsigned char>(length[i]);
  if (size > most_manifest) invalid("the backup's list of files is impossibly long");
  std::string text(size, '\0');
  read_exactly(reader, text);
  return parse_manifest(text);
}

void unpack_file(SealedReader& reader, const File& file, const std::string& folder) {
  FileWriter writer(folder + "/" + file.name, {parse_file_mode(file.mode), std::nullopt}, Existing::refuse);
  Secret buffer(block);
  for (std::int64_t left = file.size; left > 0;) {
    throw_if_interrupted();
    const auto count = static_cast<std::size_t>(std::min<std::int64_t>(left, static_cast<std::int64_t>(block)));
    read_exactly(reader, buffer.fill().first(count));
    writer.write(buffer.reveal().substr(0, count));
    left -= static_cast<std::int64_t>(count);
  }
  writer.commit();
}

}  // namespace

std::string format_manifest(const Manifest& manifest) {
  Json files = Json::array();
  for (const auto& file : manifest.files)
    files.push(Json::object({{"name", file.name}, {"size", file.size}, {"mode", file.mode}}));
  return dump_json(Json::object({{"format", format},
                                 {"profile_id", manifest.profile_id},
                                 {"created_by", manifest.created_by},
                                 {"host", manifest.host},
                                 {"version", manifest.version},
                                 {"created_at", format_time(manifest.created_at)},
                                 {"files", std::move(files)}}));
}

Manifest parse_manifest(std::string_view json) {
  try {
    Manifest manifest = read_manifest(parse_json(json));
    check_files(manifest);
    return manifest;
  } catch (const Error& error) {  // nobody wrote this document by hand: where reading stopped helps nobody
    if (error.code() == Code::backup_invalid) throw;
    throw Error(Code::backup_invalid, std::string("the backup's list of files can't be read: ") + error.what(),
                "use another backup");
  }
}

void write_manifest(SealedWriter& writer, const Manifest& manifest) {
  const std::string text = format_manifest(manifest);
  std::string length;
  for (int i = 0; i < 4; ++i) length += static_cast<char>((text.size() >> (8 * i)) & 0xFF);
  writer.write(length);
  writer.write(text);
}

Manifest unpack(SealedReader& reader, const std::string& folder) {
  Manifest manifest = read_front(reader);
  for (const auto* name : {"/ca", "/install.d"}) {
    const bool needed = std::ranges::any_of(
        manifest.files, [&](const File& file) { return file.name.starts_with(std::string(name + 1) + "/"); });
    if (needed) make_folder(folder + name, 0700);
  }
  for (const auto& file : manifest.files) unpack_file(reader, file, folder);
  char more = 0;
  if (reader.read({&more, 1}) != 0) invalid("the backup goes on behind its files");
  return manifest;
}

}  // namespace ymgr::backup
