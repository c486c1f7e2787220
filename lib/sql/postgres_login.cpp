#include <poll.h>

#include <cerrno>
#include <map>

#include "base/text.hpp"
#include "sql/libpq.hpp"
#include "sql/postgres.hpp"

namespace ymgr::sql {
namespace {

constexpr auto system_certificates = "/etc/ssl/certs/ca-certificates.crt";
constexpr auto no_file = "/dev/null/none";  // libpq would look into the home directory

std::string escaped(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::map<std::string, std::string, std::less<>> keywords_of(const PostgresSettings& settings, const std::string& host,
                                                            const std::string& port) {
  const auto file = [](const std::string& path) { return path.empty() ? std::string(no_file) : path; };
  const bool verifies = settings.tls_mode.starts_with("verify");
  return {{"host", host},
          {"port", port},
          {"dbname", settings.database},
          {"user", settings.user},
          {"sslmode", settings.tls_mode},
          {"sslrootcert", settings.ca_file.empty() && verifies ? system_certificates : file(settings.ca_file)},
          {"sslcert", file(settings.certificate_file)},
          {"sslkey", file(settings.key_file)},
          {"sslcrl", no_file},
          {"passfile", no_file},
          {"gssencmode", "disable"},
          {"application_name", settings.application_name},
          {"client_encoding", "UTF8"},
          {"connect_timeout", std::to_string(settings.connect_seconds)},
          {"tcp_user_timeout", std::to_string(settings.answer_milliseconds)}};
}

/// Everything that libpq would else read from the environment gets a value, if an empty one: only in a connection string
/// does that count. The service alone can't be empty.
std::string connection_string(const PostgresSettings& settings, const std::string& host, const std::string& port) {
  auto keywords = keywords_of(settings, host, port);
  const std::unique_ptr<PQconninfoOption, decltype(libpq().conninfo_free)> options(libpq().conndefaults(),
                                                                                   libpq().conninfo_free);
  for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
    const std::string_view name = option->keyword;
    if (option->envvar == nullptr || name == "service") continue;
    keywords.try_emplace(std::string(name), option->compiled == nullptr ? "" : option->compiled);
  }
  std::string text;
  for (const auto& [name, value] : keywords) text.append(name).append("=").append(escaped(value)).append(" ");
  return text;
}

std::string where_of(const PostgresSettings& settings, const std::string& host) {
  return settings.database + " on " + host;
}

/// False: the time is up.
bool wait_for(int socket, PostgresPollingStatusType wanted, std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return false;
  pollfd entry{socket, static_cast<short>(wanted == PGRES_POLLING_WRITING ? POLLOUT : POLLIN), 0};
  return ::poll(&entry, 1, static_cast<int>(left.count())) != 0;  // interrupted: again
}

void keep_quiet(void*, const PGresult*) {}

}  // namespace

std::vector<std::pair<std::string, std::string>> hosts_of(const PostgresSettings& settings) {
  const auto hosts = split(settings.host, ',');
  const auto ports = split(settings.port, ',');
  if (ports.size() != 1 && ports.size() != hosts.size())
    throw Error(
        Code::config_invalid,
        "the database has " + std::to_string(hosts.size()) + " hosts and " + std::to_string(ports.size()) + " ports",
        "give one port for all hosts, or one for each");
  std::vector<std::pair<std::string, std::string>> all;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (trim(hosts[i]).empty()) throw Error(Code::config_invalid, "the database has no host", "name its host");
    all.emplace_back(trim(hosts[i]), trim(ports[ports.size() == 1 ? 0 : i]));
  }
  return all;
}

SessionHandle log_in(const PostgresSettings& settings, const std::string& host, const std::string& port) {
  const auto text = connection_string(settings, host, port);
  // The password stays out of the string; libpq copies it, and clears its copy when it closes.
  const Secret terminated = [&] {
    Secret copy(settings.password.size() + 1);
    std::ranges::copy(settings.password.reveal(), copy.fill().begin());
    return copy;
  }();
  const char* const names[] = {"dbname", "password", nullptr};
  const char* const values[] = {text.c_str(), terminated.reveal().data(), nullptr};
  SessionHandle session(libpq().connect_start(names, values, 1));
  if (!session) throw Error(Code::system_error, "connect to " + where_of(settings, host) + ": out of memory");
  libpq().set_error_verbosity(session.get(), PQERRORS_VERBOSE);
  libpq().set_notice_receiver(session.get(), keep_quiet, nullptr);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(settings.connect_seconds);
  auto wanted = libpq().status(session.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (wanted == PGRES_POLLING_READING || wanted == PGRES_POLLING_WRITING) {
    if (!wait_for(libpq().socket(session.get()), wanted, deadline))
      throw Error(Code::database_unreachable, "database " + where_of(settings, host) + ": no answer within " +
                                                  std::to_string(settings.connect_seconds) + " s");
    wanted = libpq().connect_poll(session.get());
  }
  if (wanted == PGRES_POLLING_FAILED && libpq().needs_password(session.get()) == 1)
    throw Error(Code::database_refused,
                "database " + where_of(settings, host) + ": the user " + settings.user + " needs a password",
                "give it, in a file that --database-password-file names");
  if (wanted == PGRES_POLLING_FAILED)
    throw login_error(libpq().error_message(session.get()), where_of(settings, host), settings);
  return session;
}

}  // namespace ymgr::sql
