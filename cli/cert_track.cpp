#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/config.hpp"
#include "cli/inventory.hpp"
#include "workflow/track.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {
    {"PLACE", "a file, a folder, or HOST:PORT of a TLS server", Argument::Count::any, "file"}};
constexpr Option options[] = {
    {.name = "--recursive", .value = "", .help = "of a folder: those below it too"},
    {.name = "--from-ca", .value = "", .help = "what Vault's CA signed and the inventory does not have"},
    {.name = "--batch",
     .value = "FILE",
     .help = "a list with one PLACE a line; - is standard input",
     .complete = "file"},
    {.name = "--owner", .value = "PERSON", .help = "whose they are, else the own", .complete = "user"},
    {.name = "--renew",
     .value = "",
     .help = "once it is due, `renew --due` issues its successor from our CA into --out"},
    {.name = "--profile",
     .value = "NAME",
     .help = "with --renew: its profile, tls-server at first",
     .complete = "profile"},
    out_option};

constexpr Field fields[] = {{"items", "array of object", "one a certificate, or a place without one"},
                            {"items.success", "boolean", "there is a certificate"},
                            {"items.result", "?string", "tracked, changed, unchanged, ours or planned"},
                            {"items.track_id", "?string", "id for cert untrack"},
                            {"items.name", "?string", "common name, or the first of its names"},
                            {"items.source", "string", "file:PATH, tls:HOST:PORT or ca:SERIAL"},
                            {"items.host", "?string", "the host that looked"},
                            {"items.status", "?string", "tracked, expired, or replaced by ours"},
                            {"items.subject", "?string", "distinguished name"},
                            {"items.sans", "?array of string", "names, as KIND:VALUE"},
                            {"items.serial_number", "?string", "upper-case hex with colons"},
                            {"items.issuer", "?string", "distinguished name of its CA"},
                            {"items.key_algorithm", "?string", "of the key"},
                            {"items.owner", "?string", "whose it is"},
                            {"items.not_before", "?time", "first second of its validity"},
                            {"items.expires_at", "?time", "last second of its validity"},
                            {"items.renew_at", "?time", "when it becomes due"},
                            {"items.fingerprint", "?string", "SHA-256 of the certificate, hex"},
                            {"items.profile", "?string", "of its successor; null: it is renewed elsewhere"},
                            {"items.installation", "?string", "name of the successor's installation file"},
                            {"items.tracked_at", "?time", "since when it is watched"},
                            {"items.tracked_by", "?string", "who said so"},
                            {"items.seen_at", "?time", "when somebody looked last"},
                            {"items.code", "?string", "code of the failure"},
                            {"items.error", "?string", "what failed"},
                            {"items.suggestion", "?string", "what to do"},
                            {"items.retryable", "?boolean", "it may work later"},
                            {"summary", "object", "counts by result"}};
constexpr Column columns[] = {{"NAME", "name"},        {"RESULT", "result"}, {"EXPIRES", "expires_at"},
                              {"SOURCE", "source"},    {"ERROR", "error"},   {"ISSUER", "issuer", true},
                              {"ID", "track_id", true}};
constexpr Example examples[] = {
    {"ymgr cert track www.example.com:443 mail.example.com:993", "what these servers show"},
    {"ymgr cert track /etc/ssl --recursive", "every certificate below a folder"},
    {"ymgr cert track /etc/ssl/www.pem --renew --out /etc/nginx/tls", "our CA's own follows when it is due"},
    {"ymgr cert track --from-ca", "what others asked the team's CA for"}};

std::vector<Sighting> look(Invocation& call, Workbench& bench) {
  const auto timeout = call.wiring().config().timeout();
  const auto depth = call.has("--recursive") ? Depth::recursive : Depth::one_folder;
  const std::string here = absolute_path(".");
  std::vector<Sighting> found;
  const auto take = [&](std::vector<Sighting> more) { std::ranges::move(more, std::back_inserter(found)); };
  for (const auto& word : call.list("PLACE")) take(look_at(word, here, depth, timeout));
  if (const auto file = call.maybe("--batch")) take(look_by_list(read_input(*file), here, timeout));
  if (call.has("--from-ca")) take(look_in_ca(bench));
  return found;
}

