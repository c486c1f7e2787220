#include "base/error.hpp"
#include "cli/invocation.hpp"
#include "sql/connection.hpp"

namespace ymgr::cli {

namespace {

constexpr Field fields[] = {
    {"version", "string", "version of this program"},
    {"database_schema", "integer", "schema version of the databases that it makes"},
};
constexpr Example examples[] = {{"ymgr version", "print the version"}};

Result run(Invocation&) {
  Result result;
  result.json.set("version", YMGR_VERSION).set("database_schema", sql::schema_version());
  result.text = "ymgr " YMGR_VERSION "\n";
  return result;
}

}  // namespace

extern const Command version_command;
constinit const Command version_command = {
    .path = "version",
    .summary = "show the version",
    .description =
        "Prints the version of this program, and with --json the version of its database schema too. "
        "`ymgr --version` does the same.",
    .arguments = {},
    .options = {},
    .fields = fields,
    .examples = examples,
    .run = run,
    .setup = Setup::standalone,
};

}  // namespace ymgr::cli
