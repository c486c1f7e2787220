#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "inventory/inventory.hpp"
#include "support/database.hpp"

namespace {

/// An error of the database is a finding: what parses can be asked.
void ask(ymgr::sql::Connection& db, const ymgr::Selection& selection) {
  const ymgr::Time at;
  ymgr::inventory::list(db, {.selection = selection, .status = {}}, at, [](const auto&) {});
  ymgr::inventory::count_due(db, {.at = at, .selection = selection, .renew_before = {}, .host = {}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ymgr::test::TestDatabase db;
  ymgr::Selection selection;
  try {
    selection = ymgr::parse_selection({reinterpret_cast<const char*>(data), size});
  } catch (const ymgr::Error&) {
    return 0;
  }
  ask(*db, selection);
  return 0;
}
