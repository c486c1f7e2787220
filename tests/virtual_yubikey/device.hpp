#pragma once
#include <chrono>
#include <map>
#include <optional>

#include "virtual_yubikey/card.hpp"
#include "virtual_yubikey/control.hpp"
#include "virtual_yubikey/faults.hpp"
#include "virtual_yubikey/vpcd.hpp"

namespace virtual_yubikey {

enum class Finger { given, refused, asked };

struct Settings {
  std::string host, port;
  std::string control;  // path of the control socket; empty: none
  Finger finger = Finger::given;
  std::chrono::milliseconds touch_timeout{15000};
};

/// A key in a reader, with a person beside it who touches it, pulls it out and breaks it, as the control socket says.
class Device {
 public:
  Device(State state, const StateFile& file, Settings settings);
  void arm(Fault fault) { faults_.add(std::move(fault)); }
  /// Until the reader goes. @throws std::runtime_error there is no reader
  void run();

 private:
  struct Removed {};

  void pump(std::chrono::milliseconds timeout);
  void serve_frame();
  void serve_apdu(const Bytes& apdu);
  Bytes run_apdu(const Bytes& apdu, const std::optional<Fault>& fault);
  void plug();
  void pull();
  bool touched();
  bool wait(const char* what, std::optional<std::chrono::milliseconds> most, const std::function<bool()>& done);

  void reload();
  std::string obey(const std::string& line);
  std::string obey_touch(const std::string& how);
  std::string obey_set(const std::string& what, const std::string& value);
  std::string status() const;

  const StateFile& file_;
  Settings settings_;
  Card card_;
  Vpcd vpcd_;
  Faults faults_;
  std::optional<Control> control_;
  bool reader_ready_ = false;          // poll() saw a frame, or the end
  bool gone_ = false;                  // the reader ended
  bool on_ = false, powered_ = false;  // powered: the reader knows the ATR, too
  bool released_ = false;
  bool unnoticed_ = false;  // pulled out, and the reader may not know
  const char* waiting_ = nullptr;
  std::vector<std::string> apdus_;  // each in hex, and its status word
  std::map<std::string, unsigned> counts_;
};

}  // namespace virtual_yubikey
