#include "virtual_yubikey/faults.hpp"

#include <sstream>
#include <stdexcept>

namespace virtual_yubikey {
namespace {

struct Row {
  const char* name;
  FaultKind kind;
  const char* meaning;
};

constexpr Row rows[] = {
    {"removed-before", FaultKind::removed_before, "pulled out; the APDU is not run"},
    {"removed-after", FaultKind::removed_after, "run and remembered; pulled out before the answer"},
    {"reset-before", FaultKind::reset_before, "like removed-before, and plugged in again at once"},
    {"reset-after", FaultKind::reset_after, "like removed-after, and plugged in again at once"},
    {"garbage", FaultKind::garbage, "run; the answer is random bytes"},
    {"stores-nothing", FaultKind::stores_nothing, "answered as if run; nothing is remembered"},
    {"answer", FaultKind::answer, "not run; answered with the bytes of hex="},
    {"hold", FaultKind::hold, "run once the control socket says `release`"},
};

FaultKind kind_of(const std::string& name) {
  for (const Row& row : rows) {
    if (row.name == name) return row.kind;
  }
  throw std::invalid_argument("no such fault: " + name);
}

unsigned positive(const std::string& text) {
  std::size_t used = 0;
  const auto value = std::stoul(text, &used);
  if (used != text.size() || value == 0 || value > 1000000) throw std::invalid_argument("not a count: " + text);
  return static_cast<unsigned>(value);
}

void set(Fault& fault, const std::string& name, const std::string& value) {
  if (name == "ins") {
    const Bytes code = from_hex(value);
    if (code.size() != 1) throw std::invalid_argument("ins= takes one byte");
    fault.instruction = code.front();
  } else if (name == "nth") {
    fault.countdown = positive(value);
  } else if (name == "times") {
    fault.times = positive(value);
  } else if (name == "hex") {
    fault.answer = from_hex(value);
  } else {
    throw std::invalid_argument("a fault takes ins=, nth=, times= and hex=, not " + name + "=");
  }
}

}  // namespace

Fault parse_fault(const std::string& text) {
  std::istringstream words(text);
  std::string word;
  words >> word;
  Fault fault{.kind = kind_of(word), .instruction = {}, .answer = {}};
  while (words >> word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("a fault takes NAME=VALUE, not " + word);
    set(fault, word.substr(0, equals), word.substr(equals + 1));
  }
  return fault;
}

std::string fault_kinds() {
  std::string text;
  for (const Row& row : rows) {
    std::string name = row.name;
    name.resize(16, ' ');
    text += "  " + name + row.meaning + "\n";
  }
  return text;
}

std::optional<Fault> Faults::strike(View apdu) {
  std::optional<Fault> struck;
  for (auto fault = armed_.begin(); fault != armed_.end();) {
    const bool counts = !fault->instruction || (apdu.size() > 1 && apdu[1] == *fault->instruction);
    if (!counts || (fault->countdown > 1 && --fault->countdown > 0) || struck) {
      ++fault;
      continue;
    }
    struck = *fault;
    fault = --fault->times == 0 ? armed_.erase(fault) : fault + 1;
  }
  return struck;
}

}  // namespace virtual_yubikey
