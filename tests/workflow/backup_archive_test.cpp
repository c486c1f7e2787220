#include "workflow/backup_archive.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

backup::Manifest sample() {
  return {"profile-20260101000000-0123456789ab",
          "alice",
          "host",
          "0.1.0",
          parse_time("2026-01-01T00:00:00Z"),
          {{"ymgr.db", 4096, "0600"}, {"policy.yaml", 12, "0600"}, {"ca/ca.pem", 7, "0644"}}};
}

std::string with(const std::string& member, Json value) {
  Json json = parse_json(backup::format_manifest(sample()));
  json.set(member, std::move(value));
  return dump_json(json);
}

std::string with_file(const std::string& name, std::int64_t size = 1, const std::string& mode = "0600") {
  auto manifest = sample();
  manifest.files.push_back({name, size, mode});
  return backup::format_manifest(manifest);
}

}  // namespace

TEST_CASE("a backup's list of files is read as it was written") {
  const auto manifest = backup::parse_manifest(backup::format_manifest(sample()));
  CHECK(manifest.profile_id == sample().profile_id);
  CHECK(manifest.created_by == "alice");
  CHECK(manifest.host == "host");
  CHECK(manifest.version == "0.1.0");
  CHECK(manifest.created_at == sample().created_at);
  REQUIRE(manifest.files.size() == 3);
  CHECK(manifest.files[2].name == "ca/ca.pem");
  CHECK(manifest.files[2].size == 7);
  CHECK(manifest.files[2].mode == "0644");
}

TEST_CASE("a backup may hold the CA's files and installation files") {
  for (const char* name :
       {"ca/crl-number", "ca/ocsp.key", "install.d/www.example.com.yaml", "install.d/a%20@b_c.yaml"}) {
    CAPTURE(name);
    CHECK_NOTHROW(backup::parse_manifest(with_file(name)));
  }
}

TEST_CASE("files that stand anywhere else are refused") {
  for (const char* name : {"", "x", "/etc/passwd", "../x", "ca/../x", "ca/", "ca/.hidden", "ca/a/b", "ca/..",
                           "install.d", "install.d/a b", "session", "ymgr.db-wal", "ca/\u00fc", "CA/x"}) {
    CAPTURE(name);
    CHECK(code_of([&] { backup::parse_manifest(with_file(name)); }) == Code::backup_invalid);
  }
}

TEST_CASE("what can't be is refused") {
  struct Row {
    const char* why;
    std::string text;
  };
  auto no_policy = sample();
  no_policy.files.erase(no_policy.files.begin() + 1);
  auto no_database = sample();
  no_database.files.erase(no_database.files.begin());
  const Row rows[] = {{"nothing", ""},
                      {"no JSON", "{"},
                      {"an array", "[]"},
                      {"a newer format", with("format", 2)},
                      {"no profile", with("profile_id", Json())},
                      {"no time", with("created_at", "soon")},
                      {"no list", with("files", Json::object())},
                      {"twice", with_file("ymgr.db")},
                      {"a negative size", with_file("ca/x", -1)},
                      {"a mode for everybody", with_file("ca/x", 1, "0666")},
                      {"no policy", backup::format_manifest(no_policy)},
                      {"no database", backup::format_manifest(no_database)}};
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK(code_of([&] { backup::parse_manifest(row.text); }) == Code::backup_invalid);
  }
}
