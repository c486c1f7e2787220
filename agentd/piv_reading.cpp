// What a key tells without a secret. No try is spent.
#include "agent/messages.hpp"
#include "agentd/asked.hpp"
#include "agentd/piv_endpoints.hpp"
#include "x509/certificate.hpp"

namespace ymgr::agentd {
namespace {

using piv::Card;
using piv::Slot;

std::vector<Slot> all_slots() {
  std::vector<Slot> list{Slot::authentication, Slot::signature, Slot::key_management, Slot::card_authentication};
  for (auto slot = static_cast<unsigned>(Slot::first_retired); slot <= static_cast<unsigned>(Slot::last_retired);
       ++slot)
    list.push_back(Slot{static_cast<std::uint8_t>(slot)});
  return list;
}

agent::SlotContent content_of(Card& card, Slot slot) {
  agent::SlotContent content;
  content.slot = slot;
  content.key_known = card.firmware() >= piv::metadata_since;
  if (content.key_known) content.key = card.key_info(slot);
  content.certificate = card.read_certificate(slot);
  return content;
}

Json read_slots(Card& card, const std::optional<Slot>& named) {
  Json list = Json::array();
  for (const Slot slot : named ? std::vector{*named} : all_slots()) {
    const auto content = content_of(card, slot);
    if (named || content.key || content.certificate) list.push(agent::to_json(content));
  }
  return Json::object({{"serial", card.serial()}, {"slots", std::move(list)}});
}

}  // namespace

void discover(const Call& call) {
  call.agent.cards().discover(call.reply);
}

void touch(const Call& call) {
  call.reply.json(Json::object({{"waiting", Json::texts(call.agent.cards().touched())}}));
}

void piv_info(const Call& call) {
  on_card(call, read_query(call.request, Query::serial).serial, [](Card& card) {
    Json answer = agent::to_json(card.info());
    const auto why = card.why_no_reset();
    return answer.set("reset_refused", why ? Json(*why) : Json());
  });
}

void check_defaults(const Call& call) {
  on_card(call, read_query(call.request, Query::serial).serial, [](Card& card) {
    const piv::DeviceInfo info = card.info();
    return agent::to_json(
        agent::DefaultCredentials{info.serial, info.default_pin, info.default_puk, info.default_management_key});
  });
}

void slots(const Call& call) {
  const Wanted wanted = read_query(call.request, Query::serial_and_slot);
  on_card(call, wanted.serial, [slot = wanted.slot](Card& card) { return read_slots(card, slot); });
}

void attest(const Call& call) {
  const auto asked = read_asked(call, {.plain = {"slot"}});
  on_card(call, asked, [slot = asked->slot()](Card& card, const Asked&) {
    const Der attestation = card.attest(slot);
    return Json::object({{"attestation", to_pem(attestation, "CERTIFICATE")},
                         {"attestation_certificate", to_pem(card.attestation_certificate(), "CERTIFICATE")}});
  });
}

}  // namespace ymgr::agentd
