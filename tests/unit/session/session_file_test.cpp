#include "session/session_file.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

namespace {
using namespace ymgr;

const std::string id(32, 'a'), secret = to_base64(std::string(32, 's'));
const std::string whole = "ymgr-session 1\nid " + id + "\nsecret " + secret + "\nprofile main\n";

TEST_CASE("a session file is read as it was written") {
  const SessionFile file{id, Secret(std::string(32, 's')), "main"};
  const Secret text = format_session_file(file);
  CHECK(std::string(text.reveal()) == whole);
  const auto read = parse_session_file(text.reveal());
  REQUIRE(read);
  CHECK(read->session_id == file.session_id);
  CHECK(read->secret.reveal() == file.secret.reveal());
  CHECK(read->profile_id == file.profile_id);
}

TEST_CASE("the last line may lack its end") {
  CHECK(parse_session_file(std::string_view(whole).substr(0, whole.size() - 1)));
}

TEST_CASE("anything else is not a session file") {
  const std::string short_secret = to_base64(std::string(31, 's'));
  const std::string rows[] = {
      "",
      "\n",
      "ymgr-session 1",
      "ymgr-session 2\nid " + id + "\nsecret " + secret + "\nprofile main\n",
      whole + "\n",
      whole + "more",
      "ymgr-session 1\nid " + id.substr(1) + "\nsecret " + secret + "\nprofile main\n",
      "ymgr-session 1\nid " + std::string(32, 'A') + "\nsecret " + secret + "\nprofile main\n",
      "ymgr-session 1\nid " + id + "\nsecret " + short_secret + "\nprofile main\n",
      "ymgr-session 1\nid " + id + "\nsecret !" + secret.substr(1) + "\nprofile main\n",
      "ymgr-session 1\nid " + id + "\nsecret " + secret + "\nprofile ../main\n",
      "ymgr-session 1\nid " + id + "\nsecret " + secret + "\nprofile \n",
      "ymgr-session 1\nid" + id + "\nsecret " + secret + "\nprofile main\n",
      "ymgr-session 1\nsecret " + secret + "\nid " + id + "\nprofile main\n",
      "ymgr-session 1\r\nid " + id + "\r\nsecret " + secret + "\r\nprofile main\r\n",
  };
  for (const auto& text : rows) {
    CAPTURE(text);
    CHECK_FALSE(parse_session_file(text));
  }
}

TEST_CASE("a profile id can name a file of one folder") {
  struct Row {
    const char* text;
    bool want;
  };
  const Row rows[] = {{"main", true},     {"profile-20250118143215-7f3a91c04be2", true},
                      {"A_1.b", true},    {"", false},
                      {".hidden", false}, {"..", false},
                      {"a/b", false},     {"a b", false},
                      {"ü", false}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(is_profile_id(row.text) == row.want);
  }
  CHECK(is_profile_id(std::string(64, 'x')));
  CHECK_FALSE(is_profile_id(std::string(65, 'x')));
}

}  // namespace
