#include "base/error.hpp"

#include <cerrno>
#include <set>

#include "support/thrown.hpp"

using namespace ymgr;

TEST_CASE("every row of the code table is complete, unique and found by its text") {
  std::set<std::string_view> seen;
  CHECK(all_codes().size() > 50);
  for (const CodeInfo& row : all_codes()) {
    CAPTURE(row.text);
    CHECK(seen.insert(row.text).second);
    CHECK(row.text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos);
    CHECK(row.sentence.ends_with('.'));
    CHECK(row.explanation.ends_with('.'));
    CHECK(find_code(row.text) == &row);
    CHECK(&info(row.code) == &row);
  }
  CHECK(find_code("no-such-code") == nullptr);
  CHECK(find_code("") == nullptr);
}

TEST_CASE("each kind has the exit status that the manual promises") {
  const std::pair<Kind, int> rows[] = {{Kind::failure, 1}, {Kind::usage, 2},      {Kind::not_found, 3},
                                       {Kind::denied, 4},  {Kind::policy, 5},     {Kind::device, 6},
                                       {Kind::pin, 7},     {Kind::unreachable, 8}};
  for (const auto& [kind, want] : rows) CHECK(exit_status(kind) == want);
}

TEST_CASE("an error carries message, hint, details and outcome") {
  const Error plain(Code::name_active, "there is one");
  CHECK(plain.kind() == Kind::failure);
  CHECK(std::string(plain.what()) == "there is one");
  CHECK(plain.hint().empty());
  CHECK(plain.detail("line") == nullptr);
  CHECK_FALSE(plain.outcome_unknown());
  CHECK_FALSE(plain.retryable());

  const Error full(Code::disk_unusable, "no answer", "wait", {{"line", "3"}, {"file", "f"}}, Outcome::unknown);
  CHECK(full.hint() == "wait");
  CHECK(*full.detail("file") == "f");
  CHECK(full.outcome_unknown());
  CHECK(full.retryable());
}

TEST_CASE("system errors become the code that says what a person can do") {
  const std::pair<int, Code> rows[] = {
      {ENOSPC, Code::disk_unusable}, {EDQUOT, Code::disk_unusable},  {EROFS, Code::disk_unusable},
      {EIO, Code::disk_unusable},    {ENOENT, Code::file_not_found}, {EACCES, Code::file_denied},
      {EPERM, Code::file_denied},    {EMFILE, Code::system_error},   {EISDIR, Code::system_error}};
  for (const auto& [number, want] : rows) {
    CAPTURE(number);
    CHECK(system_error("write", "/x", number).code() == want);
  }
  CHECK(std::string(system_error("write", "/x", ENOSPC).what()) == "cannot write /x: no space left on device");
}
