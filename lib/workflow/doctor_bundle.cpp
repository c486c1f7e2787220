#include "workflow/doctor_bundle.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"
#include "workflow/operation.hpp"

namespace ymgr::doctor {
namespace {

constexpr std::string_view word_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@*:/+=~%-";
/// Paths that are the same everywhere.
constexpr std::string_view common_paths[] = {"/usr/",          "/proc/",        "/run/pcscd/",
                                             "/etc/polkit-1/", "/etc/systemd/", "/etc/cron"};
/// Words with dots that are no names of hosts.
constexpr std::string_view common_ends[] = {".service", ".socket", ".timer", ".target", ".yaml",
                                            ".rules",   ".conf",   ".d",     ".db",     ".key"};
constexpr std::string_view common_beginnings[] = {"polkit.",  "subject.",  "action.",     "org.debian.",
                                                  "vault.",   "database.", "session.",    "agent.",
                                                  "secrets.", "renew.",    "attestation."};

bool only(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_word_character(char c) {
  return word_characters.find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80;
}

bool is_time(std::string_view word) {
  return word.size() >= 20 && word[4] == '-' && word[10] == 'T' && word.ends_with('Z');
}

bool is_id(std::string_view word) {
  return word.starts_with("req-") || word.starts_with("resume-") || word.starts_with("cert-");
}

bool is_address(std::string_view word) {
  if (only(word, "0123456789.")) return std::ranges::count(word, '.') == 3;
  return std::ranges::count(word, ':') >= 2 && only(word, "0123456789abcdefABCDEF:.");
}

bool is_host(std::string_view word) {
  const auto dot = word.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || !only(lower(word.substr(dot + 1)), "abcdefghijklmnopqrstuvwxyz"))
    return false;
  return std::ranges::none_of(common_ends, [&](auto end) { return word.ends_with(end); }) &&
         std::ranges::none_of(common_beginnings, [&](auto begin) { return word.starts_with(begin); });
}

bool is_secret(std::string_view word) {
  const bool token =
      word.starts_with("s.") || word.starts_with("b.") || word.starts_with("hvs.") || word.starts_with("hvb.");
  return (token && word.size() >= 20) ||
         (word.size() >= 32 && only(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"));
}

bool is_common_path(std::string_view word) {
  return word == "/etc/ymgr/ymgr.yaml" ||
         std::ranges::any_of(common_paths, [&](auto path) { return word.starts_with(path); });
}

/// What `text` begins with; a URL goes on to the next blank or quote, whatever its query has in it. Empty: no word begins here.
std::string_view word_at(std::string_view text) {
  const auto* end = std::ranges::find_if_not(text, is_word_character);
  auto word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  const bool is_url = word.find("://") != std::string_view::npos;
  if (is_url) word = text.substr(0, text.find_first_of(" \t\n\"'"));
  while (!word.empty() && only(word.substr(word.size() - 1), is_url ? ".:=,;)" : ".:=")) word.remove_suffix(1);
  return word;
}

Json counts(sql::Connection& db, std::string_view text) {
  Json json = Json::object();
  db.run(text, {}, [&](const sql::Row& row) { json.set(row.text(0), row.integer(1)); });
  return json;
}

Json events(sql::Connection& db, const Pseudonyms& pseudonyms) {
  Json list = Json::array();
  for (const auto& row : audit::list(db, {.limit = -100}))
    list.push(Json::object({{"at", format_time(row.at)},
                            {"event", row.event},
                            {"request_id", row.request_id},
                            {"actor", pseudonyms.of("person", row.actor)},
                            {"target", pseudonyms.of("name", row.target)}}));
  return list;
}

Json open_operations(sql::Connection& db, const Pseudonyms& pseudonyms) {
  Json list = Json::array();
  for (const auto& one : operations::list(db, true, 100))
    list.push(Json::object({{"request_id", one.request_id},
                            {"kind", one.kind},
                            {"state", one.state},
                            {"items", one.item_count},
                            {"created_at", format_time(one.created_at)},
                            {"actor", pseudonyms.of("person", one.actor)},
                            {"target", pseudonyms.of("name", one.target)}}));
  return list;
}

Json books(sql::Connection* db, const Pseudonyms& pseudonyms) {
  if (!db) return nullptr;
  return Json::object({{"certificates", counts(*db, "SELECT status, count(*) FROM certificates GROUP BY status")},
                       {"operations", counts(*db, "SELECT state, count(*) FROM operations GROUP BY state")},
                       {"devices", counts(*db, "SELECT status, count(*) FROM devices GROUP BY status")},
                       {"users", counts(*db, "SELECT role, count(*) FROM users GROUP BY role")},
                       {"open_operations", open_operations(*db, pseudonyms)},
                       {"events", events(*db, pseudonyms)}});
}

std::string value_of(const std::string& text, std::string_view name) {
  for (const auto& line : split(text, '\n'))
    if (line.starts_with(name)) return printable(std::string(trim(std::string_view(line).substr(name.size()))));
  return {};
}

Json system_facts() {
  utsname kernel{};
  ::uname(&kernel);
  return Json::object({{"release", value_of(read_file_if_there("/etc/os-release").value_or(""), "PRETTY_NAME=")},
                       {"kernel", kernel.release},
                       {"machine", kernel.machine}});
}

std::string salt_of(sql::Connection* db) {
  return "ymgr doctor|" + read_file_if_there("/etc/machine-id").value_or("") + "|" +
         (db ? sql::read_setting(*db, "profile_id").value_or("") : "");
}

Pseudonyms::Knows knows_by(sql::Connection* db) {
  if (!db) return {};
  return [db](const std::string& word) {
    bool known = false;
    for (const std::string_view text :
         {"SELECT 1 FROM users WHERE name = $1", "SELECT 1 FROM devices WHERE serial = $1",
          "SELECT 1 FROM certificates WHERE name = $1 LIMIT 1", "SELECT 1 FROM certificates WHERE owner = $1 LIMIT 1"})
      if (!known) db->run(text, {word}, [&](const sql::Row&) { known = true; });
    return known;
  };
}

/// URLs and arguments of programs have secrets in them that look like any word.
std::string shown(const BundledSetting& setting, const Pseudonyms& pseudonyms) {
  if (setting.is_public || setting.value.empty()) return setting.value;
  if (setting.name.ends_with(".url")) return pseudonyms.of("url", setting.value);
  if (setting.name.ends_with(".command")) {
    const auto words = split_words(setting.value);
    if (words.empty()) return {};
    return pseudonyms.hide(words.front()) + " and " + std::to_string(words.size() - 1) + " arguments";
  }
  auto words = split(setting.value, ',');
  for (auto& word : words) word = pseudonyms.hide(word);
  return join(words, ",");
}

Json redacted(const Json& json, const Pseudonyms& pseudonyms) {
  Json copy = json;
  for (Json& check : copy.find("checks")->items())
    for (const std::string_view name : {"finding", "hint"})
      if (Json* text = check.find(name); text && text->is_text()) *text = pseudonyms.redact(text->text());
  return copy;
}

}  // namespace

Json to_json(const Report& report) {
  Json list = Json::array(), sum = Json::object();
  for (const auto& [check, finding] : report.lines) {
    const bool timed = finding.expiry != Expiry::none;
    list.push(Json::object({{"id", check->id},
                            {"area", check->area},
                            {"title", check->title},
                            {"state", to_string(finding.state)},
                            {"finding", finding.text},
                            {"hint", finding.hint.empty() ? Json() : Json(finding.hint)},
                            {"expiry", timed ? Json(finding.expiry == Expiry::over ? "over" : "due") : Json()}}));
  }
  for (const auto state : {State::ok, State::warning, State::failed, State::skipped})
    sum.set(to_string(state), report.count(state));
  return Json::object({{"checks", std::move(list)}, {"summary", std::move(sum)}});
}

std::string Pseudonyms::of(std::string_view kind, std::string_view text) const {
  if (text.empty()) return {};
  return std::string(kind) + "-" + hex(sha256(salt_ + "|" + std::string(text))).substr(0, 8);
}

void Pseudonyms::learn(std::string name) {
  if (name.empty() || std::ranges::find(names_, name) != names_.end()) return;
  names_.push_back(std::move(name));
  std::ranges::sort(names_, [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Pseudonyms::redact_word(const std::string& word) const {
  if (is_time(word) || is_id(word)) return word;
  if (word.find("://") != std::string::npos) return of("url", word);
  if (is_secret(word)) return "[removed]";
  if (word.starts_with('/') || word.starts_with("~/")) return is_common_path(word) ? word : of("path", word);
  if (word.find('@') != std::string::npos) return of("person", word);
  if (is_address(word)) return of("address", word);
  if (word.size() >= 8 && only(word, "0123456789")) return of("serial", word);
  if (is_host(word) || (knows_ && knows_(word))) return of("name", word);
  return word;
}

std::string Pseudonyms::hide(const std::string& word) const {
  auto instead = redact_word(word);
  return instead == word && !word.empty() && !is_common_path(word) ? of("value", word) : instead;
}

std::string Pseudonyms::redact(std::string_view text) const {
  std::string out;
  while (!text.empty()) {
    const bool begins = out.empty() || !is_word_character(out.back());
    const auto known = std::ranges::find_if(names_, [&](const std::string& name) {
      return begins && text.starts_with(name) &&
             (text.size() == name.size() || !is_word_character(text[name.size()]) ||
              only(text.substr(name.size(), 1), ".:/"));
    });
    if (known != names_.end()) {
      out += of("name", *known);
      text.remove_prefix(known->size());
      continue;
    }
    std::string_view word = word_at(text);
    if (word.empty()) {
      out += text.front();
      text.remove_prefix(1);
    } else {
      out += redact_word(std::string(word));
      text.remove_prefix(word.size());
    }
  }
  return out;
}

Json make_bundle(const Patient& patient, const Report& report, const std::vector<BundledSetting>& settings) {
  sql::Connection* db = patient.database.if_there();
  Pseudonyms pseudonyms(salt_of(db), knows_by(db));
  pseudonyms.learn(patient.host);
  for (const auto& name : patient.names) pseudonyms.learn(name);
  Json bundle = Json::object({{"format", "ymgr-doctor-1"},
                              {"made_at", format_time(patient.at)},
                              {"version", patient.version},
                              {"system", system_facts()}});
  const Json found = redacted(to_json(report), pseudonyms);
  bundle.set("checks", found.at("checks")).set("summary", found.at("summary"));
  Json values = Json::object();
  for (const auto& setting : settings) values.set(setting.name, shown(setting, pseudonyms));
  return bundle.set("settings", std::move(values)).set("database", books(db, pseudonyms));
}

}  // namespace ymgr::doctor
