#include "workflow/new_profile.hpp"

#include <filesystem>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

void refuse_existing_profile(const std::string& home) {
  if (!exists(home) || (is_folder(home) && list_folder(home).empty())) return;
  throw Error(Code::profile_exists, home + " exists already", "Use it, or choose another folder with YMGR_HOME");
}

NewProfile::Lock::Lock(const std::string& home, std::string path) : path_(std::move(path)), held_(try_lock(path_)) {
  if (!held_) throw Error(Code::profile_busy, "another process is making " + home, "Wait for it to end");
}

NewProfile::Lock::~Lock() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

NewProfile::NewProfile(std::string home) : home_(std::move(home)), parent_(parent_of(home_)) {
  make_folders(parent_, 0700);
  lock_.emplace(home_, parent_ + "/." + name_of(home_) + ".init-lock");
  refuse_existing_profile(home_);
  const std::string prefix = "." + name_of(home_) + ".new-";
  for (const auto& name : list_folder(parent_)) {
    if (name.starts_with(prefix)) remove_tree(parent_ + "/" + name);
  }
  folder_ = parent_ + "/" + prefix + to_hex(random_bytes(6));
  make_folder(folder_, 0700);
}

NewProfile::~NewProfile() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void NewProfile::put_into_place() {
  refuse_existing_profile(home_);
  sync_folder(folder_);
  rename_file(folder_, home_);
}

void NewProfile::sync() {
  sync_folder(parent_);
}

}  // namespace ymgr
