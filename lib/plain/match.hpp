// Whether a pattern of the grammar fits the words at a place.
#pragma once
#include <optional>

#include "plain/rules.hpp"

namespace ymgr::plain {

struct Captured {
  std::vector<std::string> values;  // of the pattern's reader
  std::string question;             // its words were read, but mean more than one thing, or nothing
};

struct Match {
  std::size_t end = 0;
  Captured captured;
};

/// The longest way in which `pattern` fits `words` from `at` on.
std::optional<Match> match(std::string_view pattern, std::span<const Word> words, std::size_t at, Time now);

/// True for words that a pattern of the grammar names: they are names in quotes only.
bool is_reserved(std::string_view low);

}  // namespace ymgr::plain
