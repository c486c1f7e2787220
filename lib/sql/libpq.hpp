// The functions of libpq that the PostgreSQL adapter calls. Embedded profiles need none: see base/shared_library.hpp.
#pragma once
#include <libpq-fe.h>

#include "base/shared_library.hpp"

namespace ymgr::sql {

class Libpq {
  SharedLibrary library_{YMGR_PQ_SONAME, "libpq5"};

  template <class Function>
  Function* find(const char* name) const {
    return library_.function<Function>(name);
  }

 public:
  decltype(PQconndefaults)* conndefaults = find<decltype(PQconndefaults)>("PQconndefaults");
  decltype(PQconninfoFree)* conninfo_free = find<decltype(PQconninfoFree)>("PQconninfoFree");
  decltype(PQconnectStartParams)* connect_start = find<decltype(PQconnectStartParams)>("PQconnectStartParams");
  decltype(PQconnectPoll)* connect_poll = find<decltype(PQconnectPoll)>("PQconnectPoll");
  decltype(PQfinish)* finish = find<decltype(PQfinish)>("PQfinish");
  decltype(PQstatus)* status = find<decltype(PQstatus)>("PQstatus");
  decltype(PQsslStruct)* ssl_struct = find<decltype(PQsslStruct)>("PQsslStruct");
  decltype(PQsocket)* socket = find<decltype(PQsocket)>("PQsocket");
  decltype(PQbackendPID)* backend_pid = find<decltype(PQbackendPID)>("PQbackendPID");
  decltype(PQerrorMessage)* error_message = find<decltype(PQerrorMessage)>("PQerrorMessage");
  decltype(PQconnectionNeedsPassword)* needs_password =
      find<decltype(PQconnectionNeedsPassword)>("PQconnectionNeedsPassword");
  decltype(PQsetErrorVerbosity)* set_error_verbosity = find<decltype(PQsetErrorVerbosity)>("PQsetErrorVerbosity");
  decltype(PQsetNoticeReceiver)* set_notice_receiver = find<decltype(PQsetNoticeReceiver)>("PQsetNoticeReceiver");
  decltype(PQsetnonblocking)* set_nonblocking = find<decltype(PQsetnonblocking)>("PQsetnonblocking");
  decltype(PQenterPipelineMode)* enter_pipeline = find<decltype(PQenterPipelineMode)>("PQenterPipelineMode");
  decltype(PQexitPipelineMode)* exit_pipeline = find<decltype(PQexitPipelineMode)>("PQexitPipelineMode");
  decltype(PQpipelineSync)* pipeline_sync = find<decltype(PQpipelineSync)>("PQpipelineSync");
  decltype(PQsendQuery)* send_query = find<decltype(PQsendQuery)>("PQsendQuery");
  decltype(PQsendQueryParams)* send_query_params = find<decltype(PQsendQueryParams)>("PQsendQueryParams");
  decltype(PQsendPrepare)* send_prepare = find<decltype(PQsendPrepare)>("PQsendPrepare");
  decltype(PQsendQueryPrepared)* send_query_prepared = find<decltype(PQsendQueryPrepared)>("PQsendQueryPrepared");
  decltype(PQsetSingleRowMode)* set_single_row_mode = find<decltype(PQsetSingleRowMode)>("PQsetSingleRowMode");
  decltype(PQflush)* flush = find<decltype(PQflush)>("PQflush");
  decltype(PQconsumeInput)* consume_input = find<decltype(PQconsumeInput)>("PQconsumeInput");
  decltype(PQisBusy)* is_busy = find<decltype(PQisBusy)>("PQisBusy");
  decltype(PQgetResult)* get_result = find<decltype(PQgetResult)>("PQgetResult");
  decltype(PQresultStatus)* result_status = find<decltype(PQresultStatus)>("PQresultStatus");
  decltype(PQresultErrorField)* error_field = find<decltype(PQresultErrorField)>("PQresultErrorField");
  decltype(PQresultErrorMessage)* result_error = find<decltype(PQresultErrorMessage)>("PQresultErrorMessage");
  decltype(PQcmdStatus)* command_status = find<decltype(PQcmdStatus)>("PQcmdStatus");
  decltype(PQcmdTuples)* command_tuples = find<decltype(PQcmdTuples)>("PQcmdTuples");
  decltype(PQntuples)* row_count = find<decltype(PQntuples)>("PQntuples");
  decltype(PQgetisnull)* is_null = find<decltype(PQgetisnull)>("PQgetisnull");
  decltype(PQgetvalue)* value = find<decltype(PQgetvalue)>("PQgetvalue");
  decltype(PQgetlength)* length = find<decltype(PQgetlength)>("PQgetlength");
  decltype(PQclear)* clear = find<decltype(PQclear)>("PQclear");
};

/// @throws Error library-missing
inline const Libpq& libpq() {
  static const Libpq functions;
  return functions;
}

}  // namespace ymgr::sql
