#include "workflow/track.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "audit/audit.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "http/peer.hpp"
#include "workflow/issue.hpp"
#include "workflow/license.hpp"
#include "workflow/operation.hpp"

namespace ymgr {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_file = 1024UL * 1024;
constexpr std::size_t most_places = 10'000;
constexpr int deepest = 16;

Certificate first_of(const std::string& data) {
  if (data.find("-----BEGIN") == std::string::npos) return parse_certificate(data);
  auto chain = parse_pem_chain(data);
  if (chain.empty()) throw Error(Code::certificate_invalid, "there is no certificate in it", "name another file");
  return std::move(chain.front());
}

/// A pipe would be waited for, and a device has no end.
std::string read_regular_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) throw system_error("open", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw system_error("read", path, errno);
  if (!S_ISREG(status.st_mode)) throw Error(Code::file_unsafe, path + " is not a regular file", "name the file itself");
  if (static_cast<std::size_t>(status.st_size) > largest_file)
    throw Error(Code::file_too_large, path + " is larger than " + std::to_string(largest_file) + " bytes",
                "check that it is the right file");
  return read_file("/proc/self/fd/" + std::to_string(file.get()), largest_file);  // the one that was looked at
}

bool may_be_certificate(const fs::path& path) {
  constexpr std::string_view endings[] = {".pem", ".crt", ".cer", ".cert", ".der"};
  return std::ranges::find(endings, lower(path.extension().string())) != std::end(endings);
}

/// A file among many: one without a certificate is none of our business, one that can't be read is.
void take_file(const std::string& path, std::vector<Sighting>& found) {
  auto one = look_in_file(path);
  if (one.error && one.error->code() == Code::certificate_invalid) return;
  found.push_back(std::move(one));
  if (found.size() > most_places)
    throw Error(Code::usage, "there are more than 10,000 certificates", "track a folder below it");
}

bool is_server_word(const std::string& word) {
  const auto colon = word.rfind(':');
  return word.find('/') == std::string::npos && colon != std::string::npos && parse_number(word.substr(colon + 1));
}

Json about(const TrackedRow& row, std::string_view result, Time at) {
  return tracked::to_json(row, at).set("success", true).set("result", result);
}

audit::Event event_of(std::string name, const TrackedRow& row) {
  return {"", std::move(name), row.name,
          Json::object({{"track_id", row.track_id}, {"source", row.source}, {"fingerprint", row.fingerprint}})};
}

TrackedRow row_for(Workbench& bench, const Sighting& one, const TrackOptions& options) {
  auto row = tracked::row_of(*one.certificate);
  const auto& user = bench.session.identity().user;
  row.source = one.source;
  row.host = bench.self.host;
  row.owner = options.owner;
  row.tracked_by = user;
  row.seen_at = now();
  if (!options.place) return row;
  row.installation = row.name;
  row.profile = options.profile;
  return row;
}

void take(Workbench& bench, const Sighting& one, const TrackOptions& options, TrackAnswer& answer,
          std::vector<audit::Event>& events) {
  if (one.error) {
    answer.items.push_back(failed_item(Json::object({{"source", one.source}}), *one.error));
    answer.exits.push_back(exit_status(one.error->kind()));
    return;
  }
  auto row = row_for(bench, one, options);
  std::string_view result = "planned";
  if (tracked::is_ours(bench.db, *one.certificate)) {
    result = "ours";
    row.profile = row.installation = {};
  } else if (!options.dry_run) {
    const auto change = tracked::put(bench.db, row);
    if (change != tracked::Change::unchanged) events.push_back(event_of("cert.tracked", row));
    result = tracked::to_string(change);
  }
  if (row.owner.empty()) row.owner = row.tracked_by;
  answer.items.push_back(about(row, result, row.seen_at));
  answer.exits.push_back(0);
}