TrackOptions wish(Invocation& call) {
  TrackOptions wish;
  wish.owner = call.text("--owner");
  wish.dry_run = call.globals().dry_run;
  if (call.has("--renew") != call.has("--out"))
    throw Error(Code::usage, "--renew and --out go together", "ymgr cert track FILE --renew --out FOLDER");
  if (call.has("--profile") && !call.has("--renew"))
    throw Error(Code::usage, "--profile goes with --renew", "ymgr cert track FILE --renew --out FOLDER --profile NAME");
  if (!call.has("--renew")) return wish;
  wish.profile = call.maybe("--profile").value_or("tls-server");
  wish.place = Installation{};
  wish.place->out = absolute_path(call.text("--out"));
  return wish;
}

Result run_track(Invocation& call) {
  if (call.list("PLACE").empty() && !call.has("--batch") && !call.has("--from-ca"))
    throw Error(Code::usage, "which certificate?", "ymgr cert track FILE, HOST:PORT, --from-ca or --batch FILE");
  const auto wanted = wish(call);
  auto& bench = call.wiring().workbench();
  const auto answer = track(bench, look(call, bench), wanted);
  Json summary = Json::object({{"total", answer.items.size()}});
  for (const std::string_view result : {"tracked", "changed", "unchanged", "ours", "planned"})
    if (const auto n =
            std::ranges::count(answer.items, result, [](const Json& item) { return item.text_or("result", ""); }))
      summary.set(result, static_cast<std::int64_t>(n));
  Result result{.items = "items", .columns = columns, .exit = answer.exit, .changed = answer.changed};
  result.json.set("items", Json(answer.items));
  result.json.set("summary", std::move(summary));
  return result;
}

constexpr Argument untrack_arguments[] = {{"CERT", "track_id, source or name", Argument::Count::one}};
constexpr Field untrack_fields[] = {{"track_id", "string", "its id"},
                                    {"name", "string", "its name"},
                                    {"source", "string", "where it was found"},
                                    {"status", "string", "untracked; tracked with --dry-run"}};
constexpr Example untrack_examples[] = {
    {"ymgr cert untrack www.example.com", "watched no longer; nothing else happens to it"}};

Result run_untrack(Invocation& call) {
  auto& bench = call.wiring().workbench();
  const bool dry_run = call.globals().dry_run;
  const auto row = untrack(bench, call.text("CERT"), dry_run ? Rehearsal::yes : Rehearsal::no);
  Result result{.text = printable(row.name) + " (" + printable(row.source) + ") " +
                        (dry_run ? "would be watched no longer" : "is watched no longer") + "\n",
                .changed = !dry_run};
  result.json =
      Json::object({{"track_id", row.track_id}, {"name", row.name}, {"source", row.source}, {"status", row.status}});
  return result;
}

}  // namespace

extern const Command cert_track_command, cert_untrack_command;
constinit const Command cert_track_command = {
    .path = "cert track",
    .summary = "watch certificates from elsewhere",
    .description =
        "Takes certificates of other CAs into the inventory, to be told of before they expire: `renew --due` counts "
        "them as waiting and in its first expiry, `cert list --select status=tracked` lists them. They stand "
        "apart from our own: nothing revokes them, `reconcile` does not count them. What is ours already is left "
        "alone. Said again for the same place, it looks whether another certificate is there by now, and keeps owner "
        "and successor where none is given; put it before `renew --due` in the timer. `cert untrack` ends both.\n\n"
        "Of a server the certificate is taken that it shows for the name, whatever that is worth; STARTTLS is not "
        "understood. Of a file the first certificate counts. `--renew --out FOLDER` has our CA issue a certificate "
        "with the same names and a new key into that folder when it is due.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run_track,
    .effect = Effect::changes,
};
constinit const Command cert_untrack_command = {
    .path = "cert untrack",
    .summary = "watch a certificate from elsewhere no longer",
    .description =
        "The row stays for the record; the certificate itself is not touched, nor is what was issued in its place.",
    .arguments = untrack_arguments,
    .options = {},
    .fields = untrack_fields,
    .examples = untrack_examples,
    .run = run_untrack,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
