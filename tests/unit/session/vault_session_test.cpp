#include <doctest/doctest.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "session/session_vault.hpp"

namespace {
using namespace ymgr;

const std::string id(32, 'a'), entity = "0b5c1a52-1111-2222-3333-444455556666";

VaultSessionFile example() {
  VaultSessionFile file{id, "team-1", {}};
  file.login.token.secret = Secret("s.token");
  file.login.token.entity_id = entity;
  file.login.token.term = {.began = from_seconds(100), .expires_at = from_seconds(28'900), .renewable = true};
  file.login.database = {"u-" + entity + ".x1", Secret("pass word"), {"database/creds/u/1", {}}};
  file.login.database.lease.term = {.began = from_seconds(101), .expires_at = {}, .renewable = false};
  return file;
}

const std::string whole = "ymgr-vault-session 1\nid " + id + "\nprofile team-1\nentity " + entity + "\ntoken " +
                          to_base64("s.token") + "\ntoken-term 100 28900 1\ntoken-is own\nlogin u-" + entity +
                          ".x1\npassword " + to_base64("pass word") +
                          "\nlease database/creds/u/1\nlease-term 101 0 0\n";

TEST_CASE("a team's session file is read as it was written") {
  const Secret text = format_vault_session(example());
  CHECK(std::string(text.reveal()) == whole);
  const auto read = parse_vault_session(text.reveal());
  REQUIRE(read);
  CHECK(read->session_id == id);
  CHECK(read->profile_id == "team-1");
  CHECK(read->login.token.secret.reveal() == "s.token");
  CHECK(read->login.token.entity_id == entity);
  CHECK(to_seconds(*read->login.token.term.expires_at) == 28'900);
  CHECK(read->login.token.term.renewable);
  CHECK(read->login.database.username == "u-" + entity + ".x1");
  CHECK(read->login.database.password.reveal() == "pass word");
  CHECK(read->login.database.lease.id == "database/creds/u/1");
  CHECK_FALSE(read->login.database.lease.term.expires_at);
}

TEST_CASE("anything else is not a team's session file") {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text = whole;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string rows[] = {
      "",
      "ymgr-session 1\n",
      whole + "\n",
      whole.substr(0, whole.rfind("lease-term")),
      with("session 1", "session 2"),
      with(id, id.substr(1)),
      with("team-1", "../1"),
      with(entity, ""),
      with("token-term 100 28900 1", "token-term 100 28900"),
      with("token-term 100 28900 1", "token-term 100 28900 2"),
      with("token-term 100", "token-term -1"),
      with("28900", "253402300800"),
      with("token-is own", "token-is mine"),
      with("login u-", "login u "),
      with("password ", "password !"),
      with("database/creds/u/1", std::string(513, 'x')),
  };
  for (const auto& text : rows) {
    CAPTURE(text);
    CHECK_FALSE(parse_vault_session(text));
  }
}

TEST_CASE("a session's file is replaced and removed by that session alone") {
  const TemporaryFolder folder("ymgr-test");
  const SessionPlace place{folder.path(), "team-1"};
  const auto mine = example();
  auto newer = example();
  newer.session_id = std::string(32, 'b');
  session::write_vault_session(place, newer);  // another login took its place
  session::replace_vault_session(place, mine);
  session::remove_session_file(place, mine.session_id);
  CHECK(session::read_vault_session(place).session_id == newer.session_id);
  newer.login.database.username = "u-" + entity + ".x2";
  session::replace_vault_session(place, newer);
  CHECK(session::read_vault_session(place).login.database.username == newer.login.database.username);
  session::remove_session_file(place, newer.session_id);
  session::replace_vault_session(place, newer);  // a logout ended it
  CHECK(list_folder(folder.path()).empty());
}

}  // namespace
