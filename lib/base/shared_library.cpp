#include "base/shared_library.hpp"

#include <dlfcn.h>

#include <string>

#include "base/error.hpp"

namespace ymgr {
namespace {

Error library_missing(const char* soname, const char* package) {
  const char* reason = ::dlerror();
  return {Code::library_missing, std::string("open ") + soname + ": " + (reason ? reason : "unknown reason"),
          std::string("apt-get install ") + package};
}

}  // namespace

SharedLibrary::SharedLibrary(const char* soname, const char* package)
    : soname_(soname), package_(package), handle_(::dlopen(soname, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) throw library_missing(soname, package);
}

void* SharedLibrary::find(const char* name) const {
  void* symbol = ::dlsym(handle_, name);
  if (symbol == nullptr) throw library_missing(soname_, package_);
  return symbol;
}

}  // namespace ymgr
