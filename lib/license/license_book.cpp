#include "license/license_book.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace ymgr::license {
namespace {

constexpr std::string_view schema = "ymgr-licenses-1";
constexpr std::size_t largest =
    1024 * 1024;  // most_entries of the largest, each byte a quote; Raft takes no larger one

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Code::license_invalid, "what is kept of licences is damaged: " + what,
              "an admin installs the licence again: ymgr license install FILE");
}

std::vector<Entry> entries_of(const Json& document) {
  if (document.at("schema").text() != schema) refuse("it has an unknown form");
  std::vector<Entry> entries;
  for (const Json& item : document.at("licenses").items())
    entries.push_back({item.at("text").text(), parse_time(item.at("installed_at").text()),
                       printable(item.at("installed_by").text())});
  if (entries.size() > most_entries) refuse("it has too many entries");
  return entries;
}

}  // namespace

std::vector<Entry> parse_entries(std::string_view json) {
  try {
    return entries_of(parse_json(json, {.bytes = largest, .depth = 4}));
  } catch (const Error& error) {
    if (error.code() == Code::license_invalid) throw;
    refuse(error.what());
  }
}

std::string format_entries(const std::vector<Entry>& entries) {
  Json list = Json::array();
  for (const auto& entry : entries)
    list.push(Json::object({{"text", entry.text},
                            {"installed_at", format_time(entry.installed_at)},
                            {"installed_by", entry.installed_by}}));
  return dump_json(Json::object({{"schema", schema}, {"licenses", std::move(list)}}));
}

Book Shelf::read() {
  try {
    const auto document = store_->read(path_);
    if (!document) return {{}, store_->version(path_)};
    return {parse_entries(document->value.reveal()), document->version};
  } catch (const Error& error) {
    if (error.code() == Code::box_invalid) refuse(error.what());
    throw;
  }
}

void Shelf::add(Book book, Entry entry) {
  book.entries.push_back(std::move(entry));
  if (book.entries.size() > most_entries) book.entries.erase(book.entries.begin());
  store_->write(path_, Secret(format_entries(book.entries)), book.version);
}

}  // namespace ymgr::license
