// GET DATA, PUT DATA, and certificates as SP 800-73-4 part 1, table 10 to 12, keeps them.
#include "agentd/piv/card_state.hpp"
#include "agentd/piv/certificate_object.hpp"

namespace ymgr::piv {
namespace {

constexpr unsigned name_tag = 0x5C, data_tag = 0x53;
constexpr std::uint8_t address_high = 0x3F, address_low = 0xFF;
constexpr std::size_t largest_certificate = 3052;

std::string name_of(unsigned id) {
  return tlv(name_tag, std::string{static_cast<char>(id >> 16U), static_cast<char>(id >> 8U & 0xFFU),
                                   static_cast<char>(id & 0xFFU)});
}

}  // namespace

unsigned certificate_object(Slot slot) {
  switch (slot) {
    case Slot::authentication: return 0x5FC105;
    case Slot::signature: return 0x5FC10A;
    case Slot::key_management: return 0x5FC10B;
    case Slot::card_authentication: return 0x5FC101;
    case Slot::attestation: return 0x5FFF01;
    default: return 0x5FC10D + static_cast<unsigned>(slot) - static_cast<unsigned>(Slot::first_retired);
  }
}

std::string_view object_value(const Answer& answer) {
  return only(answer.data, data_tag);
}

std::optional<Answer> Card::State::get_object(unsigned id) {
  Answer answer = send({Ins::get_data, address_high, address_low, name_of(id)});
  if (answer.status == not_found) return std::nullopt;
  if (answer.status == not_satisfied) throw Error(Code::pin_required, name() + " opens that object only after its PIN");
  if (!answer.ok()) throw refused(Ins::get_data, answer.status);
  if (object_value(answer).empty()) return std::nullopt;
  return answer;
}

void Card::State::put_object(unsigned id, const Secret& data) {
  const std::string name = name_of(id);
  const Secret element = secret_tlv(data_tag, data);
  Secret both(name.size() + element.size());
  const auto rest = std::copy(name.begin(), name.end(), both.fill().begin());
  std::copy(element.reveal().begin(), element.reveal().end(), rest);
  need({Ins::put_data, address_high, address_low, both.reveal()});
}

void Card::State::put_object(unsigned id, std::string_view data) {
  need({Ins::put_data, address_high, address_low, name_of(id) + tlv(data_tag, data)});
}

std::optional<Der> Card::read_certificate(Slot slot) {
  const auto object = state_->get_object(certificate_object(slot));
  if (!object) return std::nullopt;
  return read_certificate_object(object_value(*object));
}

void Card::write_certificate(Slot slot, const Der& certificate) {
  if (certificate.bytes.empty() || certificate.bytes.size() > largest_certificate) {
    throw Error(Code::device_refused, "a certificate of " + std::to_string(certificate.bytes.size()) +
                                          " bytes does not fit into a slot: at most " +
                                          std::to_string(largest_certificate));
  }
  state_->put_object(certificate_object(slot), make_certificate_object(certificate));
  if (read_certificate(slot) != certificate) {
    throw Error(Code::device_failed, state_->name() + " did not keep the certificate in slot " + to_string(slot));
  }
}

void Card::delete_certificate(Slot slot) {
  state_->put_object(certificate_object(slot), std::string_view());
}

Der Card::attestation_certificate() {
  auto certificate = read_certificate(Slot::attestation);
  if (!certificate) throw Error(Code::device_failed, state_->name() + " has no attestation certificate");
  return std::move(*certificate);
}

}  // namespace ymgr::piv
