#include "base/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include "support/thrown.hpp"

using namespace ymgr;

TEST_CASE("a folder has one who locks it at a time, and nothing is left in it") {
  const TemporaryFolder folder("ymgr-test");
  const Fd other(open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  {
    const Fd held = lock_folder(folder.path());
    CHECK(flock(other.get(), LOCK_EX | LOCK_NB) == -1);
  }
  CHECK(flock(other.get(), LOCK_EX | LOCK_NB) == 0);
  CHECK(list_folder(folder.path()).empty());
  CHECK(code_of([&] { lock_folder(folder.path() + "/absent"); }) == Code::file_not_found);
}

TEST_CASE("who waits for a limited time goes on without the lock") {
  const TemporaryFolder folder("ymgr-test");
  const Fd held = lock_folder(folder.path());
  CHECK_FALSE(lock_folder(folder.path(), std::chrono::seconds(0)));
}
