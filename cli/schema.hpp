// JSON Schemas (draft 2020-12) of the --json documents, made from the command table.
#pragma once
#include "base/json.hpp"
#include "cli/command.hpp"

namespace ymgr::cli {

Json json_schema(const Command&);
/// Of every failure that ends a command.
Json error_schema();
/// Of what a webhook and a program for notices get.
Json notice_schema();

}  // namespace ymgr::cli
