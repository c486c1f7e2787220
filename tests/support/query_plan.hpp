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
    if (dialect() == sql::Dialect::sqlite && text.starts_with("SELECT")) {
      real_.run("EXPLAIN QUERY PLAN " + std::string(text), params, [&](const sql::Row& row) { add_step(row.text(3)); });
    }
    return real_.run(text, params, each);
  }
  using sql::Connection::later;
  void later(std::string_view text, std::span<const sql::Value> params) override { real_.later(text, params); }
  void insert_later(std::string_view table, std::span<const std::string_view> columns,
                    std::span<const sql::Value> row) override {
    real_.insert_later(table, columns, row);
  }
  void insert_many(std::string_view table, std::span<const std::string_view> columns,
                   const sql::NextRow& next) override {
    real_.insert_many(table, columns, next);
  }
  void update_many(std::string_view table, std::span<const std::string_view> columns, std::size_t keys,
                   const sql::NextRow& next) override {
    real_.update_many(table, columns, keys, next);
  }
  void transaction(sql::Access access, const std::function<void()>& body) override { real_.transaction(access, body); }
  void run_script(std::string_view text) override { real_.run_script(text); }

  /// The indexes that queries used since the last call, in order; "-" where a table was read without one.
  std::string take_indexes() { return std::exchange(indexes_, {}); }

 private:
  void add_step(std::string_view step) {
    if (!step.starts_with("SEARCH") && !step.starts_with("SCAN")) return;
    constexpr std::string_view word = "INDEX ";
    const auto place = step.find(word);
    if (!indexes_.empty()) indexes_ += ' ';
    indexes_ += place == std::string_view::npos
                    ? "-"
                    : step.substr(place + word.size(), step.find(' ', place + word.size()) - place - word.size());
  }

  sql::Connection& real_;
  std::string indexes_;
};

}  // namespace ymgr::test
