// One run of the program, from words to exit status.
#pragma once
#include <exception>
#include <span>
#include <string>

namespace ymgr::cli {

/// Parses, runs and prints. @throws Error, and whatever a library threw
int run_program(std::span<const std::string> words);
/// Tells the error in the form that `words` ask for; the one place where errors end. @return the exit status
int report_failure(const std::exception_ptr& failure, std::span<const std::string> words) noexcept;

}  // namespace ymgr::cli
