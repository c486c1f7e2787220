// The table `notifications`: what each channel was told, and what it is owed. For notices.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "workflow/notices.hpp"

namespace ymgr::notices {

/// Makes what is true now into what `channel` is owed: new windows and failures, failures that changed or ended; what is no longer so
/// and never went out is dropped. What a process that died was sending is owed again. In the caller's transaction.
void record(Workbench&, std::string_view channel, const Facts&, Time at);

/// All that the channel is owed becomes this process's to send, until `until`. In the caller's transaction.
/// @return in the order of a digest
std::vector<Notice> claim(Workbench&, std::string_view channel, const std::string& digest, Time until);
/// Without claiming it.
std::vector<Notice> owed(sql::Connection&, std::string_view channel);

/// How a claim ended. Nothing happens when it is somebody else's by now. In the caller's transaction.
void mark_sent(Workbench&, std::string_view channel, const std::string& digest, Time at);
void mark_failed(Workbench&, std::string_view channel, const std::string& digest, const Error&);

}  // namespace ymgr::notices
