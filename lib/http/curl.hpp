// The functions of libcurl that are called. Few commands need them: see base/shared_library.hpp.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/shared_library.hpp"

namespace ymgr::http {

class Curl {
  SharedLibrary library_{YMGR_CURL_SONAME, "libcurl4"};

  template <class Function>
  Function* find(const char* name) const {
    return library_.function<Function>(name);
  }

 public:
  decltype(curl_global_init)* global_init = find<decltype(curl_global_init)>("curl_global_init");
  decltype(curl_easy_init)* easy_init = find<decltype(curl_easy_init)>("curl_easy_init");
  decltype(curl_easy_cleanup)* easy_cleanup = find<decltype(curl_easy_cleanup)>("curl_easy_cleanup");
  decltype(curl_easy_reset)* easy_reset = find<decltype(curl_easy_reset)>("curl_easy_reset");
  decltype(curl_easy_perform)* easy_perform = find<decltype(curl_easy_perform)>("curl_easy_perform");
  decltype(curl_easy_setopt)* easy_setopt = find<decltype(curl_easy_setopt)>("curl_easy_setopt");
  decltype(curl_easy_getinfo)* easy_getinfo = find<decltype(curl_easy_getinfo)>("curl_easy_getinfo");
  decltype(curl_easy_strerror)* easy_strerror = find<decltype(curl_easy_strerror)>("curl_easy_strerror");
  decltype(curl_multi_init)* multi_init = find<decltype(curl_multi_init)>("curl_multi_init");
  decltype(curl_multi_cleanup)* multi_cleanup = find<decltype(curl_multi_cleanup)>("curl_multi_cleanup");
  decltype(curl_multi_add_handle)* multi_add = find<decltype(curl_multi_add_handle)>("curl_multi_add_handle");
  decltype(curl_multi_remove_handle)* multi_remove =
      find<decltype(curl_multi_remove_handle)>("curl_multi_remove_handle");
  decltype(curl_multi_perform)* multi_perform = find<decltype(curl_multi_perform)>("curl_multi_perform");
  decltype(curl_multi_poll)* multi_poll = find<decltype(curl_multi_poll)>("curl_multi_poll");
  decltype(curl_multi_info_read)* multi_info_read = find<decltype(curl_multi_info_read)>("curl_multi_info_read");
};

/// Opened and initialised. Not for two threads to ask for at once the first time. @throws Error library-missing
inline const Curl& curl() {
  static const Curl functions = [] {
    Curl opened;
    opened.global_init(CURL_GLOBAL_DEFAULT);
    return opened;
  }();
  return functions;
}

}  // namespace ymgr::http
