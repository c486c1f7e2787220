// How SQLite means to run the queries that a function makes.
#pragma once
#include <string>

#include "sql/connection.hpp"

namespace ymgr::test {

/// Passes everything on and explains each SELECT first.
class ExplainingConnection final : public sql::Connection {
 public:
  explicit ExplainingConnection(sql::Connection& real) : real_(real) {}
  using sql::Connection::run;
  sql::Dialect dialect() const noexcept override { return real_.dialect(); }
  std::int64_t run(std::string_view text, std::span<const sql::Value> params, const sql::Each& each) override {
    if (text.starts_with("SELECT")) {
      real_.run("EXPLAIN QUERY PLAN " + std::string(text), params,
                [&](const sql::Row& row) { plan_.append(row.text(3)).append("\n"); });
    }
    return real_.run(text, params, each);
  }
  void insert_many(std::string_view table, std::span<const std::string_view> columns,
                   const sql::NextRow& next) override {
    real_.insert_many(table, columns, next);
  }
  void transaction(sql::Access access, const std::function<void()>& body) override { real_.transaction(access, body); }
  void run_script(std::string_view text) override { real_.run_script(text); }

  /// The plans since the last call, a line a step.
  std::string take_plan() { return std::exchange(plan_, {}); }

 private:
  sql::Connection& real_;
  std::string plan_;
};

}  // namespace ymgr::test
