// VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER, SET PIN RETRIES, RESET.
#include <algorithm>

#include "agentd/piv/card_state.hpp"

namespace ymgr::piv {
namespace {

constexpr std::size_t shortest = 6, padded_size = 8;

void check_length(const Secret& value, const char* what) {
  if (value.size() >= shortest && value.size() <= padded_size) return;
  throw Error(Code::pin_unusable, std::string("a ") + what + " has 6 to 8 characters");
}

/// Each of them in 8 bytes, filled up with FF.
Secret padded(const Secret& first, const Secret* second = nullptr) {
  Secret out((second == nullptr ? 1 : 2) * padded_size);
  std::fill(out.fill().begin(), out.fill().end(), '\xFF');
  std::copy(first.reveal().begin(), first.reveal().end(), out.fill().begin());
  if (second != nullptr) std::copy(second->reveal().begin(), second->reveal().end(), out.fill().begin() + padded_size);
  return out;
}

constexpr std::uint8_t piv_capability = 0x10;

}  // namespace

void Card::State::compare(const Command& command, Compared what) {
  const Answer answer = send(command);
  if (answer.ok()) return;
  const bool pin = what == Compared::pin;
  const std::string which = pin ? "PIN" : "PUK";
  const int left = answer.status >> 4U == 0x63C ? answer.status & 0xF : -1;
  if (answer.status == blocked || left == 0) {
    throw Error(pin ? Code::pin_blocked : Code::puk_blocked, "the " + which + " of " + name() + " is blocked", {},
                {{"tries_left", "0"}});
  }
  if (left > 0) {
    throw Error(
        pin ? Code::wrong_pin : Code::wrong_puk,
        "wrong " + which + " for " + name() + ": " + std::to_string(left) + (left == 1 ? " try" : " tries") + " left",
        {}, {{"tries_left", std::to_string(left)}});
  }
  if (answer.status == not_allowed) {
    throw Error(Code::device_refused, name() + " does not take the new value: too simple for its PIN complexity rule",
                "choose one that is not a row, a repetition or a common word");
  }
  throw refused(command.ins, answer.status);
}

bool Card::State::pin_verified() {
  return send({Ins::verify, 0, pin_reference}).ok();
}

void Card::verify_pin(const Secret& pin) {
  check_length(pin, "PIN");
  state_->connection.reset_at_end();
  state_->compare({Ins::verify, 0, pin_reference, padded(pin).reveal()}, State::Compared::pin);
}

void Card::change_pin(const Secret& old_pin, const Secret& new_pin) {
  check_length(old_pin, "PIN");
  check_length(new_pin, "PIN");
  state_->connection.reset_at_end();
  state_->compare({Ins::change_reference, 0, pin_reference, padded(old_pin, &new_pin).reveal()}, State::Compared::pin);
}

void Card::change_puk(const Secret& old_puk, const Secret& new_puk) {
  check_length(old_puk, "PUK");
  check_length(new_puk, "PUK");
  state_->compare({Ins::change_reference, 0, puk_reference, padded(old_puk, &new_puk).reveal()}, State::Compared::puk);
}

void Card::unblock_pin(const Secret& puk, const Secret& new_pin) {
  check_length(puk, "PUK");
  check_length(new_pin, "PIN");
  state_->connection.reset_at_end();
  state_->compare({Ins::reset_retry, 0, pin_reference, padded(puk, &new_pin).reveal()}, State::Compared::puk);
}

void Card::set_retries(int pin_tries, int puk_tries) {
  for (const int tries : {pin_tries, puk_tries}) {
    if (tries < 1 || tries > 255) throw Error(Code::usage, "a number of tries is 1 to 255");
  }
  state_->need({Ins::set_retries, static_cast<std::uint8_t>(pin_tries), static_cast<std::uint8_t>(puk_tries)});
}

std::optional<std::string> Card::why_no_reset() {
  const std::string config = state_->read_config();
  const auto held = find(read_tlvs(config), 0x18);
  if (held && !held->empty() && (static_cast<unsigned char>(held->back()) & piv_capability) != 0) {
    return "the reset of its PIV application is blocked by configuration";
  }
  if (state_->firmware < metadata_since) return std::nullopt;
  Answer holder;
  const auto bio = state_->metadata(bio_reference, holder);
  const auto configured = bio ? find(*bio, 0x07) : std::nullopt;
  if (configured && !configured->empty() && configured->front() != 0) {
    return "a fingerprint is enrolled: only a reset of the whole key removes it";
  }
  return std::nullopt;
}

void Card::reset() {
  if (const auto why = why_no_reset()) throw Error(Code::device_refused, state_->name() + " can't be reset: " + *why);
  constexpr int most_tries = 256;
  const Secret nothing;  // eight times FF is no PIN that anybody can have
  const Secret one = padded(nothing), two = padded(nothing, &nothing);
  for (const Command& command : {Command{Ins::verify, 0, pin_reference, one.reveal()},
                                 Command{Ins::reset_retry, 0, pin_reference, two.reveal()}}) {
    int tries = 0;
    unsigned status = 0;
    do {
      status = state_->send(command).status;
    } while (status >> 4U == 0x63C && ++tries < most_tries);
    if (status != blocked) throw state_->refused(command.ins, status);
  }
  state_->need({Ins::reset});
}

}  // namespace ymgr::piv
