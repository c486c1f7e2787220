#include "base/text.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {
namespace {

/// Reads what stands under "-- [admin operator] why": {{to}} are these roles, {{policy}} a name that no other policy has.
class GrantReader {
 public:
  GrantReader(const Settings& settings, std::vector<Privilege>& privileges)
      : settings_(settings), privileges_(privileges) {}

  std::string read(std::string_view text) {
    std::string result;
    for (const std::string& line : split(trim(text), '\n')) {
      if (line.starts_with("-- [")) begin(line);
      const std::string filled = fill(line, {{"to", to_},
                                             {"policy", "rule_" + std::to_string(policies_)},
                                             {"role", settings_.roles},
                                             {"dbname", settings_.database_name}});
      if (line.find("{{policy}}") != std::string::npos) ++policies_;
      take(filled);
      result += filled + "\n";
    }
    return result;
  }

 private:
  void begin(std::string_view line) {
    const auto end = line.find(']');
    why_ = line.substr(end + 2);
    who_.clear();
    to_.clear();
    for (const auto& role : split(line.substr(4, end - 4), ' ')) {
      who_ += (who_.empty() ? "" : ", ") + settings_.roles + role;
      to_ += (to_.empty() ? "\"" : ", \"") + settings_.roles + role + "\"";
    }
  }

  /// Statements may go over several lines.
  void take(const std::string& line) {
    if (statement_.empty() && !line.starts_with("GRANT ") && !line.starts_with("CREATE POLICY ")) return;
    statement_ += (statement_.empty() ? "" : " ") + std::string(trim(line));
    if (!statement_.ends_with(';')) return;
    const auto to = statement_.find(" TO ");
    if (statement_.starts_with("GRANT "))
      privileges_.push_back({"postgresql", who_, statement_.substr(6, to - 6), why_});
    else
      take_policy(to);
    statement_.clear();
  }

  /// Only those that leave rows out.
  void take_policy(std::size_t to) {
    const auto condition = statement_.find_first_of('(', to);
    if (statement_.substr(condition).starts_with("(true)")) return;
    const auto on = statement_.find(" ON ");
    privileges_.push_back({"postgresql", who_,
                           "only these rows" + statement_.substr(on, to - on) + ": " +
                               statement_.substr(condition, statement_.size() - condition - 1),
                           why_});
  }

  const Settings& settings_;
  std::vector<Privilege>& privileges_;
  std::string who_, to_, why_, statement_;
  int policies_ = 1;
};

}  // namespace

std::string make_roles_sql(const Settings& settings, std::vector<Privilege>& privileges) {
  return GrantReader(settings, privileges).read(text_named("roles"));
}

std::string make_grants_sql(const Settings& settings, std::vector<Privilege>& privileges) {
  return GrantReader(settings, privileges).read(text_named("grants"));
}

std::string person_sql(const Person& person) {
  const Words words = {{"user", person.user},
                       {"role", person.role},
                       {"entity_id", person.entity_id},
                       {"names", join(split(join(person.names, " "), '\''), "''")}};
  return fill(text_named("person_rows"), words);
}

}  // namespace ymgr::team
