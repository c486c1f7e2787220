// The functions of libmicrohttpd that the server calls. Few commands need them: see base/shared_library.hpp.
#pragma once
#include <microhttpd.h>

#include "base/shared_library.hpp"

namespace ymgr::http {

class Microhttpd {
  SharedLibrary library_{YMGR_MICROHTTPD_SONAME, "libmicrohttpd12"};

  template <class Function>
  Function* find(const char* name) const {
    return library_.function<Function>(name);
  }

 public:
  decltype(MHD_start_daemon)* start_daemon = find<decltype(MHD_start_daemon)>("MHD_start_daemon");
  decltype(MHD_stop_daemon)* stop_daemon = find<decltype(MHD_stop_daemon)>("MHD_stop_daemon");
  decltype(MHD_run)* run = find<decltype(MHD_run)>("MHD_run");
  decltype(MHD_get_timeout)* get_timeout = find<decltype(MHD_get_timeout)>("MHD_get_timeout");
  decltype(MHD_get_daemon_info)* get_daemon_info = find<decltype(MHD_get_daemon_info)>("MHD_get_daemon_info");
  decltype(MHD_get_connection_info)* get_connection_info =
      find<decltype(MHD_get_connection_info)>("MHD_get_connection_info");
  decltype(MHD_get_connection_values_n)* get_connection_values_n =
      find<decltype(MHD_get_connection_values_n)>("MHD_get_connection_values_n");
  decltype(MHD_quiesce_daemon)* quiesce_daemon = find<decltype(MHD_quiesce_daemon)>("MHD_quiesce_daemon");
  decltype(MHD_suspend_connection)* suspend_connection =
      find<decltype(MHD_suspend_connection)>("MHD_suspend_connection");
  decltype(MHD_resume_connection)* resume_connection = find<decltype(MHD_resume_connection)>("MHD_resume_connection");
  decltype(MHD_create_response_from_buffer)* create_response_from_buffer =
      find<decltype(MHD_create_response_from_buffer)>("MHD_create_response_from_buffer");
  decltype(MHD_add_response_header)* add_response_header =
      find<decltype(MHD_add_response_header)>("MHD_add_response_header");
  decltype(MHD_queue_response)* queue_response = find<decltype(MHD_queue_response)>("MHD_queue_response");
  decltype(MHD_destroy_response)* destroy_response = find<decltype(MHD_destroy_response)>("MHD_destroy_response");
};

/// @throws Error library-missing
inline const Microhttpd& microhttpd() {
  static const Microhttpd functions;
  return functions;
}

}  // namespace ymgr::http
