// Files for whoever serves the CA's certificates and lists.
#include <poll.h>

#include <chrono>

#include "authority/store.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"

namespace ymgr {
namespace {

using namespace ca;

struct PublishedFile {
  std::string name, data;
};

/// What the folder should hold.
std::vector<PublishedFile> files_of(sql::Connection& db) {
  std::vector<PublishedFile> files;
  for (const IssuerRow& row : issuer_rows(db)) {
    const auto crl = from_pem(row.crl, "X509 CRL");
    if (crl) files.push_back({row.issuer_id + ".crl", crl->bytes});
    if (!row.is_active() || row.certificate.empty()) continue;
    if (!row.is_issuing()) {
      files.push_back({"root.pem", row.certificate});
      continue;
    }
    files.push_back({"ca.pem", row.certificate});
    files.push_back({"chain.pem", row.certificate + row.chain});
    if (crl) files.push_back({"ca.crl", crl->bytes});
  }
  return files;
}

bool is_current(const std::string& folder, const PublishedFile& file) {
  return read_file_if_there(folder + "/" + file.name, 1024UL * 1024 * 1024) == file.data;
}

}  // namespace

namespace ca {

Fd lock_files(const std::string& folder) {
  constexpr Duration limit = std::chrono::seconds(60);
  constexpr int pause_milliseconds = 20;
  make_folders(folder, 0700);
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    if (auto held = try_lock(folder + "/.lock")) return std::move(*held);
    throw_if_interrupted();
    if (std::chrono::steady_clock::now() > end)
      throw Error(Code::database_busy, "another process holds " + folder + "/.lock for too long");
    ::poll(nullptr, 0, pause_milliseconds);
  }
}

}  // namespace ca

void publish_ca_files(sql::Connection& db, const std::string& folder) {
  if (folder.empty()) return;
  const Fd lock = lock_files(folder);
  for (const auto& file : files_of(db))
    if (!is_current(folder, file)) write_file(folder + "/" + file.name, file.data, {0644, std::nullopt});
}

std::vector<std::string> stale_ca_files(sql::Connection& db, const std::string& folder) {
  if (folder.empty()) return {};
  std::vector<std::string> names;
  for (const auto& file : files_of(db))
    if (!is_current(folder, file)) names.push_back(file.name);
  return names;
}

}  // namespace ymgr
