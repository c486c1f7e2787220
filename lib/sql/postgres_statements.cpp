#include <charconv>

#include "sql/libpq.hpp"
#include "sql/postgres.hpp"

namespace ymgr::sql {
namespace {

constexpr std::size_t most_statements = 256;

/// The number of parameters. @throws Error internal when one between $1 and the last is missing
std::size_t count_parameters(std::string_view text) {
  std::vector<bool> seen;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') quoted = !quoted;
    if (quoted || text[i] != '$') continue;
    std::size_t n = 0;
    std::from_chars(text.data() + i + 1, text.data() + text.size(), n);
    if (n == 0 || n > 65'535) continue;
    if (seen.size() < n) seen.resize(n);
    seen[n - 1] = true;
  }
  for (std::size_t n = 0; n < seen.size(); ++n) {
    if (!seen[n])
      throw Error(Code::internal, "statement without parameter $" + std::to_string(n + 1) + ": " + std::string(text));
  }
  return seen.size();
}

void require_count(std::string_view text, std::size_t wanted, std::size_t given) {
  if (wanted != given)
    throw Error(Code::internal, "statement takes " + std::to_string(wanted) + " parameters, not " +
                                    std::to_string(given) + ": " + std::string(text));
}

/// NULL fits every type; what was NULL so far takes the type that comes.
bool fits(const std::vector<Parameters::Type>& known, const std::vector<Parameters::Type>& given) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (given[i] != Parameters::unknown && given[i] != known[i]) return false;
  }
  return true;
}

std::vector<Parameters::Type> merged(std::vector<Parameters::Type> known, const std::vector<Parameters::Type>& given) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] != Parameters::unknown) known[i] = given[i];
  }
  return known;
}

}  // namespace

int PreparedStatements::queue(Link& link, const std::string& text, const Parameters& parameters) {
  int before = 0;
  auto found = entries_.find(text);
  if (found == entries_.end()) {
    require_count(text, count_parameters(text), parameters.types().size());
    if (entries_.size() >= most_statements) {
      entries_.clear();
      unconfirmed_.clear();
      link.queue("DEALLOCATE ALL");
      ++before;
    }
    found = entries_.emplace(text, Entry{"", parameters.types(), false}).first;
  }
  auto& entry = found->second;
  require_count(text, entry.types.size(), parameters.types().size());
  if (!entry.ready || !fits(entry.types, parameters.types())) {
    entry.types = merged(entry.types, parameters.types());
    entry.name = "y" + std::to_string(++made_);
    link.queue_prepare(entry.name.c_str(), text, entry.types);
    entry.ready = true;
    unconfirmed_.push_back(&entry);
    ++before;
  }
  link.queue_prepared(entry.name.c_str(), parameters);
  return before;
}

void PreparedStatements::confirm() noexcept {
  unconfirmed_.clear();
}

void PreparedStatements::forget_unconfirmed() noexcept {
  for (Entry* entry : unconfirmed_) entry->ready = false;
  unconfirmed_.clear();
}

}  // namespace ymgr::sql
