#include "vault/auth.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "vault/login.hpp"

namespace ymgr::vault {
namespace {

using std::chrono::seconds;

constexpr std::string_view locked =
    "after several wrong passwords an account is locked for a while; or there is no such auth method, or not at this "
    "mount";
constexpr Meaning password_meanings[] = {
    {400, "Network Error", Code::vault_failed, "Vault can't reach the directory; run the same command later"},
    {400, "invalid username", Code::wrong_password, "check user and password"},
    {400, "ldap operation failed", Code::wrong_password, "check user and password"},
    {403, "", Code::locked_out, locked}};
constexpr Meaning credential_meanings[] = {
    {400, "no client certificate", Code::login_refused, "name a client certificate and its key"},
    {400, "", Code::login_refused, "check role and mount, and what the role asks for"},
    {500, "incompatible key usage", Code::login_refused, "the client certificate needs clientAuth"},
    {403, "", Code::login_refused, "check role and mount; a credential may be spent, revoked or locked"}};
constexpr Meaning wrapping_meanings[] = {{400, "wrapping token", Code::vault_wrapping_invalid}};

std::vector<std::pair<std::string, std::string>> texts_of(const Json& object) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (!object.is_object()) return texts;
  for (const auto& [name, value] : object.members()) {
    if (value.is_text()) texts.emplace_back(printable(name), printable(value.text()));
  }
  return texts;
}

std::vector<std::string> policies_of(const Json& json) {
  std::vector<std::string> all = json.texts_or_empty("policies");
  for (auto& one : json.texts_or_empty("identity_policies")) {
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(std::move(one));
  }
  for (auto& one : all) one = printable(one);
  return all;
}

/// Of the "auth" of a login's answer, whose client_token was cut.
Token token_of_auth(Answer& answer) {
  const Json& auth = answer.at("auth");
  if (answer.secrets.empty() || answer.secrets.front().empty()) {
    const Json* factors = auth.find("mfa_requirement");
    throw Error(Code::login_refused, factors != nullptr && !factors->is_null()
                                         ? "Vault asks for a second factor, which ymgr can't give"
                                         : "Vault gives no token");
  }
  Token token{.secret = std::move(answer.secrets.front()),
              .accessor = printable(auth.text_or("accessor", "")),
              .entity_id = printable(auth.text_or("entity_id", "")),
              .display_name = {},
              .policies = policies_of(auth),
              .metadata = {},
              .term = term_of(auth)};
  if (const Json* metadata = auth.find("metadata")) token.metadata = texts_of(*metadata);
  return token;
}

Token adopt(Client& client, Token token) {
  client.use_token(token.secret);
  try {
    token.display_name = look_up_self(client).display_name;
  } catch (const Error& error) {
    if (error.code() != Code::vault_denied) throw;
  }
  return token;
}

/// A token that nobody has got dies by itself, so it is safe to ask again.
Call login_call(Path path) {
  return {.method = "POST", .path = std::move(path), .repeat = Repeat::safe};
}

Token log_in_with_password(Client& client, std::string_view user, const Secret& password, std::string_view mount) {
  Call call = login_call((Path("auth") + mount) / "login" / user);
  call.secrets = {{"password", &password}};
  call.meanings = password_meanings;
  return log_in(client, std::move(call));
}

Token log_in_with_jwt(Client& client, std::string_view role, const Secret& jwt, std::string_view mount) {
  Call call = login_call((Path("auth") + mount) / "login");
  if (!role.empty()) call.body = Json::object({{"role", role}});
  call.secrets = {{"jwt", &jwt}};
  call.meanings = credential_meanings;
  return log_in(client, std::move(call));
}

void check_creation_path(Client& client, const Secret& wrapping, std::span<const std::string> made_by) {
  Call call{.method = "POST", .path = Path("sys/wrapping/lookup")};
  call.secrets = {{"token", &wrapping}};
  call.meanings = wrapping_meanings;
  call.auth = Auth::none;
  const auto path = client.call(call, [](const Answer& answer) { return answer.data().at("creation_path").text(); });
  if (std::find(made_by.begin(), made_by.end(), path) == made_by.end()) {
    throw Error(
        Code::vault_wrapping_invalid, "the wrapping token was made by " + printable(path) + ", not by what it should",
        path.starts_with("auth/") ? "Name its role with --role, if that is the one you expect; else ask whoever gave it"
                                  : "it may have been exchanged; ask whoever gave it");
  }
}

}  // namespace

Token log_in(Client& client, Call call) {
  call.cut = {"auth.client_token"};
  call.effect = http::Effect::changes;
  call.auth = Auth::none;
  return adopt(client, client.call(call, token_of_auth));
}

