// Files for whoever serves the CA's certificates and lists.
#include "authority/store.hpp"
#include "base/files.hpp"

namespace ymgr {
namespace {

using namespace ca;

void write_if_new(const std::string& path, std::string_view data) {
  if (read_file_if_there(path) != data) write_file(path, data, {0644, std::nullopt});
}

}  // namespace

void publish_ca_files(sql::Connection& db, const std::string& folder) {
  make_folders(folder, 0700);
  for (const IssuerRow& row : issuer_rows(db)) {
    if (const auto crl = from_pem(row.crl, "X509 CRL")) write_if_new(folder + "/" + row.issuer_id + ".crl", crl->bytes);
    if (!row.is_active() || row.certificate.empty()) continue;
    if (!row.is_issuing()) write_if_new(folder + "/root.pem", row.certificate);
    if (!row.is_issuing()) continue;
    write_if_new(folder + "/ca.pem", row.certificate);
    write_if_new(folder + "/chain.pem", row.certificate + row.chain);
    if (const auto crl = from_pem(row.crl, "X509 CRL")) write_if_new(folder + "/ca.crl", crl->bytes);
  }
}

}  // namespace ymgr
