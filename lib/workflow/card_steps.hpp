// The steps of a certificate whose key is in a slot of a YubiKey; on the command's own thread.
#pragma once
#include "workflow/certificate_item.hpp"

namespace ymgr {

/// Certificates that are going to lose their key are revoked as superseded first.
Progress announce_displaced(CertificateItem&, CertificatePorts&, Attempt);
Record record_displaced(const CertificateItem&);
/// The key is made in its slot (or used again), attested, and signs the request, in one transaction of the card. Again: a key whose
/// request was lost is worthless, so another one is made, unless somebody else has put a certificate there meanwhile.
Progress make_on_card(CertificateItem&, CertificatePorts&, Attempt);
/// Nothing to do: the request came with the key.
Progress keep_request(CertificateItem&, CertificatePorts&, Attempt);
/// Again: not before the slot is known to have the key still; else as make_on_card.
Progress sign_for_card(CertificateItem&, CertificatePorts&, Attempt);
/// Writes the certificate into the slot, where it is read back and checked by a signature, or without a PIN by the public key.
/// A slot that has another key by now ends the item as failed, state key_lost.
Progress put_on_card(CertificateItem&, CertificatePorts&, Attempt);
/// Of a lost key: the certificate is revoked as superseded.
Record record_put_on_card(const CertificateItem&);
/// The YubiKey belongs to whom the certificate was planned for. A renewal is for whoever has the certificate.
bool is_of(const DeviceRow& device, const CertificateItem&);
/// Ended by put_on_card, because its key is gone.
bool is_lost(const CertificateItem&) noexcept;

/// The CA signs what was planned, for the request's key. Issue and renew of every place.
Progress sign(CertificateItem&, CertificatePorts&, Attempt);
/// Delivers to files, where there is an installation.
Progress deliver(CertificateItem&, CertificatePorts&, Attempt);
Record record_delivered(const CertificateItem&);

}  // namespace ymgr
