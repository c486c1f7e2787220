#include "workflow/doctor_vault.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace ymgr::doctor {
namespace {

/// The statuses of sys/health are answers, too: 429 standby, 501 not initialised, 503 sealed.
void read_health(VaultNode& node, const http::ClientAnswer& answer) {
  const Json health = parse_json(answer.body);
  node.initialised = health.boolean_or("initialized", false);
  node.sealed = health.boolean_or("sealed", true);
  node.standby = health.boolean_or("standby", true);
  node.version = printable(health.text_or("version", ""));
  if (const auto seconds = health.integer_or("server_time_utc", 0); seconds > 0) node.time = from_seconds(seconds);
}

}  // namespace

std::vector<VaultNode> ask_nodes(const team::Settings& settings, Duration timeout) {
  std::vector<VaultNode> nodes;
  for (const auto& address : split(settings.address, ',')) {
    VaultNode node{.address = address, .failure = {}, .version = {}, .time = {}, .asked_at = {}, .certificate = {}};
    try {
      http::Client client({.base_url = address,
                           .peer_name = address,
                           .timeout = timeout,
                           .ca_file = settings.vault_ca_file,
                           .tell_certificate = true,
                           .unreachable = Code::vault_unreachable,
                           .untrusted = Code::vault_untrusted});
      const auto answer = client.send({.path = "/v1/sys/health"});
      node.certificate = answer.certificate;
      node.asked_at = now();
      read_health(node, answer);
    } catch (const Error& error) {
      node.failure = error;
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace ymgr::doctor
