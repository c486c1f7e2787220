#include "base/files.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "support/thrown.hpp"

using namespace ymgr;
using Names = std::vector<std::string>;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

void set_mode(const std::string& path, mode_t mode) {
  REQUIRE(chmod(path.c_str(), mode) == 0);
}

}  // namespace

TEST_CASE("a file is written whole, with its mode, and nothing else is left beside it") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/file";
  write_file(path, "one");
  CHECK(read_file(path) == "one");
  CHECK(mode_of(path) == 0600);
  write_file(path, std::string("t\0wo", 4), {0640, getegid()});
  CHECK(read_file(path) == std::string("t\0wo", 4));
  CHECK(mode_of(path) == 0640);
  CHECK(list_folder(folder.path()) == Names{"file"});
}

TEST_CASE("an existing file is refused when asked to, and stays as it was") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/file", link = folder.path() + "/link";
  write_file(path, "one", {}, Existing::refuse);
  CHECK(code_of([&] { write_file(path, "two", {}, Existing::refuse); }) == Code::file_exists);
  CHECK(read_file(path) == "one");
  point_link(link, "nowhere");
  CHECK(code_of([&] { write_file(link, "two", {}, Existing::refuse); }) == Code::file_exists);
  CHECK(list_folder(folder.path()) == Names{"file", "link"});
}

TEST_CASE("writing through a link replaces the link, not what it points to") {
  const TemporaryFolder folder("ymgr-test");
  write_file(folder.path() + "/target", "old");
  point_link(folder.path() + "/link", "target");
  write_file(folder.path() + "/link", "new");
  CHECK(read_file(folder.path() + "/target") == "old");
  CHECK(read_file(folder.path() + "/link") == "new");
  CHECK_FALSE(read_link(folder.path() + "/link"));
}

TEST_CASE("a write that fails half-way leaves the old file and nothing beside it") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/file";
  write_file(path, "old");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit ten_bytes{10, 10};
    std::signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &ten_bytes);
    _exit(code_of([&] { write_file(path, std::string(100, 'x')); }) == Code::system_error ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(read_file(path) == "old");
  CHECK(list_folder(folder.path()) == Names{"file"});
}

TEST_CASE("a file is written and read piece by piece, and is not there before its commit") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/file";
  {
    FileWriter given_up(path, {}, Existing::refuse);
    given_up.write("half");
    CHECK_FALSE(exists(path));
  }
  CHECK(list_folder(folder.path()).empty());
  FileWriter writer(path, {0640, std::nullopt}, Existing::refuse);
  writer.write("one ");
  writer.write("two");
  writer.commit();
  CHECK(list_folder(folder.path()) == std::vector<std::string>{"file"});
  FileReader reader(path);
  std::string block(5, '\0');
  CHECK(reader.read(block) == 5);
  CHECK(block == "one t");
  CHECK(reader.read(block) == 2);
  CHECK(block.substr(0, 2) == "wo");
  CHECK(reader.read(block) == 0);
  CHECK(code_of([&] { FileWriter(path, {}, Existing::refuse); }) == Code::file_exists);
  CHECK(code_of([&] { FileReader(folder.path() + "/none"); }) == Code::file_not_found);
}

TEST_CASE("devices, pipes and folders are never replaced by a file") {
  const TemporaryFolder folder("ymgr-test");
  const std::string pipe = folder.path() + "/pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(code_of([&] { write_file(pipe, "x"); }) == Code::file_unsafe);
  CHECK(code_of([&] { write_file(folder.path(), "x"); }) == Code::file_unsafe);
  CHECK(code_of([] { write_file("/dev/null", "x"); }) == Code::file_unsafe);
}

TEST_CASE("errors say what a person can do about them") {
  const TemporaryFolder folder("ymgr-test");
  CHECK(code_of([&] { read_file(folder.path() + "/absent"); }) == Code::file_not_found);
  CHECK(code_of([&] { write_file(folder.path() + "/absent/file", "x"); }) == Code::file_not_found);
  CHECK(code_of([&] { read_file(folder.path()); }) == Code::system_error);
  CHECK_FALSE(read_file_if_there(folder.path() + "/absent"));
  CHECK(code_of([&] { rename_file(folder.path() + "/absent", folder.path() + "/x"); }) == Code::file_not_found);
  if (geteuid() != 0) {
    CHECK(code_of([] { read_file("/etc/shadow"); }) == Code::file_denied);
  }
}

