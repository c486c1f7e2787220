#include <algorithm>

#include "base/text.hpp"
#include "plain/values.hpp"
#include "x509/types.hpp"

namespace ymgr::plain {
namespace {

enum class Family { none, rsa, ec };

/// "P-256", "ec_p256" and "ECDSA-P256" without what people write between the letters.
std::string compact(std::string_view low) {
  std::string out;
  for (const char c : low) {
    if (c != '-' && c != '_') out += c;
  }
  return out;
}

constexpr std::pair<std::string_view, std::string_view> spellings[] = {
    {"p256", "ec-p256"},      {"ecp256", "ec-p256"},     {"ec256", "ec-p256"},     {"eccp256", "ec-p256"},
    {"ecc256", "ec-p256"},    {"ecdsap256", "ec-p256"},  {"ecdsa256", "ec-p256"},  {"nistp256", "ec-p256"},
    {"secp256r1", "ec-p256"}, {"prime256v1", "ec-p256"}, {"p384", "ec-p384"},      {"ecp384", "ec-p384"},
    {"ec384", "ec-p384"},     {"eccp384", "ec-p384"},    {"ecc384", "ec-p384"},    {"ecdsap384", "ec-p384"},
    {"ecdsa384", "ec-p384"},  {"nistp384", "ec-p384"},   {"secp384r1", "ec-p384"}, {"ed25519", "ed25519"}};
constexpr std::string_view strange[] = {"p521", "ecp521", "secp521r1", "ed448",     "x25519", "dsa",  "secp256k1",
                                        "p224", "x448",   "mldsa",     "dilithium", "falcon", "eddsa"};

std::string choices() {
  const auto names = key_algorithm_names();
  return join(std::vector<std::string>(names.begin(), names.end()), ", ");
}

Family family_of(std::string_view low) {
  constexpr std::string_view curves[] = {"ec", "ecc", "ecdsa", "elliptic", "elliptic-curve", "elliptic-curves", "nist"};
  if (low == "rsa") return Family::rsa;
  return std::ranges::find(curves, low) != std::end(curves) ? Family::ec : Family::none;
}

bool is_one_of(const Word& word, std::initializer_list<std::string_view> choices) {
  return std::ranges::find(choices, std::string_view(word.low)) != choices.end();
}

struct Bits {
  std::int64_t number;
  std::size_t end;
  bool told = false;  // "bits" stands with it
};

std::optional<Bits> read_bits(std::span<const Word> words, std::size_t at) {
  if (at >= words.size()) return std::nullopt;
  std::string_view low = words[at].low;
  bool told = false;
  for (const std::string_view unit : {"-bits", "-bit", "bits", "bit"}) {
    if (told || !low.ends_with(unit)) continue;
    low.remove_suffix(unit.size());
    told = true;
  }
  const auto number = low.size() >= 3 && low.size() <= 5 ? parse_number(low) : std::nullopt;
  if (!number) return std::nullopt;
  if (!told && at + 1 < words.size() && is_one_of(words[at + 1], {"bit", "bits"})) return Bits{*number, at + 2, true};
  if (!told && read_duration(words, at)) return std::nullopt;
  return Bits{*number, at + 1, told};
}

Match combine(Family family, std::int64_t bits, std::size_t end) {
  const std::string number = std::to_string(bits);
  const std::string name = (family == Family::ec ? "ec-p" : "rsa-") + number;
  if (parse_key_algorithm(name)) return {end, {{name}, ""}};
  if (family == Family::none && bits == 384) return {end, {{"ec-p384"}, ""}};
  if (family == Family::none && bits == 256)
    return {end, {{"256"}, "256 bits of what: P-256 (ec-p256) or Ed25519 (ed25519)?"}};
  return {end, {{number}, "there are no such keys with " + number + " bits: which of " + choices() + "?"}};
}

std::optional<Match> spelled(const Word& word, std::size_t end) {
  const std::string text = compact(word.low);
  for (const auto& [spelling, name] : spellings) {
    if (text == spelling) return Match{end, {{std::string(name)}, ""}};
  }
  if (std::ranges::find(strange, text) != std::end(strange))
    return Match{end, {{word.low}, "there are no keys of the kind " + word.text + ": which of " + choices() + "?"}};
  const bool is_rsa = text.starts_with("rsa") && text.size() > 3 && text.size() <= 9;
  const auto bits = is_rsa ? parse_number(std::string_view(text).substr(3)) : std::nullopt;
  return bits ? std::optional(combine(Family::rsa, *bits, end)) : std::nullopt;
}

std::size_t after_connectors(std::span<const Word> words, std::size_t at) {
  while (at < words.size() && is_one_of(words[at], {"curve", "curves", "cryptography", "key", "keys", "size", "with",
                                                    "of", "using", "at", "is", ":", "a", "the", "length"}))
    ++at;
  return at;
}

std::optional<Match> after_family(std::span<const Word> words, std::size_t at, Family family) {
  const bool nist = words[at].low == "nist";
  const auto next = after_connectors(words, at + 1);
  if (next < words.size()) {
    if (auto curve = family == Family::ec ? spelled(words[next], next + 1) : std::nullopt) return curve;
    if (const Family inner = family_of(words[next].low); nist && inner == Family::ec)
      return after_family(words, next, inner);
    if (const auto bits = read_bits(words, next)) return combine(family, bits->number, bits->end);
  }
  if (nist) return std::nullopt;
  const bool curve = at + 1 < words.size() && is_one_of(words[at + 1], {"curve", "curves"});
  const auto end = at + (curve ? 2 : 1);
  if (family == Family::rsa)
    return Match{end, {{"rsa"}, "how many bits shall the RSA key have: 3072 or 4096 (--key rsa-3072, rsa-4096)?"}};
  return Match{end, {{"ec"}, "which curve: P-256 or P-384 (--key ec-p256, ec-p384), or Ed25519 (--key ed25519)?"}};
}

}  // namespace

std::optional<Match> read_algorithm(std::span<const Word> words, std::size_t at) {
  const Word& word = words[at];
  if (word.low.empty()) return std::nullopt;
  if (auto found = spelled(word, at + 1)) {
    while (found->end < words.size() && is_one_of(words[found->end], {"curve", "ec", "ecc", "ecdsa", "elliptic"}))
      ++found->end;
    return found;
  }
  if (const Family family = family_of(word.low); family != Family::none) return after_family(words, at, family);
  const auto bits = read_bits(words, at);
  if (!bits) return std::nullopt;
  const bool named = bits->end < words.size() && family_of(words[bits->end].low) != Family::none;
  if (named) {
    const auto family = family_of(words[bits->end].low);
    auto end = bits->end + 1;
    if (end < words.size() && is_one_of(words[end], {"curve", "curves"})) ++end;
    return combine(family, bits->number, end);
  }
  return bits->told ? std::optional(combine(Family::none, bits->number, bits->end)) : std::nullopt;
}

}  // namespace ymgr::plain
