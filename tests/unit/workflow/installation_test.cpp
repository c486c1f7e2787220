#include "workflow/installation.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "support/thrown.hpp"

using namespace ymgr;

namespace {

Installation example() {
  Installation place;
  place.name = "www.example.com";
  place.out = "/etc/ssl/www";
  place.file_mode = "0640";
  place.deploy_hook = {"systemctl", "reload", "it's \"nginx\""};
  return place;
}

/// A certificate that names itself, and its key.
struct Pair {
  PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  Certificate certificate;
  Pair()
      : certificate(
            parse_certificate(make_root(key, {"web", ""}, new_serial(), now(), now() + std::chrono::hours(1)).bytes)) {}
};

mode_t mode_of(const std::string& path) {
  struct stat st {};
  stat(path.c_str(), &st);
  return st.st_mode & 07777;
}

}  // namespace

TEST_CASE("an installation is read back as it was written") {
  const auto place = example();
  CHECK(installation::parse(installation::to_yaml(place), "x") == place);
}

TEST_CASE("installation files refuse what can't be meant") {
  struct Row {
    const char* yaml;
    const char* word;
  };
  const Row rows[] = {{"name: web\nout: relative\n", "absolute"},
                      {"name: web\n", "out or pkcs12"},
                      {"out: /srv\n", "name"},
                      {"name: web\nout: /srv\nhook: x\n", "hook"},
                      {"name: web\npkcs12: /srv/a.p12\n", "together"},
                      {"- web\n", ""}};
  for (const auto& row : rows) {
    CAPTURE(row.yaml);
    const auto error = thrown([&] { installation::parse(row.yaml, "install.d/web.yaml"); });
    REQUIRE(error);
    CHECK(error->code() == Code::installation_invalid);
    CHECK(std::string(error->what()).find(row.word) != std::string::npos);
  }
}

TEST_CASE("file names of installations hold no path") {
  struct Row {
    const char* name;
    const char* want;
  };
  const Row rows[] = {{"www.example.com", "www.example.com.yaml"},
                      {"*.example.com", "wildcard.example.com.yaml"},
                      {"../etc/passwd", "%2e.%2fetc%2fpasswd.yaml"},
                      {"a b", "a%20b.yaml"}};
  for (const auto& row : rows) CHECK(installation::file_name(row.name) == row.want);
}

TEST_CASE("an installation that others can write is not believed") {
  const TemporaryFolder folder("ymgr-install");
  installation::save(folder.path(), example(), Existing::refuse);
  CHECK(installation::load(folder.path(), "www.example.com") == example());
  chmod((folder.path() + "/www.example.com.yaml").c_str(), 0666);
  CHECK(code_of([&] { installation::load(folder.path(), "www.example.com"); }) == Code::installation_invalid);
}

TEST_CASE("other settings are not replaced without a word") {
  const TemporaryFolder folder("ymgr-install");
  CHECK(installation::save(folder.path(), example(), Existing::refuse));
  CHECK_FALSE(installation::save(folder.path(), example(), Existing::refuse));
  auto other = example();
  other.out = "/srv/other";
  CHECK(code_of([&] { installation::save(folder.path(), other, Existing::refuse); }) == Code::installation_exists);
  CHECK(installation::save(folder.path(), other, Existing::replace));
}

TEST_CASE("delivering makes four names that change at once, and keeps five versions") {
  const TemporaryFolder folder("ymgr-install");
  Installation place;
  place.name = "web";
  place.out = folder.path() + "/tls";
  std::string last;
  for (int i = 0; i < 8; ++i) {
    const Pair pair;
    const auto pem = pair.key.pem();
    last = "cert-2026010100000" + std::to_string(i) + "-000000000000";
    installation::deliver(place, {last, pair.certificate, {}, &pem});
    installation::deliver(place, {last, pair.certificate, {}, &pem});
    CHECK(installation::is_delivered(place, pair.certificate));
    CHECK(read_link(place.out + "/current") == "versions/" + last);
  }
  CHECK(list_folder(place.out + "/versions").size() == 5);
  CHECK(mode_of(place.out + "/privkey.pem") == 0600);
  CHECK(mode_of(place.out + "/cert.pem") == 0644);
}

TEST_CASE("files of somebody else are not overwritten") {
  const TemporaryFolder folder("ymgr-install");
  write_file(folder.path() + "/privkey.pem", "mine");
  Installation place;
  place.name = "web";
  place.out = folder.path();
  const Pair pair;
  const auto pem = pair.key.pem();
  CHECK(code_of([&] { installation::deliver(place, {"cert-1", pair.certificate, {}, &pem}); }) == Code::file_exists);
  CHECK(read_file(folder.path() + "/privkey.pem") == "mine");
}

TEST_CASE("a key that does not fit its certificate counts as not delivered") {
  const TemporaryFolder folder("ymgr-install");
  Installation place;
  place.name = "web";
  place.out = folder.path() + "/tls";
  const Pair pair, other;
  const auto pem = other.key.pem();
  installation::deliver(place, {"cert-1", pair.certificate, {}, &pem});
  CHECK_FALSE(installation::is_delivered(place, pair.certificate));
}
