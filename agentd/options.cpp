#include "agentd/options.hpp"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"
#include "http/server.hpp"

namespace ymgr::agentd {
namespace {

constexpr std::array<std::string_view, 4> levels = {"error", "warning", "info", "debug"};
constexpr const char* default_tcp = "127.0.0.1:56123";

std::string environment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value == nullptr ? std::string() : value;
}

/// Empty: neither XDG_CONFIG_HOME nor HOME is an absolute path.
std::string own_folder() {
  if (const auto folder = environment("XDG_CONFIG_HOME"); folder.starts_with('/')) return folder + "/ymgr";
  if (const auto home = environment("HOME"); home.starts_with('/')) return home + "/.config/ymgr";
  return {};
}

std::string default_socket() {
  const auto runtime = environment("XDG_RUNTIME_DIR");
  const std::string folder =
      runtime.starts_with('/') ? runtime : "/run/user/" + std::to_string(static_cast<unsigned>(::geteuid()));
  return folder + "/ymgr/agent.sock";
}

std::optional<TcpPlace> tcp_place(const std::string& text) {
  if (text == "off") return std::nullopt;
  const auto [address, port] = http::parse_listen(text);
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) != 1 || ntohl(v4.s_addr) >> 24 != 127) {
    throw Error(Code::usage, "the agent listens on this host only, not on " + printable(text),
                "Name an address of 127.0.0.0/8, such as 127.0.0.1:56123, or off.");
  }
  return TcpPlace{address, port};
}

void check_level(const std::string& level) {
  if (std::find(levels.begin(), levels.end(), level) == levels.end()) {
    throw Error(Code::usage, "no such log level: " + printable(level), "Choose error, warning, info or debug.");
  }
}

/// Flags as given; what they do not say comes from the file.
struct Given {
  std::optional<std::string> socket, tcp, config, log_level;
  std::vector<std::string> token_keys, origins;
  Options::Ask ask = Options::Ask::serve;
};

Given parse_words(const std::vector<std::string>& words) {
  Given given;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string name = words[i];
    std::optional<std::string> value;
    if (const auto equals = name.find('='); name.starts_with("--") && equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto take = [&] {
      if (!value && ++i < words.size()) value = words[i];
      if (!value || value->empty()) throw Error(Code::usage, name + " needs a value", "See ymgr-agentd --help.");
      return *value;
    };
    if (name == "--help" || name == "-h") {
      given.ask = Options::Ask::help;
    } else if (name == "--version") {
      given.ask = Options::Ask::version;
    } else if (name == "--socket") {
      given.socket = take();
    } else if (name == "--tcp") {
      given.tcp = take();
    } else if (name == "--token-keys") {
      given.token_keys.push_back(take());
    } else if (name == "--config") {
      given.config = take();
    } else if (name == "--log-level") {
      given.log_level = take();
    } else {
      throw Error(Code::usage, "unknown argument: " + printable(words[i]), "See ymgr-agentd --help.");
    }
  }
  return given;
}

/// What stands in the file, where no flag says otherwise.
void add_file(Given& given, const std::string& path, const std::string& text) {
  require_private(path, 0755, "the configuration");
  const YamlNode root = parse_yaml(text, path);
  YamlReader reader(root, path, Code::config_invalid, "the agent's configuration");
  const auto fill = [&](std::optional<std::string>& target, std::string_view key) {
    if (auto value = reader.text(key); value && !target) target = std::move(value);
  };
  fill(given.socket, "socket");
  fill(given.tcp, "tcp");
  if (auto level = reader.choice("log_level", levels); level && !given.log_level) given.log_level = std::move(level);
  if (auto files = reader.texts("token_keys"); files && given.token_keys.empty()) given.token_keys = std::move(*files);
  if (auto origins = reader.texts("origins")) given.origins = std::move(*origins);
  reader.finish();
}

void read_file_of(Given& given) {
  if (given.config) return add_file(given, *given.config, read_file(*given.config));
  std::vector<std::string> places;
  if (const auto own = own_folder(); !own.empty()) places.push_back(own + "/agentd.yaml");
  places.emplace_back("/etc/ymgr/agentd.yaml");
  for (const auto& place : places) {
    if (const auto text = read_file_if_there(place)) return add_file(given, place, *text);
  }
}

/// systemd says which file the journal reads: DEVICE:INODE.
bool is_journal() {
  struct stat status {};
  return ::fstat(STDERR_FILENO, &status) == 0 &&
         environment("JOURNAL_STREAM") == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace

Options read_options(const std::vector<std::string>& words) {
  Given given = parse_words(words);
  Options options;
  options.ask = given.ask;
  if (given.ask != Options::Ask::serve) return options;
  read_file_of(given);
  options.socket = given.socket.value_or(default_socket());
  options.tcp = tcp_place(given.tcp.value_or(default_tcp));
  options.token_keys = std::move(given.token_keys);
  if (options.token_keys.empty() && !own_folder().empty())
    options.token_keys = {own_folder() + "/token-keys.json", own_folder() + "/token-keys.d"};
  options.origins = std::move(given.origins);
  options.log_level = given.log_level.value_or(options.log_level);
  check_level(options.log_level);
  options.journal = is_journal();
  return options;
}

const char* const usage_text = R"(usage: ymgr-agentd [OPTION...]

The only process that talks to your YubiKeys, and it talks to nothing else.

  --socket PATH           Unix socket ($XDG_RUNTIME_DIR/ymgr/agent.sock)
  --tcp ADDRESS:PORT|off  the published endpoints (127.0.0.1:56123)
  --token-keys FILE       public keys of those who sign identity tokens, or a folder of such files; may be
                          repeated ($XDG_CONFIG_HOME/ymgr/token-keys.json and token-keys.d)
  --config FILE           configuration ($XDG_CONFIG_HOME/ymgr/agentd.yaml, else /etc/ymgr/agentd.yaml)
  --log-level LEVEL       error, warning, info or debug (info)
  --help, --version

Started by systemd with sockets, it serves those and opens none. See ymgr-agentd(8).
)";

}  // namespace ymgr::agentd
