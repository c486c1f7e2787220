#include "vault/audit_log.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace {
using namespace ymgr;
using namespace ymgr::vault;

struct Read {
  std::vector<AuditEntry> entries;
  AuditLogSummary summary;
};

Read read(std::string_view text, std::size_t piece = 7) {
  Read result;
  AuditLogReader reader([&](const AuditEntry& entry) { result.entries.push_back(entry); });
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) reader.add(text.substr(0, piece));
  result.summary = reader.finish();
  return result;
}

constexpr auto line =
    R"({"time":"2026-11-22T19:10:52.939278779Z","type":"response","auth":{"display_name":"userpass-\u001boscar",)"
    R"("entity_id":"e1"},"request":{"id":"7cf5","operation":"update","path":"pki/sign/web","namespace":{"id":"x",)"
    R"("path":"team1/"},"remote_address":"127.0.0.1","headers":{"x-ymgr-op":["req-1"]}},)"
    R"("response":{"data":{"serial_number":"4a:3f"}}})";

std::string with(std::string text, const std::string& what, const std::string& instead) {
  return text.replace(text.find(what), what.size(), instead);
}

}  // namespace

TEST_CASE("an answer in Vault's audit log tells who changed what") {
  for (const std::size_t piece : {1U, 7U, 10'000U}) {
    const auto [entries, summary] = read(std::string(line) + "\n", piece);
    REQUIRE(entries.size() == 1);
    const auto& entry = entries[0];
    CHECK(entry.at == parse_time("2026-11-22T19:10:52.939278Z"));
    CHECK(entry.request_id == "7cf5");
    CHECK(entry.operation == "update");
    CHECK(entry.path == "pki/sign/web");
    CHECK(entry.name_space == "team1");
    CHECK(entry.display_name == "userpass-?oscar");
    CHECK(entry.entity_id == "e1");
    CHECK(entry.remote_address == "127.0.0.1");
    CHECK(entry.ymgr_operation == "req-1");
    CHECK(entry.serial == "4A:3F");
    CHECK(summary.lines == 1);
    CHECK(summary.names_operations);
    CHECK_FALSE(summary.is_cut);
  }
}

TEST_CASE("requests, reads and refusals change nothing") {
  const std::string rows[] = {with(line, "response", "request"), with(line, "update", "read"),
                              with(line, "update", "list"),
                              with(line, R"("type")", R"("error":"permission denied","type")"),
                              with(line, R"("serial_number":"4a:3f")", R"("error":"hmac-sha256:00")")};
  for (const auto& row : rows) {
    CAPTURE(row);
    const auto [entries, summary] = read(row + "\n");
    CHECK(entries.empty());
    CHECK(summary.damaged == 0);
  }
}

TEST_CASE("hashed values are none") {
  const auto [entries, summary] = read(with(with(line, "req-1", "hmac-sha256:00"), "4a:3f", "hmac-sha256:01"));
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].ymgr_operation.empty());
  CHECK(entries[0].serial.empty());
  CHECK_FALSE(summary.names_operations);
}

TEST_CASE("damaged lines are counted, and one that ends in the middle is told apart") {
  const std::string deep(40, '[');
  const auto [entries, summary] = read(std::string(line) + "\ngarbage\n\n" + deep + "\n" + line + "\n{\"time\":");
  CHECK(entries.size() == 2);
  CHECK(summary.lines == 6);
  CHECK(summary.damaged == 2);
  CHECK(summary.first_damaged == 2);
  CHECK(summary.is_cut);
  CHECK(read("").summary.lines == 0);
}

TEST_CASE("a line without end is not kept") {
  const std::string rest(17UL * 1024 * 1024, 'x');
  const auto [entries, summary] = read(rest + "\n" + line, 1UL << 20);
  CHECK(entries.size() == 1);
  CHECK(summary.damaged == 1);
}
