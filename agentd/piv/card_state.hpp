// What a Card is made of. For this folder.
#pragma once
#include "agentd/piv/card.hpp"
#include "agentd/piv/connection.hpp"
#include "agentd/piv/tlv.hpp"
#include "base/error.hpp"

namespace ymgr::piv {

constexpr std::uint8_t pin_reference = 0x80, puk_reference = 0x81, management_reference = 0x9B, bio_reference = 0x96;

/// Status words (ISO 7816-4).
constexpr unsigned not_satisfied = 0x6982, blocked = 0x6983, not_allowed = 0x6985, wrong_data = 0x6A80,
                   not_found = 0x6A82, full = 0x6A84, no_reference = 0x6A88, wrong_parameters = 0x6B00,
                   unknown_ins = 0x6D00;

/// Objects (NIST SP 800-73-4, table 3; 5FFFxx: Yubico's).
constexpr unsigned printed_object = 0x5FC109, admin_object = 0x5FFF00;

struct Card::State {
  State(const std::string& reader, OpenOptions options);

  Answer send(const Command& command) { return connection.run(command); }
  /// @throws Error as refused() says, where the answer is not 9000
  Answer need(const Command& command);
  Error refused(Ins ins, unsigned status) const;
  /// "the YubiKey 1001"
  std::string name() const;
  void select_piv();
  /// The management application's configuration; PIV is selected again afterwards. Empty: it has none.
  std::string read_config();
  /// What GET METADATA says; nullopt: no such key or reference. Views into `holder`.
  std::optional<std::vector<Element>> metadata(std::uint8_t reference, Answer& holder);
  ManagementAlgorithm management_algorithm();
  /// @throws Error device-unsupported
  void need_firmware(const Firmware& least, const std::string& what) const;

  enum class Compared { pin, puk };
  /// Sends a command that compares a PIN or PUK. @throws Error wrong-pin, wrong-puk, pin-blocked, puk-blocked
  void compare(const Command& command, Compared what);
  /// VERIFY without data: whether the PIN counts as verified. Counts nothing down.
  bool pin_verified();

  /// Why the key of `slot` answered 6982.
  Error not_used(Slot slot);

  /// The inside of the object; nullopt: none. @throws Error pin-required
  std::optional<Answer> get_object(unsigned id);
  /// Empty: deletes it.
  void put_object(unsigned id, const Secret& data);
  void put_object(unsigned id, std::string_view data);

  Connection connection;
  Patience patience;
  Firmware firmware;
  std::string serial;
};

/// The value inside the 53 element of a GET DATA answer.
std::string_view object_value(const Answer& answer);
unsigned certificate_object(Slot slot);

}  // namespace ymgr::piv
