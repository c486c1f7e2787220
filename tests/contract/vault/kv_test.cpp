#include "vault/kv.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"
#include "support/vault.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using test::openbao;
using test::vault_of;

/// A mount of its own, once it can be used.
struct Mounted {
  explicit Mounted(const std::string& name) : client(vault_of(openbao())), kv(client, name) {
    test::mount(name, Json::object({{"type", "kv"}, {"options", Json::object({{"version", "2"}})}}));
  }
  Client client;
  Kv kv;
};

TEST_CASE("a secret is written against the version that was read") {
  Mounted mounted("kv/one");
  Kv& kv = mounted.kv;
  CHECK(kv.read("12/pin").version == 0);
  const Secret first(R"({"pin":"12<&>\"34","op":"a"})"), second(R"({"pin":"5678"})");
  CHECK(kv.write("12/pin", first, 0) == 1);
  const KvSecret read = kv.read("12/pin");
  CHECK(read.version == 1);
  CHECK(canonical_json(parse_json(read.document.reveal())) == canonical_json(parse_json(first.reveal())));
  CHECK(to_seconds(now()) - to_seconds(read.created_at) < 60);
  CHECK_CODE(kv.write("12/pin", second, 0), Code::version_conflict);
  CHECK(kv.write("12/pin", second, 1) == 2);
  CHECK_CODE(kv.write("12/pin", first, 1), Code::version_conflict);
  CHECK(kv.read("12/pin", 1).document.reveal().find("op") != std::string_view::npos);
  CHECK(kv.read("12/pin", 7).version == 0);
}

TEST_CASE("a deleted and a destroyed version keep their number, a forgotten secret begins anew") {
  Mounted mounted("kv/two");
  Kv& kv = mounted.kv;
  const Secret document(R"({"a":"b"})");
  kv.write("x", document, 0);
  kv.write("x", document, 1);
  openbao().api("DELETE", "kv/two/data/x");
  const KvSecret deleted = kv.read("x");
  CHECK(deleted.version == 2);
  CHECK(deleted.document.empty());
  CHECK(!deleted.destroyed);
  const std::int64_t both[] = {1, 2, 99};
  kv.destroy("x", both);
  CHECK(kv.read("x").destroyed);
  CHECK(kv.read("x", 1).destroyed);
  CHECK(kv.metadata("x")->readable.empty());
  CHECK(kv.write("x", document, 2) == 3);
  CHECK(kv.metadata("x")->readable == std::vector<std::int64_t>{3});
  kv.forget("x");
  kv.forget("x");
  CHECK(!kv.metadata("x"));
  CHECK(kv.write("x", document, 0) == 1);
}

TEST_CASE("custom metadata is replaced against its own version") {
  Mounted mounted("kv/three");
  Kv& kv = mounted.kv;
  kv.write("x", Secret("{}"), 0);
  const std::pair<std::string, std::string> values[] = {{"owner", "alice"}, {"state", "active"}};
  kv.set_custom("x", values, 0);
  const auto metadata = kv.metadata("x");
  REQUIRE(metadata);
  CHECK(metadata->custom.size() == 2);
  CHECK(metadata->current_version == 1);
  CHECK(metadata->metadata_version == 1);
  CHECK_CODE(kv.set_custom("x", values, 0), Code::version_conflict);
  CHECK_NOTHROW(kv.set_custom("x", std::span(values).first(1)));
  CHECK(kv.metadata("x")->custom.size() == 1);
}

TEST_CASE("names are listed page by page") {
  Mounted mounted("kv/four");
  Kv& kv = mounted.kv;
  CHECK(kv.list("").empty());
  for (const char* path : {"1/pin", "1/secrets", "2/pin", "3", "4", "a b/c"}) kv.write(path, Secret("{}"), 0);
  for (const std::size_t page : {1UL, 2UL, 3UL, 1000UL}) {
    CHECK(kv.list("", page) == std::vector<std::string>{"1/", "2/", "3", "4", "a b/"});
  }
  CHECK(kv.list("1") == std::vector<std::string>{"pin", "secrets"});
  CHECK(kv.list("none").empty());
}

TEST_CASE("a path of another secret, or one that the policy keeps back, is refused") {
  Mounted mounted("kv/five");
  CHECK_CODE(mounted.kv.read("../five/x"), Code::usage);
  CHECK_CODE(mounted.kv.write("", Secret("{}"), 0), Code::usage);
  Client user =
      test::vault_with_policy("kv-five", R"(path "kv/five/data/12/pin" { capabilities = ["read", "update"] })");
  Kv own(user, "kv/five");
  mounted.kv.write("12/pin", Secret("{}"), 0);
  CHECK(own.write("12/pin", Secret("{}"), 1) == 2);
  CHECK_CODE(own.read("12/secrets"), Code::vault_denied);
  CHECK_CODE(own.metadata("12/pin"), Code::vault_denied);
  const std::int64_t first[] = {1};
  CHECK_CODE(own.destroy("12/pin", first), Code::vault_denied);
}

}  // namespace
