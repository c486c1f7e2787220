#include "agentd/piv/apdu.hpp"

#include <deque>

#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

/// A card that gives the answers it was told, and keeps what it was sent, both in hex.
struct Script {
  std::deque<std::string> answers;
  std::vector<std::string> sent;

  Answer run(const Command& command) {
    return piv::run(command, [&](Exchange& exchange) {
      sent.push_back(to_hex({reinterpret_cast<const char*>(exchange.command.data()), exchange.command_size}));
      REQUIRE_FALSE(answers.empty());
      const std::string answer = from_hex(answers.front()).value();
      if (answers.size() > 1) answers.pop_front();  // the last one for ever
      std::copy(answer.begin(), answer.end(), exchange.answer.begin());
      exchange.answer_size = answer.size();
    });
  }
};

}  // namespace

TEST_CASE("a short command is one piece") {
  Script card{{"0504039000"}, {}};
  const Answer answer = card.run({Ins::version});
  CHECK(card.sent == std::vector<std::string>{"00fd000000"});
  CHECK(to_hex(answer.data) == "050403");
  CHECK(answer.ok());
}

TEST_CASE("a long command goes in pieces of 255 bytes") {
  Script card{{"9000"}, {}};
  for (const std::size_t size : {1U, 255U, 256U, 510U, 511U, 3061U}) {
    card.sent.clear();
    CHECK(card.run({Ins::put_data, 0x3F, 0xFF, std::string(size, 'x')}).ok());
    std::size_t total = 0;
    for (std::size_t i = 0; i < card.sent.size(); ++i) {
      CAPTURE(card.sent[i].substr(0, 10));
      CHECK(card.sent[i].starts_with(i + 1 == card.sent.size() ? "00db3fff" : "10db3fff"));
      total += card.sent[i].size() / 2 - 5;
    }
    CHECK(total == size);
    CHECK(card.sent.size() == (size + 254) / 255);
  }
}

TEST_CASE("a chain ends where the card refuses a piece") {
  Script card{{"9000", "6a84"}, {}};
  CHECK(card.run({Ins::put_data, 0x3F, 0xFF, std::string(1000, 'x')}).status == 0x6A84);
  CHECK(card.sent.size() == 2);
}

TEST_CASE("a long answer is fetched piece by piece") {
  Script card{{"aabb6102", "ccdd6101", "ee9000"}, {}};
  const Answer answer = card.run({Ins::attest, 0x9A});
  CHECK(card.sent == std::vector<std::string>{"00f99a0000", "00c0000000", "00c0000000"});
  CHECK(to_hex(answer.data) == "aabbccddee");
  CHECK(answer.ok());
}

TEST_CASE("an answer without status word or without end is refused") {
  const std::string whole = to_hex(std::string(256, 'x')) + "6100";
  for (const std::string& answer : {std::string(), std::string("90"), std::string("6100"), whole}) {
    CAPTURE(answer.substr(0, 8));
    Script card{{answer}, {}};
    CHECK_CODE(card.run({Ins::version}), Code::device_failed);
    CHECK(card.sent.size() <= 65);
  }
}
