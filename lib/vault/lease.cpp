#include "vault/lease.hpp"

namespace ymgr::vault {
namespace {

using std::chrono::seconds;

// Not found, invalid, expired, at its longest: whatever Vault calls it, this one goes on no more.
constexpr Meaning meanings[] = {{400, "", Code::vault_not_found, "it is over; ask for new credentials"}};

}  // namespace

std::optional<Time> Term::due_at() const {
  if (!expires_at || !renewable) return std::nullopt;
  return began + (*expires_at - began) * 2 / 3;
}

Term term_of(const Json& json) {
  Term term{.began = now(), .expires_at = {}, .renewable = json.boolean_or("renewable", false)};
  if (const auto duration = json.integer_or("lease_duration", 0); duration > 0) {
    constexpr std::int64_t longest = 100LL * 365 * 24 * 3600;
    term.expires_at = term.began + seconds(std::min(duration, longest));
  }
  return term;
}

void renew(Client& client, Lease& lease, Duration increment) {
  const auto time = std::chrono::ceil<seconds>(increment).count();
  const Call call{.method = "POST",
                  .path = Path("sys/leases/renew"),
                  .body = Json::object({{"lease_id", lease.id}, {"increment", time}}),
                  .meanings = meanings,
                  .effect = http::Effect::changes,
                  .repeat = Repeat::safe};
  lease.term = client.call(call, [](const Answer& answer) { return term_of(answer.document); });
}

void revoke(Client& client, const Lease& lease) {
  client.call({.method = "POST",
               .path = Path("sys/leases/revoke"),
               .body = Json::object({{"lease_id", lease.id}, {"sync", true}}),
               .effect = http::Effect::changes,
               .repeat = Repeat::safe});
}

bool tend(Client& client, Lease& lease) {
  const auto due = lease.term.due_at();
  if (!due || now() < *due) return false;
  renew(client, lease, *lease.term.expires_at - lease.term.began);
  return true;
}

}  // namespace ymgr::vault
