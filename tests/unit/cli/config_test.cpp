#include "cli/config.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"
#include "workflow/heartbeat.hpp"

using namespace ymgr;
using namespace ymgr::cli;

namespace {

/// Sets variables while it lives; the others of ours are unset.
class Surroundings {
 public:
  explicit Surroundings(std::initializer_list<std::pair<const char*, const char*>> variables) {
    for (const char* name : {"YMGR_HOME", "YMGR_OUTPUT", "YMGR_TIMEOUT", "YMGR_CONTEXT", "YMGR_JOBS", "XDG_DATA_HOME"})
      ::unsetenv(name);
    ::setenv("HOME", "/home/alice", 1);
    for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  }
};

std::vector<ConfigFile> files(std::initializer_list<const char*> texts) {
  std::vector<ConfigFile> parsed;
  for (const char* text : texts) parsed.push_back(parse_config(text, "/f" + std::to_string(parsed.size() + 1)));
  return parsed;
}

std::string refusal(const char* yaml) {
  const auto error = thrown([&] { parse_config(yaml, "/f"); });
  return error ? std::string(error->what()) + " # " + error->hint() : "accepted";
}

Values flags(std::initializer_list<std::pair<const char*, const char*>> given) {
  Values values;
  for (const auto& [name, value] : given) values.set(name, {value});
  return values;
}

}  // namespace

TEST_CASE("a flag stands above the environment, that above the files in their order, those above the default") {
  const auto layers = files({"timeout: 3s\n", "timeout: 4s\njobs: 2\n"});
  Surroundings both({{"YMGR_TIMEOUT", "2s"}});
  const Config with_flag = make_config(flags({{"--timeout", "1s"}}), &layers);
  CHECK(with_flag.at("timeout").value == "1s");
  CHECK(with_flag.at("timeout").origin == "flag --timeout");
  const Config with_environment = make_config({}, &layers);
  CHECK(with_environment.at("timeout").value == "2s");
  CHECK(with_environment.at("timeout").origin == "environment YMGR_TIMEOUT");
  Surroundings none({});
  const Config with_files = make_config({}, &layers);
  CHECK(with_files.at("timeout").value == "3s");
  CHECK(with_files.at("timeout").origin == "/f1:1");
  CHECK(with_files.at("jobs").origin == "/f2:2");
  CHECK(with_files.jobs() == 2);
  CHECK(with_files.at("output").origin == "default");
  CHECK(with_files.home() == "/home/alice/.local/share/ymgr");
  CHECK_FALSE(with_files.renew_before());
}

TEST_CASE("a context stands above the files' own settings and below the environment") {
  const auto layers =
      files({"home: /a\ntimeout: 1s\ncontexts:\n  prod:\n    home: ~/prod\n    renew_before: 33%\n", "home: /b\n"});
  Surroundings none({});
  CHECK(make_config({}, &layers).home() == "/a");
  const Config prod = make_config(flags({{"--context", "prod"}}), &layers);
  CHECK(prod.home() == "/home/alice/prod");
  CHECK(prod.at("home").origin == "/f1:5");
  CHECK(prod.timeout() == std::chrono::seconds(1));
  CHECK(prod.renew_before().value().percent == 33);
  Surroundings home({{"YMGR_HOME", "/c/"}});
  const Config moved = make_config(flags({{"--context", "prod"}}), &layers);
  CHECK(moved.home() == "/c");
  CHECK(moved.home_is_moved);
}

TEST_CASE("a context may be chosen in a file; an unknown one is refused with the nearest") {
  Surroundings none({});
  const auto layers = files({"context: prod\ncontexts: {prod: {jobs: 3}}\n"});
  CHECK(make_config({}, &layers).jobs() == 3);
  const auto error = thrown([&] { make_config(flags({{"--context", "pord"}}), &layers); });
  REQUIRE(error);
  CHECK(error->code() == Code::config_invalid);
  CHECK(error->hint() == "Did you mean 'prod'?");
  CHECK(make_config(flags({{"--context", "pord"}}), nullptr).at("context").value == "pord");
}

