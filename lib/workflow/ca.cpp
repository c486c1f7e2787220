#include "workflow/ca.hpp"

#include "audit/audit.hpp"
#include "base/files.hpp"
#include "base/ids.hpp"

namespace ymgr {
namespace {

/// One transaction: the change, and the event that tells of it, which `change` fills in. The files for others come after
/// it; `renew --due` writes them if this process does not live to do so.
void audited(Workbench& bench, std::string_view event, const std::function<void(audit::Event&)>& change) {
  bench.session.require(Right::manage_ca);
  bench.db.transaction(sql::Access::write, [&] {
    audit::Event told{new_id("req", now()), std::string(event), {}, Json::object()};
    change(told);
    audit::append(bench.db, bench.session.identity().user, {told}, bench.head_signer);
  });
  publish_ca_files(bench.db, bench.ca_folder);
}

void tell_crl(audit::Event& event, const Crl& crl) {
  event.target = crl.issuer;
  event.data = Json::object({{"crl_number", crl.number}, {"entries", crl.entries.size()}});
}

void tell_ca(audit::Event& event, const CaInfo& ca) {
  event.target = ca.subject;
  event.data.set("issuer_id", ca.issuer_id);
  event.data.set("serial_number", ca.certificate->serial);
  event.data.set("expires_at", format_time(ca.certificate->not_after));
}

}  // namespace

std::vector<Crl> refresh_ca_crls(Workbench& bench) {
  std::vector<Crl> made;
  audited(bench, "ca.crl_signed", [&](audit::Event& event) {
    made = bench.authority.refresh_crls(true);
    for (const auto& crl : made) tell_crl(event, crl);
  });
  return made;
}

Crl refresh_root_crl(Workbench& bench, const RootKey& key) {
  Crl crl;
  audited(bench, "ca.root_crl_signed", [&](audit::Event& event) {
    crl = sign_root_crl(bench.db, key, bench.ca_folder);
    tell_crl(event, crl);
  });
  return crl;
}

CaInfo rotate_ca(Workbench& bench, const RootKey& key) {
  CaInfo ca;
  audited(bench, "ca.rotated", [&](audit::Event& event) {
    event.data.set("replaces", active_ca(bench.db).issuer_id);
    ca = rotate_issuing_ca(bench.db, bench.session.data_key(), key);
    bench.authority.refresh_crls(true);
    tell_ca(event, ca);
  });
  refresh_ocsp_signer(bench.db, bench.session.data_key(), bench.ca_folder, true);
  return ca;
}

CaInfo import_ca(Workbench& bench, std::string_view pem) {
  CaInfo ca;
  audited(bench, "ca.imported", [&](audit::Event& event) {
    ca = import_issuing_ca(bench.db, pem);
    bench.authority.refresh_crls(true);
    tell_ca(event, ca);
  });
  refresh_ocsp_signer(bench.db, bench.session.data_key(), bench.ca_folder, true);
  return ca;
}

std::optional<Time> ocsp_signer_end(const std::string& ca_folder) {
  const auto pem = read_file_if_there(ca_folder + "/ocsp.pem");
  return pem ? std::optional(parse_certificate(*pem).not_after) : std::nullopt;
}

}  // namespace ymgr