TEST_CASE("a file is read up to its limit, also when its size is not known before") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/file", pipe = folder.path() + "/pipe";
  write_file(path, "12345");
  CHECK(read_file(path, 5) == "12345");
  CHECK(code_of([&] { read_file(path, 4); }) == Code::file_too_large);
  write_file(path, "");
  CHECK(read_file(path, 0).empty());
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const std::string big(100'000, 'x');
  std::jthread writer([&] {
    FILE* out = fopen(pipe.c_str(), "w");
    fwrite(big.data(), 1, big.size(), out);
    fclose(out);
  });
  CHECK(read_file(pipe) == big);
  CHECK(code_of([] { read_file("/dev/zero", 1000); }) == Code::file_too_large);
}

TEST_CASE("a secret file must be private, regular and no link; one newline is dropped") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/password", link = folder.path() + "/link", pipe = folder.path() + "/pipe";
  const std::pair<const char*, const char*> contents[] = {
      {"hunter2\n", "hunter2"}, {"hunter2", "hunter2"}, {"a\n\n", "a\n"}, {"\n", ""}, {"", ""}, {" a ", " a "}};
  for (const auto& [text, want] : contents) {
    write_file(path, text);
    CHECK(read_secret_file(path).reveal() == want);
  }
  for (const mode_t mode : {0400U, 0600U, 0700U}) {
    set_mode(path, mode);
    CHECK(read_secret_file(path).reveal() == " a ");
  }
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U}) {
    CAPTURE(mode);
    set_mode(path, mode);
    CHECK(code_of([&] { read_secret_file(path); }) == Code::file_unsafe);
  }
  CHECK(thrown([&] { read_secret_file(path); })->hint() == "chmod 600 " + path);
  set_mode(path, 0600);
  point_link(link, "password");
  CHECK(code_of([&] { read_secret_file(link); }) == Code::file_unsafe);
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(code_of([&] { read_secret_file(pipe); }) == Code::file_unsafe);
  CHECK(code_of([&] { read_secret_file(folder.path()); }) == Code::file_unsafe);
  CHECK(code_of([&] { read_secret_file(folder.path() + "/absent"); }) == Code::file_not_found);
  write_file(path, std::string(64 * 1024, 'x'));
  CHECK(read_secret_file(path).size() == 64 * 1024);
  write_file(path, std::string(64 * 1024 + 1, 'x'));
  CHECK(code_of([&] { read_secret_file(path); }) == Code::file_too_large);
}

TEST_CASE("folders are made with exactly their mode") {
  const TemporaryFolder folder("ymgr-test");
  CHECK(mode_of(folder.path()) == 0700);
  const mode_t before = umask(077);
  CHECK(make_folder(folder.path() + "/a", 0755));
  CHECK_FALSE(make_folder(folder.path() + "/a", 0700));
  CHECK(mode_of(folder.path() + "/a") == 0755);
  make_folders(folder.path() + "/b/c/d", 0750);
  umask(before);
  CHECK(mode_of(folder.path() + "/b") == 0750);
  CHECK(mode_of(folder.path() + "/b/c/d") == 0750);
  make_folders(folder.path() + "/b/c/d", 0700);
  CHECK(mode_of(folder.path() + "/b/c/d") == 0750);
  write_file(folder.path() + "/file", "");
  CHECK(code_of([&] { make_folder(folder.path() + "/file", 0700); }) == Code::system_error);
  CHECK(code_of([&] { make_folder(folder.path() + "/x/y", 0700); }) == Code::file_not_found);
}

TEST_CASE("trees are removed without following links") {
  const TemporaryFolder folder("ymgr-test"), outside("ymgr-test");
  write_file(outside.path() + "/kept", "x");
  make_folders(folder.path() + "/tree/deep", 0700);
  write_file(folder.path() + "/tree/deep/file", "x");
  point_link(folder.path() + "/tree/link", outside.path());
  remove_tree(folder.path() + "/tree");
  remove_tree(folder.path() + "/tree");
  CHECK_FALSE(exists(folder.path() + "/tree"));
  CHECK(exists(outside.path() + "/kept"));
  write_file(folder.path() + "/file", "x");
  remove_file(folder.path() + "/file");
  remove_file(folder.path() + "/file");
  CHECK(list_folder(folder.path()).empty());
  CHECK(list_folder(folder.path() + "/absent").empty());
}

