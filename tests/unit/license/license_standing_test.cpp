#include "license/license_standing.hpp"

#include <doctest/doctest.h>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using namespace ymgr::license;

namespace {

constexpr const char* here = "inst-20270101000000-7f3a91c04be2";
const Time made = parse_time("2027-01-01");

Time day(int number) {
  return made + std::chrono::days(number);
}

struct Vendor {
  SigningKeys keys = make_signing_keys();
  VendorKey key() const { return {keys.public_key}; }
  /// Counted from the installation's first day.
  Entry license(const char* id, int issued, int from, int until, const char* installation = here) const {
    const std::string text = std::string("ymgr-license-1\nlicense_id: ") + id +
                             "\ncustomer: Example GmbH\ninstallation_id: " + installation +
                             "\nissued_at: " + format_time(day(issued)) + "\nnot_before: " + format_time(day(from)) +
                             "\nexpires_at: " + format_time(day(until)) + "\n";
    return {text + "signature: " + to_base64(sign_detached(keys, text)) + "\n", day(issued), "alice"};
  }
};

Evidence on(Time at) {
  Evidence evidence;
  evidence.installation_id = here;
  evidence.clock = evidence.recorded = at;
  return evidence;
}

struct Row {
  const char* name;
  Evidence evidence;
  State state;
  const char* counts;  // id of the licence; empty: none
};

Evidence with(Evidence evidence, std::vector<Entry> entries) {
  evidence.entries = std::move(entries);
  return evidence;
}
Evidence newest(Evidence evidence, int issued) {
  evidence.newest_installed = day(issued);
  return evidence;
}
Evidence silent(Evidence evidence) {
  evidence.store_is = "Vault does not answer";
  return evidence;
}
Evidence recorded(Evidence evidence, Time at) {
  evidence.recorded = at;
  return evidence;
}
Evidence named(Evidence evidence, const char* id) {
  evidence.installation_id = id;
  return evidence;
}
Evidence replaced(Evidence evidence) {
  evidence.id_replaced = true;
  return evidence;
}
Evidence damaged(Evidence evidence) {
  evidence.damage = "no JSON";
  return evidence;
}

Entry edited(Entry entry, std::string_view old, std::string_view replacement) {
  entry.text.replace(entry.text.find(old), old.size(), replacement);
  return entry;
}

}  // namespace

TEST_CASE("without a vendor's key nothing is limited") {
  const auto standing = judge(on(day(4000)), {});
  CHECK(standing.state == State::unlimited);
  CHECK_FALSE(standing.refuses());
}

