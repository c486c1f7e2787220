#include "vault/database.hpp"

namespace ymgr::vault {
namespace {

constexpr Meaning meanings[] = {
    {400, "unknown role", Code::vault_not_found, "name a role that the database mount has"},
    {500, "connect", Code::database_unreachable},  // Vault asks PostgreSQL, and says what it got
    {500, "the database system is", Code::database_unreachable}};

}  // namespace

DatabaseCredentials database_credentials(Client& client, std::string_view mount, std::string_view role) {
  const Call call{.path = Path(mount) / "creds" / role,
                  .cut = {"data.password"},
                  .meanings = meanings,
                  .effect = http::Effect::changes,
                  .repeat = Repeat::safe};  // what nobody has got ends by itself
  return client.call(call, [](Answer& answer) {
    if (answer.secrets.front().empty()) throw Error(Code::json_invalid, "there is no password in it");
    return DatabaseCredentials{answer.data().at("username").text(), std::move(answer.secrets.front()),
                               Lease{answer.document.at("lease_id").text(), term_of(answer.document)}};
  });
}

}  // namespace ymgr::vault
