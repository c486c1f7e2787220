#include "session/agent_session.hpp"

#include <doctest/doctest.h>

#include "base/files.hpp"
#include "session/identity.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

TEST_CASE("the file of an agent session is read back as it was written, and nothing else is") {
  const AgentFile file{"0123", {Secret("bearer"), Der{"key"}, from_seconds(1795354916)}};
  const Secret text = format_agent_file(file);
  const auto read = parse_agent_file(text.reveal());
  REQUIRE(read);
  CHECK(read->session_id == "0123");
  CHECK(read->session.secret.reveal() == "bearer");
  CHECK(read->session.public_key == Der{"key"});
  CHECK(read->session.expires_at == from_seconds(1795354916));
  const char* const bad[] = {
      "",
      "ymgr-agent-session 2\nid\n1\na2V5\nbearer\n",
      "ymgr-agent-session 1\nid\n1\na2V5\n",
      "ymgr-agent-session 1\nid\n1\na2V5\nbearer\nmore\n",
      "ymgr-agent-session 1\nid\n-1\na2V5\nbearer\n",
      "ymgr-agent-session 1\nid\n99999999999999\na2V5\nbearer\n",
      "ymgr-agent-session 1\nid\n1\n!\nbearer\n",
      "ymgr-agent-session 1\nid\n1\na2V5\nbea rer\n",
      "ymgr-agent-session 1\nid\n1\na2V5\n\n",
  };
  for (const char* text_of : bad) {
    CAPTURE(text_of);
    CHECK(!parse_agent_file(text_of));
  }
}

TEST_CASE("published keys leave another issuer's file alone") {
  const TemporaryFolder folder("ymgr-keys");
  const std::string place = folder.path() + "/a/ymgr", first = place + "/token-keys.json";
  const auto issuer = [](const char* name) {
    const auto keys = make_signing_keys();
    return agent::TokenIssuer{name, "ymgr-agent", {{"kid", agent::TokenAlgorithm::eddsa, keys.public_key}}};
  };
  const auto one = issuer("one"), two = issuer("two"), one_again = issuer("one");
  publish_token_keys(place, one, "p1");
  publish_token_keys(place, two, "p2");
  CHECK(agent::parse_token_keys(read_file(first)).issuer == "one");
  CHECK(agent::parse_token_keys(read_file(place + "/token-keys.d/p2.json")).issuer == "two");
  publish_token_keys(place, one_again, "p1");
  CHECK(agent::parse_token_keys(read_file(first)).keys.front().bytes == one_again.keys.front().bytes);
  write_file(first, "{}");
  publish_token_keys(place, one, "p1");
  CHECK(read_file(first) == "{}");
  CHECK(agent::parse_token_keys(read_file(place + "/token-keys.d/p1.json")).issuer == "one");
}

}  // namespace
