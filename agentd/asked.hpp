// What a request asks for, read and checked before a card is touched.
#pragma once
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agentd/cards.hpp"

namespace ymgr::agentd {

/// Members of a body beside `serial`. Sealed ones bring "encrypted" and "nonce".
struct Members {
  std::initializer_list<std::string_view> plain = {}, sealed = {}, optional_sealed = {};
};

/// A POST with its secrets opened. Shared with the worker that does it.
class Asked {
 public:
  /// Spends the nonce where there are secrets, or might be. @throws Error request-invalid, sealed-invalid, json-invalid
  Asked(const Call& call, const Members& members);
  const Json& body() const noexcept { return body_; }
  const std::string& serial() const noexcept { return serial_; }
  /// nullptr: it is not there.
  const Secret* secret(std::string_view name) const;
  const Secret& need(std::string_view name) const;  // one of Members::sealed

  /// @throws Error request-invalid: a word that is not known
  piv::Slot slot() const;
  std::optional<piv::ManagementAlgorithm> management_algorithm(std::string_view name) const;
  /// The value of a word's member; `fallback` where the member is not there.
  template <class Value, class Parse>
  Value word(std::string_view name, Parse parse, std::optional<Value> fallback = {}) const {
    const Json* member = body_.find(name);
    if (member == nullptr && fallback) return *fallback;
    const auto value = parse(body_.at(name).text());
    if (!value) refuse(name);
    return *value;
  }
  /// The key that the card has when `algorithm` names none. @throws Error request-invalid: no lower-case hex
  piv::ManagementKey management_key(piv::Card&, std::string_view name, std::string_view algorithm) const;
  /// What opens the card: `name` is sealed, or `protected` is true and `pin` is. @throws Error request-invalid: neither, or both
  void need_opener(std::string_view name) const;
  /// Authenticates with it. A key under the PIN is read here and told nobody; a PIN is not sent when one try is left.
  /// @throws Error credentials-unknown: no key is kept under the PIN · few-tries, and as the card does
  void open(piv::Card&, std::string_view name, std::string_view algorithm) const;

 private:
  [[noreturn]] static void refuse(std::string_view name);
  bool is_protected() const { return body_.boolean_or("protected", false); }

  Json body_;
  std::string serial_;
  std::map<std::string, Secret, std::less<>> secrets_;
};

/// @param blocked  the code for none left  @throws Error few-tries: fewer than `least` are left
void need_tries(const std::optional<piv::Tries>& tries, std::int64_t least, const std::string& what, Code blocked);

struct Wanted {
  std::string serial;  // empty: the only one there is
  std::optional<piv::Slot> slot;
};
/// The query of a GET. @throws Error request-invalid
Wanted read_query(const http::Request&, Query allowed);

/// Queues it for the key with that serial.
void on_card(const Call& call, const std::string& serial, std::function<Json(piv::Card&)> run);
/// The same for a POST.
template <class Run>
void on_card(const Call& call, std::shared_ptr<const Asked> asked, Run run) {
  const std::string serial = asked->serial();
  on_card(call, serial, [asked = std::move(asked), run](piv::Card& card) { return run(card, *asked); });
}
inline std::shared_ptr<const Asked> read_asked(const Call& call, const Members& members) {
  return std::make_shared<const Asked>(call, members);
}
Json success();

}  // namespace ymgr::agentd
