// Owners of PC/SC's handles and the words for its errors. Included by .cpp files of this folder only.
#pragma once
#include <winscard.h>

#include <string>

#include "base/error.hpp"

namespace ymgr::piv::pcsc {

/// A conversation with pcscd.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { close(); }
  /// What SCardEstablishContext says; a second call does nothing.
  LONG open() noexcept;
  void close() noexcept;
  bool is_open() const noexcept { return open_; }
  SCARDCONTEXT get() const noexcept { return context_; }

 private:
  SCARDCONTEXT context_ = 0;
  bool open_ = false;
};

/// pcscd is not there, or went away.
bool is_gone(LONG code) noexcept;
/// The Error for a failed call. @param reader  what it was about; may be empty
Error error(LONG code, const std::string& reader, Outcome outcome = Outcome::known);
Error busy(const std::string& reader);

}  // namespace ymgr::piv::pcsc
