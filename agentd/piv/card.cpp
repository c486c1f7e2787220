#include "agentd/piv/card.hpp"

#include "agentd/piv/card_state.hpp"

namespace ymgr::piv {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view piv_application = "\xA0\x00\x00\x03\x08"sv,
                           management_application = "\xA0\x00\x00\x05\x27\x47\x11\x17"sv;
constexpr std::uint8_t by_name = 0x04;

unsigned number(std::string_view bytes) {
  unsigned value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
  return value;
}

int byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::string four_digits(unsigned status) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return {digits[status >> 12U & 0xFU], digits[status >> 8U & 0xFU], digits[status >> 4U & 0xFU],
          digits[status & 0xFU]};
}

std::string_view form_name(unsigned code) {
  constexpr std::string_view names[] = {"",           "usb-a-keychain", "usb-a-nano", "usb-c-keychain",
                                        "usb-c-nano", "lightning",      "usb-a-bio",  "usb-c-bio"};
  const unsigned shape = code & 0x0FU;
  return shape < std::size(names) ? names[shape] : std::string_view();
}

}  // namespace

Card::State::State(const std::string& reader, OpenOptions options)
    : connection(reader, options.busy_wait),
      patience{std::move(options.on_touch), std::move(options.on_touch_end), options.touch_after, options.touch_limit} {
  select_piv();
  const Answer version = need({Ins::version});
  if (version.data.size() != 3) throw Error(Code::device_failed, name() + " tells no version");
  firmware = {byte_at(version.data, 0), byte_at(version.data, 1), byte_at(version.data, 2)};
  if (firmware >= tells_serial_since) {
    const Answer answer = send({Ins::serial});
    if (answer.ok() && answer.data.size() == 4) serial = std::to_string(number(answer.data));
  } else {
    const std::string config = read_config();
    const auto told = find(read_tlvs(config), 0x02);
    if (told && told->size() == 4) serial = std::to_string(number(*told));
  }
}

std::string Card::State::name() const {
  return "the YubiKey " + (serial.empty() ? "in " + connection.reader() : serial);
}

void Card::State::select_piv() {
  if (!send({Ins::select, by_name, 0, piv_application}).ok()) {
    throw Error(Code::device_failed, name() + " has no PIV application",
                "switch it on with ykman config usb --enable PIV");
  }
}

std::string Card::State::read_config() {
  std::string config;
  if (send({Ins::select, by_name, 0, management_application}).ok()) {
    const Answer answer = send({Ins::read_config});
    const std::size_t size = answer.data.empty() ? 0 : static_cast<unsigned char>(answer.data[0]);
    if (answer.ok() && size < answer.data.size()) config = answer.data.substr(1, size);
  }
  select_piv();
  return config;
}

Answer Card::State::need(const Command& command) {
  Answer answer = send(command);
  if (!answer.ok()) throw refused(command.ins, answer.status);
  return answer;
}

Error Card::State::refused(Ins ins, unsigned status) const {
  const std::string what = name() + " refuses " + std::string(to_string(ins));
  switch (status) {
    case not_satisfied: return Error(Code::device_failed, what + ": it wants its PIN or management key first (6982)");
    case full:
      return Error(Code::device_refused, what + ": its memory is full (6A84)", "delete certificates that are not used");
    case not_allowed: return Error(Code::device_refused, what + ": its rules do not allow it (6985)");
    case unknown_ins:
      return Error(Code::device_unsupported, what + ": firmware " + to_string(firmware) + " does not know it (6D00)");
    default: break;
  }
  // 67xx to 6Fxx say that nothing was done; anything else is no word that a card has for it.
  const Outcome outcome = status >> 8U >= 0x67 && status >> 8U <= 0x6F ? Outcome::known : Outcome::unknown;
  return Error(Code::device_failed, what + " with status " + four_digits(status), {}, {}, outcome);
}

void Card::State::need_firmware(const Firmware& least, const std::string& what) const {
  if (firmware >= least) return;
  throw Error(Code::device_unsupported,
              name() + " has firmware " + to_string(firmware) + "; " + what + " needs " + to_string(least));
}

std::optional<std::vector<Element>> Card::State::metadata(std::uint8_t reference, Answer& holder) {
  Answer answer = send({Ins::metadata, 0, reference});
  if (answer.status == no_reference || (reference == bio_reference && answer.status == unknown_ins))
    return std::nullopt;
  if (!answer.ok()) throw refused(Ins::metadata, answer.status);
  holder.data.swap(answer.data);
  return read_tlvs(holder.data);
}

