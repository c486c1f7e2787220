// The folder of a profile while it is made: built beside its place and renamed there at the very end, so that a killed run
// leaves no profile; what such a run left is cleared away by the next.
#pragma once
#include <optional>
#include <string>

#include "base/files.hpp"

namespace ymgr {

/// @throws Error profile-exists: something stands there other than an empty folder
void refuse_existing_profile(const std::string& home);

class NewProfile {
 public:
  /// `home`: absolute. @throws Error profile-busy: another process is at it · profile-exists · disk-unusable
  explicit NewProfile(std::string home);
  /// Not put into place: nothing was made.
  ~NewProfile();
  NewProfile(const NewProfile&) = delete;
  NewProfile& operator=(const NewProfile&) = delete;
  /// Where it is built, 0700.
  const std::string& folder() const noexcept { return folder_; }
  /// @throws Error profile-exists: something came between
  void put_into_place();
  /// The rename is on disk once this returns.
  void sync();

 private:
  class Lock {
   public:
    Lock(const std::string& home, std::string path);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    std::string path_;
    std::optional<Fd> held_;
  };

  std::string home_, parent_, folder_;
  std::optional<Lock> lock_;
};

}  // namespace ymgr
