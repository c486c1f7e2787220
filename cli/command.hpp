// One command, one file: each declares what it takes and gives in a Command, and has one function that runs it. The table of
// all of them stands in commands.cpp; parser, --help, man pages, completions and JSON Schemas are made from it.
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/secret.hpp"

namespace ymgr::cli {

class Invocation;

/// One option. A switch has no value name; a repeatable one may be given many times, one value each.
struct Option {
  std::string_view name;  // "--san"
  std::string_view
      value;  // "KIND:VALUE"; empty: a switch; lower-case words "auto|always|never": the parser refuses others
  std::string_view help;  // one line, no full stop
  enum class Times { once, many } times = Times::once;
  std::string_view short_name = {};  // "-n"
  std::string_view complete =
      {};  // what completion offers: "file", "folder", "certificate", "profile", "user", "operation", "device", "check", or "a|b|c"
};

struct Argument {
  std::string_view name;  // "NAME"
  std::string_view help;
  enum class Count { one, optional, some, any } count = Count::one;  // some: one or more; any: none or more
  std::string_view complete = {};
};

/// A member of the --json document, for its schema and the manual. Types: string, integer, number, boolean, time, object,
/// "array of string", "array of object", any; a leading '?' allows null or absence. Members of an object or of the objects of
/// an array follow it with a dotted name: "users", then "users.name".
struct Field {
  std::string_view name, type, help;
};

struct Example {
  std::string_view line, help;
};

/// Commands that change something take --dry-run, --yes and --detailed-exitcode.
enum class Effect { reads, changes };
/// Whether configuration files matter to the command.
enum class Setup { configured, standalone };
enum class Visibility { shown, hidden };

struct Command {
  std::string_view path;         // "cert list"
  std::string_view summary;      // one line, no full stop
  std::string_view description;  // for the manual: paragraphs with an empty line between them, `words` in bold
  std::span<const Argument> arguments;
  std::span<const Option> options;
  std::span<const Field> fields;
  std::span<const Example> examples;
  struct Result (*run)(Invocation&);
  Effect effect = Effect::reads;
  Setup setup = Setup::configured;
  Visibility visibility = Visibility::shown;
};

/// For commands that start an operation.
inline constexpr Option request_id_option = {
    .name = "--request-id", .value = "ID", .help = "name of the operation; the same one twice does the work once"};

/// A column of the table form of a list: `field` names a member of each item; "wide" ones only with -o wide.
struct Column {
  std::string_view title, field;
  bool wide = false;
};

inline constexpr std::string_view secret_place = "{secret}";

/// What a command gives back; the printer turns it into text, table, JSON, JSON Lines, CSV or names.
struct Result {
  Json json = Json::object();   // schema, success are added by the printer
  std::string text = {};        // for people, with final newline; empty: the table, or nothing
  std::string_view items = {};  // member of `json` that is the list
  std::span<const Column> columns = {};
  int exit = 0;
  bool changed = false;  // exit 20 instead of 0 with --detailed-exitcode
  bool raw = false;      // `text` goes to stdout as it is unless --json (PEM, CRL, CSV)
  Secret secret = {};    // written where `json` or `text` has secret_place, and copied nowhere else
};

/// All commands, in the order of the manual.
std::span<const Command* const> commands() noexcept;
/// "cert list"; nullptr: none.
const Command* find_command(std::string_view path) noexcept;
/// Options that every command takes.
std::span<const Option> global_options() noexcept;
/// Options of every command that changes something.
std::span<const Option> changing_options() noexcept;

/// The first word of commands of two words, with what they are about.
struct Group {
  std::string_view name, summary;
};
std::span<const Group> groups() noexcept;

}  // namespace ymgr::cli
