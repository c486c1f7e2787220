#include "agent/client.hpp"

#include <algorithm>

#include "agent/sealed.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "http/client.hpp"
#include "x509/certificate.hpp"

namespace ymgr::agent {
namespace {

using http::Effect;
using Secrets = std::vector<std::pair<std::string, Secret>>;

constexpr JsonLimits answer_limits{.bytes = 1024UL * 1024, .depth = 8};
constexpr Duration touch_notice = std::chrono::milliseconds(500);
constexpr Duration rsa_time = std::chrono::minutes(5);  // a card may look for primes that long

http::ClientSettings http_settings(const ClientSettings& settings) {
  return {.base_url = "http://localhost",
          .unix_socket = settings.socket,
          .peer_name = "the agent",
          .timeout = settings.timeout,
          .max_body = answer_limits.bytes,
          .unreachable = Code::agent_unreachable,
          .untrusted = Code::agent_untrusted};
}

/// What a 200 says. `read` may throw json-invalid and the like.
template <class Read>
auto read_answer(const http::ClientAnswer& answer, Effect effect, Read&& read) {
  if (answer.status != 200) throw error_from_problem(answer.status, answer.body);
  try {
    return read(parse_json(answer.body, answer_limits));
  } catch (const Error& error) {
    throw Error(Code::agent_unreachable, "the agent's answer makes no sense: " + printable(error.what()),
                "compare the versions: ymgr agent status", {},
                effect == Effect::changes ? Outcome::unknown : Outcome::known);
  }
}

Der der_in(const Json& json, std::string_view member, std::string_view label) {
  auto der = from_pem(json.at(member).text(), label);
  if (!der) throw Error(Code::json_invalid, std::string(member) + " is not what it should be");
  return std::move(*der);
}

std::optional<Der> der_or_null(const Json& json, std::string_view member, std::string_view label) {
  if (json.at(member).is_null()) return std::nullopt;
  return der_in(json, member, label);
}

template <class Parse>
auto word_in(const Json& json, std::string_view member, Parse&& parse) {
  const auto value = parse(std::string_view(json.at(member).text()));
  if (!value) throw Error(Code::json_invalid, std::string(member) + " is an unknown word");
  return *value;
}

Json of_serial(std::string_view serial) {
  Json body = Json::object();
  if (!serial.empty()) body.set("serial", serial);
  return body;
}

Json of_slot(std::string_view serial, piv::Slot slot) {
  Json body = of_serial(serial);
  return body.set("slot", piv::to_string(slot));
}

/// Digits are all it may have; whatever else would end up in a query.
std::string query_of(std::string_view serial) {
  if (serial.empty()) return {};
  if (!parse_number(serial)) throw Error(Code::usage, "not a serial number: " + printable(serial));
  return "?serial=" + std::string(serial);
}

void add(Secrets& secrets, std::string_view field, const Secret& secret) {
  secrets.emplace_back(field, secret.clone());
}
void add(Secrets& secrets, std::string_view field, const piv::ManagementKey& key) {
  secrets.emplace_back(field, piv::hex_of(key.bytes));
}

/// The card's present management key as `field`, and its algorithm, or the PIN under which ykman keeps it.
void add(Json& body, Secrets& secrets, const char* field, const char* algorithm, const piv::Opener& opener) {
  if (const auto* kept = std::get_if<piv::ProtectedKey>(&opener)) {
    body.set("protected", true);
    return add(secrets, "pin", kept->pin);
  }
  const auto& key = std::get<piv::ManagementKey>(opener);
  body.set(algorithm, piv::to_string(key.algorithm));
  add(secrets, field, key);
}

bool is_rsa(piv::Algorithm algorithm) {
  return piv::to_string(algorithm).starts_with("rsa");
}

}  // namespace

struct Client::State {
  ClientSettings settings;
  http::Client http;
  std::optional<AgentSession> session{};

  explicit State(ClientSettings from) : settings(std::move(from)), http(http_settings(settings)) {
    session = std::move(settings.session);
  }

  const AgentSession& live_session() {
    if (!session || session->expires_at <= now()) open_session();
    return *session;
  }

