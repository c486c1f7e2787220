#pragma once
#include <filesystem>

#include "virtual_yubikey/state.hpp"

namespace virtual_yubikey {

/// The certificate authority of all virtual YubiKeys whose state stands in `folder`: `virtual-yubikey-root.pem` and
/// `.key`, made by the first of them. Signs `state`'s F9 key, which is made here, and puts both into `state`.
void make_attestation_key(State& state, const std::filesystem::path& folder);

/// The statement of F9 on the generated key in `slot`, DER. @throws Refusal 6A88 no such key · 6A80 imported, or F9 is broken
Bytes attest(const State& state, Byte slot);

/// Form factor as attestation and device information give it: USB-A keychain, 80 more with FIPS.
Byte form_factor(const State& state);

}  // namespace virtual_yubikey