void save_place(Workbench& bench, const std::vector<Sighting>& found, const TrackOptions& options) {
  if (!options.place) return;
  if (found.size() != 1)
    throw Error(Code::usage, "one folder takes one certificate's successor", "track each with an --out of its own");
  if (!found.front().certificate || options.dry_run || tracked::is_ours(bench.db, *found.front().certificate)) return;
  auto place = *options.place;
  place.name = tracked::row_of(*found.front().certificate).name;
  bench.policy.profile(options.profile);
  installation::save(bench.installations, place, Existing::refuse);
}

IssueRequest successor_of(Workbench& bench, const TrackedRow& row) {
  IssueRequest request;
  request.name = row.name;
  request.profile = row.profile;
  request.owner = row.owner;
  request.key_place = KeyPlace::file;
  for (const auto& text : row.sans)
    if (auto san = parse_san(text); san.value != row.name) request.sans.push_back(std::move(san));
  request.place = installation::load(bench.installations, row.installation);
  if (!request.place)
    throw Error(Code::installation_missing, "no installation file for " + row.name + " in " + bench.installations,
                "ymgr cert track again with --renew --out FOLDER");
  return request;
}

/// A request that waits for somebody is no certificate yet.
bool is_there(const Json& item) {
  const auto result = item.text_or("result", "");
  return result == "issued" || result == "unchanged";
}

void replace(Workbench& bench, const TrackedRow& row, TrackedDue& done) {
  IssueOptions options;
  options.when_active = WhenActive::ensure;
  options.licensed = true;  // asked when it was tracked
  const auto issued = issue(bench, {successor_of(bench, row)}, options);
  done.items.insert(done.items.end(), issued.items.begin(), issued.items.end());
  done.exits.push_back(issued.exit);
  done.changed = done.changed || issued.changed;
  if (issued.exit != 0 || !std::ranges::all_of(issued.items, is_there)) return;
  bench.db.transaction(sql::Access::write, [&] {
    tracked::end(bench.db, row.track_id, "replaced", now());
    audit::append(bench.db, bench.session.identity().user, {event_of("cert.replaced", row)}, bench.head_signer);
  });
}

}  // namespace

TrackedDue replace_tracked(Workbench& bench, const std::optional<RenewBefore>& before, Rehearsal rehearsal) {
  TrackedDue done;
  for (const auto& row : tracked::due(bench.db, before, now())) {
    if (row.host != bench.self.host || !bench.session.may_touch(row.owner)) continue;
    if (row.installation.empty()) {
      done.elsewhere.push_back(row);
      continue;
    }
    if (rehearsal == Rehearsal::yes) {
      done.items.push_back(Json::object({{"name", row.name}, {"success", true}, {"result", "planned"}}));
      done.exits.push_back(0);
      continue;
    }
    try {
      replace(bench, row, done);
    } catch (const Error& error) {
      if (error.code() == Code::interrupted) throw;
      done.items.push_back(failed_item(Json::object({{"name", row.name}}), error));
      done.exits.push_back(exit_status(error.kind()));
    }
  }
  return done;
}

Sighting look_in_file(const std::string& path) {
  Sighting one{.source = "file:" + path, .certificate = {}, .error = {}};
  try {
    one.certificate = first_of(read_regular_file(path));
  } catch (const Error& error) {
    one.error = error;
  }
  return one;
}

std::vector<Sighting> look_in_folder(const std::string& folder, Depth depth) {
  std::vector<std::string> paths;
  std::error_code failed;
  auto entry = fs::recursive_directory_iterator(folder, failed);
  if (failed) throw system_error("read", folder, failed.value());
  for (; entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
    if (failed) throw system_error("read", folder, failed.value());
    if (entry->is_directory(failed) && (depth == Depth::one_folder || entry.depth() >= deepest))
      entry.disable_recursion_pending();
    if (entry->is_regular_file(failed) && may_be_certificate(entry->path())) paths.push_back(entry->path().string());
  }
  std::ranges::sort(paths);
  std::vector<Sighting> found;
  for (const auto& path : paths) take_file(path, found);
  return found;
}

