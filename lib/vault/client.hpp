// The API of Vault and OpenBao: one client over lib/http that knows what their answers mean.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "http/client.hpp"
#include "vault/failure.hpp"
#include "vault/path.hpp"
#include "vault/secret_body.hpp"

namespace ymgr::vault {

struct ClientSettings {
  std::vector<std::string>
      addresses;  // "https://vault.example.com:8200", of the nodes of one cluster, or of what stands before it
  std::string name_space = {};  // "team1"; of every call
  std::string ca_file = {};     // PEM: the only roots that are trusted; empty: the system's
  std::shared_ptr<const http::ClientIdentity> identity = {};  // shown to servers that ask for a certificate
  Duration timeout = std::chrono::seconds(60);                // of one call, retries included
};

/// `safe`: done twice is done once, so a lost answer is no question. Reads always are.
enum class Repeat { unsafe, safe };
/// `answers`: a 404 is an answer like another.
enum class Missing { fails, answers };
/// `bytes`: CRLs and OCSP answers; they are in Answer::bytes.
enum class Form { json, bytes };
/// `none`: logins and public paths.
enum class Auth { token, none };

/// Lives as long as the call, as does what it points to.
struct Call {
  std::string method = "GET";  // GET, LIST, POST, PUT, PATCH, DELETE
  Path path;
  Json body = {};                          // an object; null: none
  std::vector<SecretMember> secrets = {};  // further members of the body
  std::vector<std::string_view> cut = {};  // what of the answer is secret: "auth.client_token", "data.data"
  std::span<const Meaning> meanings = {};  // of refusals, on this path
  http::Effect effect = http::Effect::reads;
  Repeat repeat = Repeat::unsafe;
  Missing missing = Missing::fails;
  Form form = Form::json;
  Auth auth = Auth::token;
  const Secret* other_token = nullptr;  // instead of the client's own
  std::string bytes = {};               // a body that is no JSON, of `content_type`
  std::string content_type = {};
  Duration wrap{};                   // the answer is to be wrapped for so long; zero: not
  std::string_view capability = {};  // that a policy must give; empty: what the method stands for
};

struct Answer {
  int status = 200;
  Json document;                // the whole; null: the answer was empty. What was cut is null in it
  std::vector<Secret> secrets;  // in the order of Call::cut; empty where there was none
  std::string bytes;
  std::vector<std::string> warnings;  // printable

  /// "data", "auth", "wrap_info" and so on; null where absent.
  const Json& at(std::string_view member) const;
  const Json& data() const { return at("data"); }
  std::string request_id() const { return document.text_or("request_id", ""); }
};

struct Health {
  bool initialised = false, sealed = true, standby = true;
  std::string version, cluster_name;
};

/// Keeps connections. One thread at a time: for_another_thread() makes one for a worker.
///
/// Every Error of a call has the details "vault_path" and, of an answer, "http_status"; vault-denied also "capability" and "policy". No
/// message holds the token or a secret of the body.
class Client {
 public:
  /// Sends to one of the addresses, instead of the network: tests and injected faults. Throws what http::Client::send throws.
  using Send = std::function<http::ClientAnswer(std::size_t address, const http::ClientRequest&)>;

  /// Connects to nothing yet. @throws Error usage: no address, one without https, or no namespace
  explicit Client(ClientSettings, Send instead = {});
  Client(Client&&) noexcept;
  ~Client();
  /// With the same token, operation and state.
  Client for_another_thread() const;
  const ClientSettings& settings() const noexcept;

  /// Of every call from now on; empty: none. Trailing white space is dropped.
  void use_token(const Secret& token);
  const Secret& token() const noexcept;
  /// Sent as X-Ymgr-Op, which the server's audit log has where it is told to note it.
  void name_operation(std::string operation);
  /// The last state of the cluster that this client has seen: later calls are answered by nodes that know it. Give it to another
  /// client that must see what this one wrote.
  const std::string& state() const noexcept;
  void require_state(std::string state);

  /// Of several addresses the active node is asked, and gets all changes; of one, what a standby says while there is no leader may
  /// hide a change that was made, so only what is safe to repeat is asked again.
  /// Redirects are followed by one hop, to configured addresses only. Refusals that did nothing are asked again, see Retries; a lost
  /// answer to a change is asked again only where that is safe, else its error has outcome unknown.
  /// @throws Error vault-unreachable, vault-untrusted, vault-sealed, vault-uninitialised, vault-standby, vault-rate-limited,
  ///   vault-failed, vault-denied, vault-token-dead, vault-refused, vault-not-found, vault-mount-missing, the codes of `meanings`, and
  ///   those of http::Client::send
  Answer call(const Call& call);
  /// The same; `read` makes something of the answer, and what it can't read (an Error of kind usage) is vault-failed.
  template <class Read>
  auto call(const Call& made, Read&& read) {
    Answer answer = call(made);
    try {
      return read(answer);
    } catch (const Error& error) {
      if (error.kind() != Kind::usage) throw;
      throw senseless(made, error.what());
    }
  }
  /// Asks one node once, with little patience. nullopt: there is no answer, or one that `call` would throw an Error for. Never throws.
  std::optional<Answer> peek(const Call& call) noexcept;
  /// Of the first address that answers. @throws Error vault-unreachable, vault-untrusted, vault-failed
  Health health();

 private:
  static Error senseless(const Call& call, std::string_view why);

  struct State;
  std::unique_ptr<State> state_;
};

/// Clients of workers: what is opened for the same one, keys and CA, shares its connections.
class WorkerClients {
 public:
  /// It outlives this.
  explicit WorkerClients(Client& own) : own_(own) {}
  /// What is opened from now on is for another worker. `on_this_thread`: one that works where the client itself does.
  void next(bool on_this_thread) {
    client_ = on_this_thread ? std::shared_ptr<Client>(std::shared_ptr<void>(), &own_)
                             : std::make_shared<Client>(own_.for_another_thread());
  }
  std::shared_ptr<Client> client() {
    if (!client_) next(true);
    return client_;
  }

 private:
  Client& own_;
  std::shared_ptr<Client> client_;
};

/// Every name below `path`, in the order of the server, `page` at a time where it can; nothing there: empty. Folders end in '/'.
/// @throws Error as Client::call
std::vector<std::string> list(Client& client, const Path& path, std::size_t page = 1000);
/// `serials`: of certificates, which OpenBao lists with colons and keeps with hyphens. A page that begins after "4A:3F" would leave out
/// whatever else begins with 4A.
enum class Names { plain, serials };
/// Page by page, with "key_info" where there is one: the answer's data. `more` returns false to stop.
void list_pages(Client& client, const Path& path, std::size_t page, const std::function<bool(const Json& data)>& more,
                Names names = Names::plain);

}  // namespace ymgr::vault
