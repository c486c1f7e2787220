#include "cli/notify.hpp"

#include "base/text.hpp"
#include "cli/environment.hpp"
#include "cli/notify_settings.hpp"
#include "cli/output/or_null.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {
namespace {

constexpr Option channel_option = {
    .name = "--channel", .value = "mail|webhook|exec", .help = "this channel alone", .complete = "mail|webhook|exec"};

/// @throws Error config-invalid: none is set up, or not the one asked for
std::vector<notices::Channel> channels_of(Invocation& call) {
  auto channels = notice_channels(call.wiring().config(), environment_for_others());
  if (const auto name = call.maybe("--channel"))
    std::erase_if(channels, [&](const notices::Channel& channel) { return channel.name != *name; });
  if (!channels.empty()) return channels;
  const auto name = call.text("--channel");
  throw Error(Code::config_invalid, "no channel " + (name.empty() ? "for notices" : name) + " is set up",
              "write notify.mail, notify.webhook or notify.exec into the configuration file: ymgr.yaml(5)");
}

Json result_of(const std::string& channel, const std::optional<Error>& error) {
  Json json = error ? failure_json(*error) : Json::object();
  return Json::object({{"channel", channel}, {"success", !error}})
      .set("error", error ? Json(json.text_or("error", "")) : Json())
      .set("code", error ? Json(json.text_or("code", "")) : Json())
      .set("suggestion", error ? Json(json.text_or("suggestion", "")) : Json());
}

int exit_of(const std::optional<Error>& error) {
  return error ? exit_status(error->kind()) : 0;
}

constexpr Option test_options[] = {channel_option};
constexpr Field test_fields[] = {{"channels", "array of object", "one for each that is set up"},
                                 {"channels.channel", "string", "mail, webhook or exec"},
                                 {"channels.success", "boolean", "it took the message"},
                                 {"channels.error", "?string", "why not"},
                                 {"channels.code", "?string", "code of that error"},
                                 {"channels.suggestion", "?string", "what to do"}};
constexpr Column test_columns[] = {{"CHANNEL", "channel"}, {"TAKEN", "success"}, {"ERROR", "error"}};
constexpr Example test_examples[] = {{"ymgr notify test", "a test message over every channel"},
                                     {"ymgr notify test --channel mail", "by mail alone"}};

std::optional<Error> try_channel(const notices::Channel& channel, const Digest& digest) {
  try {
    channel.send(digest);
  } catch (const Error& error) {  // part of the answer
    return error;
  }
  return std::nullopt;
}

Result run_test(Invocation& call) {
  Result result{.json = Json::object({{"channels", Json::array()}}), .items = "channels", .columns = test_columns};
  std::vector<int> exits;
  const auto digest = notices::test_digest(Wiring::host_name(), now());
  for (const auto& channel : channels_of(call)) {
    const auto error = try_channel(channel, digest);
    result.json.find("channels")->push(result_of(channel.name, error));
    exits.push_back(exit_of(error));
    if (error) call.notices().warn(channel.name + ": " + error->suggestion());
  }
  result.exit = batch_exit(exits);
  return result;
}

constexpr Field send_fields[] = {{"channels", "array of object", "one for each that was owed something"},
                                 {"channels.channel", "string", "mail, webhook or exec"},
                                 {"channels.success", "boolean", "it took the digest"},
                                 {"channels.error", "?string", "why not; the next run tries again"},
                                 {"channels.code", "?string", "code of that error"},
                                 {"channels.suggestion", "?string", "what to do"},
                                 {"channels.count", "integer", "notices of the digest"},
                                 {"channels.notices", "array of object", "those"},
                                 {"channels.notices.id", "string", "the same however often it is sent"},
                                 {"channels.notices.kind", "string", "expiry, failure or recovery"},
                                 {"channels.notices.text", "string", "what is told"}};
constexpr Example send_examples[] = {
    {"ymgr notify send --quiet", "for a timer of its own; `ymgr renew --due` does it too"},
    {"ymgr notify send --dry-run", "what would be told"}};

Json json_of(const notices::Delivery& delivery, Time at) {
  Json list = Json::array();
  for (const auto& notice : delivery.notices)
    list.push(Json::object({{"id", notice.id}, {"kind", to_string(notice.kind)}, {"text", notice_text(notice, at)}}));
  return result_of(delivery.channel, delivery.error)
      .set("count", delivery.notices.size())
      .set("notices", std::move(list));
}

std::string text_of(const notices::Delivery& delivery, bool dry_run, Time at) {
  const auto count = std::to_string(delivery.notices.size()) + (delivery.notices.size() == 1 ? " notice" : " notices");
  std::string text = delivery.channel + ": " + (dry_run ? "would send " : delivery.error ? "owes " : "sent ") + count;
  if (delivery.error) text += ": " + std::string(delivery.error->what());
  text += "\n";
  for (const auto& notice : delivery.notices) text += "  " + notice_text(notice, at) + "\n";
  return text;
}

Result run_send(Invocation& call) {
  auto& bench = call.wiring().workbench();
  bench.session.require(Right::reconcile);
  const auto channels = channels_of(call);
  const auto settings = notice_settings(call.wiring().config());
  const bool dry_run = call.globals().dry_run;
  const auto deliveries =
      dry_run ? notices::preview(bench, settings, channels) : notices::send_due(bench, settings, channels, nullptr);
  Result result{.json = Json::object({{"channels", Json::array()}})};
  std::vector<int> exits;
  const Time at = now();
  for (const auto& delivery : deliveries) {
    result.json.find("channels")->push(json_of(delivery, at));
    result.text += text_of(delivery, dry_run, at);
    exits.push_back(exit_of(delivery.error));
    result.changed = result.changed || (!dry_run && !delivery.error);
  }
  if (deliveries.empty()) result.text = "nothing is due\n";
  result.exit = batch_exit(exits);
  return result;
}

constexpr Option list_options[] = {channel_option,
                                   {.name = "--state",
                                    .value = "owed|sending|sent|dropped",
                                    .help = "only these",
                                    .complete = "owed|sending|sent|dropped"},
                                   {.name = "--limit", .value = "N", .help = "at most so many, 100 at first"}};
constexpr Field list_fields[] = {
    {"notices", "array of object", "newest first"},
    {"notices.channel", "string", "mail, webhook or exec"},
    {"notices.state", "string", "owed, sending, sent or dropped: it was over before it went out"},
    {"notices.id", "string", "the same however often it is sent"},
    {"notices.kind", "string", "expiry, failure or recovery"},
    {"notices.name", "string", "certificate, or what ends or failed"},
    {"notices.cert_id", "?string", "certificate that it is about"},
    {"notices.owner", "?string", "person it belongs to"},
    {"notices.host", "?string", "where it is installed, or where something failed"},
    {"notices.expires_at", "?time", "its end"},
    {"notices.window_days", "?integer", "of an expiry: the window; 0: it had expired"},
    {"notices.code", "?string", "of a failure"},
    {"notices.message", "?string", "of a failure; of an expiry: where it was seen, or what to do"},
    {"notices.attempts", "integer", "how often it was tried"},
    {"notices.repeated", "boolean", "an attempt had no answer, so it may have come twice"},
    {"notices.error", "?string", "of the last attempt that failed"},
    {"notices.digest", "?string", "message that it went out with"},
    {"notices.created_at", "time", "when it became due"},
    {"notices.sent_at", "?time", "when it was taken"}};
constexpr Column list_columns[] = {{"CHANNEL", "channel"}, {"STATE", "state"},      {"KIND", "kind"},
                                   {"NAME", "name"},       {"DAYS", "window_days"}, {"CREATED", "created_at"},
                                   {"SENT", "sent_at"},    {"ERROR", "error"},      {"ID", "id", true}};
constexpr Example list_examples[] = {{"ymgr notify list", "what people were told"},
                                     {"ymgr notify list --state owed", "what could not be sent so far, and why"}};

Json json_of(const notices::Entry& entry) {
  Json json = Json::object({{"channel", entry.channel},
                            {"state", entry.state},
                            {"id", entry.notice.id},
                            {"kind", to_string(entry.notice.kind)}});
  const Json told = to_json(entry.notice);
  for (const auto& [name, value] : told.members()) json.set(name, value);
  return json.set("attempts", entry.attempts)
      .set("repeated", entry.notice.repeated)
      .set("error", or_null(entry.error))
      .set("digest", or_null(entry.digest))
      .set("created_at", format_time(entry.created_at))
      .set("sent_at", entry.sent_at ? Json(format_time(*entry.sent_at)) : Json());
}

Result run_list(Invocation& call) {
  call.wiring().session().require(Right::report);
  Result result{.json = Json::object({{"notices", Json::array()}}), .items = "notices", .columns = list_columns};
  const notices::ListQuery query{call.text("--channel"), call.text("--state"),
                                 call.number("--limit", 1, 1'000'000).value_or(100)};
  for (const auto& entry : notices::list(call.wiring().database(), query))
    result.json.find("notices")->push(json_of(entry));
  return result;
}

}  // namespace

