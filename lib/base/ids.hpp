#pragma once
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace ymgr {

/// "cert-20250118143215-7f3a91c04be2": kind, UTC second, 48 random bits. Sortable.
std::string new_id(std::string_view kind, Time at);
/// The `resume-…` name of a `req-…` id and back; anything else unchanged.
std::string resume_id(std::string_view request_id);
std::string request_id(std::string_view resume_or_request_id);
inline constexpr std::size_t longest_request_id = 64;
/// Of the operation `number` of a run that was given `request_id`: "night-70-2"; of a long one a shorter one that is its alone.
std::string numbered_id(std::string_view request_id, int number);
/// kind "-" 14 digits "-" 12 lower-case hex digits; for kind "req" also what a caller gives with --request-id: 1 to 64 of
/// [A-Za-z0-9._-], beginning with a letter or digit.
bool is_id(std::string_view kind, std::string_view text) noexcept;

}  // namespace ymgr