Sighting look_at_server(const std::string& place, Duration timeout) {
  Sighting one{.source = "tls:" + lower(place), .certificate = {}, .error = {}};
  try {
    one.certificate = first_of(http::shown_by(place, timeout));
  } catch (const Error& error) {
    if (error.kind() == Kind::usage || error.code() == Code::interrupted) throw;
    one.error = error;
  }
  return one;
}

std::vector<Sighting> look_in_ca(Workbench& bench) {
  auto* books = bench.authority.books();
  if (!books) throw Error(Code::usage, "all that this CA signed is in the inventory", "ymgr cert list");
  std::set<std::string> known;
  bench.db.run("SELECT serial_number FROM certificates", {}, [&](const sql::Row& row) { known.emplace(row.text(0)); });
  std::vector<std::string> serials;
  books->issued([&](const std::string& serial) {
    if (!known.contains(serial) && serials.size() <= most_places) serials.push_back(serial);
  });
  std::vector<Sighting> found;
  for (const auto& serial : serials) {
    auto record = books->read(serial);
    if (!record || record->revoked_at || record->certificate.is_ca || record->certificate.not_after < now()) continue;
    found.push_back({.source = "ca:" + serial, .certificate = std::move(record->certificate), .error = {}});
  }
  return found;
}

std::vector<Sighting> look_at(const std::string& word, const std::string& folder, Depth depth, Duration timeout) {
  throw_if_interrupted();
  const std::string path = fs::path(word.starts_with('/') ? word : folder + "/" + word).lexically_normal().string();
  if (is_folder(path)) return look_in_folder(path, depth);
  if (!exists(path) && is_server_word(word)) return {look_at_server(word, timeout)};
  return {look_in_file(path)};
}

std::vector<Sighting> look_by_list(std::string_view text, const std::string& folder, Duration timeout) {
  std::vector<std::string> places;
  for (const auto& line : split(text, '\n')) {
    std::string word(trim(line));
    if (word.empty() || word.starts_with('#')) continue;
    if (places.size() == most_places || !is_utf8(word) || word.find('\0') != std::string::npos)
      throw Error(Code::batch_invalid, "the list has more than 10,000 lines, or one that is no text",
                  "make it shorter");
    places.push_back(std::move(word));
  }
  std::vector<Sighting> found;
  for (const auto& place : places) {
    auto more = look_at(place, folder, Depth::one_folder, timeout);
    std::ranges::move(more, std::back_inserter(found));
  }
  return found;
}

TrackAnswer track(Workbench& bench, const std::vector<Sighting>& found, const TrackOptions& options) {
  bench.session.require(Right::issue);
  if (!options.owner.empty()) bench.session.require_touch(options.owner, "what " + options.owner + " is told of");
  if (options.place)  // what is watched already goes on, whatever becomes of the licence
    require_license(bench, found.empty() ? "" : found.front().source, options.dry_run ? DryRun::yes : DryRun::no);
  save_place(bench, found, options);
  TrackAnswer answer;
  bench.db.transaction(sql::Access::write, [&] {
    answer = {};
    std::vector<audit::Event> events;
    for (const auto& one : found) take(bench, one, options, answer, events);
    answer.changed = !events.empty();
    if (!events.empty()) audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
  });
  answer.exit = batch_exit(answer.exits);
  return answer;
}

TrackedRow untrack(Workbench& bench, const std::string& argument, Rehearsal rehearsal) {
  bench.session.require(Right::issue);
  TrackedRow row;
  bench.db.transaction(sql::Access::write, [&] {
    row = tracked::resolve(bench.db, argument);
    bench.session.require_touch(row.owner, "the watch over " + row.name);
    if (rehearsal == Rehearsal::yes) return;
    row.status = "untracked";
    tracked::end(bench.db, row.track_id, row.status, now());
    audit::append(bench.db, bench.session.identity().user, {event_of("cert.untracked", row)}, bench.head_signer);
  });
  return row;
}

}  // namespace ymgr
