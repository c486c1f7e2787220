#include "cli/manual.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "cli/args.hpp"
#include "cli/config.hpp"
#include "cli/help.hpp"
#include "cli/manual_prose.hpp"

namespace ymgr::cli {

namespace {

using Entry = ManualPage::Entry;

constexpr std::pair<std::string_view, std::string_view> exit_table[] = {
    {"0", "done, or nothing to do"},
    {"1", "failed"},
    {"2", "usage or configuration is wrong, or input is needed and there is no terminal"},
    {"3", "not found"},
    {"4", "not logged in, or denied"},
    {"5", "refused by policy"},
    {"6", "device absent, busy, or not touched in time"},
    {"7", "PIN wrong or blocked"},
    {"8", "backend or disk not usable now; the operation can be resumed"},
    {"9", "some items of a batch failed; when all failed for one reason, that reason's status"},
    {"10", "done, but a hook failed"},
    {"11", "check: due for renewal"},
    {"12", "check: expired or revoked"},
    {"20", "changed something, only with --detailed-exitcode"},
    {"130, 143", "interrupted"},
};

/// Beside what config_keys() name.
constexpr std::pair<std::string_view, std::string_view> environment_table[] = {
    {"YMGR_CONFIG", "configuration file, like --config"},
    {"YMGR_USER, YMGR_PASSWORD_FILE", "log in for one command, leaving nothing behind"},
    {"BAO_TOKEN, VAULT_TOKEN", "a token of Vault to log in with for one command"},
    {"PCSCLITE_CSOCK_NAME", "socket of pcscd, for the agent and for `ymgr doctor`"},
    {"NO_COLOR, CLICOLOR_FORCE", "no colours; colours without a terminal"},
    {"XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_RUNTIME_DIR", "folders of configuration, profile and session files"},
};

constexpr std::pair<std::string_view, std::string_view> file_table[] = {
    {"/etc/ymgr/ymgr.yaml, ~/.config/ymgr/ymgr.yaml", "configuration, see `ymgr.yaml`(5)"},
    {"~/.local/share/ymgr", "the profile: database, policy, files of the CA; 0700"},
    {"$XDG_RUNTIME_DIR/ymgr", "session files, 0600, and the agent's socket"},
    {"/etc/ymgr/install.d, ~/.config/ymgr/install.d", "what is installed on this host, where, and with which hooks"},
};

std::vector<Entry> entries_of(std::span<const std::pair<std::string_view, std::string_view>> table) {
  std::vector<Entry> entries;
  for (const auto& [term, text] : table) entries.push_back({std::string(term), std::string(text)});
  return entries;
}

std::string page_name(std::string_view path) {
  std::string name = "ymgr-" + std::string(path);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string times_of(const Option& option) {
  return option.times == Option::Times::many ? "; may be given many times" : "";
}

std::vector<Entry> entries_of(std::span<const Option> options) {
  std::vector<Entry> entries;
  for (const Option& option : options) {
    std::string term(trim(option_label(option)));
    entries.push_back({std::move(term), std::string(option.help) + times_of(option)});
  }
  return entries;
}

std::string type_text(std::string_view type) {
  return type.starts_with('?') ? std::string(type.substr(1)) + ", may be absent" : std::string(type);
}

/// A newline in an example's line would end the literal block.
ManualPage::Section examples_of(const Command& command) {
  ManualPage::Section section{"EXAMPLES", {}, {}};
  for (const Example& example : command.examples)
    section.entries.push_back({std::string(example.line), std::string(example.help)});
  return section;
}

void add(ManualPage& page, ManualPage::Section section) {
  if (!section.text.empty() || !section.entries.empty()) page.sections.push_back(std::move(section));
}

std::string upper_case(std::string_view text) {
  std::string upper;
  for (const char c : text) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return upper;
}

/// groff reads bytes; everything beyond ASCII goes in by its code.
void add_wide(std::string& out, std::string_view text, std::size_t& at) {
  const Utf8Char wide = utf8_at(text, at);
  std::array<char, 16> escape{};
  std::snprintf(escape.data(), escape.size(), "\\[u%04X]", static_cast<unsigned>(wide.code));
  out += escape.data();
  at += wide.size - 1;
}

std::string roff_text(std::string_view text) {
  std::string out;
  bool bold = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line_start = i == 0 || text[i - 1] == '\n';
    if (line_start && (text[i] == '.' || text[i] == '\'')) out += "\\&";
    switch (text[i]) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '~': out += "\\(ti"; break;
      case '^': out += "\\(ha"; break;
      case '`':
        bold = !bold;
        out += bold ? "\\fB" : "\\fR";
        break;
      default:
        if (static_cast<unsigned char>(text[i]) < 0x80)
          out += text[i];
        else
          add_wide(out, text, i);
    }
  }
  return out;
}

std::string roff_paragraphs(std::string_view text) {
  std::string out;
  for (const auto& line : split(text, '\n')) out += line.empty() ? ".PP\n" : roff_text(line) + "\n";
  return out;
}

std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<' || c == '*' || c == '_' || c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::vector<Entry> environment_entries() {
  auto entries = entries_of(environment_table);
  for (const ConfigKey& key : config_keys()) {
    if (key.environment.empty()) continue;
    const std::string names = join(split(key.environment, ' '), ", ");
    entries.push_back({names, std::string(key.help) + " (`" + std::string(key.name) + "`)"});
  }
  return entries;
}