void tell_of_run(Invocation& call, const notices::Failures& run, const std::vector<Watched>* watched) {
  try {
    const auto channels = notice_channels(call.wiring().config(), environment_for_others());
    auto& bench = call.wiring().workbench();
    if (channels.empty() || !allows(bench.session.identity().role, Right::reconcile)) return;
    for (const auto& delivery :
         notices::send_due(bench, notice_settings(call.wiring().config()), channels, &run, watched))
      if (delivery.error)
        call.notices().warn("notices are owed by " + delivery.channel + ": " + delivery.error->what());
  } catch (const Error& error) {  // the renewal is what counts
    call.notices().warn(std::string("nobody is told: ") + error.what());
  }
}

RenewAnswer renew_due_and_tell(Invocation& call, Workbench& bench, const DueOptions& due, const RenewOptions& options) {
  if (options.dry_run) return renew_due(bench, due, options);
  try {
    auto answer = renew_due(bench, due, options);
    tell_of_run(call, notices::failures_of(answer, bench.self.host), &answer.watched);
    return answer;
  } catch (const Error& error) {
    if (error.code() != Code::interrupted) tell_of_run(call, notices::failures_of(error, bench.self.host), nullptr);
    throw;
  }
}

extern const Command notify_test_command, notify_send_command, notify_list_command;
constinit const Command notify_test_command = {
    .path = "notify test",
    .summary = "send a test message over every channel",
    .description =
        "Sends a message that says it is a test over each channel that `notify` of the configuration sets up, and "
        "tells what became of it. Exit status 9 when some took it and others did not; when all failed for one reason, "
        "that reason's. No login is needed.",
    .arguments = {},
    .options = test_options,
    .fields = test_fields,
    .examples = test_examples,
    .run = run_test,
};
constinit const Command notify_send_command = {
    .path = "notify send",
    .summary = "tell people what is due",
    .description =
        "Tells of certificates that nobody has renewed although it is time, once in each window of `notify.windows` "
        "and "
        "once when they have expired, those of other CAs that are watched among them; of renewals, hooks and scheduled "
        "runs that fail, once, again when the reason "
        "changes, and when they work again. One digest a channel. What was renewed or revoked is left out. `ymgr renew "
        "--due` does the same at its end, and tells of CAs, CRLs and its own token when their end is near, so a timer "
        "of its own is needed only where nothing is renewed.\n\n"
        "Each channel has its own account: one that is down is owed its notices, and the next run sends them; the "
        "others are not told again. A notice whose answer got lost is sent again, and says so; its id stays the same. "
        "Without a renewal before it, a certificate is given a day (at most half of what is left) to be renewed.",
    .arguments = {},
    .options = {},
    .fields = send_fields,
    .examples = send_examples,
    .run = run_send,
    .effect = Effect::changes,
};
constinit const Command notify_list_command = {
    .path = "notify list",
    .summary = "list what people were told, and what is owed",
    .description = "Every notice with its channel, newest first.",
    .arguments = {},
    .options = list_options,
    .fields = list_fields,
    .examples = list_examples,
    .run = run_list,
};

}  // namespace ymgr::cli
