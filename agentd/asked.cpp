#include "agentd/asked.hpp"

#include <algorithm>

#include "agent/sealed.hpp"
#include "base/text.hpp"

namespace ymgr::agentd {
namespace {

std::string checked_serial(const std::string& text) {
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > 10 || !digits || (text.size() > 1 && text.front() == '0')) {
    throw Error(Code::request_invalid, "serial is not a decimal number");
  }
  return text;
}

std::vector<std::string_view> all_of(const Members& members) {
  std::vector<std::string_view> names{"serial"};
  names.insert(names.end(), members.plain);
  names.insert(names.end(), members.sealed);
  names.insert(names.end(), members.optional_sealed);
  if (members.sealed.size() + members.optional_sealed.size() > 0) names.insert(names.end(), {"encrypted", "nonce"});
  return names;
}

int nibble(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<Secret> from_hex(const Secret& text) {
  const std::string_view digits = text.reveal();
  Secret bytes(digits.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = nibble(digits[2 * i]), low = nibble(digits[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.fill()[i] = static_cast<char>(high * 16 + low);
  }
  if (digits.size() % 2 != 0) return std::nullopt;
  return bytes;
}

}  // namespace

Asked::Asked(const Call& call, const Members& members) : body_(call.body) {
  const auto names = all_of(members);
  allow_members(body_, names);
  if (const Json* serial = body_.find("serial")) serial_ = checked_serial(serial->text());
  if (members.sealed.size() == 0 && body_.find("encrypted") == nullptr && body_.find("nonce") == nullptr) {
    for (const std::string_view name : members.optional_sealed) {
      if (body_.find(name) != nullptr) throw Error(Code::sealed_invalid, "the sealed secret can't be opened");
    }
    return;
  }
  std::vector<std::string_view> fields(members.sealed);
  fields.insert(fields.end(), members.optional_sealed);
  call.agent.sessions().spend_nonce(*call.session, body_.text_or("nonce", ""));
  for (auto& [name, secret] :
       agent::open_request(call.request.path, call.request.body, body_, fields, call.session->key))
    secrets_.emplace(name, std::move(secret));
  for (const std::string_view name : members.sealed) need(name);
}

const Secret* Asked::secret(std::string_view name) const {
  const auto at = secrets_.find(name);
  return at == secrets_.end() ? nullptr : &at->second;
}

const Secret& Asked::need(std::string_view name) const {
  if (const Secret* found = secret(name)) return *found;
  throw Error(Code::request_invalid, "the member " + std::string(name) + " is missing");
}

void Asked::refuse(std::string_view name) {
  throw Error(Code::request_invalid, "the member " + std::string(name) + " has a value that is not known");
}

piv::Slot Asked::slot() const {
  return word<piv::Slot>("slot", piv::parse_slot);
}

std::optional<piv::ManagementAlgorithm> Asked::management_algorithm(std::string_view name) const {
  if (body_.find(name) == nullptr) return std::nullopt;
  return word<piv::ManagementAlgorithm>(name, piv::parse_management_algorithm);
}

piv::ManagementKey Asked::management_key(piv::Card& card, std::string_view name, std::string_view algorithm) const {
  auto bytes = from_hex(need(name));
  if (!bytes) throw Error(Code::request_invalid, "the member " + std::string(name) + " is not lower-case hex");
  const auto named = management_algorithm(algorithm);
  return {named ? *named : card.management_algorithm(), std::move(*bytes)};
}

void Asked::need_opener(std::string_view name) const {
  if (!is_protected()) {
    need(name);
    return;
  }
  need("pin");
  if (secret(name) != nullptr)
    throw Error(Code::request_invalid,
                "the card's own management key is meant, or " + std::string(name) + ": not both");
}

void Asked::open(piv::Card& card, std::string_view name, std::string_view algorithm) const {
  if (!is_protected()) return card.authenticate(management_key(card, name, algorithm));
  need_tries(card.pin_tries(), 2, "PIN", Code::pin_blocked);
  card.verify_pin(need("pin"));
  const auto stored = card.stored_management_key();
  if (!stored)
    throw Error(Code::credentials_unknown, "the YubiKey " + card.serial() + " keeps no management key under its PIN");
  card.authenticate(*stored);
}

void need_tries(const std::optional<piv::Tries>& tries, std::int64_t least, const std::string& what, Code blocked) {
  if (tries && tries->left >= least) return;
  if (tries && tries->left == 0) throw Error(blocked, "the " + what + " is blocked", {}, {{"tries_left", "0"}});
  const std::string left = tries ? std::to_string(tries->left) : "an unknown number of";
  Details details;
  if (tries) details.emplace_back("tries_left", left);
  throw Error(Code::few_tries,
              left + (left == "1" ? " try of the " : " tries of the ") + what + (left == "1" ? " is" : " are") +
                  " left, and " + std::to_string(least) + " are wanted",
              {}, std::move(details));
}

Wanted read_query(const http::Request& request, Query allowed) {
  Wanted wanted;
  if (request.query.empty()) return wanted;
  for (const std::string& pair : split(request.query, '&')) {
    if (pair.starts_with("serial=") && wanted.serial.empty()) {
      wanted.serial = checked_serial(pair.substr(std::string_view("serial=").size()));
    } else if (allowed == Query::serial_and_slot && pair.starts_with("slot=") && !wanted.slot) {
      wanted.slot = piv::parse_slot(std::string_view(pair).substr(std::string_view("slot=").size()));
      if (!wanted.slot) throw Error(Code::request_invalid, "there is no such slot");
    } else {
      throw Error(Code::request_invalid, "the endpoint takes no such query");
    }
  }
  return wanted;
}

void on_card(const Call& call, const std::string& serial, std::function<Json(piv::Card&)> run) {
  call.agent.cards().run({serial, call.session->user + ": " + call.request.path, call.reply, std::move(run)});
}

Json success() {
  return Json::object({{"success", true}});
}

}  // namespace ymgr::agentd