TEST_CASE("what an installation has tells what it may") {
  const Vendor vendor, stranger;
  const auto year = vendor.license("year", 10, 10, 375), next = vendor.license("next", 300, 375, 740);
  const Duration second = std::chrono::seconds(1);
  const Row rows[] = {
      {"the first moment", on(made), State::trial, ""},
      {"the last second of the trial", on(day(30) - second), State::trial, ""},
      {"after 30 days", on(day(30)), State::expired, ""},
      {"a licence", with(on(day(11)), {year}), State::valid, "year"},
      {"more than 7 days left", with(on(day(368) - second), {year}), State::valid, "year"},
      {"7 days left", with(on(day(368)), {year}), State::expiring, "year"},
      {"its last second", with(on(day(375) - second), {year}), State::expiring, "year"},
      {"its end", with(on(day(375)), {year}), State::expired, "year"},
      {"an ended licence ends the trial, too", with(on(day(20)), {vendor.license("short", 1, 1, 8)}), State::expired,
       "short"},
      {"one bought ahead leaves the present one", with(on(day(301)), {year, next}), State::valid, "year"},
      {"one bought ahead begins", with(on(day(375)), {year, next}), State::valid, "next"},
      {"only one bought ahead, in the trial", with(on(day(11)), {vendor.license("later", 10, 20, 90)}), State::trial,
       ""},
      {"only one bought ahead, after it", with(on(day(31)), {vendor.license("later", 10, 40, 90)}), State::expired, ""},
      {"the newer one counts, in any order", with(on(day(50)), {vendor.license("less", 40, 40, 45), year}),
       State::expired, "less"},
      {"of one second, the one installed later", with(on(day(50)), {year, vendor.license("b", 10, 10, 60)}),
       State::valid, "b"},
      {"somebody else's installation",
       with(on(day(11)), {vendor.license("x", 10, 10, 375, "inst-20270101000000-000000000000")}), State::invalid, ""},
      {"another vendor", with(on(day(11)), {stranger.license("x", 10, 10, 375)}), State::invalid, ""},
      {"an edited end", with(on(day(400)), {edited(year, "2028-01-11", "2029-01-11")}), State::invalid, ""},
      {"a bad one beside a good one", with(on(day(11)), {stranger.license("x", 10, 10, 375), year}), State::valid,
       "year"},
      {"no licence at all in its place", with(on(day(11)), {{"x", {}, ""}}), State::invalid, ""},
      {"issued in the future", with(on(day(11)), {vendor.license("x", 13, 10, 375)}), State::invalid, ""},
      {"the store lost what was installed", newest(on(day(11)), 10), State::invalid, ""},
      {"an older one in place of a newer", newest(with(on(day(50)), {year}), 40), State::invalid, ""},
      {"as installed", newest(with(on(day(50)), {year}), 10), State::valid, "year"},
      {"the store is silent in the trial", silent(on(day(29))), State::trial, ""},
      {"the store is silent after it", silent(on(day(30))), State::expired, ""},
      {"the store is silent after it, whatever was installed", silent(newest(on(day(31)), 10)), State::expired, ""},
      {"the store has something else", damaged(on(day(1))), State::invalid, ""},
      {"no id", named(on(day(1)), ""), State::invalid, ""},
      {"an id that nobody makes", named(on(day(1)), "inst-1"), State::invalid, ""},
      {"an id of an impossible day", named(on(day(1)), "inst-20270231000000-7f3a91c04be2"), State::invalid, ""},
      {"an id from the future", named(on(day(1)), "inst-20990101000000-7f3a91c04be2"), State::invalid, ""},
      {"another id than the trail has", replaced(with(on(day(11)), {year})), State::invalid, ""},
      {"a clock set back into the trial", recorded(on(day(5)), day(31)), State::expired, ""},
      {"a clock set back into a licence", recorded(with(on(day(50)), {year}), day(376)), State::expired, "year"},
      {"a clock set back before what the vendor signed", with(on(made), {vendor.license("x", 1, -9, 0)}),
       State::expired, "x"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const std::vector keys{vendor.key()};
    const auto standing = judge(row.evidence, keys);
    CHECK(to_string(standing.state) == to_string(row.state));
    CHECK((standing.license ? standing.license->license_id : "") == row.counts);
    CHECK_FALSE(standing.reason.empty());
    CHECK(standing.refuses() == (row.state == State::expired || row.state == State::invalid));
  }
}

TEST_CASE("licences of two keys count while one follows the other") {
  const Vendor old_one, new_one;
  const auto kept = with(on(day(50)), {old_one.license("old", 10, 10, 375)});
  CHECK(judge(kept, std::vector{new_one.key(), old_one.key()}).signed_by == old_one.key().id());
  const auto both = with(on(day(50)), {old_one.license("old", 10, 10, 375), new_one.license("new", 40, 40, 400)});
  CHECK(judge(both, std::vector{new_one.key(), old_one.key()}).signed_by == new_one.key().id());
  CHECK(judge(kept, std::vector{new_one.key()}).state == State::invalid);
}

TEST_CASE("a clock that was set back is told") {
  const Vendor vendor;
  const std::vector keys{vendor.key()};
  CHECK_FALSE(judge(recorded(on(day(1)), day(1) + std::chrono::seconds(59)), keys).clock_set_back);
  const auto standing = judge(recorded(on(day(1)), day(2)), keys);
  CHECK(standing.clock_set_back);
  CHECK(standing.at == day(2));
}

TEST_CASE("an installation's id tells when it was made") {
  const auto id = new_installation_id(made);
  CHECK(made_at(id) == made);
  CHECK(new_installation_id(made) != id);
  for (const char* other : {"", "inst-", "inst-20270101000000", "cert-20270101000000-7f3a91c04be2"})
    CHECK(made_at(other) == std::nullopt);
}

TEST_CASE("the document of the store is read as it was written, and nothing else is") {
  const std::vector<Entry> entries{{"a\n\"b\"", day(1), "alice"}, {"ü", day(2), "bob"}};
  const auto again = parse_entries(format_entries(entries));
  REQUIRE(again.size() == 2);
  CHECK(again[0].text == "a\n\"b\"");
  CHECK(again[1].installed_at == day(2));
  CHECK(again[1].installed_by == "bob");
  const std::string one = R"({"text":"a","installed_at":"2027-01-01T00:00:00Z","installed_by":"x"})";
  std::string many = one;
  for (std::size_t i = 0; i < most_entries; ++i) many += "," + one;
  const std::string wrong[] = {"",
                               "[]",
                               "{}",
                               R"({"schema":"ymgr-licenses-2","licenses":[]})",
                               R"({"schema":"ymgr-licenses-1","licenses":[],"licenses":[]})",
                               R"({"schema":"ymgr-licenses-1","licenses":[{"text":"a"}]})",
                               R"({"schema":"ymgr-licenses-1","licenses":[)" + many + "]}"};
  for (const auto& text : wrong) CHECK_CODE(parse_entries(text), Code::license_invalid);
}
