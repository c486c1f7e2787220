#include "workflow/issue.hpp"

#include <algorithm>
#include <set>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/workers.hpp"
#include "workflow/key_names.hpp"
#include "workflow/license.hpp"

namespace ymgr {
namespace {

/// A request with everything filled in, and what stands there already.
struct Wanted {
  IssueRequest request;
  CertificateItem item;
  Duration validity{};
  std::shared_ptr<const Csr> csr;
  bool key_name_taken = false;    // in transit, by whomever
  std::optional<SlotState> slot;  // what it holds now; not read for a run that was begun before
  std::optional<CertificateRow> unchanged;
};

/// A key on a card belongs to whom the card belongs to.
void take_card(Workbench& bench, CertificateItem& item, const IssueRequest& request, const ProfileRules& rules) {
  if (!request.csr.empty())
    throw Error(Code::usage, "a request has its key already", "leave out --csr, or --device and --slot");
  const auto device = usable_device(bench, request.card->serial);
  if (!request.owner.empty() && request.owner != device.owner)
    throw Error(Code::usage,
                "the YubiKey " + device.serial + " belongs to " + device.owner + ", not to " + request.owner,
                "leave out --owner, or give it to them: ymgr device assign " + device.serial + " " +
                    shell_quote(request.owner));
  require_algorithm(device, item.algorithm, rules);
  item.owner = device.owner;
  item.key_place = KeyPlace::card;
  item.card.emplace();
  item.card->place = *request.card;
  item.card->place.serial = device.serial;
  item.key_reference = item.card->reference();
}

Wanted fill_in(Workbench& bench, IssueRequest request, std::shared_ptr<const Csr> csr) {
  Wanted wanted;
  wanted.csr = std::move(csr);
  const auto& rules = bench.policy.profile(request.profile);
  auto& item = wanted.item;
  item.name = requested_name(request.name, wanted.csr.get());
  item.target = item.name;
  item.profile = rules.name;
  item.owner = request.owner.empty() ? bench.session.identity().user : request.owner;
  item.labels = request.labels;
  item.renew_before = request.renew_before;
  item.policy_version = bench.policy.version();
  item.needs_approval = needs_approval(rules, to_string(bench.session.identity().role));
  item.algorithm = request.key.value_or(rules.default_key);
  item.plan.names = requested_names(rules, item.name, wanted.csr.get(), request.sans);
  if (wanted.csr) {
    item.key_place = KeyPlace::external;
    item.csr = to_pem(wanted.csr->der, "CERTIFICATE REQUEST");
    item.request = wanted.csr;
    item.csr_given = true;
    item.key_reference = "external";
  } else if (!request.card) {
    item.key_place = request.key_place.value_or(request.place ? KeyPlace::file : bench.stores.usual_place());
    if (item.key_place == KeyPlace::transit && bench.session.identity().role == Role::user)
      throw Error(Code::usage, "the keys of people are no keys in transit",
                  "--out DIR keeps the key in a file, --device SERIAL --slot 9a on a YubiKey");
    bench.stores.require_place(item.key_place);
  }
  if (request.card) take_card(bench, item, request, rules);
  if (request.place) {
    request.place->name = item.name;
    request.place->with_key = item.key_place == KeyPlace::file;
    item.installation = item.name;
    item.place = request.place;
    item.host = bench.self.host;
  }
  if (item.place && !item.place->pkcs12.empty() && item.key_place != KeyPlace::file)
    throw Error(Code::usage, "a PKCS#12 file holds its key, but the key of " + item.name + " is not to be a file",
                wanted.csr     ? "leave out --pkcs12: who made the request has its key"
                : request.card ? "leave out --pkcs12: the key never leaves the YubiKey"
                               : "--key-store file");
  if (item.key_place == KeyPlace::file && !item.place)
    throw Error(Code::usage, "--key-store file needs a place for the key", "--out DIR or --pkcs12 FILE");
  wanted.validity = request.validity.value_or(bench.policy.default_validity(rules, now()));
  wanted.request = std::move(request);
  return wanted;
}

Json card_inputs(const CardPlace& place) {
  return Json::object({{"device", place.serial},
                       {"slot", piv::to_string(place.slot)},
                       {"pin_policy", piv::to_string(place.pin_policy)},
                       {"touch_policy", piv::to_string(place.touch_policy)}});
}

/// What must be equal for a second run to be the same run.
Json inputs_of(const std::vector<Wanted>& all, const IssueOptions& options) {
  Json list = Json::array();
  for (const auto& wanted : all) {
    const auto& item = wanted.item;
    Json sans = Json::array();
    for (const auto& san : item.plan.names.sans) sans.push(to_string(san));
    Json labels = Json::object();
    for (const auto& [name, value] : item.labels) labels.set(name, value);
    Json one =
        Json::object({{"name", item.name},
                      {"sans", sans},
                      {"profile", item.profile},
                      {"key", item.csr_given ? hex(wanted.csr->key.sha256) : std::string(to_string(item.algorithm))},
                      {"validity", format_duration(wanted.validity)},
                      {"owner", item.owner},
                      {"labels", labels},
                      {"key_store", to_string(item.key_place)},
                      {"renew_before", item.renew_before},
                      {"installation", item.place ? hex(sha256(installation::to_yaml(*item.place))) : std::string()}});
    if (item.card) one.set("card", card_inputs(item.card->place));
    list.push(std::move(one));
  }
  return Json::object({{"certificates", list}, {"another", options.when_active == WhenActive::another}});
}

bool holds(const std::optional<SlotState>& slot, const CertificateRow& row) {
  return slot && slot->certificate == row.fingerprint && slot->key == row.public_key_sha256;
}

/// The certificate that stands there is what is asked for, and not due.
bool is_good(const CertificateRow& row, const Wanted& wanted, Time at) {
  const auto& item = wanted.item;
  if (row.profile != item.profile || row.renew_at <= at || row.sans != item.plan.names.sans) return false;
  if (wanted.request.key && row.key_algorithm != to_string(*wanted.request.key)) return false;
  if (wanted.csr && row.public_key_sha256 != hex(wanted.csr->key.sha256)) return false;
  if (item.card && (row.key_reference != item.card->reference() || !holds(wanted.slot, row))) return false;
  return !item.place || installation::is_delivered(*item.place, parse_certificate(row.pem));
}

/// Files that are in use would stay behind with a certificate that nobody renews any more.
void require_same_place(const CertificateRow& row, const Wanted& wanted, const IssueOptions& options) {
  if (row.installation.empty() || wanted.item.place || options.installation == Existing::replace) return;
  throw Error(Code::installation_exists,
              "what is active of " + row.name + " is installed on " + printable(row.host) +
                  " and is not what is asked for: its files would not follow",
              "name its place with --out DIR, or make one beside it with --another; --force leaves the files behind",
              {{"cert_id", row.cert_id}});
}

/// Settles the names that have an active certificate.
void look_for_active(Workbench& bench, std::vector<Wanted>& all, const IssueOptions& options, Time at) {
  std::vector<std::string> names, active;
  for (auto& wanted : all) {
    wanted.unchanged.reset();
    wanted.item.renewed_from.clear();
    names.push_back(wanted.item.name);
  }
  if (options.when_active == WhenActive::another) return;
  const auto rows = inventory::active_by_names(bench.db, names, at);
  for (auto& wanted : all) {
    const auto found = rows.find(wanted.item.name);
    if (found == rows.end()) continue;
    const auto* row = &found->second;
    if (options.when_active == WhenActive::refuse) {
      active.push_back(row->name);
      continue;
    }
    bench.session.require_touch(row->owner, "the active certificate of " + row->name);
    if (is_good(*row, wanted, at)) {
      wanted.unchanged = *row;
      continue;
    }
    require_same_place(*row, wanted, options);
    wanted.item.renewed_from = row->cert_id;
  }
  if (active.empty()) return;
  const std::string more = active.size() > 1 ? " (and " + std::to_string(active.size() - 1) + " more)" : "";
  throw Error(Code::name_active, "there is an active certificate of " + active.front() + more,
              "ymgr renew " + shell_quote(active.front()) + ", or --ensure to accept it, or --another to make one more",
              {{"names", dump_json(Json::texts(active))}});
}

/// A slot that is used is left alone, unless what it holds is what this certificate replaces.
void plan_slot(Workbench& bench, Wanted& wanted, Time at) {
  auto& item = wanted.item;
  auto& card = *item.card;
  if (!wanted.slot) return;
  card.before = *wanted.slot;
  const auto replaced = inventory::by_id(bench.db, item.renewed_from);
  const bool own = replaced && replaced->key_reference == card.reference() && holds(wanted.slot, *replaced);
  card.place.overwrite = card.before.used() && (own || wanted.request.card->overwrite);
  if (card.before.used() && !card.place.overwrite)
    throw Error(Code::slot_used,
                card.name() + " holds a " + (card.before.certificate.empty() ? "key" : "certificate") + " already",
                "choose another slot, or overwrite it with --force",
                {{"serial", card.place.serial}, {"slot", piv::to_string(card.place.slot)}});
  card.displaced.clear();
  for (const auto& row : inventory::active_in_slot(bench.db, card.place.serial, piv::to_string(card.place.slot), at))
    if (row.cert_id != item.renewed_from) card.displaced.push_back(row.cert_id);
}

std::string target_of(const NewOperation& op) {
  return op.items.size() == 1 ? op.items.front().target : std::to_string(op.items.size()) + " certificates";
}

std::vector<std::string> names_in_transit(const std::vector<Wanted>& all) {
  std::vector<std::string> names;
  for (const auto& wanted : all)
    if (wanted.item.key_place == KeyPlace::transit) names.push_back(wanted.item.name);
  return names;
}

NewOperation plan_operation(Workbench& bench, std::vector<Wanted>& all, const IssueOptions& options, Time at) {
  NewOperation op;
  op.request_id = options.request_id.empty() ? new_id("req", at) : options.request_id;
  op.kind = "issue";
  op.inputs = inputs_of(all, options);
  std::set<std::string> names;
  const auto known = known_in_transit(bench, names_in_transit(all));
  std::size_t position = 0;
  for (auto& wanted : all) {
    if (wanted.unchanged) continue;
    auto& item = wanted.item;
    item.position = position++;
    item.key_created_at = at;
    plan_certificate(item, bench.policy.profile(item.profile), wanted.validity, at);
    if (item.key_place == KeyPlace::sealed || item.key_place == KeyPlace::transit) {
      item.key_name = item.key_place == KeyPlace::sealed                   ? free_key_name(bench, item)
                      : wanted.key_name_taken || known.contains(item.name) ? own_key_name(item)
                                                                           : key_name_for(item.name, false);
      if (!names.insert(item.key_name).second) item.key_name = own_key_name(item);
    } else if (item.key_place == KeyPlace::file) {
      plan_key_file(bench, item);
    } else if (item.card) {
      plan_slot(bench, wanted, at);
    }
    op.items.push_back({item.target, item.journal()});
  }
  op.target = target_of(op);
  return op;
}

std::vector<CertificateItem> items_of(const std::vector<Wanted>& all) {
  std::vector<CertificateItem> items;
  for (const auto& wanted : all)
    if (!wanted.unchanged) items.push_back(wanted.item);
  return items;
}

/// Puts the unchanged ones back to their places among the others.
void merge_unchanged(const std::vector<Wanted>& all, CertificateAnswer& answer) {
  std::vector<Json> items;
  std::vector<int> exits;
  std::size_t next = 0;
  for (const auto& wanted : all) {
    if (!wanted.unchanged) {
      if (next == answer.items.size()) continue;
      items.push_back(std::move(answer.items[next]));
      exits.push_back(answer.exits[next++]);
      continue;
    }
    Json json = inventory::to_json(*wanted.unchanged, now(), inventory::WithPem::yes);
    json.set("success", true);
    json.set("result", "unchanged");
    if (wanted.item.place) json.set("files", installation::to_json(*wanted.item.place));
    items.push_back(std::move(json));
    exits.push_back(0);
  }
  answer.items = std::move(items);
  answer.exits = std::move(exits);
}

/// Where no installation of this name stands yet: what is there is of the same name, or in nobody's way.
void refuse_foreign_files(Workbench& bench, const Installation& place) {
  if (!place.pkcs12.empty() && exists(place.pkcs12))
    throw Error(Code::file_exists, place.pkcs12 + " is there already",
                "choose another path, or replace it with --force");
  const auto there = installation::delivered_pem(place);
  if (!there) return;
  const auto is_it = [&](const CertificateRow& row) { return row.pem == *there; };
  if (std::ranges::none_of(inventory::by_name(bench.db, place.name), is_it))
    throw Error(Code::file_exists, place.out + " holds another certificate",
                "choose another --out, or replace it with --force");
}

/// This run was begun before: what it finds may be its own.
bool is_begun(Workbench& bench, const CertificateItem& item, const IssueOptions& options) {
  return operations::find_open(bench.db, "issue", item.target) ||
         (!options.request_id.empty() && operations::find(bench.db, options.request_id));
}

/// One folder holds one certificate.
void refuse_second_tenant(Workbench& bench, const CertificateItem& item, const IssueOptions& options) {
  if (is_begun(bench, item, options)) return;
  for (const auto& row : inventory::by_name(bench.db, item.name))
    if (row.status == CertificateStatus::active && row.installation == item.name && row.host == bench.self.host)
      throw Error(Code::installation_exists, item.place->out + " holds the active certificate " + row.cert_id,
                  "replace it with --ensure, or leave out --out; --force puts this one in its place");
}

/// Before anything is planned. @throws Error installation-exists, file-exists and what require_room throws
void check_installations(Workbench& bench, const std::vector<Wanted>& all, const IssueOptions& options) {
  const Existing existing = options.installation;
  std::set<std::string> probed;
  for (const auto& wanted : all) {
    if (!wanted.item.place) continue;
    const auto there = installation::load(bench.installations, wanted.item.name);
    if (existing == Existing::refuse && there && *there != *wanted.item.place)
      throw Error(Code::installation_exists,
                  "another installation of " + wanted.item.name + " stands in " + bench.installations + "/" +
                      installation::file_name(wanted.item.name),
                  "edit or remove it, or replace it with --force");
    if (existing == Existing::refuse && !there) refuse_foreign_files(bench, *wanted.item.place);
    if (existing == Existing::refuse && there && options.when_active == WhenActive::another)
      refuse_second_tenant(bench, wanted.item, options);
    installation::require_room(*wanted.item.place, probed);
  }
}

/// After the plan is on disk: a run that is killed in between is finished by the same command, which comes by here again.
void save_installations(Workbench& bench, const std::vector<Wanted>& all) {
  for (const auto& wanted : all)
    if (wanted.item.place) installation::save(bench.installations, *wanted.item.place, Existing::replace);
}

/// What the slots hold, before anything is planned. A run that was begun before may have changed them itself.
void look_at_slots(Workbench& bench, std::vector<Wanted>& all, const IssueOptions& options) {
  for (auto& wanted : all) {
    if (!wanted.item.card) continue;
    if (is_begun(bench, wanted.item, options)) continue;
    const auto& place = wanted.item.card->place;
    wanted.slot = read_slot(bench.agent(), place);
    if (!options.dry_run) require_pin(bench, place);
  }
}

/// Before the plan, whose transaction waits for nobody.
void look_at_key_names(Workbench& bench, std::vector<Wanted>& all, const IssueOptions& options) {
  auto unknown = names_in_transit(all);
  std::erase_if(unknown, [&](const auto& name) { return options.transit_names.contains(name); });
  auto taken = taken_in_transit(bench.stores, unknown);
  for (const auto& [name, is_taken] : options.transit_names)
    if (is_taken) taken.insert(name);
  for (auto& wanted : all) wanted.key_name_taken = taken.contains(wanted.item.name);
}

CertificateAnswer planned_answer(const std::vector<CertificateItem>& items) {
  CertificateAnswer answer;
  answer.state = "planned";
  for (const auto& item : items) {
    Json sans = Json::array();
    for (const auto& san : item.plan.names.sans) sans.push(to_string(san));
    answer.items.push_back(Json::object({{"name", item.name},
                                         {"success", true},
                                         {"result", "planned"},
                                         {"sans", sans},
                                         {"profile", item.profile},
                                         {"owner", item.owner},
                                         {"key_algorithm", to_string(item.algorithm)},
                                         {"key_store", to_string(item.key_place)},
                                         {"device", item.card ? Json(item.card->place.serial) : Json()},
                                         {"slot", item.card ? Json(piv::to_string(item.card->place.slot)) : Json()},
                                         {"displaced", item.card ? Json::texts(item.card->displaced) : Json()},
                                         {"policy_version", item.policy_version},
                                         {"renewed_from", item.renewed_from.empty() ? Json() : Json(item.renewed_from)},
                                         {"not_before", format_time(item.plan.not_before)},
                                         {"expires_at", format_time(item.plan.not_after)}}));
    answer.exits.push_back(0);
  }
  return answer;
}

/// Two certificates of one request can't share a name or a place.
void require_single(std::set<std::string>& seen, const std::string& what, const std::string& value) {
  if (!value.empty() && !seen.insert(what + value).second)
    throw Error(Code::usage, what + value + " comes twice", "each NAME is one certificate, in a place of its own");
}

std::vector<Wanted> fill_in_all(Workbench& bench, std::vector<IssueRequest> requests) {
  std::vector<std::string_view> given;
  for (const auto& request : requests) {
    if (!request.csr.empty()) given.push_back(request.csr);
  }
  auto csrs = parse_csrs(given, std::min(bench.jobs, processor_count()));
  auto csr = csrs.begin();
  std::vector<Wanted> all;
  all.reserve(requests.size());
  std::set<std::string> seen;
  for (auto& request : requests) {
    const bool has_csr = !request.csr.empty();
    all.push_back(
        fill_in(bench, std::move(request), has_csr ? std::make_shared<const Csr>(std::move(*csr++)) : nullptr));
    const auto& item = all.back().item;
    require_single(seen, "the name ", item.name);
    if (item.card) require_single(seen, "the slot ", item.key_reference);
    if (!item.place) continue;
    require_single(seen, "the folder ", item.place->out);
    require_single(seen, "the file ", item.place->pkcs12);
  }
  return all;
}

audit::Event intent_of(const NewOperation& op, const Wanted& wanted) {
  const auto& item = wanted.item;
  return {op.request_id, "issue.requested", item.name,
          Json::object({{"profile", item.profile},
                        {"owner", item.owner},
                        {"key", item.csr_given ? "csr" : std::string(to_string(item.algorithm))},
                        {"validity", format_duration(wanted.validity)}})};
}

struct Plan {
  NewOperation op;                             // no items: nothing to do
  std::optional<Error> refused;                // by the policy
  std::optional<operations::Earlier> earlier;  // this run was begun before
};

/// Of what is planned anew: a run that was begun before is finished.
void take_refusal(const Error& unlicensed, Plan& plan) {
  if (unlicensed.kind() != Kind::policy) throw Error(unlicensed);  // for now alone: nothing is on record
  plan.op.events.push_back({plan.op.request_id, "license.refused", plan.op.target,
                            Json::object({{"reason", std::string(unlicensed.what())}})});
  plan.refused = unlicensed;
}

/// @param unlicensed  what the licence says against it
void plan_new(Workbench& bench, std::vector<Wanted>& all, const IssueOptions& options,
              const std::optional<Error>& unlicensed, Plan& plan) {
  const Time at = now();
  look_for_active(bench, all, options, at);
  plan.op = plan_operation(bench, all, options, at);
  if (plan.op.items.empty()) return;
  for (const auto& wanted : all)
    if (!wanted.unchanged) plan.op.events.push_back(intent_of(plan.op, wanted));
  if (unlicensed) return take_refusal(*unlicensed, plan);
  plan.refused = ask_policy(bench, items_of(all), PolicyRequest::Action::issue, plan.op.request_id, plan.op.events);
}

/// In a transaction, which may run it again.
void find_or_plan(Workbench& bench, std::vector<Wanted>& all, const IssueOptions& options,
                  const std::optional<Error>& unlicensed, Plan& plan) {
  plan = Plan{};
  NewOperation same;
  same.request_id = options.request_id;
  same.kind = "issue";
  same.inputs = inputs_of(all, options);
  for (const auto& wanted : all) same.items.push_back({wanted.item.target, Json()});
  same.target = target_of(same);
  plan.earlier = operations::find_earlier(bench, same);
  if (plan.earlier) return;
  plan_new(bench, all, options, unlicensed, plan);
  if (plan.op.items.empty()) return;
  if (plan.refused)
    operations::create_refused(bench, plan.op, *plan.refused);
  else
    operations::create(bench, plan.op, operations::NoneOpen::known);
}

CertificateAnswer carry_out(Workbench& bench, const std::vector<Wanted>& all, const Plan& plan) {
  if (plan.earlier && plan.earlier->ended) return stored_answer(bench, plan.earlier->request_id, "issued");
  if (plan.earlier) return resume_certificates(bench, plan.earlier->request_id, "issue", "issued");
  if (plan.op.items.empty()) return {};
  auto items = items_of(all);
  run_certificate_items(bench, plan.op.request_id, items);
  return finish_certificates(bench, plan.op.request_id, plan.op.kind, plan.op.target, items, "issued");
}

}  // namespace

CertificateAnswer issue(Workbench& bench, std::vector<IssueRequest> requests, const IssueOptions& options) {
  bench.session.require(Right::issue);
  require_ca(bench.db);  // before an operation is planned that could only wait for it
  auto all = fill_in_all(bench, std::move(requests));
  look_at_slots(bench, all, options);
  look_at_key_names(bench, all, options);
  const auto unlicensed = options.licensed ? std::nullopt : license_refusal(bench);
  Plan plan;
  if (options.dry_run) {
    plan_new(bench, all, options, unlicensed, plan);
    if (plan.refused) throw Error(*plan.refused);
    auto answer = planned_answer(items_of(all));
    merge_unchanged(all, answer);
    return answer;
  }
  check_installations(bench, all, options);
  {
    const TraceSpan span("plan");
    bench.db.transaction(sql::Access::write, [&] { find_or_plan(bench, all, options, unlicensed, plan); });
  }
  if (plan.refused) throw Error(*plan.refused);
  save_installations(bench, all);
  auto answer = carry_out(bench, all, plan);
  merge_unchanged(all, answer);
  return answer;
}

}  // namespace ymgr
