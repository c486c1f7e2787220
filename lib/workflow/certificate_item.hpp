// The steps from a plan to a delivered certificate, shared by issue and renew.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inventory/inventory.hpp"
#include "workflow/card_key.hpp"
#include "workflow/engine.hpp"
#include "workflow/installation.hpp"
#include "workflow/operation.hpp"

namespace ymgr {

/// One certificate on its way. Everything but `place` and the part after it is journaled.
struct CertificateItem : Item {
  std::string cert_id, name, profile, owner, policy_version, renew_before, renewed_from, installation;
  std::map<std::string, std::string> labels;
  KeyPlace key_place = KeyPlace::sealed;
  KeyAlgorithm algorithm = KeyAlgorithm::ec_p256;
  bool key_reused = false;
  Time key_created_at;
  std::string key_name;  // sealed, transit: its name; file: its path, or that of the file where it waits
  std::string key_reference;
  std::string host;     // where it is to be installed; empty: nowhere
  std::string key_box;  // sealed PKCS#8, base64, until the key stands where it belongs
  std::string csr;      // PEM
  PlannedCertificate plan;
  bool csr_given = false;
  bool needs_approval = false;  // the policy wants a second person; until then it is not signed
  std::string approved_by;
  std::vector<std::string> behind;  // cert_ids that a run under this request id renews in later operations
  std::optional<CardKey> card;      // of a key on a YubiKey

  std::optional<Installation> place;  // read from this host's installation file
  std::optional<Certificate> certificate;
  std::string issuer_id, ca_name;  // who signed it
  std::string former_serial;       // of renewed_from, once the journal was judged
  std::shared_ptr<const EnsuredKey> key;
  std::shared_ptr<const Csr> request;  // what `csr` says, once it was read

  Json journal() const;
  static CertificateItem from(const StoredItem&);
};

bool is_issued(const CertificateItem&);  // and recorded
/// The policy wants a second person, who has not approved.
bool awaits_approval(const CertificateItem&);

/// What a worker has.
struct CertificatePorts {
  std::map<KeyPlace, std::unique_ptr<KeyStore>> keys;  // those that the items need
  std::unique_ptr<Signer> signer;
  std::vector<CaInfo> cas;     // to find the chain of what is delivered
  Workbench* cards = nullptr;  // for keys on cards; set on the command's own thread alone
};

/// Runs the items of an operation that this process holds, to the end of each. Those on cards go one after the other on this
/// thread, which has the secrets.
void run_certificate_items(Workbench&, const std::string& request_id, std::vector<CertificateItem>&);
/// Only as far as the CA's signature: by whoever approves, who has neither key nor place. Items that were approved.
void sign_certificate_items(Workbench&, const std::string& request_id, std::vector<CertificateItem>&);
/// Reads the open items of an operation and what they need to go on: certificates already issued, installations of this
/// host, sealed boxes of keys to be reused. One that lacks it gets its error noted and is left out.
std::vector<CertificateItem> load_certificate_items(Workbench&, const std::string& request_id);

/// Reference and name of a key that ends in a file of `place`.
void plan_key_file(Workbench&, CertificateItem&);
/// Destroys the file in which a key of this host waited, unless the item still needs it. Nothing waits there: fine.
void drop_pending_key(Workbench&, const CertificateItem&);
/// This host lacks what the open items of that operation need and another has.
bool belongs_elsewhere(Workbench&, const std::string& request_id);

/// Fixes everything an effect can be found by: cert_id, serial, validity, key name. `at`: now.
void plan_certificate(CertificateItem&, const ProfileRules&, Duration validity, Time at);

/// What issue and renew answer, for one certificate and for many.
struct CertificateAnswer {
  std::string request_id, state;  // state of the operation
  std::vector<Json> items;        // one a certificate: name, success, cert_id, …, or error, code, suggestion, state
  std::vector<int> exits;         // one an item
  bool changed = false;
  int exit = 0;  // of the whole: 0, the one reason's, or 9
  bool resumable = false;
};
/// What answers say of an item that is parked: "waiting_approval", "waiting_device".
std::string_view waiting_state(const CertificateItem&);
/// Ends the operation and makes the answer of its items; `outcome`: "issued", "renewed".
CertificateAnswer finish_certificates(Workbench&, const std::string& request_id, const std::string& kind,
                                      const std::string& target, const std::vector<CertificateItem>&,
                                      std::string_view outcome);
/// The same of an operation that was taken up again: `ran` are the items that this process worked on, the journal has the rest.
CertificateAnswer finish_resumed(Workbench&, const std::string& request_id, const std::vector<CertificateItem>& ran,
                                 std::string_view outcome);
/// The answer that was given, from the journal, for a repeated --request-id. @throws Error of a refused operation: its own ·
/// operation-ended: it was abandoned
CertificateAnswer stored_answer(Workbench&, const std::string& request_id, std::string_view outcome);

}  // namespace ymgr
