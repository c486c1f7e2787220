#include "workflow/ca.hpp"

#include "base/files.hpp"
#include "cli/certificates.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {
namespace {

Json to_json(const CaInfo& ca) {
  const auto& certificate = ca.certificate;
  return Json::object(
      {{"issuer_id", ca.issuer_id},
       {"kind", ca.kind},
       {"name", ca.name},
       {"status", ca.status},
       {"subject", ca.subject},
       {"key_algorithm",
        certificate && certificate->key.algorithm ? Json(to_string(*certificate->key.algorithm)) : Json()},
       {"serial_number", certificate ? Json(certificate->serial) : Json()},
       {"not_before", certificate ? Json(format_time(certificate->not_before)) : Json()},
       {"expires_at", certificate ? Json(format_time(certificate->not_after)) : Json()},
       {"fingerprint", certificate ? Json(hex(certificate->fingerprint)) : Json()},
       {"root_key", ca.root_key.empty() ? Json() : Json(ca.root_key)},
       {"crl_number", ca.crl_this_update ? Json(ca.crl_number) : Json()},
       {"crl_this_update", ca.crl_this_update ? Json(format_time(*ca.crl_this_update)) : Json()},
       {"crl_next_update", ca.crl_next_update ? Json(format_time(*ca.crl_next_update)) : Json()}});
}

constexpr Field ca_fields[] = {
    {"cas", "array of object", "newest first"},
    {"cas.issuer_id", "string", "id"},
    {"cas.kind", "string", "root or issuing"},
    {"cas.name", "string", "common name"},
    {"cas.status", "string", "active, retired, or pending: its certificate is still to come"},
    {"cas.subject", "string", "subject DN"},
    {"cas.key_algorithm", "?string", "algorithm of its key"},
    {"cas.serial_number", "?string", "of its certificate"},
    {"cas.not_before", "?time", "first second of its validity"},
    {"cas.expires_at", "?time", "last second of its validity"},
    {"cas.fingerprint", "?string", "SHA-256 of its certificate, hex"},
    {"cas.root_key", "?string",
     "how the root key is kept: sealed-own-passphrase, sealed-admin-password, file, outside"},
    {"cas.crl_number", "?integer", "of its newest CRL"},
    {"cas.crl_this_update", "?time", "when that was signed"},
    {"cas.crl_next_update", "?time", "until when it holds"},
    {"ocsp_signer_expires_at", "?time", "end of the delegated OCSP key"}};
constexpr Example show_examples[] = {{"ymgr ca show", "root and issuing CAs, CRLs, how the root key is kept"}};
constexpr Column ca_columns[] = {{"NAME", "name"},
                                 {"KIND", "kind"},
                                 {"STATUS", "status"},
                                 {"EXPIRES", "expires_at"},
                                 {"CRL UNTIL", "crl_next_update"},
                                 {"ROOT KEY", "root_key"},
                                 {"FINGERPRINT", "fingerprint", true}};

std::optional<Time> ocsp_expiry(const std::string& folder) {
  const auto pem = read_file_if_there(folder + "/ocsp.pem");
  if (!pem) return std::nullopt;
  const auto chain = parse_pem_chain(*pem);
  return chain.empty() ? std::nullopt : std::optional(chain.front().not_after);
}

Result run_show(Invocation& call) {
  call.wiring().session().require(Right::read_inventory);
  Result result{.json = Json::object({{"cas", Json::array()}}), .items = "cas", .columns = ca_columns};
  for (const auto& ca : list_cas(call.wiring().database())) result.json.find("cas")->push(to_json(ca));
  const auto expiry = ocsp_expiry(call.wiring().paths().ca);
  result.json.set("ocsp_signer_expires_at", expiry ? Json(format_time(*expiry)) : Json());
  return result;
}

/// Text to standard output, or to a file that must not be there.
Result deliver_text(Invocation& call, Json json, std::string text) {
  const auto out = call.text("--out");
  Result result{.json = std::move(json)};
  if (out.empty() || out == "-") {
    result.text = std::move(text);
    result.raw = true;
    return result;
  }
  write_file(out, text, {0644, std::nullopt}, call.has("--force") ? Existing::replace : Existing::refuse);
  result.text = "written to " + out + "\n";
  return result;
}

constexpr Option out_to_option = {
    .name = "--out", .value = "FILE", .help = "write it there; - is standard output, the default", .complete = "file"};
constexpr Option force_option = {.name = "--force", .value = "", .help = "overwrite the file"};

constexpr Option export_options[] = {{.name = "--what",
                                      .value = "chain|issuing|root",
                                      .help = "chain (issuing CA, then root) at first",
                                      .complete = "chain|issuing|root"},
                                     out_to_option,
                                     force_option};
constexpr Field export_fields[] = {{"what", "string", "chain, issuing or root"}, {"certificates", "string", "PEM"}};
constexpr Example export_examples[] = {{"ymgr ca export --what root > root.pem", "what clients must trust"},
                                       {"ymgr ca export --out chain.pem", "issuing CA and root"}};

Result run_export(Invocation& call) {
  const auto what = call.has("--what") ? call.text("--what") : std::string("chain");
  if (what != "chain" && what != "issuing" && what != "root")
    throw Error(Code::usage, "--what is chain, issuing or root", "ymgr ca export --what root");
  const auto ca = active_ca(call.wiring().database());
  std::string pem;
  if (what != "root") pem += ca.certificate->pem;
  if (what == "chain")
    for (const auto& above : ca.chain) pem += above.pem;
  if (what == "root" && !ca.chain.empty()) pem += ca.chain.back().pem;
  return deliver_text(call, Json::object({{"what", what}, {"certificates", pem}}), pem);
}

constexpr Option crl_options[] = {
    {.name = "--refresh", .value = "", .help = "sign a new one first"},
    {.name = "--root", .value = "", .help = "the CRL of the root; needs its key, see below"},
    {.name = "--root-passphrase-file",
     .value = "FILE",
     .help = "passphrase of the sealed root key; - is standard input",
     .complete = "file"},
    {.name = "--root-key",
     .value = "FILE",
     .help = "the root key that `ymgr init --root-key-out` wrote",
     .complete = "file"},
    out_to_option,
    force_option};
constexpr Field crl_fields[] = {
    {"issuer", "string", "subject DN of the CA"},         {"number", "integer", "never goes back"},
    {"this_update", "time", "when it was signed"},        {"next_update", "time", "until when it holds"},
    {"entries", "integer", "revoked certificates on it"}, {"crl", "string", "PEM"}};
constexpr Example crl_examples[] = {{"ymgr ca crl > crl.pem", "the newest CRL of the issuing CA"},
                                    {"ymgr ca crl --refresh --out crl.pem --force", "a new one"},
                                    {"ymgr ca crl --root --root-passphrase-file root.pass", "a new CRL of the root"}};

/// The root's key in one of its forms.
struct RootKeyInput {
  Secret passphrase, pem;
  RootKey key() const { return {passphrase.empty() ? nullptr : &passphrase, pem.empty() ? nullptr : &pem}; }
};

RootKeyInput root_key_of(Invocation& call) {
  RootKeyInput input;
  if (const auto file = call.maybe("--root-key"))
    input.pem = read_secret_file(*file);
  else
    input.passphrase = call.secret("--root-passphrase-file", "passphrase of the root key");
  return input;
}

Result crl_answer(Invocation& call, const Crl& crl) {
  const auto pem = to_pem(crl.der, "X509 CRL");
  Json json = Json::object({{"issuer", crl.issuer},
                            {"number", crl.number},
                            {"this_update", format_time(crl.this_update)},
                            {"next_update", format_time(crl.next_update)},
                            {"entries", crl.entries.size()},
                            {"crl", pem}});
  return deliver_text(call, std::move(json), pem);
}

Result run_crl(Invocation& call) {
  const bool dry = call.globals().dry_run;
  if (call.has("--root")) {
    call.wiring().session().require(Right::manage_ca);
    const auto input = root_key_of(call);
    if (dry) return {.text = "would sign a new CRL of the root\n"};
    auto result = crl_answer(call, refresh_root_crl(call.wiring().workbench(), input.key()));
    result.changed = true;
    return result;
  }
  auto& db = call.wiring().database();
  const bool refresh = call.has("--refresh") && !dry;
  if (refresh) refresh_ca_crls(call.wiring().workbench());
  const auto ca = active_ca(db);
  std::string pem;
  db.run("SELECT crl FROM issuers WHERE issuer_id = $1", {ca.issuer_id},
         [&](const sql::Row& row) { pem = row.text(0); });
  if (pem.empty()) throw Error(Code::crl_invalid, "the CA " + ca.name + " has no CRL yet", "ymgr ca crl --refresh");
  auto result = crl_answer(call, parse_crl(pem, &*ca.certificate));
  result.changed = refresh;
  return result;
}

constexpr Argument import_arguments[] = {
    {"FILE", "PEM: the issuing CA's certificate and what stands above it, the root last; - is standard input",
     Argument::Count::one, "file"}};
constexpr Field changed_fields[] = {{"issuer_id", "string", "id of the CA that signs now"},
                                    {"name", "string", "its name"},
                                    {"expires_at", "?time", "last second of its validity"},
                                    {"fingerprint", "?string", "SHA-256 of its certificate, hex"}};
constexpr Example import_examples[] = {
    {"ymgr ca import issuing-and-root.pem", "after an outside root signed the request of `ymgr init --ca-csr`"}};

Result changed_answer(const CaInfo& ca, std::string_view verb) {
  Result result;
  result.json = Json::object({{"issuer_id", ca.issuer_id},
                              {"name", ca.name},
                              {"expires_at", ca.certificate ? Json(format_time(ca.certificate->not_after)) : Json()},
                              {"fingerprint", ca.certificate ? Json(hex(ca.certificate->fingerprint)) : Json()}});
  result.text = std::string(verb) + " " + ca.name + "\n";
  result.changed = true;
  return result;
}

Result run_import(Invocation& call) {
  call.wiring().session().require(Right::manage_ca);
  const auto pem = read_input(call.text("FILE"));
  if (call.globals().dry_run) {
    const auto chain = parse_pem_chain(pem);
    if (chain.empty())
      throw Error(Code::certificate_invalid, "the file holds no certificate", "give PEM, the issuing CA first");
    CaInfo ca;
    ca.issuer_id = "planned";
    ca.name = chain.front().common_name;
    ca.certificate = chain.front();
    auto result = changed_answer(ca, "would import");
    result.changed = false;
    return result;
  }
  return changed_answer(import_ca(call.wiring().workbench(), pem), "imported");
}

constexpr Option rotate_options[] = {crl_options[2], crl_options[3]};
constexpr Example rotate_examples[] = {
    {"ymgr ca rotate --root-passphrase-file root.pass", "before the issuing CA expires"}};

Result run_rotate(Invocation& call) {
  call.wiring().session().require(Right::manage_ca);
  if (call.globals().dry_run) {
    auto result = changed_answer(active_ca(call.wiring().database()), "would replace");
    result.changed = false;
    return result;
  }
  const auto input = root_key_of(call);
  return changed_answer(rotate_ca(call.wiring().workbench(), input.key()), "signing now:");
}

}  // namespace

