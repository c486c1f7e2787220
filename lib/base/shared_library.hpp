// Libraries that few commands need, opened when they are first used: linked, each would cost every start of the program what
// it drags in.
#pragma once

namespace ymgr {

/// Stays open until the process ends.
class SharedLibrary {
 public:
  /// @param soname   of the binary interface that the program was built with ("libmicrohttpd.so.12")
  /// @param package  the Debian package that has it, for the hint
  /// @throws Error library-missing
  SharedLibrary(const char* soname, const char* package);

  /// @throws Error library-missing: the library is there and has no such function
  template <class Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(find(name));
  }

 private:
  void* find(const char* name) const;
  const char *soname_, *package_;
  void* handle_;
};

}  // namespace ymgr
