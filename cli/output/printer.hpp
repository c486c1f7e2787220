// From a Result or an Error to the bytes that a person or a program reads.
#pragma once
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/format.hpp"

namespace ymgr::cli {

struct View {
  Format format = Format::text;
  std::vector<std::string> fields;  // empty: all
  bool quiet = false;
};

/// What --fields may name: members of the listed items, then of the document.
std::vector<std::string_view> field_names(const Command&);
/// @throws Error usage listing the fields
void check_fields(const Command&, const std::vector<std::string>& fields);

/// "ymgr.cert-list.v1".
std::string schema_name(const Command&);
std::string render(const Command&, const Result&, const View&);
/// What people get of the listed items, for a text that has more to say.
std::string table_text(const Result&);
/// What to do about items that failed, where the table has no room for it: three at most, each once.
std::vector<std::string> hints_of(const Result&, const View&);
/// render, on standard output; a secret goes there from its own memory. @throws Error as write_out
void print(const Command&, const Result&, const View&);

/// The one document that a failure is with --json. `exit`: the exit status.
Json error_document(const Error&, int exit);
/// Two lines for people: error and hint.
std::string error_text(const Error&, bool color);

}  // namespace ymgr::cli
