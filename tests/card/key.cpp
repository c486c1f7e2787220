#include "card/key.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

namespace ymgr::piv {
namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  REQUIRE_MESSAGE(value != nullptr, "tests/e2e/test_card.py runs this program");
  return value;
}

}  // namespace

std::string reader() {
  return setting("YMGR_CARD_READER");
}

Firmware firmware() {
  Firmware version;
  REQUIRE(std::sscanf(setting("YMGR_CARD_FIRMWARE").c_str(), "%d.%d.%d", &version.major, &version.minor,
                      &version.patch) == 3);
  return version;
}

Json control(const std::string& line) {
  const int connection = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  setting("YMGR_CARD_CONTROL").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const std::string command = line + '\n';
  REQUIRE(write(connection, command.data(), command.size()) == static_cast<ssize_t>(command.size()));
  std::string answer;
  for (char buffer[4096]; !answer.ends_with('\n');) {
    const ssize_t size = read(connection, buffer, sizeof buffer);
    REQUIRE(size > 0);
    answer.append(buffer, static_cast<std::size_t>(size));
  }
  close(connection);
  Json document = parse_json(answer);
  REQUIRE_MESSAGE(document.at("ok").boolean(), line << ": " << answer);
  return document;
}

std::size_t compared() {
  std::size_t count = 0;
  const Json answer = control("trace");
  for (const Json& line : answer.at("trace").items()) {
    const std::string& text = line.text();
    const std::string ins = text.substr(2, 2);
    if ((ins == "20" || ins == "24" || ins == "2c") && text.substr(8, 2) != "00" && text[8] != ' ') ++count;
  }
  return count;
}

std::size_t sent(Ins ins) {
  std::size_t count = 0;
  const Json answer = control("trace");
  for (const Json& line : answer.at("trace").items()) {
    if (std::stoul(line.text().substr(2, 2), nullptr, 16) == static_cast<unsigned long>(ins)) ++count;
  }
  return count;
}

void plug_in() {
  control("plug");
  for (int i = 0; i < 1000 && code_of([] { open_card(); }); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE_FALSE(code_of([] { open_card(); }));
}

}  // namespace ymgr::piv
