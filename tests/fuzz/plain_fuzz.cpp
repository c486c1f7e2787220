// Any sentence: questions, or a command in which every option is one of the grammar's and every other word is plain.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.hpp"
#include "plain/plain.hpp"

namespace {

bool is_fine(const std::string& word) {
  const auto known = ymgr::plain::options();
  if (word.starts_with('-')) return std::find(known.begin(), known.end(), word) != known.end();
  return !word.empty() && ymgr::printable(word) == word;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ymgr;
  const std::string_view sentence(reinterpret_cast<const char*>(data), size);
  const auto found = plain::understand(sentence, from_seconds(1'800'000'000));
  const bool understood = found.verdict == plain::Verdict::understood;
  if (understood == found.argv.empty() || understood != found.questions.empty()) __builtin_trap();
  if (!std::all_of(found.argv.begin(), found.argv.end(), is_fine)) __builtin_trap();
  for (const auto& question : found.questions)
    if (printable(question) != question) __builtin_trap();
  return 0;
}