/// Pages of the other commands with the same first word, and of the program.
std::string see_also(const Command& command) {
  std::string text = "`ymgr`(1) for options of every command, exit status, environment and files";
  const auto group = command.path.substr(0, command.path.find(' '));
  if (group == command.path) return text;
  for (const Command* other : commands()) {
    if (other != &command && other->path.starts_with(std::string(group) + " ") &&
        other->visibility == Visibility::shown)
      text += ", `" + page_name(other->path) + "`(1)";
  }
  return text;
}

}  // namespace

ManualPage command_page(const Command& command) {
  ManualPage page{page_name(command.path), 1, std::string(command.summary), usage_line(command), {}};
  page.sections.push_back({"DESCRIPTION", std::string(command.description), {}});
  ManualPage::Section arguments{"ARGUMENTS", {}, {}}, fields{"OUTPUT", {}, {}};
  for (const Argument& argument : command.arguments)
    arguments.entries.push_back({std::string(argument.name), std::string(argument.help)});
  for (const Field& field : command.fields) {
    fields.entries.push_back({std::string(field.name), std::string(field.help) + " (" + type_text(field.type) + ")"});
  }
  if (!fields.entries.empty())
    fields.text =
        "With `--json` the document has these members beside schema and success; `--fields` chooses among them.";
  ManualPage::Section options{"OPTIONS", {}, entries_of(command.options)};
  if (command.effect == Effect::changes) {
    for (auto& entry : entries_of(changing_options())) options.entries.push_back(std::move(entry));
  }
  add(page, std::move(arguments));
  add(page, std::move(options));
  add(page, std::move(fields));
  add(page, examples_of(command));
  page.sections.push_back({"SEE ALSO", see_also(command), {}});
  return page;
}

ManualPage program_page() {
  ManualPage page{"ymgr", 1, "certificates from the shell", "ymgr COMMAND [OPTIONS] [ARGUMENTS]", {}};
  page.sections.push_back(
      {"DESCRIPTION",
       "`ymgr` issues, renews, revokes and reports certificates, on one machine or for thousands of users, by hand, "
       "from cron or in a pipeline. The answer is on standard output; questions, progress and warnings are on "
       "standard error or the terminal.\n\n"
       "With `--json` a command prints exactly one JSON document, also when it fails; `ymgr schema` prints their "
       "schemas and `ymgr explain` tells what an error code means.",
       {}});
  for (auto& section : program_prose()) page.sections.push_back(std::move(section));
  ManualPage::Section list{"COMMANDS", {}, {}};
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::shown)
      list.entries.push_back({full_name(*command), std::string(command->summary)});
  }
  page.sections.push_back(std::move(list));
  page.sections.push_back({"OPTIONS OF EVERY COMMAND", {}, entries_of(global_options())});
  page.sections.push_back({"OPTIONS OF EVERY COMMAND THAT CHANGES SOMETHING", {}, entries_of(changing_options())});
  page.sections.push_back({"EXIT STATUS", {}, entries_of(exit_table)});
  page.sections.push_back({"ENVIRONMENT", {}, environment_entries()});
  page.sections.push_back({"FILES", {}, entries_of(file_table)});
  page.sections.push_back(
      {"SEE ALSO", "`ymgr.yaml`(5), `ymgr-agentd`(8), and a page for each command, such as `ymgr-init`(1)", {}});
  return page;
}

