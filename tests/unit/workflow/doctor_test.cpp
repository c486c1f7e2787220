#include <doctest/doctest.h>

#include <set>

#include "workflow/doctor_bundle.hpp"
#include "workflow/doctor_checks.hpp"

using namespace ymgr;
using namespace ymgr::doctor;

TEST_CASE("checks have ids of their own, titles and a way to be found") {
  std::set<std::string_view> ids;
  for (const Check& check : checks()) {
    CAPTURE(check.id);
    CHECK(ids.insert(check.id).second);
    CHECK_FALSE(check.title.empty());
    CHECK(find_check(check.id) == &check);
  }
  CHECK(find_check("nonsense") == nullptr);
}

TEST_CASE("the worst of several findings counts, and what is fine is left out beside it") {
  const auto sum = sum_up({fine("a"), warning("b", "mend b"), failed("c", "mend c"), failed("c", "mend c")}, "none");
  CHECK(sum.state == State::failed);
  CHECK(sum.text == "b; c");
  CHECK(sum.hint == "mend b\nmend c");
  CHECK(sum_up({fine("a"), fine("b")}, "none").text == "a; b");
  CHECK(sum_up({}, "none").text == "none");
}

TEST_CASE("exit status: what failed comes before what expired, and that before what is due") {
  const Check& check = checks().front();
  const auto exit_of = [&](std::initializer_list<Finding> findings) {
    Report report;
    for (const auto& finding : findings) report.lines.push_back({&check, finding});
    return report.exit_status();
  };
  const Finding due{State::warning, "due", "renew", Expiry::due}, over{State::failed, "over", "renew", Expiry::over};
  CHECK(exit_of({fine("a"), skipped("b"), warning("c", "d")}) == 0);
  CHECK(exit_of({due, warning("c", "d")}) == 11);
  CHECK(exit_of({due, over}) == 12);
  CHECK(exit_of({due, over, failed("c", "d")}) == 1);
}

TEST_CASE("life is fine, due, then over") {
  const Time at = parse_time("2026-01-01");
  const Duration day = std::chrono::hours(24);
  CHECK(life("it", at + day * 10, at, day, "renew").state == State::ok);
  CHECK(life("it", at + day / 2, at, day, "renew").expiry == Expiry::due);
  CHECK(life("it", at - day, at, day, "renew").expiry == Expiry::over);
}

TEST_CASE("names, addresses, paths, serials and tokens become pseudonyms, and other words stay") {
  const Pseudonyms pseudonyms("salt", [](const std::string& word) { return word == "plainname"; });
  struct Row {
    const char *text, *gone;
  };
  const Row rows[] = {{"due: www.corp.example, and more", "corp"},
                      {"https://vault.corp.example:8200 gives no answer", "vault"},
                      {"the key of max@corp.example: none", "max"},
                      {"10.1.2.3 is sealed", "10.1"},
                      {"fe80::1:2 is sealed", "fe80"},
                      {"chmod go-rwx /home/max/profile/ymgr.db", "max"},
                      {"install.d in ~/max/x", "max"},
                      {"serial 4A:3F:2B:11", "3F"},
                      {"YubiKey 12345678 answers", "12345678"},
                      {"token hvs.CAESIJ0123456789abcdef", "CAESI"},
                      {"token s.0123456789abcdefghijklmn", "0123"},
                      {"key MC4CAQAwBQYDK2VwBCIEIKq0123456789abcdefgh=", "MC4C"},
                      {"of plainname.", "plainname"}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto out = pseudonyms.redact(row.text);
    CHECK(out.find(row.gone) == std::string::npos);
    CHECK(out == pseudonyms.redact(row.text));
  }
  for (const char* same :
       {"the session ended at 2026-03-15T14:32:00Z (in 2 days)", "ymgr renew --due; systemctl reload ymgr-renew.timer",
        "vault.address and ymgr.yaml: not right", "process 4711 holds /run/pcscd/pcscd.comm",
        "req-20250118143215-7f3a91c04be2"}) {
    CAPTURE(same);
    CHECK(pseudonyms.redact(same) == same);
  }
}

TEST_CASE("a URL goes whole, with all that its query has in it, and the words around it stay") {
  const Pseudonyms pseudonyms("salt");
  const std::string url = "https://chat.example.com/v1/hook?key=PLANT3key&token=PLANT4%3D;x,y";
  CHECK(pseudonyms.redact("asked '" + url + "' in vain") == "asked '" + pseudonyms.of("url", url) + "' in vain");
  CHECK(pseudonyms.redact(url + ", and then") == pseudonyms.of("url", url) + ", and then");
}

TEST_CASE("of a word that is hidden nothing stays, whatever it looks like") {
  const Pseudonyms pseudonyms("salt");
  for (const char* word : {"plain", "req-20250118143215-7f3a91c04be2", "/home/max/it with blanks", "a@b.example",
                           "2026-03-15T14:32:00Z", "credential:hook"}) {
    CAPTURE(word);
    CHECK(pseudonyms.hide(word).ends_with(pseudonyms.of("x", word).substr(1)));
  }
  CHECK(pseudonyms.hide("/usr/bin/tell") == "/usr/bin/tell");
  CHECK(pseudonyms.hide("") == "");
}

TEST_CASE("a name that was learned goes wherever it stands by itself, with blanks or not") {
  Pseudonyms pseudonyms("salt");
  pseudonyms.learn("Max Muster");
  pseudonyms.learn("web1");
  CHECK(pseudonyms.redact("due: Max Muster, web1.") ==
        "due: " + pseudonyms.of("name", "Max Muster") + ", " + pseudonyms.of("name", "web1") + ".");
  CHECK(pseudonyms.redact("web12 stays") == "web12 stays");
  CHECK(Pseudonyms("other").of("name", "web1") != pseudonyms.of("name", "web1"));
}
