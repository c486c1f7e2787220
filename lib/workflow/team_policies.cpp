#include <algorithm>
#include <initializer_list>

#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {
namespace {

struct Text {
  std::string_view name, text;
};
constexpr Text texts[] = {
#include "workflow/team.inc"
};

struct PolicyParts {
  std::string_view role;
  std::initializer_list<std::string_view> parts;
};
const PolicyParts policy_parts[] = {
    {"admin", {"admin", "person", "shared"}},
    {"operator",
     {"operator", "services", "audit_key", "person", "card", "certificates", "settings", "license", "shared"}},
    {"user", {"user", "person", "certificates", "settings", "license", "shared"}},
    {"auditor", {"auditor", "person", "certificates", "settings", "license", "shared"}},
    {"renewer", {"renewer", "services", "audit_key", "certificates", "settings", "license", "shared"}},
};

/// Where accounts are made here, their owners set their passwords.
std::vector<std::string_view> parts_for(const Settings& settings, std::vector<std::string_view> parts) {
  if (settings.auth == "userpass") parts.emplace_back("account");
  return parts;
}

Words words_of(const Settings& settings) {
  return {{"kv", settings.kv},         {"transit", settings.transit},
          {"pki", settings.pki},       {"database", settings.database},
          {"prefix", settings.prefix}, {"auth_mount", settings.auth_mount}};
}

std::string repeat_services(std::string_view text, const std::vector<VaultCall>& roles) {
  std::string result;
  for (const VaultCall& role : roles) result += fill(text, {{"service", role.path.substr(role.path.rfind('/') + 1)}});
  return result;
}

/// The stanza of one role of a service stands for all of them.
std::string expand_services(std::string_view text, const std::vector<VaultCall>& roles) {
  const auto place = text.find("{{service}}");
  if (place == std::string_view::npos) return std::string(text);
  const auto begin = text.rfind("path ", place), end = text.find("}\n", text.find("\n}", place)) + 2;
  return std::string(text.substr(0, begin)) + repeat_services(text.substr(begin, end - begin), roles) +
         std::string(text.substr(end));
}

std::string between(std::string_view line, std::string_view open, std::string_view close) {
  const auto begin = line.find(open) + open.size();
  return std::string(line.substr(begin, line.find(close, begin) - begin));
}

/// One line a path: the texts have each path's capabilities and limits on lines of their own, after "# why".
class PrivilegeReader {
 public:
  PrivilegeReader(std::string who, std::vector<Privilege>& privileges) : who_(std::move(who)), into_(privileges) {}

  void read(std::string_view text) {
    for (const std::string& line : split(text, '\n')) take(line);
  }

 private:
  void take(std::string_view line) {
    if (line.starts_with("# ")) {
      why_ = std::exchange(in_comment_, true) ? why_ + " " + std::string(line.substr(2)) : std::string(line.substr(2));
      return;
    }
    in_comment_ = false;
    if (line.starts_with("path ")) path_ = between(line, "\"", "\"");
    if (line.starts_with("  capabilities")) capabilities_ = fill_quotes(between(line, "[", "]"));
    if (line.starts_with("  allowed_parameters")) limits_ += "; parameters: " + between(line, "{ ", " }") + " alone";
    if (line.starts_with("  denied_parameters")) limits_ += "; never " + between(line, "{ ", " }");
    if (line == "}") {
      into_.push_back({"vault", who_, capabilities_ + " on " + path_ + fill_quotes(limits_), why_});
      limits_.clear();
    }
  }

  static std::string fill_quotes(std::string text) {
    std::erase(text, '"');
    return text;
  }

  std::string who_, why_, path_, capabilities_, limits_;
  bool in_comment_ = false;
  std::vector<Privilege>& into_;
};

}  // namespace

std::string_view text_named(std::string_view name) {
  const auto found = std::ranges::find(texts, name, &Text::name);
  if (found == std::end(texts)) throw Error(Code::internal, "no text " + std::string(name));
  return found->text;
}

std::string fill(std::string_view text, const Words& words) {
  std::string result;
  for (auto open = text.find("{{"); open != std::string_view::npos; open = text.find("{{")) {
    const auto close = text.find("}}", open);
    const auto name = text.substr(open + 2, close - open - 2);
    const auto word = std::ranges::find(words, name, &Words::value_type::first);
    result += text.substr(0, open);
    result += word == words.end() ? text.substr(open, close + 2 - open) : std::string_view(word->second);
    text.remove_prefix(close + 2);
  }
  return result.append(text);
}

std::vector<Policy> make_policies(const Settings& settings, std::vector<Privilege>& privileges) {
  const auto services = service_roles(settings);
  std::vector<Policy> policies;
  for (const auto& [role, parts] : policy_parts) {
    Policy policy{settings.prefix + std::string(role), ""};
    for (const auto part : parts_for(settings, parts)) {
      policy.text +=
          (policy.text.empty() ? "" : "\n") + fill(expand_services(text_named(part), services), words_of(settings));
    }
    PrivilegeReader(policy.name, privileges).read(policy.text);
    policies.push_back(std::move(policy));
  }
  return policies;
}

}  // namespace ymgr::team
