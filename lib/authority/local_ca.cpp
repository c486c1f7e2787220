// Making, importing and rotating the CAs of a profile.
#include <algorithm>

#include "authority/crl.hpp"
#include "authority/root_key.hpp"
#include "authority/store.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"

namespace ymgr {
namespace {

using namespace ca;

constexpr Duration default_root_life = std::chrono::days(15 * 365);
constexpr Duration default_issuing_life = std::chrono::days(5 * 365);
/// Hosts whose clocks are a little behind accept a new CA at once.
constexpr Duration backdated = std::chrono::minutes(10);
constexpr std::size_t longest_name = 40;  // of 64 for organization and common name

std::string_view kept_text(LocalCaPlan::Root root) {
  switch (root) {
    case LocalCaPlan::Root::sealed_own_passphrase: return "sealed-own-passphrase";
    case LocalCaPlan::Root::sealed_admin_password: return "sealed-admin-password";
    case LocalCaPlan::Root::file: return "file";
    case LocalCaPlan::Root::outside: return "outside";
  }
  return "outside";
}

CaNames root_names(const std::string& name) {
  return {name + " Root CA", name};
}
CaNames issuing_names(const std::string& name, std::size_t number) {
  return {name + " Issuing CA " + std::to_string(number), name};
}

std::string key_path(std::string_view issuer_id) {
  return "ca/" + std::string(issuer_id) + "/key";
}

void seal_issuing_key(sql::Connection& db, const DataKey& data_key, std::string_view issuer_id, const PrivateKey& key) {
  open_sealed_secrets(db, data_key)->write(key_path(issuer_id), key.pkcs8(), 0);
}

void check_plan(const LocalCaPlan& plan) {
  if (plan.name.empty() || plan.name.size() > longest_name || printable(plan.name) != plan.name) {
    throw Error(Code::name_invalid, "not a name for a CA: " + printable(plan.name),
                "Use 1 to " + std::to_string(longest_name) + " printable characters.");
  }
}

/// The root's own CRL and certificate can only be named where a URL tells the CAs apart.
CertificateUrls urls_of_root(const CertificateUrls& urls, std::string_view root_id) {
  CertificateUrls result;
  const CertificateUrls expanded = urls_of(urls, root_id);
  for (std::size_t i = 0; i < urls.crl.size(); ++i) {
    if (urls.crl[i] != expanded.crl[i]) result.crl.push_back(expanded.crl[i]);
  }
  for (std::size_t i = 0; i < urls.issuer.size(); ++i) {
    if (urls.issuer[i] != expanded.issuer[i]) result.issuer.push_back(expanded.issuer[i]);
  }
  return result;
}

/// Makes issuing CA `number` under an opened root and lets it sign from now on.
Certificate make_issuing(sql::Connection& db, const DataKey& data_key, const StoredPlan& plan, const Issuer& root,
                         std::string_view root_id, std::size_t number) {
  const Time at = floor_seconds(now());
  const Certificate& above = root.certificate();
  if (above.not_after <= at) {
    throw Error(Code::ca_expired, "the root CA ended on " + format_time(above.not_after), "Make a new profile.");
  }
  const PrivateKey key = PrivateKey::generate(plan.key);
  const CaNames names = issuing_names(plan.name, number);
  const Der der = make_intermediate(
      root, key.public_key(), names, plan.constraints, new_serial(), std::max(at - backdated, above.not_before),
      std::min(at + plan.issuing_life - std::chrono::seconds(1), above.not_after), urls_of_root(plan.urls, root_id));
  Certificate certificate = parse_certificate(der.bytes);
  NewIssuer issuer{new_id("ca", now()), "issuing", names.common_name, certificate.subject, "", above.pem, "", {}};
  issuer.key_path = key_path(issuer.issuer_id);
  issuer.certificate = certificate;
  db.transaction(sql::Access::write, [&] {
    insert_issuer(db, issuer);
    activate_issuer(db, issuer.issuer_id, certificate, above.pem);
    seal_issuing_key(db, data_key, issuer.issuer_id, key);
  });
  return certificate;
}

/// Inserts the root and opens it.
Issuer make_root_row(sql::Connection& db, const StoredPlan& plan, Duration life, PrivateKey key,
                     const std::string& root_id) {
  const Time at = floor_seconds(now());
  const CaNames names = root_names(plan.name);
  const Der der = make_root(key, names, new_serial(), at - backdated, at + life - std::chrono::seconds(1));
  const Certificate certificate = parse_certificate(der.bytes);
  insert_issuer(db, {root_id, "root", names.common_name, certificate.subject, "", "", "", certificate});
  return {certificate, std::move(key)};
}

LocalCaResult create_with_root(sql::Connection& db, const DataKey& data_key, const LocalCaPlan& plan,
                               const StoredPlan& stored, const Secret* passphrase) {
  const std::string root_id = new_id("ca", now());
  PrivateKey key = PrivateKey::generate(plan.key);
  LocalCaResult result;
  if (plan.root == LocalCaPlan::Root::file) {
    result.root_key_pem = key.pem();
  } else if (passphrase != nullptr) {
    keep_root_key(db, root_id, key, *passphrase);
  } else {
    throw Error(Code::internal, "a sealed root key needs a passphrase");
  }
  const Duration life = plan.root_life > Duration::zero() ? plan.root_life : default_root_life;
  const Issuer root = make_root_row(db, stored, life, std::move(key), root_id);
  sign_crl(db, root_row(db), root, "", root_crl_life);
  result.root_pem = root.certificate().pem;
  result.issuing_pem = make_issuing(db, data_key, stored, root, root_id, 1).pem;
  return result;
}

LocalCaResult create_request(sql::Connection& db, const DataKey& data_key, const StoredPlan& stored) {
  const PrivateKey key = PrivateKey::generate(stored.key);
  const CaNames names = issuing_names(stored.name, 1);
  const Der csr = make_ca_csr(key, names, stored.constraints);
  LocalCaResult result;
  result.csr_pem = to_pem(csr, "CERTIFICATE REQUEST");
  NewIssuer issuer{
      new_id("ca", now()), "issuing", names.common_name, parse_csr(csr.bytes).subject, result.csr_pem, "", "", {}};
  issuer.key_path = key_path(issuer.issuer_id);
  insert_issuer(db, issuer);
  seal_issuing_key(db, data_key, issuer.issuer_id, key);
  return result;
}

/// The row whose request or certificate has this key.
IssuerRow row_of_key(sql::Connection& db, const std::vector<Certificate>& given, std::size_t& position) {
  for (IssuerRow& row : issuer_rows(db)) {
    if (!row.is_issuing() || row.csr.empty()) continue;
    const PublicKey key = parse_csr(row.csr).key;
    for (position = 0; position < given.size(); ++position) {
      if (is_pair(given[position], key)) return std::move(row);
    }
  }
  throw Error(Code::pair_mismatch, "none of the certificates has the key of this profile's CA request",
              "Give the certificate that answers the request of `ymgr init --ca-csr`, with its chain.");
}

[[noreturn]] void refuse_ca(const std::string& why, const std::string& hint) {
  throw Error(Code::certificate_invalid, "the CA certificate can't be used: " + why, hint);
}

void check_ca_certificate(const Certificate& certificate) {
  if (!certificate.is_ca) refuse_ca("it is not a CA certificate", "Have the request signed with CA:TRUE.");
  if (certificate.path_length != 0) {
    refuse_ca("its path length is not 0", "Have the request signed with pathlen:0.");
  }
  for (const char* usage : {"keyCertSign", "cRLSign"}) {
    const auto& has = certificate.key_usage;
    if (std::find(has.begin(), has.end(), usage) == has.end()) {
      refuse_ca("its key usage lacks " + std::string(usage), "Have the request signed with keyCertSign and cRLSign.");
    }
  }
}

/// What stands above `leaf`, root last. @throws Error when the chain stops short
std::vector<Certificate> given_chain(const Certificate& leaf, const std::vector<Certificate>& given) {
  std::vector<Certificate> chain;
  const Certificate* at = &leaf;
  while (at->subject != at->issuer) {
    const auto above = std::find_if(given.begin(), given.end(), [&](const Certificate& candidate) {
      return candidate.subject == at->issuer &&
             (at->authority_key_id.empty() || candidate.subject_key_id == at->authority_key_id);
    });
    if (above == given.end() || chain.size() == given.size()) {
      refuse_ca("the chain has no certificate of " + at->issuer, "Append every certificate up to the root.");
    }
    chain.push_back(*above);
    at = &*above;
  }
  if (chain.empty()) refuse_ca("it is self-signed", "Give the answer of the outside root.");
  return chain;
}

std::string pem_of(const std::vector<Certificate>& chain) {
  std::string pem;
  for (const Certificate& certificate : chain) pem += certificate.pem;
  return pem;
}

void keep_outside_root(sql::Connection& db, const Certificate& root) {
  for (const IssuerRow& row : issuer_rows(db)) {
    if (row.certificate == root.pem) return;
  }
  const std::string& name = root.common_name.empty() ? root.subject : root.common_name;
  insert_issuer(db, {new_id("ca", now()), "root", name, root.subject, "", "", "", root});
}

/// The answer to a CA request, checked.
struct Answer {
  IssuerRow row;
  Certificate certificate;
  std::vector<Certificate> chain;  // above it, root last
};

Answer read_answer(sql::Connection& db, std::string_view pem) {
  const std::vector<Certificate> given = parse_pem_chain(pem);
  std::size_t position = 0;
  IssuerRow row = row_of_key(db, given, position);
  const Certificate& certificate = given[position];
  check_ca_certificate(certificate);
  std::vector<Certificate> chain = given_chain(certificate, given);
  const std::span<const Certificate> above(chain);
  const std::string fault =
      check_chain(certificate, above.first(above.size() - 1), above.last(1), std::max(now(), certificate.not_before));
  if (!fault.empty()) refuse_ca("its chain does not verify: " + fault, "Check the chain with `openssl verify`.");
  // CRL and certificates of the same CA name it alike (RFC 5280 6.3.3).
  if (row.is_active() && row.subject != certificate.subject) {
    refuse_ca("its subject differs from that of the certificate it replaces", "Have it signed as " + row.subject + ".");
  }
  return {std::move(row), certificate, std::move(chain)};
}

}  // namespace

std::vector<CaInfo> list_cas(sql::Connection& db) {
  const std::string kept = root_key_kept(db);
  std::vector<CaInfo> result;
  for (const IssuerRow& row : issuer_rows(db)) result.push_back(to_info(row, kept));
  return result;
}

const CaInfo* ca_of(std::span<const CaInfo> cas, const Certificate& leaf) {
  for (const auto& ca : cas) {
    if (!ca.certificate || ca.subject != leaf.issuer) continue;
    if (leaf.authority_key_id.empty() || ca.certificate->subject_key_id == leaf.authority_key_id) return &ca;
  }
  return nullptr;
}

std::vector<Certificate> chain_above(std::span<const CaInfo> cas, const Certificate& leaf) {
  if (const auto* ca = ca_of(cas, leaf)) {
    std::vector<Certificate> chain{*ca->certificate};
    chain.insert(chain.end(), ca->chain.begin(), ca->chain.end());
    return chain;
  }
  throw Error(Code::certificate_not_found, "no CA of this profile is " + leaf.issuer, "ymgr ca show lists them");
}

CaInfo active_ca(sql::Connection& db) {
  return to_info(active_row(db), root_key_kept(db));
}

void require_ca(sql::Connection& db) {
  active_row(db);
}

LocalCaResult create_local_ca(sql::Connection& db, const DataKey& data_key, const LocalCaPlan& plan,
                              const Secret* root_passphrase) {
  check_plan(plan);
  const Duration life = plan.issuing_life > Duration::zero() ? plan.issuing_life : default_issuing_life;
  const StoredPlan stored{plan.name, plan.key, life, plan.constraints, plan.urls};
  store_plan(db, stored);
  sql::write_setting(db, "ca.root_key_kept", kept_text(plan.root));
  if (plan.root == LocalCaPlan::Root::outside) return create_request(db, data_key, stored);
  return create_with_root(db, data_key, plan, stored, root_passphrase);
}

CaInfo import_issuing_ca(sql::Connection& db, std::string_view pem) {
  const Answer answer = read_answer(db, pem);
  db.transaction(sql::Access::write, [&] {
    activate_issuer(db, answer.row.issuer_id, answer.certificate, pem_of(answer.chain));
    keep_outside_root(db, answer.chain.back());
  });
  return active_ca(db);
}

Certificate check_issuing_ca(sql::Connection& db, std::string_view pem) {
  return read_answer(db, pem).certificate;
}

void check_root_key(sql::Connection& db, const RootKey& given) {
  open_root(db, root_row(db), given);
}

std::optional<Crl> stored_crl(sql::Connection& db, const CaInfo& ca) {
  for (const IssuerRow& row : issuer_rows(db)) {
    if (row.issuer_id != ca.issuer_id || row.crl.empty()) continue;
    return parse_crl(row.crl, &ca.certificate.value());
  }
  return std::nullopt;
}

CaInfo rotate_issuing_ca(sql::Connection& db, const DataKey& data_key, const RootKey& given) {
  const StoredPlan plan = stored_plan(db);
  const IssuerRow row = root_row(db);
  const Issuer root = open_root(db, row, given);
  const auto rows = issuer_rows(db);
  const auto number = std::count_if(rows.begin(), rows.end(), [](const IssuerRow& r) { return r.is_issuing(); });
  make_issuing(db, data_key, plan, root, row.issuer_id, static_cast<std::size_t>(number) + 1);
  return active_ca(db);
}

Crl sign_root_crl(sql::Connection& db, const RootKey& given, const std::string& folder) {
  const Issuer root = open_root(db, root_row(db), given);
  Crl crl;
  db.transaction(sql::Access::write, [&] { crl = sign_crl(db, root_row(db), root, folder, root_crl_life); });
  return crl;
}

}  // namespace ymgr
