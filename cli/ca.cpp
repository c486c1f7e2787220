#include "workflow/ca.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/config.hpp"
#include "cli/inventory.hpp"
#include "cli/output/or_null.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {
namespace {

constexpr Field show_fields[] = {
    {"cas", "array of object", "newest first"},
    {"cas.issuer_id", "string", "id"},
    {"cas.kind", "string", "root or issuing"},
    {"cas.name", "string", "common name"},
    {"cas.status", "string", "active, retired, or pending: its certificate is still to come"},
    {"cas.subject", "string", "distinguished name"},
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
    {"cas.csr", "?string", "the request that waits for its certificate, PEM"},
    {"ocsp_signer_expires_at", "?time", "end of the delegated OCSP key"}};
constexpr Example show_examples[] = {{"ymgr ca show", "root and issuing CAs, CRLs, how the root key is kept"}};
constexpr Column show_columns[] = {{"NAME", "name"},
                                   {"KIND", "kind"},
                                   {"STATUS", "status"},
                                   {"EXPIRES", "expires_at"},
                                   {"CRL UNTIL", "crl_next_update"},
                                   {"ROOT KEY", "root_key"},
                                   {"CRL NUMBER", "crl_number", true},
                                   {"FINGERPRINT", "fingerprint", true}};

Json to_json(const CaInfo& ca) {
  Json json = Json::object({{"issuer_id", ca.issuer_id},
                            {"kind", ca.kind},
                            {"name", ca.name},
                            {"status", ca.status},
                            {"subject", ca.subject}});
  for (const std::string_view name : {"key_algorithm", "serial_number", "not_before", "expires_at", "fingerprint"})
    json.set(name, Json());
  if (const auto& certificate = ca.certificate) {
    if (certificate->key.algorithm) json.set("key_algorithm", to_string(*certificate->key.algorithm));
    json.set("serial_number", certificate->serial);
    json.set("not_before", format_time(certificate->not_before));
    json.set("expires_at", format_time(certificate->not_after));
    json.set("fingerprint", hex(certificate->fingerprint));
  }
  json.set("root_key", ca.root_key.empty() ? Json() : Json(ca.root_key));
  json.set("crl_number", ca.crl_this_update ? Json(ca.crl_number) : Json());
  json.set("crl_this_update", or_null(ca.crl_this_update));
  json.set("crl_next_update", or_null(ca.crl_next_update));
  return json.set("csr", ca.csr.empty() ? Json() : Json(ca.csr));
}

std::string_view root_key_text(std::string_view kept) {
  if (kept == "sealed-own-passphrase") return "sealed under a passphrase of its own";
  if (kept == "sealed-admin-password") return "sealed under the password that the first admin had at init";
  if (kept == "file") return "in the file that `ymgr init --root-key-out` wrote, not here";
  return kept == "outside" ? "outside" : "";
}

std::string dated(const std::optional<Time>& time, Time at) {
  return time ? format_time(*time) + " (" + describe_distance(at, *time) + ")" : "";
}

std::string ca_text(const CaInfo& ca, const Json& json, Time at) {
  std::optional<Time> end;
  if (ca.certificate) end = ca.certificate->not_after;
  const std::string crl = ca.crl_this_update
                              ? "number " + std::to_string(ca.crl_number) + " of " + format_time(*ca.crl_this_update) +
                                    ", holds until " + dated(ca.crl_next_update, at)
                              : "";
  return ca.name + " (" + ca.kind + ", " + ca.status + ")\n" +
         format_pairs({{"id", ca.issuer_id},
                       {"subject", ca.subject},
                       {"serial number", json.text_or("serial_number", "")},
                       {"valid until", ca.certificate ? dated(end, at) : "waits for its certificate: ymgr ca import"},
                       {"key", json.text_or("key_algorithm", "")},
                       {"root key", std::string(root_key_text(ca.root_key))},
                       {"fingerprint", json.text_or("fingerprint", "")},
                       {"CRL", crl}}) +
         "\n";
}

Result run_show(Invocation& call) {
  call.wiring().session().require(Right::read_inventory);
  const Time at = now();
  Result result{.json = Json::object({{"cas", Json::array()}}), .items = "cas", .columns = show_columns};
  for (const auto& ca : list_cas(call.wiring().database())) {
    Json json = to_json(ca);
    result.text += ca_text(ca, json, at);
    result.json.find("cas")->push(std::move(json));
  }
  const auto end = ocsp_signer_end(call.wiring().paths().ca);
  result.json.set("ocsp_signer_expires_at", or_null(end));
  result.text += "OCSP signer valid until " + (end ? dated(end, at) : std::string("(there is none)")) + "\n";
  return result;
}

constexpr Option out_to_option = {
    .name = "--out", .value = "FILE", .help = "write it there; - is standard output, the default", .complete = "file"};
constexpr Option force_option = {.name = "--force", .value = "", .help = "overwrite the file"};

constexpr Option export_options[] = {
    {.name = "--what", .value = "chain|issuing|root", .help = "chain (issuing CA, then root) at first"},
    out_to_option,
    force_option};
constexpr Field export_fields[] = {{"what", "string", "chain, issuing or root"},
                                   {"content", "?string", "PEM; null: in the file"},
                                   {"file", "?string", "where it was written"}};
constexpr Example export_examples[] = {{"ymgr ca export --what root > root.pem", "what clients must trust"},
                                       {"ymgr ca export --out chain.pem", "issuing CA and root"}};

/// What `exported` says, after the members of `json`.
Result delivered(Invocation& call, Json json, const std::string& text, Form form) {
  Result result = exported(call, text, form);
  for (const auto& [name, value] : result.json.members()) json.set(name, value);
  result.json = std::move(json);
  return result;
}

/// An authority that was adopted may be its own root, or may not tell what stands above it.
const Certificate& root_above(const CaInfo& ca) {
  const Certificate& top = ca.chain.empty() ? *ca.certificate : ca.chain.back();
  if (top.issuer == top.subject) return top;
  throw Error(Code::certificate_not_found, "the root above " + printable(ca.name) + " is not known here",
              "whoever runs " + printable(top.issuer) + " has it; Vault serves it once it is imported beside the CA");
}

Result run_export(Invocation& call) {
  const std::string what = call.maybe("--what").value_or("chain");
  const auto ca = active_ca(call.wiring().database());
  std::string pem;
  if (what != "root") pem += ca.certificate->pem;
  if (what == "chain")
    for (const auto& above : ca.chain) pem += above.pem;
  if (what == "root") pem += root_above(ca).pem;
  return delivered(call, Json::object({{"what", what}}), pem, Form::pem);
}

constexpr Option passphrase_option = {.name = "--root-passphrase-file",
                                      .value = "FILE",
                                      .help = "passphrase of the sealed root key; - is standard input",
                                      .complete = "file"};
constexpr Option root_key_option = {.name = "--root-key",
                                    .value = "FILE",
                                    .help = "the root key that `ymgr init --root-key-out` wrote",
                                    .complete = "file"};
constexpr Option crl_options[] = {
    {.name = "--refresh", .value = "", .help = "sign a new one first"},
    {.name = "--root", .value = "", .help = "the CRL of the root; a new one needs the root key"},
    passphrase_option,
    root_key_option,
    {.name = "--der", .value = "", .help = "DER instead of PEM"},
    out_to_option,
    force_option};
constexpr Field crl_fields[] = {{"issuer", "string", "distinguished name of the CA"},
                                {"number", "integer", "never goes back"},
                                {"this_update", "time", "when it was signed"},
                                {"next_update", "time", "until when it holds"},
                                {"entries", "integer", "revoked certificates on it"},
                                {"refreshed", "boolean", "it is a new one"},
                                {"content", "?string", "PEM, or base64 of DER; null: in the file"},
                                {"file", "?string", "where it was written"}};
constexpr Example crl_examples[] = {
    {"ymgr ca crl > crl.pem", "the newest CRL of the issuing CA"},
    {"ymgr ca crl --refresh --der --out crl.der --force", "a new one"},
    {"ymgr ca crl --root --refresh --root-passphrase-file root.pass", "a new CRL of the root"}};

/// The root's key in one of its forms.
struct RootKeyInput {
  Secret passphrase, pem;
  RootKey key() const { return {passphrase.empty() ? nullptr : &passphrase, pem.empty() ? nullptr : &pem}; }
};

CaInfo root_ca(sql::Connection& db) {
  for (auto& ca : list_cas(db))
    if (ca.kind == "root" && ca.certificate) return std::move(ca);
  throw Error(Code::root_key_missing, "this profile has no root CA", "ymgr ca show");
}

/// Asks for a passphrase only where one opens the key.
RootKeyInput root_key_of(Invocation& call) {
  RootKeyInput input;
  if (call.has("--root-key") && call.has("--root-passphrase-file"))
    throw Error(Code::usage, "--root-key and --root-passphrase-file exclude each other", "give one of them");
  const std::string kept = root_ca(call.wiring().database()).root_key;
  if (const auto file = call.maybe("--root-key")) {
    input.pem = read_secret_file(*file);
  } else if (call.has("--root-passphrase-file") || kept.starts_with("sealed")) {
    input.passphrase = call.secret("--root-passphrase-file", kept == "sealed-admin-password"
                                                                 ? "Password that the first admin had at init:"
                                                                 : "Passphrase of the root key:");
  }
  return input;
}

Result crl_answer(Invocation& call, const Crl& crl, bool refreshed) {
  Json json = Json::object({{"issuer", crl.issuer},
                            {"number", crl.number},
                            {"this_update", format_time(crl.this_update)},
                            {"next_update", format_time(crl.next_update)},
                            {"entries", crl.entries.size()},
                            {"refreshed", refreshed}});
  const bool der = call.has("--der");
  Result result =
      delivered(call, std::move(json), der ? crl.der.bytes : to_pem(crl.der, "X509 CRL"), der ? Form::der : Form::pem);
  result.changed = refreshed;
  return result;
}

/// Signs where it shall, and looks at nothing else in a dry run.
bool refresh_crl(Invocation& call, bool of_root) {
  const bool wanted =
      call.has("--refresh") || (of_root && (call.has("--root-key") || call.has("--root-passphrase-file")));
  if (!wanted) return false;
  call.wiring().session().require(Right::manage_ca);
  if (of_root) {
    const auto input = root_key_of(call);
    if (call.globals().dry_run)
      check_root_key(call.wiring().database(), input.key());
    else
      refresh_root_crl(call.wiring().workbench(), input.key());
  } else if (!call.globals().dry_run) {
    refresh_ca_crls(call.wiring().workbench());
  }
  return !call.globals().dry_run;
}

Result run_crl(Invocation& call) {
  call.wiring().require_embedded(
      "lists of revoked certificates",
      "Vault serves them without a login: " + call.wiring().config().at("vault.address").value + "/v1/" +
          call.wiring().config().at("vault.pki").value + "/crl/pem");
  const bool of_root = call.has("--root");
  if (!of_root && (call.has("--root-key") || call.has("--root-passphrase-file")))
    throw Error(Code::usage, "a root key signs the root's CRL only", "add --root");
  auto& db = call.wiring().database();
  const auto ca = of_root ? root_ca(db) : active_ca(db);
  const bool refreshed = refresh_crl(call, of_root);
  const auto crl = stored_crl(db, ca);
  if (!crl)
    throw Error(Code::crl_invalid, "there is no CRL of " + ca.name,
                of_root && ca.root_key == "outside" ? "ask whoever keeps that root" : "ymgr ca crl --refresh");
  return crl_answer(call, *crl, refreshed);
}

constexpr Argument import_arguments[] = {
    {"FILE", "PEM: the issuing CA's certificate and what stands above it; - is standard input", Argument::Count::one,
     "file"}};
constexpr Field changed_fields[] = {{"issuer_id", "?string", "id of the CA that signs now; null with --dry-run"},
                                    {"name", "string", "its name"},
                                    {"serial_number", "?string", "of its certificate"},
                                    {"expires_at", "?time", "last second of its validity"},
                                    {"fingerprint", "?string", "SHA-256 of its certificate, hex"},
                                    {"replaces", "?string", "name of the CA that signed until now"}};
constexpr Example import_examples[] = {
    {"ymgr ca import issuing-and-root.pem", "after an outside root signed the request of `ymgr init --ca-csr`"}};

Json changed_json(const Json& issuer_id, const std::string& name, const std::optional<Certificate>& certificate) {
  return Json::object({{"issuer_id", issuer_id},
                       {"name", name},
                       {"serial_number", certificate ? Json(certificate->serial) : Json()},
                       {"expires_at", certificate ? Json(format_time(certificate->not_after)) : Json()},
                       {"fingerprint", certificate ? Json(hex(certificate->fingerprint)) : Json()},
                       {"replaces", Json()}});
}

Result changed_answer(const CaInfo& ca) {
  Result result;
  result.json = changed_json(ca.issuer_id, ca.name, ca.certificate);
  result.text = ca.name + " signs from now on, until " + format_time(ca.certificate->not_after) + "\n";
  result.changed = true;
  return result;
}

Result run_import(Invocation& call) {
  call.wiring().require_embedded("CA certificates",
                                 "Vault's PKI engine renews its issuers; then: ymgr init --team --apply");
  call.wiring().session().require(Right::manage_ca);
  const auto pem = read_input(call.text("FILE"));
  if (!call.globals().dry_run) return changed_answer(import_ca(call.wiring().workbench(), pem));
  const auto certificate = check_issuing_ca(call.wiring().database(), pem);
  Result result;
  result.json = changed_json(Json(), certificate.common_name, certificate);
  result.text = "would let " + certificate.subject + " sign, until " + format_time(certificate.not_after) + "\n";
  return result;
}

constexpr Option rotate_options[] = {passphrase_option, root_key_option};
constexpr Example rotate_examples[] = {
    {"ymgr ca rotate --root-passphrase-file root.pass", "before the issuing CA expires"},
    {"ymgr ca rotate --root-key /media/usb/root.key --dry-run", "does that key open, and what would be replaced?"}};

Result run_rotate(Invocation& call) {
  call.wiring().require_embedded("CA certificates",
                                 "Vault's PKI engine renews its issuers; then: ymgr init --team --apply");
  call.wiring().session().require(Right::manage_ca);
  auto& db = call.wiring().database();
  const auto before = active_ca(db);
  const auto input = root_key_of(call);
  Result result;
  if (call.globals().dry_run) {
    check_root_key(db, input.key());
    result.json = changed_json(Json(), before.name, std::nullopt);
    result.text = "would put a new issuing CA in the place of " + before.name + "\n";
  } else {
    result = changed_answer(rotate_ca(call.wiring().workbench(), input.key()));
  }
  result.json.set("replaces", before.name);
  return result;
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
    .fields = show_fields,
    .examples = show_examples,
    .run = run_show,
};
constinit const Command ca_export_command = {
    .path = "ca export",
    .summary = "print CA certificates",
    .description =
        "PEM on standard output, or in a file that everybody may read. They are public, so no session is needed.",
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
        "PEM on standard output. What is stored needs no session; `--refresh` signs a new one, which `ymgr revoke` and "
        "`ymgr renew --due` do by themselves when it is time.\n\n"
        "The root's CRL is signed when the profile is made and holds a year. A new one needs the root key: its "
        "passphrase, or the file that it was written to.",
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
        "The answer to the request that `ymgr init --ca-csr` wrote. It must have that key, be a CA of path length 0, "
        "and its chain must verify up to a self-signed root in the same file. The same request may be signed and "
        "imported again before the certificate ends.",
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
        "CRLs and OCSP answers until it expires. Servers send the new issuing CA with their certificate from the next "
        "renewal on; clients that trust the root notice nothing.",
    .arguments = {},
    .options = rotate_options,
    .fields = changed_fields,
    .examples = rotate_examples,
    .run = run_rotate,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
