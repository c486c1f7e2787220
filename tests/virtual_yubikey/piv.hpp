#pragma once
#include <chrono>
#include <functional>

#include "virtual_yubikey/algorithms.hpp"
#include "virtual_yubikey/applet.hpp"
#include "virtual_yubikey/keys.hpp"
#include "virtual_yubikey/memory.hpp"

namespace virtual_yubikey {

/// Waits for a person's finger; false: refused, or the time is up.
using Touch = std::function<bool()>;

/// The PIV application. Its instructions stand in piv_pin.cpp, piv_management.cpp, piv_keys.cpp, piv_use.cpp and
/// piv_objects.cpp.
class Piv : public Applet {
 public:
  Piv(Memory& memory, Touch touch, KeyMaker make_key)
      : memory_(memory), touch_(std::move(touch)), make_key_(std::move(make_key)) {}
  Bytes selected() const override;
  Bytes run(const Command& command) override;
  void forget() override { session_ = {}; }

 private:
  using Method = Bytes (Piv::*)(const Command&);
  struct Instruction {
    Byte code;
    Version since;
    Method method;
  };
  static const Instruction instructions[];

  /// What is forgotten without power.
  struct Session {
    bool verified = false;
    bool just_verified = false;  // by the command before this one
    bool authenticated = false;
    Bytes witness, challenge;  // plain, each good for one answer
    std::optional<std::chrono::steady_clock::time_point> touched;
  };

  Bytes verify(const Command& command);
  Bytes change_reference(const Command& command);
  Bytes unblock(const Command& command);
  Bytes set_retries(const Command& command);
  Bytes reset(const Command& command);

  Bytes general_authenticate(const Command& command);
  Bytes authenticate_management(const Command& command);
  Bytes witness(Byte algorithm);
  Bytes prove(View answer, View challenge);
  Bytes challenge(Byte algorithm);
  Bytes accept(View answer);
  Bytes set_management_key(const Command& command);

  Bytes generate(const Command& command);
  Bytes import(const Command& command);
  Bytes move(const Command& command);
  Bytes metadata(const Command& command);
  Bytes attestation(const Command& command);
  Bytes use_key(const Command& command);

  Bytes get_data(const Command& command);
  Bytes put_data(const Command& command);
  Bytes version(const Command& command);
  Bytes serial(const Command& command);

  const State& state() const { return memory_.read(); }
  void check(Credential State::*which, View value);
  void set(Credential State::*which, View value);
  void need_authenticated() const { require(session_.authenticated, Status::not_satisfied); }
  void need_pin(Byte policy) const;
  void need_touch(Byte policy);
  Key policies(Byte slot, Byte algorithm, const std::vector<Tlv>& elements) const;
  Bytes credential_metadata(const Credential& credential, std::string_view factory) const;

  Memory& memory_;
  Touch touch_;
  KeyMaker make_key_;
  Session session_;
  bool was_just_verified_ = false;
};

}  // namespace virtual_yubikey
