// One line an event, to standard error or the journal. Never a secret, a token, a request's body or a card's bytes.
#pragma once
#include <string>
#include <string_view>

namespace ymgr::agentd::log {

enum class Level { debug, info, warning, error };
enum class Target { standard_error, journal };

/// @param level  "error", "warning", "info" or "debug"
void open(std::string_view level, Target target);
void write(Level level, const std::string& line);

inline void debug(const std::string& line) {
  write(Level::debug, line);
}
inline void info(const std::string& line) {
  write(Level::info, line);
}
inline void warning(const std::string& line) {
  write(Level::warning, line);
}

}  // namespace ymgr::agentd::log
