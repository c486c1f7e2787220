#include "agentd/piv/apdu.hpp"

#include <string.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace ymgr::piv {
namespace {

constexpr std::size_t longest_piece = 255, longest_answer = 8UL * 1024, most_pieces = 64;
constexpr unsigned char chained = 0x10;

/// Appends the data of one answer to `answer`, and gives its status word.
void collect(const Exchange& exchange, Ins ins, Answer& answer) {
  const std::size_t size = exchange.answer_size;
  if (size < 2 || size > exchange.answer.size() || answer.data.size() + size - 2 > longest_answer) {
    throw Error(Code::device_failed,
                "the card's answer to " + std::string(to_string(ins)) + (size < 2 ? " is too short" : " is too long"));
  }
  answer.data.append(reinterpret_cast<const char*>(exchange.answer.data()), size - 2);
  answer.status = static_cast<std::uint16_t>(exchange.answer[size - 2] << 8U | exchange.answer[size - 1]);
}

}  // namespace

std::string_view to_string(Ins ins) noexcept {
  switch (ins) {
    case Ins::verify: return "VERIFY";
    case Ins::change_reference: return "CHANGE REFERENCE DATA";
    case Ins::reset_retry: return "RESET RETRY COUNTER";
    case Ins::generate: return "GENERATE";
    case Ins::authenticate: return "GENERAL AUTHENTICATE";
    case Ins::select: return "SELECT";
    case Ins::get_response: return "GET RESPONSE";
    case Ins::get_data: return "GET DATA";
    case Ins::put_data: return "PUT DATA";
    case Ins::move_key: return "MOVE KEY";
    case Ins::metadata: return "GET METADATA";
    case Ins::serial: return "GET SERIAL";
    case Ins::attest: return "ATTEST";
    case Ins::set_retries: return "SET PIN RETRIES";
    case Ins::reset: return "RESET";
    case Ins::version: return "GET VERSION";
    case Ins::set_management_key: return "SET MANAGEMENT KEY";
    case Ins::read_config: return "READ CONFIG";
  }
  return "a command";
}

Answer::Answer(Answer&& other) noexcept : data(std::move(other.data)), status(other.status) {
  other.data.clear();
}

Answer::~Answer() {
  data.resize(data.capacity());
  explicit_bzero(data.data(), data.size());
}

Exchange::~Exchange() {
  explicit_bzero(command.data(), command.size());
  explicit_bzero(answer.data(), answer.size());
}

std::size_t write_piece(const Command& command, std::size_t offset, Exchange& exchange) noexcept {
  const std::size_t size = std::min(command.data.size() - offset, longest_piece);
  const bool last = offset + size == command.data.size();
  exchange.command[0] = last ? 0 : chained;
  exchange.command[1] = static_cast<unsigned char>(command.ins);
  exchange.command[2] = command.p1;
  exchange.command[3] = command.p2;
  exchange.command[4] = static_cast<unsigned char>(size);
  if (size != 0) std::memcpy(exchange.command.data() + 5, command.data.data() + offset, size);
  exchange.command_size = 5 + size;
  return offset + size;
}

Answer run(const Command& command, const Transmit& transmit) {
  Answer answer;
  answer.data.reserve(longest_answer);  // never moved, so nothing stays behind
  Exchange exchange;
  std::size_t sent = 0;
  do {
    sent = write_piece(command, sent, exchange);
    transmit(exchange);
    collect(exchange, command.ins, answer);
  } while (sent < command.data.size() && answer.ok());
  for (std::size_t pieces = 0; answer.status >> 8U == 0x61; ++pieces) {
    if (pieces == most_pieces) throw Error(Code::device_failed, "the card's answer has no end");
    write_piece({Ins::get_response}, 0, exchange);
    transmit(exchange);
    collect(exchange, command.ins, answer);
  }
  return answer;
}

}  // namespace ymgr::piv
