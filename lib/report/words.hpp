// Figures as people read them.
#pragma once
#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace ymgr {

/// 1234567 as "1,234,567".
std::string grouped(std::int64_t number);
/// "66.6%", "100%". @param percent  in steps of 0.1
std::string percent_text(double percent);
/// part / all in steps of 0.1, rounded down; 100 when there is nothing at all.
double percent_of(std::int64_t part, std::int64_t all) noexcept;
/// "1 certificate", "2 certificates".
std::string certificates_text(std::int64_t count);
/// "2027-01-15".
std::string date_text(Time at);

}  // namespace ymgr
