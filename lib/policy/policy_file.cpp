// Reads policy.yaml.
#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "base/yaml.hpp"
#include "policy/names.hpp"
#include "policy/policy.hpp"

namespace ymgr {
namespace {

using std::chrono::days;

constexpr int rsa_floor = 3072;
constexpr int rsa_ceiling = 16384;
constexpr std::int64_t sans_ceiling = 1000;
constexpr std::string_view presets[] = {"internal", "cabf"};
constexpr std::string_view kinds[] = {"dns", "ip", "email", "uri", "upn"};
constexpr std::string_view roles[] = {"admin", "operator", "user"};
constexpr std::string_view usages[] = {"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
                                       "keyAgreement"};

struct Source {
  std::string_view file;
  bool cabf = false;
  Duration longest() const { return days(cabf ? 398 : 397); }
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_profile_name(std::string_view text) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= 64 && text[0] != '-' && std::all_of(text.begin(), text.end(), good);
}

/// "v" and 1 to 6 numbers of 1 to 9 digits, dots between.
bool is_version(std::string_view text) {
  if (!text.starts_with('v')) return false;
  const auto numbers = split(text.substr(1), '.');
  return numbers.size() <= 6 && std::all_of(numbers.begin(), numbers.end(), [](const std::string& number) {
           return !number.empty() && number.size() <= 9 && std::all_of(number.begin(), number.end(), is_digit);
         });
}

YamlReader open_section(YamlReader& parent, std::string_view key, const Source& source, std::string_view what) {
  static const YamlNode absent;
  const auto* node = parent.node(key);
  return {node == nullptr ? absent : *node, source.file, Code::policy_invalid, what};
}

/// Calls `use` with each text of the list and its place. False: the key is absent.
bool each_text(YamlReader& reader, std::string_view key,
               const std::function<void(const YamlNode&, const std::string&)>& use) {
  const auto texts = reader.texts(key);
  if (!texts) return false;
  const auto& node = *reader.node(key);
  for (std::size_t i = 0; i < texts->size(); ++i) {
    use(node.type == YamlNode::Type::sequence ? node.items[i] : node, (*texts)[i]);
  }
  return true;
}

std::string hint_of(std::string_view text, std::span<const std::string_view> choices) {
  if (const auto near = nearest(text, choices)) return "did you mean " + *near + "?";
  const std::vector<std::string> all(choices.begin(), choices.end());
  return "one of " + join(all, ", ");
}

/// The texts of the list, each one of `choices`, none twice.
std::optional<std::vector<std::string>> choices_of(YamlReader& reader, std::string_view key,
                                                   std::span<const std::string_view> choices) {
  std::vector<std::string> result;
  const bool present = each_text(reader, key, [&](const YamlNode& place, const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      throw reader.error(place, std::string(key) + " does not know " + printable(text), hint_of(text, choices));
    }
    if (std::find(result.begin(), result.end(), text) == result.end()) result.push_back(text);
  });
  if (!present) return std::nullopt;
  if (result.empty()) throw reader.error(*reader.node(key), std::string(key) + " is empty", hint_of("", choices));
  return result;
}

KeyAlgorithm algorithm_of(const YamlReader& reader, const YamlNode& place, const std::string& text) {
  const auto algorithm = parse_key_algorithm(text);
  if (!algorithm) {
    throw reader.error(place, "unknown key algorithm " + printable(text), hint_of(text, key_algorithm_names()));
  }
  if (key_family(*algorithm) == "RSA" && key_bits(*algorithm) < rsa_floor) {
    throw reader.error(place, text + " is too weak for any policy", "use rsa-3072 or more");
  }
  return *algorithm;
}

void read_keys(YamlReader& parent, const Source& source, ProfileRules& rules, std::vector<std::string>* denied) {
  auto keys = open_section(parent, "keys", source, "keys");
  rules.min_rsa_bits =
      static_cast<int>(keys.number("min_rsa_bits", rsa_floor, rsa_ceiling).value_or(rules.min_rsa_bits));
  std::vector<KeyAlgorithm> algorithms;
  const bool present = each_text(keys, "algorithms", [&](const YamlNode& place, const std::string& text) {
    const auto algorithm = algorithm_of(keys, place, text);
    if (std::find(algorithms.begin(), algorithms.end(), algorithm) == algorithms.end()) algorithms.push_back(algorithm);
  });
  if (present && algorithms.empty()) throw keys.error(*keys.node("algorithms"), "algorithms is empty");
  if (present) rules.algorithms = algorithms;
  if (denied != nullptr) {
    each_text(keys, "denied", [&](const YamlNode& place, const std::string& text) {
      if (text.size() != 64 || !from_hex(text)) {
        throw keys.error(place, "denied keys are SHA-256 of the public key, 64 hex digits",
                         "openssl pkey -pubin -in KEY -outform DER | sha256sum");
      }
      denied->push_back(lower(text));
    });
  }
  keys.finish();
}

/// `allowed` of a profile replaces the file's; `denied` adds to it, so that no profile forgets a name.
void read_names(YamlReader& parent, const Source& source, ProfileRules& rules) {
  auto names = open_section(parent, "names", source, "names");
  const auto read = [&](std::string_view key, std::vector<std::string>& list) {
    return each_text(names, key, [&](const YamlNode& place, const std::string& text) {
      const auto pattern = normal_pattern(text);
      if (!pattern) {
        throw names.error(place, printable(text) + " is not a name pattern",
                          "*.example.com, example.com, 10.0.0.0/8, *@example.com or https://host/*");
      }
      list.push_back(*pattern);
    });
  };
  std::vector<std::string> allowed;
  if (read("allowed", allowed)) rules.names_allowed = allowed;
  read("denied", rules.names_denied);
  rules.wildcards = names.boolean("wildcards").value_or(rules.wildcards);
  names.finish();
}

Duration at_most(const YamlReader& reader, const YamlNode& place, Duration value, Duration limit, std::string_view of) {
  if (value > limit) {
    throw reader.error(place, format_duration(value) + " is above " + format_duration(limit) + ", " + std::string(of));
  }
  return value;
}

void read_validity(YamlReader& parent, const Source& source, ProfileRules& rules) {
  auto validity = open_section(parent, "validity", source, "validity");
  if (const auto max = validity.duration("max")) {
    rules.max_validity = at_most(validity, *validity.node("max"), *max, source.longest(), "the longest of the preset");
  }
  validity.finish();
}

void read_reuse(YamlReader& parent, const Source& source, ProfileRules& rules) {
  auto reuse = open_section(parent, "reuse", source, "reuse");
  rules.key_reuse = reuse.boolean("key").value_or(rules.key_reuse);
  if (const auto age = reuse.duration("max_key_age")) rules.max_key_age = *age;
  reuse.finish();
}

void read_common(YamlReader& reader, const Source& source, ProfileRules& rules, std::vector<std::string>* denied) {
  read_keys(reader, source, rules, denied);
  read_names(reader, source, rules);
  read_validity(reader, source, rules);
  read_reuse(reader, source, rules);
}

void read_eku(YamlReader& reader, ProfileRules& rules) {
  each_text(reader, "eku", [&](const YamlNode& place, const std::string& text) {
    const auto oid = eku_oid(text);
    if (!oid)
      throw reader.error(place, "unknown extended key usage " + printable(text), "serverAuth, clientAuth, … or an OID");
    // whoever holds such a certificate answers for the CA, or may use it for everything
    if (eku_name(*oid) == "OCSPSigning" || *oid == "2.5.29.37.0") {
      throw reader.error(place, "no profile may carry " + printable(text), "name the purposes one by one");
    }
    rules.eku.push_back(eku_name(*oid));
  });
  if (rules.eku.empty())
    throw reader.error(reader.mapping(), "profile " + rules.name + " has no eku", "eku: [serverAuth]");
}

bool all_of_family(const ProfileRules& rules, std::string_view family) {
  return std::all_of(rules.algorithms.begin(), rules.algorithms.end(), [&](auto a) { return key_family(a) == family; });
}

/// Source: RFC 8813 3 (EC), RFC 8410 5 (Ed25519)
void read_key_usage(YamlReader& reader, ProfileRules& rules) {
  rules.key_usage = choices_of(reader, "key_usage", usages).value_or(std::vector<std::string>{"digitalSignature"});
  for (const auto& usage : rules.key_usage) {
    const auto place = [&]() -> const YamlNode& { return *reader.node("key_usage"); };
    if (usage.ends_with("Encipherment") && !all_of_family(rules, "RSA")) {
      throw reader.error(place(), usage + " is for RSA keys, and the profile allows others",
                         "list RSA algorithms only, or leave it out");
    }
    if (usage == "keyAgreement" && !all_of_family(rules, "EC")) {
      throw reader.error(place(), usage + " is for EC keys, and the profile allows others",
                         "list EC algorithms only, or leave it out");
    }
  }
}

void read_names_of_profile(YamlReader& reader, ProfileRules& rules) {
  rules.name_is_san = reader.boolean("name_is_san").value_or(false);
  if (const auto list = choices_of(reader, "san_kinds", kinds)) {
    rules.san_kinds.clear();
    for (const auto& text : *list) {
      rules.san_kinds.push_back(static_cast<SanKind>(std::find(std::begin(kinds), std::end(kinds), text) - kinds));
    }
  }
  const auto limit = reader.number("max_sans", 1, sans_ceiling);
  if (limit) rules.max_sans = static_cast<std::size_t>(*limit);
}

/// What public TLS never carries is taken out, so that `policy show` says what applies.
void narrow_to_cabf(const YamlReader& reader, ProfileRules& rules) {
  std::erase(rules.algorithms, KeyAlgorithm::ed25519);
  std::erase_if(rules.san_kinds, [](SanKind kind) { return kind != SanKind::dns && kind != SanKind::ip; });
  if (rules.algorithms.empty() || rules.san_kinds.empty()) {
    throw reader.error(
        reader.mapping(),
        "preset cabf leaves profile " + rules.name + " no " + (rules.algorithms.empty() ? "algorithm" : "kind of name"),
        "public TLS knows RSA and EC keys, DNS names and IP addresses");
  }
}

void read_default_key(YamlReader& reader, ProfileRules& rules) {
  std::erase_if(rules.algorithms, [&](auto a) { return key_family(a) == "RSA" && key_bits(a) < rules.min_rsa_bits; });
  const auto& allowed = rules.algorithms;
  if (allowed.empty())
    throw reader.error(reader.mapping(), "min_rsa_bits leaves profile " + rules.name + " no algorithm");
  const auto holds = [&](KeyAlgorithm a) { return std::find(allowed.begin(), allowed.end(), a) != allowed.end(); };
  if (!holds(rules.default_key)) rules.default_key = allowed.front();
  if (const auto text = reader.text("default_key")) {
    const auto& place = *reader.node("default_key");
    rules.default_key = algorithm_of(reader, place, *text);
    if (!holds(rules.default_key)) throw reader.error(place, *text + " is not among the profile's algorithms");
  }
}

void read_default_validity(YamlReader& reader, ProfileRules& rules) {
  if (const auto validity = reader.duration("default_validity")) {
    rules.default_validity =
        at_most(reader, *reader.node("default_validity"), *validity, rules.max_validity, "the longest of the profile");
  }
}

ProfileRules read_profile(const YamlNode& key, const YamlNode& value, const ProfileRules& defaults,
                          const Source& source) {
  YamlReader reader(value, source.file, Code::policy_invalid, "profile " + printable(key.scalar));
  if (!is_profile_name(key.scalar)) {
    throw reader.error(key, "profile names are lower-case letters, digits and dashes, 64 at most");
  }
  auto rules = defaults;
  rules.name = key.scalar;
  read_common(reader, source, rules, nullptr);
  read_eku(reader, rules);
  read_names_of_profile(reader, rules);
  rules.roles = choices_of(reader, "roles", roles).value_or(std::vector<std::string>{"admin", "operator"});
  rules.approval = choices_of(reader, "approval", roles).value_or(std::vector<std::string>{});
  const bool tls_server = std::find(rules.eku.begin(), rules.eku.end(), "serverAuth") != rules.eku.end();
  if (source.cabf && tls_server) narrow_to_cabf(reader, rules);
  const auto has_kind = [&](SanKind k) {
    return std::find(rules.san_kinds.begin(), rules.san_kinds.end(), k) != rules.san_kinds.end();
  };
  if (rules.name_is_san && !has_kind(SanKind::dns) && !has_kind(SanKind::ip)) {
    throw reader.error(*reader.node("name_is_san"), "name_is_san needs dns or ip among san_kinds");
  }
  read_key_usage(reader, rules);
  read_default_key(reader, rules);
  read_default_validity(reader, rules);
  reader.finish();
  return rules;
}

std::string read_version(YamlReader& reader) {
  const auto version = reader.text("version");
  if (!version) throw reader.error(reader.mapping(), "version is missing", "version: v1");
  if (!is_version(*version)) {
    throw reader.error(*reader.node("version"), printable(*version) + " is not a version", "such as v2.3");
  }
  return *version;
}

ProfileRules file_defaults(const Source& source) {
  ProfileRules rules;
  rules.algorithms = {KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519, KeyAlgorithm::rsa_3072,
                      KeyAlgorithm::rsa_4096};
  // no upn: it is a login, so a profile that may carry one says so
  rules.san_kinds = {SanKind::dns, SanKind::ip, SanKind::email, SanKind::uri};
  rules.max_validity = source.longest();
  return rules;
}

}  // namespace

Policy Policy::parse(std::string_view yaml, std::string_view file) {
  const auto root = parse_yaml(yaml, file);
  YamlReader reader(root, file, Code::policy_invalid, "policy");
  Policy policy;
  policy.version_ = read_version(reader);
  const auto preset = reader.choice("preset", presets);
  if (!preset) throw reader.error(root, "preset is missing", "preset: internal");
  policy.preset_ = *preset;
  policy.min_renew_interval_ = reader.duration("min_renew_interval").value_or(std::chrono::hours(1));
  const Source source{file, *preset == "cabf"};
  auto defaults = file_defaults(source);
  read_common(reader, source, defaults, &policy.denied_keys_);
  const auto* profiles = reader.node("profiles");
  if (profiles == nullptr || profiles->type != YamlNode::Type::mapping || profiles->members.empty()) {
    throw reader.error(profiles == nullptr ? root : *profiles, "profiles is missing",
                       "profiles: {tls-server: {eku: [serverAuth]}}");
  }
  for (const auto& [key, value] : profiles->members) {
    policy.profiles_.emplace(key.scalar, read_profile(key, value, defaults, source));
  }
  reader.finish();
  return policy;
}

}  // namespace ymgr
