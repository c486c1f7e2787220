#include "base/error.hpp"
#include "base/files.hpp"
#include "cli/config.hpp"
#include "cli/invocation.hpp"

namespace ymgr::cli {

namespace {

constexpr Option show_options[] = {
    {.name = "--origin", .value = "", .help = "also where each value comes from"},
};
constexpr Field show_fields[] = {
    {"settings", "array of object", "every setting"},
    {"settings.key", "string", "name of the setting"},
    {"settings.value", "string", "its value; empty: the default rule applies"},
    {"settings.origin", "string", "flag, environment variable, file and line, or default"},
};
constexpr Column show_columns[] = {{"KEY", "key"}, {"VALUE", "value"}, {"ORIGIN", "origin", true}};
constexpr Column origin_columns[] = {{"KEY", "key"}, {"VALUE", "value"}, {"ORIGIN", "origin"}};
constexpr Example show_examples[] = {
    {"ymgr config show --origin", "each value and where it comes from"},
    {"ymgr --context prod config show", "as the context prod has it"},
};
constexpr Argument validate_arguments[] = {
    {"FILE", "a configuration file, else all that would be read", Argument::Count::optional, "file"},
};
constexpr Field validate_fields[] = {{"files", "array of string", "the files that are right"}};
constexpr Example validate_examples[] = {
    {"ymgr config validate", "check the files that ymgr reads"},
    {"ymgr config validate new.yaml", "check one before it is put into place"},
};

Result run_show(Invocation& call) {
  const Config& config = call.wiring().config();
  Result result{.json = Json::object({{"settings", Json::array()}}), .items = "settings", .columns = show_columns};
  if (call.has("--origin")) result.columns = origin_columns;
  for (const ConfigKey& key : config_keys()) {
    const Setting& setting = config.at(key.name);
    result.json.find("settings")
        ->push(Json::object({{"key", key.name}, {"value", setting.value}, {"origin", setting.origin}}));
  }
  return result;
}

std::vector<std::string> check_files(Invocation& call) {
  if (const auto path = call.maybe("FILE")) {
    parse_config(read_file(*path), *path);
    return {*path};
  }
  Values flags;
  if (const auto file = call.maybe("--config")) flags.set("--config", {*file});
  if (const auto context = call.maybe("--context")) flags.set("--context", {*context});
  const auto files = read_config_files(flags);
  make_config(flags, &files);
  std::vector<std::string> paths;
  for (const ConfigFile& file : files) paths.push_back(file.path);
  return paths;
}

Result run_validate(Invocation& call) {
  const auto paths = check_files(call);
  Result result{.json = Json::object({{"files", Json::texts(paths)}})};
  for (const auto& path : paths) result.text += path + ": right\n";
  if (paths.empty()) result.text = "there is no configuration file\n";
  return result;
}

}  // namespace

extern const Command config_show_command, config_validate_command;

constinit const Command config_show_command = {
    .path = "config show",
    .summary = "show the settings",
    .description =
        "Shows every setting as it applies: a flag stands above an environment variable, that above the file named by "
        "`-c` or "
        "`YMGR_CONFIG`, then $XDG_CONFIG_HOME/ymgr/ymgr.yaml, then /etc/ymgr/ymgr.yaml. A context stands above the "
        "files' own "
        "settings. Nothing is read from the working directory. The keys are explained in `ymgr.yaml`(5).",
    .arguments = {},
    .options = show_options,
    .fields = show_fields,
    .examples = show_examples,
    .run = run_show,
};

constinit const Command config_validate_command = {
    .path = "config validate",
    .summary = "check configuration files",
    .description =
        "Checks one configuration file, or all that would be read. The first mistake is shown with file, line, column "
        "and, for "
        "an unknown key, the nearest one; exit status 2.",
    .arguments = validate_arguments,
    .options = {},
    .fields = validate_fields,
    .examples = validate_examples,
    .run = run_validate,
    .setup = Setup::standalone,
};

}  // namespace ymgr::cli
