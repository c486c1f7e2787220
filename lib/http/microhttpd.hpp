// The functions of libmicrohttpd that the server calls. Only `ca serve` needs them: see base/shared_library.hpp.
#pragma once
#include <microhttpd.h>

#include "base/shared_library.hpp"

namespace ymgr::http {

class Microhttpd {
  SharedLibrary library_{YMGR_MICROHTTPD_SONAME, "libmicrohttpd12"};

 public:
#define YMGR_MHD(name) decltype(MHD_##name)* name = library_.function<decltype(MHD_##name)>("MHD_" #name)
  YMGR_MHD(start_daemon);
  YMGR_MHD(stop_daemon);
  YMGR_MHD(run);
  YMGR_MHD(get_timeout);
  YMGR_MHD(get_daemon_info);
  YMGR_MHD(get_connection_info);
  YMGR_MHD(get_connection_values);
  YMGR_MHD(create_response_from_buffer);
  YMGR_MHD(add_response_header);
  YMGR_MHD(queue_response);
  YMGR_MHD(destroy_response);
#undef YMGR_MHD
};

/// @throws Error library-missing
inline const Microhttpd& microhttpd() {
  static const Microhttpd functions;
  return functions;
}

}  // namespace ymgr::http
