// Workflow: another YubiKey takes the place of one, with the same certificates.
#pragma once
#include <string>
#include <vector>

#include "inventory/devices.hpp"
#include "workflow/certificate_item.hpp"

namespace ymgr {

/// Of an operation that issues certificates anew; target: the old YubiKey; one item a slot.
inline constexpr const char* replace_kind = "replace";

struct ReplaceOptions {
  Duration grace{};  // how long the certificates on the old one stay active
  std::string note;
  bool issue = true;       // false: only tell the commands that do it
  bool overwrite = false;  // what slots of the new one hold may go
  bool dry_run = false;
};

struct ReplaceAnswer {
  DeviceRow row;  // of the old one, as it is now, or would be
  std::string with;
  /// state done, open, failed or planned; items: name, profile, slot, owner, replaces, command, success, and result (issued,
  /// unchanged, planned, listed), cert_id, expires_at, or error, code, suggestion.
  CertificateAnswer reissues;
};

/// `serial` is replaced by the enrolled YubiKey `with`, which gets the same owner. For each slot of the old one with an active
/// certificate, `with` gets a new key and certificate in the same slot: name, SANs, profile, algorithm, lifetime, labels, PIN and
/// touch policy are those of the old one, and the policy is asked. Of one that is lost, the certificates count that were revoked with
/// the loss. The new certificates are lineages of their own (no renewed_from), since the old ones stay active: when the grace has
/// ended, they become superseded, and the old one is retired (supersede_replaced). Another person's key is taken only while it has no
/// active certificate, its PIN is kept here, and it was not given to them since. What stands on `with` already, of the same
/// name, profile and SANs, is left as it is, so that the command can be repeated. One that fails keeps no other from being issued.
/// @throws Error device-not-enrolled; device-state: `with` is not enrolled, or is another person's; usage: the same twice; role-denied; operation-open
ReplaceAnswer replace_device(Workbench&, const std::string& serial, const std::string& with, const ReplaceOptions&);
/// Goes on with the operation of one that this process has taken over. Where `with` is another person's by now, or does not replace
/// the old one any more, the items fail.
CertificateAnswer resume_replacement(Workbench&, const std::string& request_id);
/// What a grace that has ended asks for.
struct GraceEnd {
  DeviceRow device;                        // the old one
  std::vector<CertificateRow> superseded;  // those that have their successor on the new one
  std::vector<CertificateRow> left;        // stays active, and the old one in use, until it has one
  bool changes() const noexcept { return left.empty() || !superseded.empty(); }
};
std::vector<GraceEnd> ended_graces(Workbench&);
/// Carries it out; renew --due and reconcile call it. What is left is looked at again the next time.
std::vector<GraceEnd> supersede_replaced(Workbench&);
/// How one that is left gets its successor.
std::string reissue_hint(const GraceEnd&, const CertificateRow& left);

}  // namespace ymgr
