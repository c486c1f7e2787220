#include "workflow/notices.hpp"

#include "base/child.hpp"
#include "base/failpoint.hpp"
#include "base/ids.hpp"
#include "workflow/notices_ledger.hpp"

namespace ymgr::notices {
namespace {

constexpr std::size_t lines_of_a_mail = 200;
constexpr Duration time_to_mark =
    std::chrono::seconds(60);  // between the end of a channel's time and that of the claim

/// What comes out of `send` as an Error; anything else passes.
std::optional<Error> send(const Channel& channel, const Digest& digest) {
  try {
    failpoint("notice", "before");
    channel.send(digest);
    failpoint("notice", "after");
  } catch (const Error& error) {  // of this channel: the others are served all the same
    return error;
  }
  return std::nullopt;
}

Delivery serve(Workbench& bench, const Channel& channel) {
  Delivery delivery{channel.name, {}, {}};
  Digest digest{.id = new_id("digest", now()), .at = now(), .host = bench.self.host};
  bench.db.transaction(sql::Access::write, [&] {
    digest.notices = claim(bench, channel.name, digest.id, now() + 2 * channel.time_limit + time_to_mark);
  });
  if (digest.notices.empty()) return delivery;
  delivery.error = send(channel, digest);
  bench.db.transaction(sql::Access::write, [&] {
    if (delivery.error)
      mark_failed(bench, channel.name, digest.id, *delivery.error);
    else
      mark_sent(bench, channel.name, digest.id, now());
  });
  delivery.notices = std::move(digest.notices);
  return delivery;
}

void record_all(Workbench& bench, const Settings& settings, std::span<const Channel> channels, const Failures* run,
                const std::vector<Watched>* watched) {
  const Time at = now();
  const auto known = facts(bench, settings, run, watched, at);
  for (const auto& channel : channels) record(bench, channel.name, known, at);
}

/// Thrown to leave a transaction as if it had never been.
struct Undo : std::exception {};

}  // namespace

void send_by_mail(const mail::MailSettings& settings, const Digest& digest) {
  mail::send(settings, {.subject = digest_subject(digest),
                        .text = digest_text(digest, lines_of_a_mail),
                        .id = digest.id,
                        .date = digest.at});
}

void send_by_program(const Program& program, const Digest& digest) {
  auto environment = program.environment;
  environment.push_back("YMGR_NOTICE_ID=" + digest.id);
  const auto end = run_child({.argv = program.argv,
                              .environment = std::move(environment),
                              .input = dump_json(digest_json(digest)) + "\n",
                              .limit = program.time_limit});
  if (end.failure.empty()) return;
  const std::string whole = program.argv.front() + ": " + end.failure;
  if (end.how == ChildEnd::How::took_longer) throw Error(Code::channel_unreachable, whole, {}, {}, Outcome::unknown);
  throw Error(end.how == ChildEnd::How::not_started ? Code::channel_unreachable : Code::channel_refused, whole);
}

std::vector<Delivery> send_due(Workbench& bench, const Settings& settings, std::span<const Channel> channels,
                               const Failures* run, const std::vector<Watched>* watched) {
  std::vector<Delivery> deliveries;
  bench.db.transaction(sql::Access::write, [&] { record_all(bench, settings, channels, run, watched); });
  for (const auto& channel : channels)
    if (auto delivery = serve(bench, channel); !delivery.notices.empty()) deliveries.push_back(std::move(delivery));
  return deliveries;
}

std::vector<Delivery> preview(Workbench& bench, const Settings& settings, std::span<const Channel> channels) {
  std::vector<Delivery> deliveries;
  try {
    bench.db.transaction(sql::Access::write, [&] {
      record_all(bench, settings, channels, nullptr, nullptr);
      deliveries.clear();
      for (const auto& channel : channels)
        if (auto notices = owed(bench.db, channel.name); !notices.empty())
          deliveries.push_back({channel.name, std::move(notices), {}});
      throw Undo();
    });
  } catch (const Undo&) {  // that was the point of it
  }
  return deliveries;
}

Digest test_digest(const std::string& host, Time at) {
  return {.id = new_id("digest", at), .at = at, .host = host, .is_test = true, .notices = {}};
}

}  // namespace ymgr::notices
