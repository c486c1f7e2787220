#include "workflow/ca.hpp"

#include "audit/audit.hpp"
#include "base/ids.hpp"

namespace ymgr {
namespace {

/// One transaction: the change, and the event that tells of it.
template <class Change>
auto audited(Workbench& bench, std::string_view event, const Change& change) {
  bench.session.require(Right::manage_ca);
  decltype(change()) result{};
  bench.db.transaction(sql::Access::write, [&] {
    result = change();
    audit::append(bench.db, bench.session.identity().user,
                  {{new_id("req", now()), std::string(event), "ca", Json::object()}}, bench.head_signer);
  });
  publish_ca_files(bench.db, bench.ca_folder);
  return result;
}

/// The OCSP signer and the first CRL of a CA that signs from now on.
CaInfo put_to_work(Workbench& bench, CaInfo ca) {
  bench.db.transaction(sql::Access::write, [&] { bench.authority.refresh_crls(true); });
  refresh_ocsp_signer(bench.db, bench.session.data_key(), bench.ca_folder, true);
  publish_ca_files(bench.db, bench.ca_folder);
  return ca;
}

}  // namespace

std::vector<Crl> refresh_ca_crls(Workbench& bench) {
  return audited(bench, "ca.crl_signed", [&] { return bench.authority.refresh_crls(true); });
}

Crl refresh_root_crl(Workbench& bench, const RootKey& key) {
  return audited(bench, "ca.root_crl_signed", [&] { return sign_root_crl(bench.db, key, bench.ca_folder); });
}

CaInfo rotate_ca(Workbench& bench, const RootKey& key) {
  return put_to_work(
      bench, audited(bench, "ca.rotated", [&] { return rotate_issuing_ca(bench.db, bench.session.data_key(), key); }));
}

CaInfo import_ca(Workbench& bench, std::string_view pem) {
  return put_to_work(bench, audited(bench, "ca.imported", [&] { return import_issuing_ca(bench.db, pem); }));
}

}  // namespace ymgr
