#include "workflow/renew_card.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr {

CardLook look_at_card(Workbench& bench, const CertificateRow& row, KeyChoice key) {
  CardLook look{card_key_of(bench, row), {}};
  usable_device(bench, look.card.place.serial);
  look.slot = read_slot(bench.agent(), look.card.place);
  const bool gone = key == KeyChoice::reuse && look.slot->key != row.public_key_sha256;
  if (gone)
    throw Error(Code::key_not_found, "the key of " + row.name + " is no longer in " + look.card.name(),
                "ymgr renew " + shell_quote(row.name) + " --new-key", {{"serial", row.device}, {"slot", row.slot}});
  const auto& there = look.slot->certificate;
  if (key == KeyChoice::fresh && !there.empty() && there != row.fingerprint)
    throw Error(Code::slot_used, look.card.name() + " holds another certificate by now",
                "ymgr issue " + shell_quote(row.name) + " --another --device " + row.device + " --slot SLOT");
  return look;
}

void plan_card(Workbench& bench, CertificateItem& item, const CardLook& look) {
  item.card = look.card;
  item.card->before = look.slot.value_or(SlotState{});
  item.card->place.overwrite = true;  // a new key ends the old one; an old one gets another certificate
  if (item.key_reused) return;
  require_algorithm(devices::get(bench.db, item.card->place.serial), item.algorithm,
                    bench.policy.profile(item.profile));
}

/// Keys in files and in Vault are renewed whatever has become of the agent.
void PluggedIn::ask() {
  serials_.emplace();
  try {
    serials_ = plugged_in(bench_);
  } catch (const Error& error) {
    if (error.code() == Code::interrupted) throw;
    is_asked_in_vain_ = true;
    bench_.notices.detail(std::string("which YubiKeys are plugged in can't be told: ") + error.what());
  }
}

bool PluggedIn::has(const std::string& serial) {
  if (!serials_) ask();
  return std::ranges::find(*serials_, serial) != serials_->end();
}

bool waits_for_card(Workbench& bench, const std::string& request_id, PluggedIn& plugged) {
  return std::ranges::any_of(operations::items(bench.db, request_id), [&](const StoredItem& stored) {
    const auto* card = stored.data.find("card");
    return stored.status == "open" && card && !plugged.has(card->at("serial").text());
  });
}

}  // namespace ymgr
