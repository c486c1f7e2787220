// Journal, inventory and audit of certificates, as the engine writes them for a step that does nothing else.
//   team_rows HOST DATABASE USER PASSWORD_FILE PERSON MODEL COUNT
// Each certificate is like the one of the name MODEL. Prints the seconds that it took, and the operation's id.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "authority/authority_vault.hpp"
#include "base/files.hpp"
#include "base/ids.hpp"
#include "workflow/certificate_item.hpp"

using namespace ymgr;

namespace {

struct Model {
  CertificateRow row;
  Certificate certificate;
  std::string issuer_id;
};

struct RowItem : CertificateItem {
  std::shared_ptr<const Model> model;
};
struct NoPorts {};

Progress nothing(RowItem&, NoPorts&, Attempt) {
  return Progress::done;
}

Record rows_of(const RowItem& item) {
  return [item](Recording& recording) {
    CertificateRow row = item.model->row;
    row.cert_id = item.cert_id;
    row.name = item.name;
    row.serial = item.plan.serial;
    row.public_key_sha256 = row.fingerprint = hex(sha256(item.plan.serial));
    row.key_reference = "transit:" + item.key_name;
    row.request_id = recording.request_id;
    inventory::insert(recording.db, row);
    IssuedCertificate issued{item.model->certificate, item.model->issuer_id, row.ca_name};
    issued.certificate.serial = row.serial;
    recording.authority.record_issued(issued, row.cert_id);
    recording.audit = Json::object({{"cert_id", row.cert_id},
                                    {"serial_number", row.serial},
                                    {"ca", row.ca_name},
                                    {"not_before", format_time(row.not_before)},
                                    {"not_after", format_time(row.expires_at)},
                                    {"fingerprint", row.fingerprint},
                                    {"key_reference", row.key_reference},
                                    {"renewed_from", Json()}});
  };
}

// One step: a row of each kind.
constexpr Step<RowItem, NoPorts> steps[] = {{"issued", Durability::before_next, nothing, rows_of}};

std::vector<RowItem> plan(Workbench& bench, const Model& model, std::size_t count, NewOperation& op) {
  const Time at = now();
  op.request_id = new_id("req", at);
  op.kind = "issue";
  op.target = std::to_string(count) + " certificates";
  op.inputs = Json::object({{"certificates", op.request_id}});
  const auto shared = std::make_shared<const Model>(model);
  std::vector<RowItem> items(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto& item = items[i];
    item.position = i;
    item.name = item.target = "n" + std::to_string(i) + "-" + op.request_id + ".corp.test";
    item.owner = bench.session.identity().user;
    item.profile = model.row.profile;
    item.policy_version = model.row.policy_version;
    item.key_place = KeyPlace::transit;
    item.key_name = item.name;
    item.cert_id = new_id("cert", at);
    item.plan.serial = new_serial();
    item.plan.names = {item.name, {make_san(SanKind::dns, item.name)}};
    item.model = shared;
    op.items.push_back({item.target, item.journal()});
  }
  return items;
}

/// What a certificate costs besides its calls of Vault.
double write_rows(Workbench& bench, const Model& model, std::size_t count, std::string& request_id) {
  NewOperation op;
  auto items = plan(bench, model, count, op);
  const auto begin = std::chrono::steady_clock::now();
  bench.db.transaction(sql::Access::write, [&] { operations::create(bench, op); });
  run_items<RowItem, NoPorts>(bench, op.request_id, items, steps, [] { return std::make_unique<NoPorts>(); });
  operations::end(bench, op.request_id, op.kind, op.target, Json::object({{"items", count}}));
  request_id = op.request_id;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int words, char** word) {
  if (words != 8) return 2;
  sql::PostgresSettings settings;
  settings.host = word[1];
  settings.database = word[2];
  settings.user = word[3];
  settings.password = read_secret_file(word[4]);
  const auto db = sql::open_postgres(std::move(settings));
  const Session session({word[5], Role::operator_}, "", now() + std::chrono::hours(1), std::nullopt);
  vault::Client nobody({.addresses = {"https://127.0.0.1:1"}});  // which is never asked
  const auto stores = open_vault_stores(nobody, {});
  const auto authority = open_vault_authority(*db, nobody, {});
  const Policy policy = Policy::parse(default_policy("internal"), "the bench's policy");
  Workbench bench{.db = *db,
                  .session = session,
                  .stores = *stores,
                  .policy = policy,
                  .authority = *authority,
                  .head_signer = nullptr,
                  .notices = no_notices(),
                  .self = this_process("bench"),
                  .jobs = 8,
                  .ca_folder = {},
                  .installations = {},
                  .environment = {}};
  Model model{inventory::by_name(*db, word[6]).front(), {}, active_ca(*db).issuer_id};
  model.certificate = parse_certificate(model.row.pem);
  std::string request_id;
  const double seconds = write_rows(bench, model, static_cast<std::size_t>(std::atoll(word[7])), request_id);
  std::printf("%.6f %s\n", seconds, request_id.c_str());
}
