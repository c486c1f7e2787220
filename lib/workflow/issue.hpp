// Workflow 1 and 4: certificates for names, one or many.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "workflow/certificate_item.hpp"

namespace ymgr {

/// What is wanted of one certificate. Everything left open comes from the policy's profile.
struct IssueRequest {
  std::string name;       // may be empty with a CSR: its CN or first SAN
  std::vector<San> sans;  // beside NAME
  std::string profile = "tls-server";
  std::optional<KeyAlgorithm> key;
  std::optional<Duration> validity;
  std::string owner;  // empty: the actor
  std::map<std::string, std::string> labels;
  std::optional<KeyPlace> key_place;  // file when there is an installation, else where keys go here
  std::string csr;                    // PEM or DER; empty: we make the key
  std::string renew_before;           // "30d", "33%"; empty: default
  std::optional<Installation> place;  // out, pkcs12, hooks; its name is filled in
  std::optional<CardPlace> card;      // the key is made in that slot; the owner is the YubiKey's
};

enum class WhenActive { refuse, ensure, another };  // an active certificate of that name is there

struct IssueOptions {
  std::string request_id;
  WhenActive when_active = WhenActive::refuse;
  Existing installation = Existing::refuse;  // replace: --force
  bool dry_run = false;
  bool licensed = false;  // asked before, by the operation that this is part of; or none is needed
  /// By certificate names: whether somebody has a key of the plain name in transit. Whoever is not named is asked for.
  std::map<std::string, bool> transit_names = {};
};

/// Plans all of them, asks the policy once for all, and only then makes keys. Items come back in the order of `requests`.
/// @throws Error policy-violation (audited, with every violation), license-expired, license-invalid, name-active, operation-open, name-invalid, profile-unknown; for
/// a key on a card also what usable_device, require_algorithm and require_pin throw, and slot-used
CertificateAnswer issue(Workbench&, std::vector<IssueRequest> requests, const IssueOptions&);

/// What an enrollment goes on to: one certificate with a new key in the slot, or the good one that is there already.
/// @param name, profile  empty: the owner's user name, the slot's own profile
CertificateAnswer issue_to_slot(Workbench&, const CardPlace&, std::string name, std::string profile,
                                std::vector<San> sans = {});
/// A slot's own profile: piv-auth of 9a, code-signing of 9c, card-auth of 9e. @throws Error usage: the others have none
std::string default_profile_of(piv::Slot);

/// NAME, else the common name or first SAN of the request. @throws Error usage: none of them; name-invalid
std::string requested_name(const std::string& name, const Csr*);
/// Common name and SANs of a certificate of that name: those that the profile adds, the request's own, then `more`.
RequestedNames requested_names(const ProfileRules&, const std::string& name, const Csr*, const std::vector<San>& more);

/// The one policy gate for a planned certificate: issue, renew, resume and check ask through it.
PolicyRequest policy_request(sql::Connection&, inventory::DeniedKeys&, const Identity& actor, const CertificateItem&,
                             PolicyRequest::Action);
/// Merges the violations of many; `name` is noted in each. `asks`: who, when that is not the session's. nullopt: all approved.
std::optional<Error> ask_policy(Workbench&, const std::vector<CertificateItem>&, PolicyRequest::Action,
                                const std::string& request_id, std::vector<audit::Event>& events,
                                const Identity* asks = nullptr);
/// Common name of a certificate of that name; "": it has no room for it.
std::string common_name_of(const std::string& name);
/// Today's policy for what is not signed yet, whose rules are taken over; an item that it refuses fails, the others go on.
std::vector<CertificateItem> approved_again(Workbench&, const std::string& request_id, PolicyRequest::Action,
                                            std::vector<CertificateItem> items);
/// Goes on with an operation of issue or renew that this process has taken over: policy first for what is not signed yet.
/// @return every item of the operation, those done before included
CertificateAnswer resume_certificates(Workbench&, const std::string& request_id, const std::string& kind,
                                      std::string_view outcome, const std::function<void()>& before_end = {});

}  // namespace ymgr