  void open_session() {
    session.reset();
    if (!settings.token) throw Error(Code::token_refused, "there is no identity token for the agent");
    std::string token = settings.token();
    const Secret bearer = Secret::absorb(token);
    try {
      take_next_key(bearer);
    } catch (const Error& error) {
      if (error.code() != Code::agent_key_changed) throw;  // somebody was faster; the next is another
      take_next_key(bearer);
    }
    if (settings.on_session) settings.on_session(*session);
  }

  void take_next_key(const Secret& token) {
    const auto key_id = read_answer(http.send({.path = "/pubkey"}), Effect::reads,
                                    [](const Json& json) { return json.at("key_id").text(); });
    http::ClientRequest request{.method = "POST", .path = "/session", .content_type = "application/json"};
    Json body = Json::object({{"key_id", key_id}});
    if (settings.session_end) body.set("expires_at", format_time(*settings.session_end));
    request.body = dump_json(body);
    request.bearer = &token;
    session = read_answer(http.send(request), Effect::reads, [](const Json& json) {
      return AgentSession{Secret(json.at("session").text()), der_in(json, "public_key", "PUBLIC KEY"),
                          parse_time(json.at("expires_at").text())};
    });
  }

  /// `ask`, which is done again under another session when the agent does not know this one.
  template <class Ask>
  auto in_session(Ask&& ask) {
    live_session();
    try {
      return ask();
    } catch (const Error& error) {
      if (error.code() != Code::agent_session_unknown) throw;
    }
    open_session();
    return ask();
  }

  template <class Read>
  auto get(const std::string& path, Read&& read) {
    return in_session([&] {
      http::ClientRequest request{.path = path};
      request.bearer = &session->secret;
      return read_answer(http.send(request), Effect::reads, read);
    });
  }

  std::string nonce() {
    http::ClientRequest request{.method = "POST", .path = "/nonce", .body = "{}", .content_type = "application/json"};
    request.bearer = &session->secret;
    return read_answer(http.send(request), Effect::reads, [](const Json& json) { return json.at("nonce").text(); });
  }

  /// Asks a card, with the secrets sealed, and says so when it waits for a finger.
  template <class Read>
  auto post(const std::string& path, const Json& body, const Secrets& secrets, Effect effect, Duration timeout,
            Read&& read) {
    return in_session([&] {
      http::ClientRequest request{.method = "POST", .path = path, .content_type = "application/json"};
      request.body =
          secrets.empty() ? dump_json(body) : seal_request(path, body, nonce(), secrets, session->public_key);
      request.bearer = &session->secret;
      request.effect = effect;
      request.timeout = timeout;
      const http::Watch watch = touch_watch(body.text_or("serial", ""));
      return read_answer(http.send(request, &watch), effect, read);
    });
  }

  void change(const std::string& path, const Json& body, const Secrets& secrets) {
    post(path, body, secrets, Effect::changes, {}, [](const Json& json) {
      if (!json.at("success").boolean()) throw Error(Code::json_invalid, "neither success nor a problem");
      return true;
    });
  }

  http::Watch touch_watch(const std::string& serial) {
    http::ClientRequest request{.path = "/touch"};
    request.bearer = &session->secret;
    return {touch_notice, request, [this, serial, told = false](const http::ClientAnswer& answer) mutable {
              const auto waiting = waiting_in(answer);
              const auto at = std::find_if(waiting.begin(), waiting.end(),
                                           [&](const auto& one) { return serial.empty() || one == serial; });
              if (at == waiting.end()) return false;
              if (!told && settings.on_touch) settings.on_touch(*at);
              return told = true;
            }};
  }

  static std::vector<std::string> waiting_in(const http::ClientAnswer& answer) {
    return read_answer(answer, Effect::reads, [](const Json& json) {
      std::vector<std::string> serials;
      for (const Json& one : json.at("waiting").items()) serials.push_back(printable(one.text()));
      return serials;
    });
  }