extern const Command ca_show_command, ca_export_command, ca_crl_command, ca_import_command, ca_rotate_command;
constinit const Command ca_show_command = {
    .path = "ca show",
    .summary = "show the CAs",
    .description =
        "Root and issuing CAs with their state, their CRLs, how the root key is kept, and when the OCSP key ends.",
    .arguments = {},
    .options = {},
    .fields = ca_fields,
    .examples = show_examples,
    .run = run_show,
};
constinit const Command ca_export_command = {
    .path = "ca export",
    .summary = "print CA certificates",
    .description = "PEM on standard output. They are public, so no session is needed.",
    .arguments = {},
    .options = export_options,
    .fields = export_fields,
    .examples = export_examples,
    .run = run_export,
};
constinit const Command ca_crl_command = {
    .path = "ca crl",
    .summary = "print the newest CRL, or sign a new one",
    .description =
        "PEM on standard output. Without --refresh and --root it only prints what is stored and needs no session. The "
        "root's CRL needs the "
        "root key: its passphrase, or the file it was written to.",
    .arguments = {},
    .options = crl_options,
    .fields = crl_fields,
    .examples = crl_examples,
    .run = run_crl,
    .effect = Effect::changes,
};
constinit const Command ca_import_command = {
    .path = "ca import",
    .summary = "take the certificate that an outside root signed",
    .description =
        "The answer to the request that `ymgr init --ca-csr` wrote. It must fit the pending key, be a CA of path "
        "length 0, and its chain must verify.",
    .arguments = import_arguments,
    .options = {},
    .fields = changed_fields,
    .examples = import_examples,
    .run = run_import,
    .effect = Effect::changes,
};
constinit const Command ca_rotate_command = {
    .path = "ca rotate",
    .summary = "make a new issuing CA under the same root",
    .description =
        "New certificates are signed by the new CA at once; the former one is retired, and goes on signing its own "
        "CRLs until it expires.",
    .arguments = {},
    .options = rotate_options,
    .fields = changed_fields,
    .examples = rotate_examples,
    .run = run_rotate,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
