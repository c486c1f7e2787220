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

Json crl_data(const Crl& crl) {
  return Json::object({{"crl_number", crl.number}, {"entries", crl.entries.size()}});
}

void tell_ca(audit::Event& event, const CaInfo& ca) {
  event.target = ca.subject;
  event.data.set("issuer_id", ca.issuer_id);
  event.data.set("serial_number", ca.certificate->serial);
  event.data.set("expires_at", format_time(ca.certificate->not_after));
}

}  // namespace

std::vector<Crl> sign_crls(Workbench& bench, const std::string& request_id, bool force) {
  bench.begins(request_id);
  return bench.authority.refresh_crls(force, [&](const std::vector<Crl>& made) {
    std::vector<audit::Event> events;
    for (const auto& crl : made) events.push_back({request_id, "ca.crl_signed", crl.issuer, crl_data(crl)});
    audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
  });
}

std::vector<Certificate> renew_ocsp_signers(Workbench& bench, const std::string& request_id, bool force) {
  auto made = refresh_ocsp_signer(bench.db, bench.session.data_key(), bench.ca_folder, force);
  if (made.empty()) return made;
  bench.db.transaction(sql::Access::write, [&] {
    std::vector<audit::Event> events;
    for (const auto& signer : made)
      events.push_back(
          {request_id, "ca.ocsp_signer_renewed", signer.issuer,
           Json::object({{"serial_number", signer.serial}, {"expires_at", format_time(signer.not_after)}})});
    audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
  });
  return made;
}

CaUpkeep look_after_ca(Workbench& bench, const std::string& request_id) {
  CaUpkeep upkeep;
  if (!bench.stores.is_open()) return upkeep;
  const auto guarded = [&](const std::function<void()>& part) {
    try {
      part();
    } catch (const Error& error) {  // told in the answer, beside what was done
      upkeep.failures.push_back(error);
    }
  };
  guarded([&] { upkeep.crl_refreshed = !sign_crls(bench, request_id, false).empty(); });
  if (!bench.session.has_data_key()) return upkeep;  // Vault answers OCSP itself, and serves its lists
  guarded([&] { upkeep.ocsp_refreshed = !renew_ocsp_signers(bench, request_id, false).empty(); });
  guarded([&] { publish_ca_files(bench.db, bench.ca_folder); });  // also what a run that was killed left unwritten
  return upkeep;
}

std::vector<Crl> refresh_ca_crls(Workbench& bench) {
  bench.session.require(Right::manage_ca);
  auto made = sign_crls(bench, new_id("req", now()), true);
  publish_ca_files(bench.db, bench.ca_folder);
  return made;
}

Crl refresh_root_crl(Workbench& bench, const RootKey& key) {
  Crl crl;
  audited(bench, "ca.root_crl_signed", [&](audit::Event& event) {
    crl = sign_root_crl(bench.db, key, bench.ca_folder);
    event.target = crl.issuer;
    event.data = crl_data(crl);
  });
  return crl;
}

CaInfo rotate_ca(Workbench& bench, const RootKey& key) {
  CaInfo ca;
  std::string request_id;
  audited(bench, "ca.rotated", [&](audit::Event& event) {
    event.data.set("replaces", active_ca(bench.db).issuer_id);
    ca = rotate_issuing_ca(bench.db, bench.session.data_key(), key);
    sign_crls(bench, event.request_id, true);
    request_id = event.request_id;
    tell_ca(event, ca);
  });
  renew_ocsp_signers(bench, request_id, true);
  return ca;
}

CaInfo import_ca(Workbench& bench, std::string_view pem) {
  CaInfo ca;
  std::string request_id;
  audited(bench, "ca.imported", [&](audit::Event& event) {
    ca = import_issuing_ca(bench.db, pem);
    sign_crls(bench, event.request_id, true);
    request_id = event.request_id;
    tell_ca(event, ca);
  });
  renew_ocsp_signers(bench, request_id, true);
  return ca;
}

std::optional<Time> ocsp_signer_end(const std::string& ca_folder) {
  try {
    const auto pem = read_file_if_there(ca_folder + "/ocsp.pem");
    return pem ? std::optional(parse_certificate(*pem).not_after) : std::nullopt;
  } catch (const Error&) {  // as good as none: upkeep makes another, or says why not
    return std::nullopt;
  }
}

}  // namespace ymgr
