#include "virtual_yubikey/iso7816.hpp"

#include <algorithm>

namespace virtual_yubikey {
namespace {

constexpr Byte chained = 0x10;
constexpr Byte get_response = 0xC0;
constexpr std::size_t most_data = 3072;  // the command buffer of a YubiKey

std::size_t length_at(View apdu, std::size_t at) {
  return static_cast<std::size_t>(apdu[at]) << 8 | apdu[at + 1];
}

bool parse_short(View apdu, Command& command) {
  const std::size_t length = apdu[4];
  const auto le = [&](Byte byte) { command.expected = byte == 0 ? 256 : byte; };
  if (apdu.size() == 5) {
    le(apdu[4]);
    return true;
  }
  if (length == 0 || (apdu.size() != 5 + length && apdu.size() != 6 + length)) return false;
  command.data.assign(apdu.begin() + 5, apdu.begin() + 5 + static_cast<std::ptrdiff_t>(length));
  if (apdu.size() == 6 + length) le(apdu.back());
  return true;
}

bool parse_extended(View apdu, Command& command) {
  const std::size_t length = length_at(apdu, 5);
  const auto le = [&](std::size_t value) { command.expected = value == 0 ? 65536 : value; };
  command.extended = true;
  command.expected = 65536;
  if (apdu.size() == 7) {
    le(length);
    return true;
  }
  if (length == 0 || (apdu.size() != 7 + length && apdu.size() != 9 + length)) return false;
  command.data.assign(apdu.begin() + 7, apdu.begin() + 7 + static_cast<std::ptrdiff_t>(length));
  if (apdu.size() == 9 + length) le(length_at(apdu, 7 + length));
  return true;
}

Bytes with_status(Bytes data, unsigned status) {
  append(data, number(status, 2));
  return data;
}

Bytes with_status(Bytes data, Status status) {
  return with_status(std::move(data), static_cast<unsigned>(status));
}

}  // namespace

std::optional<Command> parse_command(View apdu) {
  if (apdu.size() < 4) return std::nullopt;
  Command command{.cla = apdu[0], .ins = apdu[1], .p1 = apdu[2], .p2 = apdu[3], .data = {}};
  if (apdu.size() == 4) return command;
  const bool fits = apdu[4] == 0 && apdu.size() >= 7 ? parse_extended(apdu, command) : parse_short(apdu, command);
  if (!fits) return std::nullopt;
  return command;
}

Bytes Iso7816::answer(View apdu) {
  auto command = parse_command(apdu);
  if (!command) return with_status({}, Status::wrong_length);
  if ((command->cla & ~chained) != 0) return with_status({}, Status::unknown_class);
  if (command->ins == get_response) {
    if (left_.empty()) return with_status({}, Status::conditions);
    return next_piece(command->expected);
  }
  left_.clear();
  try {
    if (!collect(*command)) return with_status({}, Status::ok);
    return run(*command);
  } catch (const Refusal& refusal) {
    chain_.reset();
    return with_status({}, refusal.status);
  }
}

/// Whether `command` is whole now.
bool Iso7816::collect(Command& command) {
  const auto same = [&] { return chain_->ins == command.ins && chain_->p1 == command.p1 && chain_->p2 == command.p2; };
  if (chain_ && !same()) chain_.reset();  // another command in between drops the chain
  if (chain_) {
    append(chain_->data, command.data);
    command.data = std::move(chain_->data);
    chain_.reset();
  }
  require(command.data.size() <= most_data, Status::wrong_length);
  if ((command.cla & chained) == 0) return true;
  chain_ = command;
  return false;
}

Bytes Iso7816::run(const Command& command) {
  Bytes data = application_(command);
  if (data.size() <= command.expected) return with_status(std::move(data), Status::ok);
  left_ = std::move(data);
  return next_piece(command.expected);
}

Bytes Iso7816::next_piece(std::size_t most) {
  const auto size = static_cast<std::ptrdiff_t>(std::min(most, left_.size()));
  Bytes piece(left_.begin(), left_.begin() + size);
  left_.erase(left_.begin(), left_.begin() + size);
  if (left_.empty()) return with_status(std::move(piece), Status::ok);
  const auto left = left_.size() > 255 ? 0U : static_cast<unsigned>(left_.size());
  return with_status(std::move(piece), static_cast<unsigned>(Status::more) | left);
}

void Iso7816::reset() {
  chain_.reset();
  left_.clear();
}

}  // namespace virtual_yubikey