TEST_CASE("a wrong configuration names file, line, column and the nearest key") {
  struct Row {
    const char *yaml, *message;
  };
  const Row rows[] = {
      {"hom: /a\n", "/f:1:1: unknown key \"hom\" in configuration # "},
      {"timeout: 5\n", "/f:1:10: timeout: "},
      {"timeout: [1s]\n", "/f:1:10: "},
      {"jobs: 0\n", "/f:1:7: jobs: '0' is not a number from 1 to 256 # "},
      {"jobs: many\n", "/f:1:7: jobs: 'many' is not a number from 1 to 256 # "},
      {"home: relative\n", "/f:1:7: home: 'relative' is not an absolute path # Begin it with / or ~/"},
      {"output: xml\n", "/f:1:9: output: there is no output form 'xml'"},
      {"session: {foldr: /a}\n", "/f:1:11: unknown key \"foldr\" in session # "},
      {"contexts: [a]\n", "/f:1:11: "},
      {"contexts: {a: {contexts: {}}}\n", "/f:1:16: unknown key \"contexts\" in context a"},
      {"- a\n", "/f:1:1: "},
      {"renew_before: soon\n", "/f:1:15: renew_before: "},
  };
  for (const auto& row : rows) {
    CAPTURE(row.yaml);
    CHECK(refusal(row.yaml).substr(0, std::string_view(row.message).size()) == row.message);
  }
  CHECK(refusal("hom: /a\n").find("home") != std::string::npos);
  CHECK(refusal("") == "accepted");
  CHECK(refusal("session:\n") == "accepted");
}

TEST_CASE("a wrong value of a flag or variable is told by its name") {
  const Surroundings wrong({{"YMGR_TIMEOUT", "soon"}});
  CHECK(message_of([] { make_config({}, nullptr); }).starts_with("environment YMGR_TIMEOUT: "));
  Surroundings none({});
}

TEST_CASE("every key has a default and a place in the manual") {
  Surroundings none({});
  const Config config = make_config({}, nullptr);
  for (const ConfigKey& key : config_keys()) {
    CAPTURE(key.name);
    CHECK(config.settings.contains(key.name));
    CHECK_FALSE(key.help.empty());
    CHECK((key.check != nullptr));
  }
  CHECK(config.settings.size() == config_keys().size());
  CHECK(config.heartbeat() == heartbeat::usual_limit);
}

TEST_CASE("~/ is the home folder wherever a key names a file") {
  const char* keys[] = {"vault.ca_file",          "vault.jwt_file",          "vault.role_id_file",
                        "vault.secret_id_file",   "vault.certificate_file",  "vault.key_file",
                        "database.ca_file",       "notify.mail.ca_file",     "notify.mail.password_file",
                        "notify.webhook.ca_file", "notify.webhook.url_file", "notify.webhook.header_file"};
  Surroundings none({});
  for (const std::string key : keys) {
    CAPTURE(key);
    std::string yaml;
    for (const auto& part : split(key, '.')) yaml += (yaml.empty() ? "" : ": {") + part;
    const auto layers = files({(yaml + ": ~/one.pem" + std::string(split(key, '.').size() - 1, '}')).c_str()});
    CHECK(make_config({}, &layers).at(key).value == "/home/alice/one.pem");
  }
  const auto credential = files({"notify: {mail: {password_file: 'credential:mail'}}\n"});
  CHECK(make_config({}, &credential).at("notify.mail.password_file").value == "credential:mail");
}

TEST_CASE("a program of a file that others may write is not run") {
  Surroundings none({});
  const TemporaryFolder folder("ymgr-config");
  const std::string path = folder.path() + "/ymgr.yaml";
  for (const std::string key : {"ask", "notify: {exec"}) {
    const std::string name = key == "ask" ? "ask.command" : "notify.exec.command";
    const std::string yaml = key + ": {command: [~/bin/tell, 'two words']}" + (key == "ask" ? "" : "}");
    for (const mode_t mode : {0600U, 0644U, 0664U, 0646U}) {
      CAPTURE(name);
      CAPTURE(mode);
      write_file(path, yaml, {.mode = mode, .group = {}});
      const std::vector<ConfigFile> layers = {parse_config(yaml, path)};
      const Config config = make_config({}, &layers);
      if ((mode & 022) == 0) {
        CHECK(program_of(name, config.at(name)) == std::vector<std::string>{"/home/alice/bin/tell", "two words"});
        continue;
      }
      const auto error = thrown([&] { program_of(name, config.at(name)); });
      REQUIRE(error);
      CHECK(error->code() == Code::file_unsafe);
      CHECK(std::string(error->what()).find(name) != std::string::npos);
      CHECK(error->hint() == "chmod 0644 " + path);
    }
  }
}