Token login_userpass(Client& client, std::string_view user, const Secret& password, std::string_view mount) {
  return log_in_with_password(client, user, password, mount);
}
Token login_ldap(Client& client, std::string_view user, const Secret& password, std::string_view mount) {
  return log_in_with_password(client, user, password, mount);
}

Token login_approle(Client& client, const Secret& role_id, const Secret& secret_id, std::string_view mount) {
  Call call = login_call((Path("auth") + mount) / "login");
  call.secrets = {{"role_id", &role_id}};
  if (!secret_id.empty()) call.secrets.push_back({"secret_id", &secret_id});
  call.meanings = credential_meanings;
  return log_in(client, std::move(call));
}

Token login_jwt(Client& client, std::string_view role, const Secret& jwt, std::string_view mount) {
  return log_in_with_jwt(client, role, jwt, mount);
}
Token login_kubernetes(Client& client, std::string_view role, const Secret& jwt, std::string_view mount) {
  return log_in_with_jwt(client, role, jwt, mount);
}

Token login_certificate(Client& client, std::string_view role, std::string_view mount) {
  Call call = login_call((Path("auth") + mount) / "login");
  call.body = Json::object();
  if (!role.empty()) call.body.set("name", role);
  call.meanings = credential_meanings;
  return log_in(client, std::move(call));
}

Token login_token(Client& client, Secret token) {
  client.use_token(token);
  return look_up_self(client);
}

Token look_up_self(Client& client) {
  const Call call{.path = Path("auth/token/lookup-self"), .cut = {"data.id"}};
  return client.call(call, [&](const Answer& answer) {
    const Json& data = answer.data();
    Token token{.secret = client.token().clone(),
                .accessor = printable(data.text_or("accessor", "")),
                .entity_id = printable(data.text_or("entity_id", "")),
                .display_name = printable(data.text_or("display_name", "")),
                .policies = policies_of(data),
                .metadata = {},
                .term = {}};
    if (const Json* metadata = data.find("meta")) token.metadata = texts_of(*metadata);
    // "ttl" is what is left; 0 of the root token has no end.
    token.term = term_of(Json::object(
        {{"lease_duration", data.integer_or("ttl", 0)}, {"renewable", data.boolean_or("renewable", false)}}));
    // It did not begin just now: whoever uses it for one command a day has to see when two thirds of it are over.
    const auto began = data.integer_or("last_renewal_time", data.integer_or("creation_time", 0));
    if (began > 0) token.term.began = std::min(token.term.began, from_seconds(began));
    return token;
  });
}

void renew_self(Client& client, Token& token, Duration increment) {
  const std::string time = std::to_string(std::chrono::ceil<seconds>(increment).count()) + "s";
  const Call call{.method = "POST",
                  .path = Path("auth/token/renew-self"),
                  .body = Json::object({{"increment", time}}),
                  .cut = {"auth.client_token"},
                  .effect = http::Effect::changes,
                  .repeat = Repeat::safe};
  token.term = client.call(call, [](const Answer& answer) { return term_of(answer.at("auth")); });
}

void revoke_self(Client& client) {
  try {
    client.call({.method = "POST",
                 .path = Path("auth/token/revoke-self"),
                 .effect = http::Effect::changes,
                 .repeat = Repeat::safe});
  } catch (const Error& error) {
    if (error.code() != Code::vault_token_dead) throw;
  }
  client.use_token(Secret());
}

bool tend(Client& client, Token& token) {
  const auto due = token.term.due_at();
  if (!due || now() < *due) return false;
  renew_self(client, token, *token.term.expires_at - token.term.began);
  return true;
}

Answer unwrap(Client& client, const Secret& wrapping, std::span<const std::string> made_by,
              std::vector<std::string_view> cut) {
  check_creation_path(client, wrapping, made_by);
  Call call{.method = "POST", .path = Path("sys/wrapping/unwrap")};
  call.cut = std::move(cut);
  call.meanings = wrapping_meanings;
  call.effect = http::Effect::changes;
  call.other_token = &wrapping;
  return client.call(call);
}

Token unwrap_token(Client& client, const Secret& wrapping, std::span<const std::string> made_by) {
  Answer answer = unwrap(client, wrapping, made_by, {"auth.client_token"});
  return adopt(client, token_of_auth(answer));
}

Secret unwrap_secret_id(Client& client, const Secret& wrapping, std::string_view role, std::string_view mount) {
  const std::string made_by[] = {((Path("auth") + mount) / "role" / role / "secret-id").text()};
  Answer answer = unwrap(client, wrapping, made_by, {"data.secret_id"});
  if (answer.secrets.front().empty())
    throw Error(Code::vault_wrapping_invalid, "the wrapping token carries no secret id");
  return std::move(answer.secrets.front());
}

}  // namespace ymgr::vault