TEST_CASE("a link is changed in one step") {
  const TemporaryFolder folder("ymgr-test");
  const std::string link = folder.path() + "/current";
  point_link(link, "versions/1");
  CHECK(read_link(link) == "versions/1");
  CHECK_FALSE(exists(link));
  point_link(link, "versions/2");
  point_link(link, "versions/2");
  CHECK(read_link(link) == "versions/2");
  CHECK(list_folder(folder.path()) == Names{"current"});
  CHECK_FALSE(read_link(folder.path()));
  CHECK_FALSE(read_link(folder.path() + "/absent"));
}

TEST_CASE("what must be private is refused with the command that makes it so") {
  const TemporaryFolder folder("ymgr-test");
  require_private(folder.path(), 0700, "the profile");
  set_mode(folder.path(), 0750);
  require_private(folder.path(), 0755, "the folder");
  const auto error = thrown([&] { require_private(folder.path(), 0700, "the profile"); });
  REQUIRE(error);
  CHECK(error->code() == Code::file_unsafe);
  CHECK(error->hint() == "chmod 0700 " + folder.path());
  set_mode(folder.path(), 0775);
  CHECK(thrown([&] { require_private(folder.path(), 0755, "the folder"); })->hint() == "chmod 0755 " + folder.path());
  set_mode(folder.path(), 0700);
  CHECK(code_of([&] { require_private(folder.path() + "/absent", 0700, "x"); }) == Code::file_not_found);
  if (geteuid() == 0) {
    REQUIRE(chown(folder.path().c_str(), 12345, 12345) == 0);
    CHECK(thrown([&] { require_private(folder.path(), 0700, "x"); })->hint() == "chown 0 " + folder.path());
    write_file(folder.path() + "/password", "x");
    REQUIRE(chown((folder.path() + "/password").c_str(), 12345, 0) == 0);
    CHECK(code_of([&] { read_secret_file(folder.path() + "/password"); }) == Code::file_unsafe);
    REQUIRE(chown((folder.path() + "/password").c_str(), 0, 0) == 0);
    set_mode(folder.path() + "/password", 0440);
    CHECK(read_secret_file(folder.path() + "/password").reveal() == "x");
  }
}

TEST_CASE("groups are named or numbered") {
  CHECK(group_id("root") == 0);
  CHECK(group_id("12345") == 12345);
  for (const char* name : {"", "no-such-group", "-1", "4294967295", "99999999999"}) {
    CAPTURE(name);
    CHECK(code_of([&] { group_id(name); }) == Code::usage);
  }
}

TEST_CASE("file modes are octal and never writable by others") {
  CHECK(parse_file_mode("640") == 0640);
  CHECK(parse_file_mode("0600") == 0600);
  CHECK(parse_file_mode("775") == 0775);
  for (const char* text :
       {"", "6", "64", "08", "688", "1777", "7777", "00640", "666", "602", "-640", "u=rw", "0x1F", "640 "}) {
    CAPTURE(text);
    CHECK(code_of([&] { parse_file_mode(text); }) == Code::usage);
  }
}

TEST_CASE("a lock has one holder and is free again when that one is gone") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/lock";
  {
    const auto held = try_lock(path);
    REQUIRE(held);
    CHECK_FALSE(try_lock(path));
  }
  CHECK(try_lock(path));
  CHECK(code_of([&] { try_lock(folder.path() + "/absent/lock"); }) == Code::file_not_found);
}

TEST_CASE("a temporary folder goes with everything in it") {
  std::string path;
  {
    const TemporaryFolder folder("ymgr-test");
    path = folder.path();
    CHECK(path.starts_with("/tmp/ymgr-test-"));
    make_folders(path + "/a/b", 0700);
    write_file(path + "/a/b/c", "x");
    const TemporaryFolder inside(path + "/inner");
    CHECK(inside.path().starts_with(path + "/inner-"));
  }
  CHECK_FALSE(exists(path));
}
