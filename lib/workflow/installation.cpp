#include "workflow/installation.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/failpoint.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"
#include "keys/key_file.hpp"

namespace ymgr::installation {
namespace {

constexpr std::size_t versions_kept = 5;
constexpr std::string_view pending_prefix = ".ymgr-", pending_suffix = ".key";
constexpr std::string_view link_names[] = {"privkey.pem", "cert.pem", "chain.pem", "fullchain.pem"};

std::string yaml_text(std::string_view text) {
  return dump_json(Json(text));
}  // a JSON string is a YAML scalar

void put(std::string& yaml, std::string_view key, const std::string& value) {
  if (!value.empty()) yaml += std::string(key) + ": " + yaml_text(value) + "\n";
}

void put(std::string& yaml, std::string_view key, const std::vector<std::string>& argv) {
  if (!argv.empty()) yaml += std::string(key) + ": " + dump_json(Json::texts(argv)) + "\n";
}

/// Nobody else may change what we run and where we write.
void require_safe(const std::string& path) {
  struct stat st {};
  if (lstat(path.c_str(), &st) != 0) throw system_error("read", path, errno);
  if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0)
    throw Error(Code::installation_invalid, path + " must be a file of root or yourself that nobody else can write",
                "chown and chmod go-w " + shell_quote(path));
}

void require_absolute(const YamlReader& reader, const YamlNode& mapping, std::string_view key,
                      const std::string& path) {
  if (!path.empty() && path.front() != '/')
    throw reader.error(*mapping.find(key), std::string(key) + " must be an absolute path");
}

std::string join_pem(std::span<const Certificate> chain, bool with_root) {
  std::string pem;
  for (const auto& certificate : chain)
    if (with_root || certificate.subject != certificate.issuer) pem += certificate.pem;
  return pem;
}

/// A folder that others may enter when a group was named, since they must reach the files in it.
mode_t folder_mode(const FileMode& mode) {
  return mode.group || (mode.mode & 077) != 0 ? 0755 : 0700;
}

std::string version_folder(const Installation& place, std::string_view cert_id) {
  return place.out + "/versions/" + std::string(cert_id);
}

/// The first delivery into a folder: names of ours that are plain files belong to somebody else.
void refuse_strangers(const Installation& place) {
  for (const auto name : link_names) {
    const std::string path = place.out + "/" + std::string(name);
    struct stat st {};
    if (lstat(path.c_str(), &st) == 0 && !S_ISLNK(st.st_mode))
      throw Error(Code::file_exists, path + " is there and was not made by ymgr",
                  "move it away, or choose another --out");
  }
}

std::string folder_of(const std::string& path) {
  return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

std::string pending_folder(const Installation& place) {
  return place.out.empty() ? folder_of(place.pkcs12) : place.out;
}

/// Writes a file of that mode and group in the nearest folder that is there, and removes it.
void probe(std::string folder, const FileMode& mode, std::set<std::string>& probed) {
  while (!exists(folder)) folder = folder_of(folder);
  const std::string group = mode.group ? std::to_string(*mode.group) : std::string();
  if (!probed.insert(group + ":" + folder).second) return;
  const TemporaryFolder room(folder + "/.ymgr-probe");
  write_file(room.path() + "/probe", "", mode);
}

void write_version(const Installation& place, const Delivery& delivery, const FileMode& mode) {
  const std::string folder = version_folder(place, delivery.cert_id);
  const std::string fresh = place.out + "/versions/." + delivery.cert_id;
  if (exists(folder)) return;  // renamed into place only when whole
  remove_tree(fresh);
  make_folder(fresh, folder_mode(mode));
  const auto& pem = delivery.certificate.pem;
  const std::string intermediates = join_pem(delivery.chain, false);
  if (delivery.key_pem) write_file(fresh + "/privkey.pem", delivery.key_pem->reveal(), mode);
  FileMode open = mode;
  open.mode = mode.mode | 0444;  // certificates are public
  write_file(fresh + "/cert.pem", pem, open);
  write_file(fresh + "/chain.pem", join_pem(delivery.chain, true), open);
  write_file(fresh + "/fullchain.pem", pem + intermediates, open);
  sync_folder(fresh);
  rename_file(fresh, folder);
  sync_folder(place.out + "/versions");
}

void remove_old_versions(const Installation& place, std::string_view current) {
  auto names = list_folder(place.out + "/versions");
  std::erase_if(names, [](const std::string& name) { return !name.starts_with("cert-"); });
  while (names.size() > versions_kept) {  // ids sort by time
    if (names.front() != current) remove_tree(place.out + "/versions/" + names.front());
    names.erase(names.begin());
  }
}

void deliver_folder(const Installation& place, const Delivery& delivery) {
  const auto mode = file_mode(place);
  make_folders(place.out, 0755);
  refuse_strangers(place);
  make_folders(place.out + "/versions", folder_mode(mode));
  write_version(place, delivery, mode);
  failpoint("version_written", "after");
  const std::string target = "versions/" + delivery.cert_id;
  if (read_link(place.out + "/current") != target) point_link(place.out + "/current", target);
  failpoint("current_flipped", "after");
  for (const auto name : link_names) {
    if (name == "privkey.pem" && !delivery.key_pem) continue;
    const std::string path = place.out + "/" + std::string(name), to = "current/" + std::string(name);
    if (read_link(path) != to) point_link(path, to);
  }
  remove_old_versions(place, delivery.cert_id);
}

void deliver_pkcs12(const Installation& place, const Delivery& delivery) {
  if (!delivery.key_pem)
    throw Error(Code::usage, "a PKCS#12 file holds its key, but the key of " + place.name + " stays sealed",
                "--key-store file");
  const auto password = read_secret_file(place.pkcs12_password_file);
  const auto key = PrivateKey::from_pem(*delivery.key_pem);
  write_file(place.pkcs12, make_pkcs12(key, delivery.certificate, delivery.chain, password, place.name),
             file_mode(place));
}

/// Empty, or what is wrong with the key file.
std::string holds_key_of(const std::string& path, const Secret& pem, const Certificate& certificate) {
  try {
    return is_pair(certificate, PrivateKey::from_pem(pem)) ? "" : path + " is not the key of the certificate";
  } catch (const Error& error) {  // a fault of what is installed, not of the command that looks at it
    if (error.code() != Code::key_invalid) throw;
    return path + " holds no private key";
  }
}

}  // namespace

std::string file_name(std::string_view certificate_name) {
  std::string name;
  for (const char c : certificate_name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '@' || (c == '.' && !name.empty());
    if (plain)
      name += c;
    else if (c == '*')
      name += "wildcard";
    else
      name += "%" + to_hex(std::string_view(&c, 1));
  }
  return name + ".yaml";
}

Installation parse(std::string_view yaml, std::string_view file) {
  const auto document = parse_yaml(yaml, file);
  YamlReader reader(document, file, Code::installation_invalid, "an installation");
  Installation place;
  place.name = reader.text("name").value_or("");
  place.out = reader.text("out").value_or("");
  place.pkcs12 = reader.text("pkcs12").value_or("");
  place.pkcs12_password_file = reader.text("pkcs12_password_file").value_or("");
  place.with_key = reader.boolean("with_key").value_or(true);
  place.file_mode = reader.text("file_mode").value_or("");
  place.file_group = reader.text("file_group").value_or("");
  place.pre_hook = reader.texts("pre_hook").value_or(std::vector<std::string>{});
  place.deploy_hook = reader.texts("deploy_hook").value_or(std::vector<std::string>{});
  place.post_hook = reader.texts("post_hook").value_or(std::vector<std::string>{});
  reader.finish();
  require_absolute(reader, document, "out", place.out);
  require_absolute(reader, document, "pkcs12", place.pkcs12);
  require_absolute(reader, document, "pkcs12_password_file", place.pkcs12_password_file);
  if (place.name.empty()) throw reader.error(document, "an installation needs a name", "name: www.example.com");
  if (place.out.empty() && place.pkcs12.empty())
    throw reader.error(document, "an installation needs out or pkcs12", "out: /etc/ssl/www.example.com");
  if (place.pkcs12.empty() != place.pkcs12_password_file.empty())
    throw reader.error(document, "pkcs12 and pkcs12_password_file go together");
  if (!place.file_mode.empty()) parse_key_mode(place.file_mode);
  return place;
}

std::string to_yaml(const Installation& place) {
  std::string yaml;
  put(yaml, "name", place.name);
  put(yaml, "out", place.out);
  put(yaml, "pkcs12", place.pkcs12);
  put(yaml, "pkcs12_password_file", place.pkcs12_password_file);
  if (!place.with_key) yaml += "with_key: false\n";
  put(yaml, "file_mode", place.file_mode);
  put(yaml, "file_group", place.file_group);
  put(yaml, "pre_hook", place.pre_hook);
  put(yaml, "deploy_hook", place.deploy_hook);
  put(yaml, "post_hook", place.post_hook);
  return yaml;
}

std::optional<Installation> load(const std::string& folder, std::string_view certificate_name) {
  const std::string path = folder + "/" + file_name(certificate_name);
  if (!exists(path)) return std::nullopt;
  require_safe(path);
  auto place = parse(read_file(path, 64 * 1024), path);
  if (place.name != certificate_name)
    throw Error(Code::installation_invalid,
                path + " is named after " + std::string(certificate_name) + " but says " + place.name,
                "rename the file or mend its name");
  return place;
}

std::vector<Installation> load_all(const std::string& folder) {
  std::vector<Installation> places;
  for (const auto& name : list_folder(folder)) {
    if (!name.ends_with(".yaml")) continue;
    const std::string path = folder + "/" + name;
    require_safe(path);
    places.push_back(parse(read_file(path, 64 * 1024), path));
  }
  return places;
}

bool save(const std::string& folder, const Installation& place, Existing existing) {
  const auto there = load(folder, place.name);
  if (there && *there == place) return false;
  const std::string path = folder + "/" + file_name(place.name);
  if (there && existing == Existing::refuse)
    throw Error(Code::installation_exists, "another installation of " + place.name + " stands in " + path,
                "edit or remove it, or replace it with --force");
  make_folders(folder, 0755);
  write_file(path, to_yaml(place), {0644, std::nullopt});
  return true;
}

void remove(const std::string& folder, std::string_view certificate_name) {
  remove_file(folder + "/" + file_name(certificate_name));
}

FileMode file_mode(const Installation& place) {
  FileMode mode;
  if (!place.file_mode.empty()) mode.mode = parse_key_mode(place.file_mode);
  if (!place.file_group.empty()) {
    mode.group = group_id(place.file_group);
    if (place.file_mode.empty()) mode.mode = 0640;
  }
  return mode;
}

std::string key_reference(const Installation& place) {
  return "file:" + (place.out.empty() ? place.pkcs12 : place.out + "/privkey.pem");
}

std::string pending_key(const Installation& place, std::string_view cert_id) {
  if (!is_id("cert", cert_id)) throw Error(Code::internal, "not the id of a certificate: " + printable(cert_id));
  return pending_folder(place) + "/" + std::string(pending_prefix).append(cert_id).append(pending_suffix);
}

std::vector<std::string> pending_keys(const Installation& place) {
  std::vector<std::string> ids;
  for (const std::string_view name : list_folder(pending_folder(place))) {
    if (!name.starts_with(pending_prefix) || !name.ends_with(pending_suffix)) continue;
    const auto id = name.substr(pending_prefix.size(), name.size() - pending_prefix.size() - pending_suffix.size());
    if (is_id("cert", id)) ids.emplace_back(id);
  }
  return ids;
}

void require_room(const Installation& place, std::set<std::string>& probed) {
  const auto mode = file_mode(place);
  if (!place.out.empty()) {
    refuse_strangers(place);
    probe(place.out, mode, probed);
    probe(place.out + "/versions", mode, probed);
  }
  if (place.pkcs12.empty()) return;
  const std::string folder = folder_of(place.pkcs12);
  if (!is_folder(folder))
    throw Error(Code::file_not_found, "there is no folder " + folder + " for the PKCS#12 file", "make it first");
  probe(folder, mode, probed);
}

std::optional<std::string> delivered_pem(const Installation& place) {
  return place.out.empty() ? std::nullopt : read_file_if_there(place.out + "/current/cert.pem");
}

void deliver(const Installation& place, const Delivery& delivery) {
  if (!place.out.empty()) deliver_folder(place, delivery);
  if (!place.pkcs12.empty()) deliver_pkcs12(place, delivery);
}

std::string delivery_fault(const Installation& place, const Certificate& certificate) {
  if (!place.pkcs12.empty() && !exists(place.pkcs12)) return "there is no " + place.pkcs12;
  if (place.out.empty()) return {};
  const auto all = paths(place);
  const auto there = read_file_if_there(all.certificate);
  if (!there) return "there is no " + all.certificate;
  if (*there != certificate.pem) return all.certificate + " is another certificate";
  for (const auto& path : {all.chain, all.fullchain})
    if (!exists(path)) return "there is no " + path;
  if (!place.with_key) return {};
  if (!exists(all.key)) return "there is no " + all.key;
  return holds_key_of(all.key, read_key(place), certificate);
}

bool is_delivered(const Installation& place, const Certificate& certificate) {
  return delivery_fault(place, certificate).empty();
}

Secret read_key(const Installation& place) {
  if (place.out.empty())
    throw Error(Code::key_not_found, "the key of " + place.name + " is in no file of its own", "renew with --new-key");
  return read_key_file(place.out + "/privkey.pem");
}

Paths paths(const Installation& place) {
  Paths result;
  if (!place.out.empty()) {
    if (place.with_key) result.key = place.out + "/privkey.pem";
    result.certificate = place.out + "/cert.pem";
    result.chain = place.out + "/chain.pem";
    result.fullchain = place.out + "/fullchain.pem";
  }
  result.pkcs12 = place.pkcs12;
  return result;
}

Json to_json(const Installation& place) {
  const auto all = paths(place);
  Json json = Json::object();
  const auto add = [&](std::string_view name, const std::string& path) {
    if (!path.empty()) json.set(name, path);
  };
  add("key", all.key);
  add("certificate", all.certificate);
  add("chain", all.chain);
  add("fullchain", all.fullchain);
  add("pkcs12", all.pkcs12);
  return json;
}

}  // namespace ymgr::installation
