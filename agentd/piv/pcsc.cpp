#include "agentd/piv/pcsc.hpp"

namespace ymgr::piv::pcsc {

LONG Context::open() noexcept {
  if (open_) return SCARD_S_SUCCESS;
  const LONG code = SCardEstablishContext(SCARD_SCOPE_USER, nullptr, nullptr, &context_);
  open_ = code == SCARD_S_SUCCESS;
  return code;
}

void Context::close() noexcept {
  if (open_) SCardReleaseContext(context_);
  open_ = false;
}

bool is_gone(LONG code) noexcept {
  return code == SCARD_E_NO_SERVICE || code == SCARD_E_SERVICE_STOPPED || code == SCARD_E_INVALID_HANDLE ||
         code == SCARD_F_COMM_ERROR;
}

Error busy(const std::string& reader) {
  return Error(Code::device_busy, "another program holds the YubiKey in " + reader,
               "close what uses it (gpg's scdaemon, a browser, an ssh-agent with PKCS#11) and try again");
}

Error error(LONG code, const std::string& reader, Outcome outcome) {
  const std::string where = reader.empty() ? std::string("the readers") : "the YubiKey in " + reader;
  switch (code) {
    case SCARD_E_NO_SERVICE:
    case SCARD_E_NO_READERS_AVAILABLE:
    case SCARD_E_UNKNOWN_READER:
      return Error(Code::device_not_found,
                   code == SCARD_E_NO_SERVICE ? "pcscd does not run" : "there is no reader " + reader,
                   "plug the YubiKey in, and see that pcscd runs: systemctl status pcscd.socket");
    case SCARD_E_SHARING_VIOLATION: return busy(reader);
    case SCARD_W_SECURITY_VIOLATION:
      return Error(Code::device_failed, "pcscd refuses access to " + where,
                   "its polkit rule org.debian.pcsc-lite.access_pcsc must allow this user");
    case SCARD_W_REMOVED_CARD:
    case SCARD_W_RESET_CARD:
    case SCARD_E_NO_SMARTCARD:
    case SCARD_E_READER_UNAVAILABLE:
    case SCARD_W_UNPOWERED_CARD:
    case SCARD_W_UNRESPONSIVE_CARD:
    case SCARD_E_NOT_TRANSACTED:
    case SCARD_E_SERVICE_STOPPED:
    case SCARD_E_INVALID_HANDLE:
    case SCARD_F_COMM_ERROR:
      return Error(Code::device_removed,
                   where + (code == SCARD_W_RESET_CARD ? " was reset by another program" : " was pulled out"),
                   "plug it in and run the same command again", {}, outcome);
    default:
      return Error(Code::device_failed, where + ": " + pcsc_stringify_error(code), "plug the YubiKey in again", {},
                   outcome);
  }
}

}  // namespace ymgr::piv::pcsc
