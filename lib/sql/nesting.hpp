// The transaction that a connection is in, and those inside it.
#pragma once
#include <functional>

#include "base/error.hpp"
#include "sql/connection.hpp"

namespace ymgr::sql {

struct Nesting {
  bool inside = false, may_write = false;
  bool doomed = false;  // an inner body has failed: nothing of it can be committed any more

  void begin(Access access) { *this = {.inside = true, .may_write = access == Access::write}; }
  void join(Access access, const std::function<void()>& body) {
    if (access == Access::write && !may_write) throw Error(Code::internal, "write inside a transaction for reading");
    try {
      body();
    } catch (...) {
      doomed = true;
      throw;
    }
  }
  /// Before COMMIT.
  void require_sound() const {
    if (doomed) throw Error(Code::internal, "commit after a failed part of the transaction");
  }
};

}  // namespace ymgr::sql
