// Plain language: a sentence becomes the words of one command, or questions. Deterministic: a closed grammar, no guesses.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace ymgr::plain {

inline constexpr std::size_t longest_sentence = 2000;  // bytes

/// What a part of the sentence became: "RSA 4096" means "--key rsa-4096".
struct Meaning {
  std::string words, means;
};

enum class Verdict {
  understood,
  unclear,  // asked back; another reader of sentences may be tried
  refused   // nobody else is to read it: it holds an option, a character of the shell, or what looks like a secret
};

struct Understanding {
  Verdict verdict = Verdict::unclear;
  std::vector<std::string> argv;  // without "ymgr"; empty unless understood
  std::vector<Meaning> meanings;
  std::vector<std::string> questions;  // empty when understood
};

/// Every word of the sentence is used, or is one of a closed list of fillers; else there is a question. Options in `argv` come
/// from the grammar alone: no word of the sentence begins one. `at`: for "this month", "today". Throws nothing of its own.
Understanding understand(std::string_view sentence, Time at);

/// Every option that the grammar can give, for tests.
std::vector<std::string_view> options() noexcept;

}  // namespace ymgr::plain
