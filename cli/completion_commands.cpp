#include <algorithm>
#include <chrono>
#include <functional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/completion.hpp"
#include "cli/config.hpp"
#include "cli/invocation.hpp"
#include "inventory/devices.hpp"
#include "inventory/inventory.hpp"
#include "policy/policy.hpp"
#include "session/session.hpp"
#include "workflow/operation.hpp"

namespace ymgr::cli {

namespace {

struct Adaptor {
  std::string_view stem, text;
};
/// completions/_ymgr, ymgr.bash, ymgr.fish: in this order.
constexpr Adaptor adaptors[] = {
#include "cli/completions.inc"
};
static_assert(std::size(adaptors) == 3 && adaptors[0].stem == "_ymgr");

constexpr std::size_t most_values = 500;
/// No shell does anything with them: bash puts a candidate into the line as it is.
constexpr std::string_view harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@:/+*=,-";

constexpr Argument shell_argument[] = {{"SHELL", "bash, zsh or fish", Argument::Count::one, "bash|zsh|fish"}};
constexpr Field script_fields[] = {{"script", "string", "the shell script"}};
constexpr Example script_examples[] = {
    {"source <(ymgr completion bash)", "in this shell, or in ~/.bashrc"},
    {"ymgr completion zsh > ~/.zfunc/_ymgr", "in a folder of $fpath"},
    {"ymgr completion fish > ~/.config/fish/completions/ymgr.fish", "for every fish"},
};
constexpr Argument complete_arguments[] = {
    {"SHELL", "bash, zsh or fish"},
    {"WORD", "words up to the cursor", Argument::Count::any},
};

Result run_script(Invocation& call) {
  const std::string shell = call.text("SHELL");
  const int index = shell == "zsh" ? 0 : shell == "bash" ? 1 : shell == "fish" ? 2 : -1;
  if (index < 0) throw Error(Code::usage, "there is no completion for '" + shell + "'", "It is one of bash, zsh, fish");
  Result result{.text = std::string(adaptors[index].text)};
  result.json.set("script", result.text);
  result.raw = true;
  return result;
}

/// A completion must not wait for anybody, so the database is opened beside the ordinary way: read-only and impatient.
class ProfileValues {
 public:
  explicit ProfileValues(Wiring& wiring) : wiring_(wiring) {}

  std::vector<Candidate> operator()(std::string_view kind, std::string_view prefix) {
    if (kind == "context") return contexts();
    if (kind == "profile") return profiles();
    if (kind == "certificate") return certificates(prefix);
    if (kind == "user") return all_users();
    if (kind == "device") return all_devices();
    return kind == "operation" ? open_operations() : std::vector<Candidate>();
  }

 private:
  sql::Connection& database() {
    if (wiring_.is_team()) return wiring_.database();
    if (!db_) db_ = sql::open_sqlite({.path = wiring_.paths().database, .read_only = true, .busy_milliseconds = 100});
    return *db_;
  }

  static std::vector<Candidate> contexts() {
    std::vector<Candidate> found;
    for (const ConfigFile& file : read_config_files({})) {
      for (const auto& [name, unused] : file.contexts) found.push_back({name, file.path});
    }
    return found;
  }

  std::vector<Candidate> profiles() {
    std::vector<Candidate> found;
    const std::string& path = wiring_.paths().policy;
    const auto policy = Policy::parse(read_file(path), path);
    for (const auto& [name, rules] : policy.profiles()) found.push_back({name, "profile of the policy"});
    return found;
  }

  std::vector<Candidate> certificates(std::string_view prefix) {
    std::vector<Candidate> found;
    inventory::ListQuery query;
    query.selection.conditions.push_back({"name", std::string(prefix) + "*"});
    query.status = CertificateStatus::active;
    query.limit = most_values;
    inventory::list(database(), query, now(), [&](const CertificateRow& row) {
      found.push_back({row.name, "until " + format_time(row.expires_at)});
    });
    return found;
  }

  std::vector<Candidate> all_users() {
    std::vector<Candidate> found;
    for (const User& user : users::list(database())) found.push_back({user.name, std::string(to_string(user.role))});
    return found;
  }

  std::vector<Candidate> all_devices() {
    std::vector<Candidate> found;
    for (const auto& row : devices::list(database()))
      found.push_back({row.serial, row.owner + ", " + std::string(to_string(row.status))});
    for (const auto& device : plugged_in()) {
      const auto is_it = [&](const Candidate& known) { return known.text == device.serial; };
      if (!device.serial.empty() && std::none_of(found.begin(), found.end(), is_it))
        found.push_back({device.serial, "plugged in"});
    }
    return found;
  }

  /// Nothing where no agent answers at once: what the profile knows is offered all the same.
  std::vector<agent::DiscoveredDevice> plugged_in() {
    if (!exists(wiring_.agent_place().socket)) return {};
    try {
      return wiring_.agent_within(std::chrono::seconds(1)).discover();
    } catch (const Error&) {
      return {};
    }
  }

  std::vector<Candidate> open_operations() {
    std::vector<Candidate> found;
    for (const auto& operation : operations::list(database(), true, most_values))
      found.push_back({operation.request_id, operation.kind + " " + operation.target});
    return found;
  }

  Wiring& wiring_;
  std::unique_ptr<sql::Connection> db_;
};

/// Others wrote these names: whoever completes them must run no command and begin no option by that.
bool is_harmless(const Candidate& candidate) {
  const auto& text = candidate.text;
  return !text.empty() && text.find_first_not_of(harmless) == std::string::npos && text.find_first_of("-:=") != 0;
}

/// One candidate a line; zsh and fish get its explanation after a tab. ":file" and ":folder" ask the shell for paths.
Result run_complete(Invocation& call) {
  const bool with_help = call.text("SHELL") != "bash";
  ProfileValues values(call.wiring());
  const Completion completion = complete(call.list("WORD"), [&](std::string_view kind, std::string_view prefix) {
    auto found = values(kind, prefix);
    std::erase_if(found, std::not_fn(is_harmless));
    return found;
  });
  Result result;
  result.raw = true;
  if (!completion.paths.empty()) result.text = ":" + std::string(completion.paths) + "\n";
  for (const auto& candidate : completion.candidates) {
    result.text += printable(candidate.text) +
                   (with_help && !candidate.help.empty() ? "\t" + printable(candidate.help) : "") + "\n";
  }
  return result;
}

}  // namespace

extern const Command completion_command, complete_command;

constinit const Command completion_command = {
    .path = "completion",
    .summary = "print the completion script of a shell",
    .description =
        "Prints a script that makes bash, zsh or fish complete commands, options and values, with the names of "
        "certificates, "
        "users and operations of the profile. Packages install it already.",
    .arguments = shell_argument,
    .options = {},
    .fields = script_fields,
    .examples = script_examples,
    .run = run_script,
    .setup = Setup::standalone,
};

constinit const Command complete_command = {
    .path = "__complete",
    .summary = "what the completion scripts ask",
    .description = "Prints what may stand under the cursor: ymgr __complete SHELL -- WORDS.",
    .arguments = complete_arguments,
    .options = {},
    .fields = {},
    .examples = {},
    .run = run_complete,
    .visibility = Visibility::hidden,
};

}  // namespace ymgr::cli