  void verify(std::string_view serial, const Secrets& secrets, std::optional<int> at_least_tries) {
    Json body = of_serial(serial);
    if (at_least_tries) body.set("at_least_tries", *at_least_tries);
    change("/piv/verify", body, secrets);
  }
};

Client::Client(ClientSettings settings) : state_(new State(std::move(settings))) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

Health Client::health() {
  return read_answer(state_->http.send({.path = "/health"}), Effect::reads, [](const Json& json) {
    return Health{printable(json.at("status").text()), printable(json.at("version").text()), json.integer_or("pid", 0),
                  printable(json.text_or("tcp", "")), json.boolean_or("pcscd", true)};
  });
}

const AgentSession& Client::session() {
  return state_->live_session();
}
const AgentSession* Client::known_session() const noexcept {
  return state_->session ? &*state_->session : nullptr;
}

bool Client::close_session() {
  if (!state_->session) return false;
  const AgentSession session = std::move(*std::exchange(state_->session, std::nullopt));
  http::ClientRequest request{.method = "DELETE", .path = "/session"};
  request.bearer = &session.secret;
  const auto answer = state_->http.send(request);
  if (answer.status == 200) return true;
  const Error error = error_from_problem(answer.status, answer.body);
  if (error.code() == Code::agent_session_unknown) return false;
  throw Error(error);
}

std::vector<DiscoveredDevice> Client::discover() {
  return state_->get("/discover", discovered_devices_from);
}

CardInfo Client::info(std::string_view serial) {
  return state_->get("/piv/info" + query_of(serial), [](const Json& json) {
    CardInfo info{device_info_from(json), {}};
    if (const Json* why = json.find("reset_refused"); why != nullptr && !why->is_null()) {
      info.reset_refused = printable(why->text());
    }
    return info;
  });
}

Slots Client::slots(std::string_view serial) {
  return state_->get("/piv/slots" + query_of(serial), [](const Json& json) {
    Slots slots{printable(json.at("serial").text()), {}};
    for (const Json& slot : json.at("slots").items()) slots.slots.push_back(slot_content_from(slot));
    return slots;
  });
}

SlotContent Client::slot(std::string_view serial, piv::Slot slot) {
  const std::string query = query_of(serial);
  return state_->get("/piv/slots" + (query.empty() ? "?" : query + "&") + "slot=" + piv::to_string(slot),
                     [slot](const Json& json) {
                       const auto& slots = json.at("slots").items();
                       if (slots.size() != 1) throw Error(Code::json_invalid, "not one slot");
                       auto content = slot_content_from(slots.front());
                       if (content.slot != slot) throw Error(Code::json_invalid, "another slot");
                       return content;
                     });
}

std::vector<std::string> Client::touch() {
  return state_->in_session([&] {
    http::ClientRequest request{.path = "/touch"};
    request.bearer = &state_->session->secret;
    return State::waiting_in(state_->http.send(request));
  });
}

SlotAttestation Client::attest(std::string_view serial, piv::Slot slot) {
  return state_->post("/piv/attest", of_slot(serial, slot), {}, Effect::reads, {}, [](const Json& json) {
    return SlotAttestation{der_in(json, "attestation", "CERTIFICATE"),
                           der_in(json, "attestation_certificate", "CERTIFICATE")};
  });
}

void Client::verify_pin(std::string_view serial, const Secret& pin, std::optional<int> at_least_tries) {
  Secrets secrets;
  add(secrets, "pin", pin);
  state_->verify(serial, secrets, at_least_tries);
}

void Client::verify_puk(std::string_view serial, const Secret& puk, std::optional<int> at_least_tries) {
  Secrets secrets;
  add(secrets, "puk", puk);
  state_->verify(serial, secrets, at_least_tries);
}

void Client::verify_management_key(std::string_view serial, const piv::ManagementKey& key) {
  Secrets secrets;
  add(secrets, "management_key", key);
  Json body = of_serial(serial);
  state_->change("/piv/verify", body.set("algorithm", piv::to_string(key.algorithm)), secrets);
}

void Client::set_pin(std::string_view serial, const Secret& current_pin, const Secret& new_pin) {
  Secrets secrets;
  add(secrets, "pin", new_pin);
  add(secrets, "current_pin", current_pin);
  state_->change("/piv/set-pin", of_serial(serial), secrets);
}

void Client::set_puk(std::string_view serial, const Secret& current_puk, const Secret& new_puk) {
  Secrets secrets;
  add(secrets, "puk", new_puk);
  add(secrets, "current_puk", current_puk);
  state_->change("/piv/set-puk", of_serial(serial), secrets);
}

void Client::unblock_pin(std::string_view serial, const Secret& puk, const Secret& new_pin) {
  Secrets secrets;
  add(secrets, "puk", puk);
  add(secrets, "pin", new_pin);
  state_->change("/piv/unblock-pin", of_serial(serial), secrets);
}

void Client::set_retries(std::string_view serial, int pin_tries, int puk_tries, const Secret& pin,
                         const piv::ManagementKey& key) {
  Secrets secrets;
  add(secrets, "pin", pin);
  add(secrets, "management_key", key);
  Json body = of_serial(serial);
  body.set("pin_tries", pin_tries).set("puk_tries", puk_tries);
  state_->change("/piv/set-retries", body.set("algorithm", piv::to_string(key.algorithm)), secrets);
}

void Client::rotate_management_key(std::string_view serial, const piv::Opener& current, const piv::ManagementKey& next,
                                   std::optional<piv::TouchPolicy> touch) {
  Secrets secrets;
  add(secrets, "management_key", next);
  Json body = of_serial(serial);
  body.set("algorithm", piv::to_string(next.algorithm));
  add(body, secrets, "current_management_key", "current_algorithm", current);
  if (touch) body.set("touch_policy", piv::to_string(*touch));
  state_->change("/piv/rotate-management-key", body, secrets);
}

SlotCsr Client::generate_csr(const CsrRequest& request) {
  const bool makes = request.key == SlotKeySource::make;
  Json body = of_slot(request.serial, request.slot);
  body.set("key", makes ? "new" : "existing").set("overwrite", request.overwrite);
  body.set("common_name", request.common_name).set("sans", Json::texts(request.sans));
  Secrets secrets;
  if (makes) {
    body.set("algorithm", piv::to_string(request.algorithm)).set("pin_policy", piv::to_string(request.pin_policy));
    body.set("touch_policy", piv::to_string(request.touch_policy));
    if (request.is_protected) body.set("protected", true);
  }
  if (request.management_key != nullptr) {
    body.set("management_algorithm", piv::to_string(request.management_key->algorithm));
    add(secrets, "management_key", *request.management_key);
  }
  if (request.pin != nullptr) add(secrets, "pin", *request.pin);
  const Duration timeout =
      makes && is_rsa(request.algorithm) ? std::max(rsa_time, state_->settings.timeout) : Duration{};
  return state_->post("/piv/generate-csr", body, secrets, Effect::changes, timeout, [](const Json& json) {
    return SlotCsr{
        der_in(json, "csr", "CERTIFICATE REQUEST"),         der_in(json, "public_key", "PUBLIC KEY"),
        der_or_null(json, "attestation", "CERTIFICATE"),    der_or_null(json, "attestation_certificate", "CERTIFICATE"),
        word_in(json, "pin_policy", piv::parse_pin_policy), word_in(json, "touch_policy", piv::parse_touch_policy)};
  });
}

ImportCheck Client::import_certificate(const ImportRequest& request) {
  Json body = of_slot(request.serial, request.slot);
  body.set("certificate", to_pem(request.certificate, "CERTIFICATE")).set("overwrite", request.overwrite);
  Secrets secrets;
  if (request.management_key != nullptr) {
    body.set("management_algorithm", piv::to_string(request.management_key->algorithm));
    add(secrets, "management_key", *request.management_key);
  }
  if (request.pin != nullptr) add(secrets, "pin", *request.pin);
  return state_->post("/piv/import-certificate", body, secrets, Effect::changes, {}, [](const Json& json) {
    return word_in(json, "checked", [](std::string_view word) -> std::optional<ImportCheck> {
      if (word == "signature") return ImportCheck::signature;
      if (word == "public-key") return ImportCheck::public_key;
      return std::nullopt;
    });
  });
}

void Client::delete_certificate(std::string_view serial, piv::Slot slot, const piv::Opener& opener, DeleteKey key) {
  Secrets secrets;
  Json body = of_slot(serial, slot);
  body.set("key", key == DeleteKey::keep ? "keep" : "destroy");
  add(body, secrets, "management_key", "management_algorithm", opener);
  state_->change("/piv/delete-certificate", body, secrets);
}

void Client::reset(std::string_view serial) {
  state_->change("/piv/reset", of_serial(serial), {});
}

}  // namespace ymgr::agent
