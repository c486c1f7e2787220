// Builds the WHERE of a query over `certificates`, with its parameters.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "inventory/inventory.hpp"

namespace ymgr::inventory {

class Where {
 public:
  /// How the conditions of a selection meet the planner. `filter`: another condition names the index, and the rows it finds
  /// are few; these must not lure the planner to theirs. `lookup`: any index will do.
  enum class Use { filter, lookup };

  Where() = default;
  Where(Where&&) = default;  // parameters look at texts, which a copy would leave behind

  /// Joined by AND. `condition` holds $n of parameters made by bind().
  void add(std::string_view condition);
  /// "$3".
  std::string bind(Time);
  std::string bind(std::int64_t);
  std::string bind(std::string_view);
  void add(const Selection&, Time at, Use);
  void add_status(CertificateStatus, Time at, Use);
  void add_expired(Time at);

  /// "WHERE …", empty without conditions.
  const std::string& text() const noexcept { return text_; }
  std::span<const sql::Value> params() const noexcept { return params_; }

 private:
  std::string condition_text(const Selection::Condition&, Time at, Use);
  std::string label_text(std::string_view name, std::string_view value, Use);
  std::string next_place();

  std::string text_;
  std::vector<sql::Value> params_;
  std::deque<std::string> texts_;  // what params_ look at
};

}  // namespace ymgr::inventory
