#include "base/error.hpp"
#include "base/files.hpp"
#include "cli/ask_gate.hpp"
#include "cli/invocation.hpp"
#include "cli/manual.hpp"
#include "cli/output/printer.hpp"
#include "cli/schema.hpp"
#include "report/digest.hpp"

namespace ymgr::cli {

namespace {

constexpr Argument arguments[] = {
    {"KIND", "man, markdown or schema", Argument::Count::one, "man|markdown|schema"},
    {"DIR", "folder that gets the files", Argument::Count::one, "folder"},
};

std::vector<ManualPage> all_pages() {
  std::vector<ManualPage> pages = {program_page(), config_page()};
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::shown) pages.push_back(command_page(*command));
  }
  return pages;
}

void write(const std::string& path, std::string_view text) {
  write_file(path, text, {.mode = 0644, .group = {}});
}

void write_schemas(const std::string& folder) {
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::shown)
      write(folder + "/" + schema_name(*command) + ".json", dump_json_pretty(json_schema(*command)));
  }
  write(folder + "/ymgr.error.v1.json", dump_json_pretty(error_schema()));
  write(folder + "/ymgr.ask-answer.v1.json", dump_json_pretty(ask_answer_schema()));
  write(folder + "/" + std::string(digest_schema) + ".json", dump_json_pretty(notice_schema()));
}

Result run(Invocation& call) {
  const std::string kind = call.text("KIND"), folder = call.text("DIR");
  make_folders(folder, 0755);
  if (kind == "man") {
    for (const auto& page : all_pages())
      write(folder + "/" + page.name + "." + std::to_string(page.section), to_roff(page, YMGR_VERSION));
  } else if (kind == "markdown") {
    for (const auto& page : all_pages()) write(folder + "/" + page.name + ".md", to_markdown(page));
  } else if (kind == "schema") {
    write_schemas(folder);
  } else {
    throw Error(Code::usage, "there are no documents of kind '" + kind + "'", "It is one of man, markdown, schema");
  }
  return {};
}

}  // namespace

extern const Command docs_command;
constinit const Command docs_command = {
    .path = "_docs",
    .summary = "write manual pages and schemas",
    .description = "Writes man pages, Markdown or JSON Schemas of all commands: ymgr _docs man|markdown|schema DIR.",
    .arguments = arguments,
    .options = {},
    .fields = {},
    .examples = {},
    .run = run,
    .setup = Setup::standalone,
    .visibility = Visibility::hidden,
};

}  // namespace ymgr::cli
