#include "base/ids.hpp"

#include <doctest/doctest.h>

using namespace ymgr;

TEST_CASE("new ids sort by time, differ, and are recognized by their kind") {
  const std::string id = new_id("cert", parse_time("2025-01-18T14:32:15Z"));
  CHECK(id.starts_with("cert-20250118143215-"));
  CHECK(id.size() == 32);
  CHECK(is_id("cert", id));
  CHECK_FALSE(is_id("op", id));
  CHECK(id != new_id("cert", parse_time("2025-01-18T14:32:15Z")));
  CHECK(id < new_id("cert", parse_time("2025-01-18T14:32:16Z")));
}

TEST_CASE("a request id and its resume id are two names of one thing") {
  CHECK(resume_id("req-20250118143215-7f3a91c04be2") == "resume-20250118143215-7f3a91c04be2");
  CHECK(request_id("resume-20250118143215-7f3a91c04be2") == "req-20250118143215-7f3a91c04be2");
  CHECK(request_id("req-20250118143215-7f3a91c04be2") == "req-20250118143215-7f3a91c04be2");
  CHECK(resume_id("build-77") == "build-77");
  CHECK(request_id("resume-soon") == "resume-soon");
}

TEST_CASE("is_id knows generated ids of each kind and given ids of requests") {
  struct Row {
    const char *kind, *text;
    bool want;
  };
  const std::string longest(64, 'a'), too_long(65, 'a');
  const Row rows[] = {{"cert", "cert-20250118143215-7f3a91c04be2", true},
                      {"cert", "cert-20250118143215-7F3A91C04BE2", false},
                      {"cert", "cert-2025011814321-7f3a91c04be22", false},
                      {"cert", "cert-20250118143215-7f3a91c04be", false},
                      {"cert", "cert-20250118143215-7f3a91c04be2x", false},
                      {"cert", "cert_20250118143215_7f3a91c04be2", false},
                      {"cert", "anything", false},
                      {"cert", "", false},
                      {"req", "req-20250118143215-7f3a91c04be2", true},
                      {"req", "Build.77_a-b", true},
                      {"req", longest.c_str(), true},
                      {"req", too_long.c_str(), false},
                      {"req", "", false},
                      {"req", "../etc", false},
                      {"req", ".hidden", false},
                      {"req", "-flag", false},
                      {"req", "a b", false},
                      {"req", "a/b", false}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(is_id(row.kind, row.text) == row.want);
  }
}
