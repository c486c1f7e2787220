// What a shell offers for the word under the cursor.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace ymgr::cli {

struct Candidate {
  std::string text, help;
};
struct Completion {
  std::vector<Candidate> candidates;
  std::string_view paths = {};  // "file", "folder": the shell offers these itself
};

/// Values that only the profile knows: "certificate", "user", "profile", "operation", "context", beginning with `prefix`.
using LiveValues = std::function<std::vector<Candidate>(std::string_view kind, std::string_view prefix)>;

/// @param words  after the program's name up to the cursor; the last is what has been typed of this word, perhaps empty
Completion complete(std::span<const std::string> words, const LiveValues& live);

}  // namespace ymgr::cli