ManagementAlgorithm Card::State::management_algorithm() {
  if (firmware < metadata_since) return ManagementAlgorithm::tdes;
  Answer holder;
  const auto elements = metadata(management_reference, holder);
  const auto told = elements ? find(*elements, 0x01) : std::nullopt;
  const ManagementAlgorithm algorithm{static_cast<std::uint8_t>(told && told->size() == 1 ? told->front() : 0)};
  if (key_size(algorithm) == 0) {
    throw Error(Code::device_failed, name() + " has a management key of an unknown algorithm");
  }
  return algorithm;
}

Card::Card(std::unique_ptr<State> state) : state_(std::move(state)) {}
Card::Card(Card&&) noexcept = default;
Card& Card::operator=(Card&&) noexcept = default;
Card::~Card() = default;

Card Card::open(const std::string& reader, OpenOptions options) {
  return Card(std::make_unique<State>(reader, std::move(options)));
}

const Firmware& Card::firmware() const noexcept {
  return state_->firmware;
}
const std::string& Card::serial() const noexcept {
  return state_->serial;
}

namespace {

/// 80: FIPS; 0: it tells none.
unsigned form_code(std::string_view config) {
  const auto form = find(read_tlvs(config), 0x04);
  return form && form->size() == 1 ? number(*form) : 0;
}

/// Flags of ykman's administration data (5FFF00).
void add_administration(std::string_view object, DeviceInfo& info) {
  const auto elements = read_tlvs(only(object, 0x80));
  const unsigned flags = number(find(elements, 0x81).value_or("").substr(0, 1));
  info.puk_blocked_on_purpose = (flags & 0x01U) != 0;
  info.management_key_stored = (flags & 0x02U) != 0;
  info.management_key_derived = find(elements, 0x82).value_or("").size() == 16;
}

std::optional<bool> is_default(const std::vector<Element>& elements) {
  const auto told = find(elements, 0x05);
  if (!told || told->size() != 1) return std::nullopt;
  return told->front() != 0;
}

std::optional<Tries> tries(const std::vector<Element>& elements) {
  const auto told = find(elements, 0x06);
  if (!told || told->size() != 2) return std::nullopt;
  return Tries{byte_at(*told, 1), byte_at(*told, 0)};
}

std::optional<Tries> told_tries(Card::State& state, std::uint8_t reference) {
  Answer holder;
  const auto elements = state.metadata(reference, holder);
  return elements ? tries(*elements) : std::nullopt;
}

}  // namespace

DeviceInfo Card::info() {
  DeviceInfo info;
  info.reader = state_->connection.reader();
  info.serial = state_->serial;
  info.firmware = state_->firmware;
  info.known_weak = weaknesses(state_->firmware);
  const unsigned form = form_code(state_->read_config());
  info.form_factor = form_name(form);
  info.fips = (form & 0x80U) != 0;
  if (const auto admin = state_->get_object(admin_object)) add_administration(object_value(*admin), info);
  if (state_->firmware < metadata_since) {
    info.pin_tries = pin_tries();
    return info;
  }
  const auto with = [&](std::uint8_t reference, auto&& use) {
    Answer holder;
    if (const auto elements = state_->metadata(reference, holder)) use(*elements);
  };
  with(pin_reference, [&](const auto& told) { info.default_pin = is_default(told), info.pin_tries = tries(told); });
  with(puk_reference, [&](const auto& told) { info.default_puk = is_default(told), info.puk_tries = tries(told); });
  with(management_reference, [&](const auto& told) {
    info.default_management_key = is_default(told);
    const auto policy = find(told, 0x02);
    if (policy && policy->size() == 2) info.management_touch = TouchPolicy{static_cast<std::uint8_t>((*policy)[1])};
  });
  info.management_algorithm = state_->management_algorithm();
  return info;
}

std::string Card::form_factor() {
  return std::string(form_name(form_code(state_->read_config())));
}

ManagementAlgorithm Card::management_algorithm() {
  return state_->management_algorithm();
}

std::optional<Tries> Card::pin_tries() {
  if (state_->firmware >= metadata_since) return told_tries(*state_, pin_reference);
  if (state_->pin_verified()) state_->read_config();  // another application selected in between: no PIN counts any more
  const Answer answer = state_->send({Ins::verify, 0, pin_reference});  // no data: counts nothing
  if (answer.status == blocked) return Tries{};
  if (answer.status >> 4U == 0x63C) return Tries{answer.status & 0xF, std::nullopt};
  return std::nullopt;
}

std::optional<Tries> Card::puk_tries() {
  if (state_->firmware < metadata_since) return std::nullopt;
  return told_tries(*state_, puk_reference);
}

bool Card::changed() const noexcept {
  return state_->connection.changed();
}

}  // namespace ymgr::piv
