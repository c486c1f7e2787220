// Commands and answers of ISO 7816-4, short form: long commands go in a chain of pieces, long answers come in pieces.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace ymgr::piv {

enum class Ins : std::uint8_t {
  verify = 0x20,
  change_reference = 0x24,
  reset_retry = 0x2C,
  generate = 0x47,
  authenticate = 0x87,
  select = 0xA4,
  get_response = 0xC0,
  get_data = 0xCB,
  put_data = 0xDB,
  move_key = 0xF6,
  metadata = 0xF7,
  serial = 0xF8,
  attest = 0xF9,
  set_retries = 0xFA,
  reset = 0xFB,
  version = 0xFD,
  set_management_key = 0xFF,
  read_config = 0x1D,  // of the management application
};
/// "VERIFY", for messages.
std::string_view to_string(Ins ins) noexcept;

struct Command {
  Ins ins;
  std::uint8_t p1 = 0, p2 = 0;
  std::string_view data = {};  // its owner clears it
};

/// Data is cleared when it dies: some answers hold a management key.
struct Answer {
  std::string data;
  std::uint16_t status = 0;
  Answer() = default;
  Answer(Answer&&) noexcept;
  Answer& operator=(Answer&&) = delete;
  ~Answer();
  bool ok() const noexcept { return status == 0x9000; }
};

/// One command APDU on its way and the answer to it, cleared when it dies.
struct Exchange {
  std::array<unsigned char, 5 + 255> command{};
  std::size_t command_size = 0;
  std::array<unsigned char, 256 + 2> answer{};
  std::size_t answer_size = 0;
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();
};

/// Writes the piece of `command` that begins at `offset` of its data (CLA 10 when more follow) and gives the offset of the next one.
std::size_t write_piece(const Command& command, std::size_t offset, Exchange& exchange) noexcept;

/// Sends one piece and fills in the answer.
using Transmit = std::function<void(Exchange&)>;
/// All of it: pieces out, GET RESPONSE while the card says 61xx.
/// @throws Error device-failed: an answer without status word, of more than 8 KiB or of more than 64 pieces; what `transmit` throws
Answer run(const Command& command, const Transmit& transmit);

}  // namespace ymgr::piv