ManualPage config_page() {
  ManualPage page{"ymgr.yaml", 5, "configuration of ymgr", {}, {}};
  page.sections.push_back(
      {"DESCRIPTION",
       "A YAML mapping. A flag stands above the environment, that above the file named by `--config` or "
       "`YMGR_CONFIG`, then $XDG_CONFIG_HOME/ymgr/ymgr.yaml, then /etc/ymgr/ymgr.yaml; an unknown key is an error. "
       "`ymgr config show --origin` tells where each value comes from.",
       {}});
  ManualPage::Section keys{"KEYS", {}, {}};
  for (const ConfigKey& key : config_keys()) {
    std::string text(key.help);
    if (const auto usual = key.fallback.empty() ? key.rule : key.fallback; !usual.empty())
      text.append("; default: ").append(usual);
    if (!key.environment.empty()) text.append("; environment: `").append(key.environment).append("`");
    if (!key.flag.empty()) text.append("; flag: `").append(key.flag).append("`");
    keys.entries.push_back({std::string(key.name), std::move(text)});
  }
  keys.entries.push_back(
      {"contexts.NAME",
       "a mapping with `home`, `output`, `timeout`, `jobs`, `renew_before`, `vault` and `database`, which stand above "
       "those of the files when `context` names it"});
  page.sections.push_back(std::move(keys));
  for (auto& section : config_prose()) page.sections.push_back(std::move(section));
  page.sections.push_back({"SEE ALSO", "`ymgr`(1), `ymgr-config-show`(1), `ymgr-config-validate`(1)", {}});
  return page;
}

std::string to_roff(const ManualPage& page, std::string_view version) {
  std::string out = ".\\\" Made by ymgr _docs man; edit the command table instead.\n.TH \"" + upper_case(page.name) +
                    "\" \"" + std::to_string(page.section) + "\" \"\" \"ymgr " + std::string(version) +
                    "\" \"ymgr manual\"\n.nh\n.SH NAME\n" + roff_text(page.name) + " \\- " + roff_text(page.summary) +
                    "\n";
  if (!page.synopsis.empty()) out += ".SH SYNOPSIS\n" + roff_text(page.synopsis) + "\n";
  for (const auto& section : page.sections) {
    out += ".SH " + roff_text(section.title) + "\n" + (section.text.empty() ? "" : roff_paragraphs(section.text));
    for (const auto& entry : section.entries) {
      out += ".TP\n\\fB" + roff_text(entry.term) + "\\fR\n" + roff_text(entry.text) + "\n";
    }
    if (!section.code.empty()) out += ".PP\n.nf\n.RS\n" + roff_text(section.code) + ".RE\n.fi\n";
  }
  return out;
}

std::string to_markdown(const ManualPage& page) {
  std::string out = "# " + page.name + "\n\n" + markdown_text(page.summary) + "\n";
  if (!page.synopsis.empty()) out += "\n```\n" + page.synopsis + "\n```\n";
  for (const auto& section : page.sections) {
    out += "\n## " + section.title + "\n\n" + (section.text.empty() ? "" : markdown_text(section.text) + "\n\n");
    for (const auto& entry : section.entries) out += "- `" + entry.term + "`: " + markdown_text(entry.text) + "\n";
    if (!section.code.empty()) out += "```\n" + section.code + "```\n";
  }
  return out;
}

}  // namespace ymgr::cli
