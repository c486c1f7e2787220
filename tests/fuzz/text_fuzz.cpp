// The small readers: times, durations, shares of a life, hexadecimal, base64, words, numbers, file modes, ids.
#include <cstdint>
#include <cstdlib>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"

using namespace ymgr;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Read>
void attempt(Code want, Read read) {
  try {
    read();
  } catch (const Error& error) {
    require(error.code() == want);
  }
}

void read_times(std::string_view text) {
  attempt(Code::time_invalid, [&] {
    const Time time = parse_time(text);
    require(parse_time(format_time(time)) == floor_seconds(time));
  });
  attempt(Code::duration_invalid, [&] {
    const Duration duration = parse_duration(text);
    require(parse_duration(format_duration(duration)) == duration);
  });
  attempt(Code::duration_invalid, [&] {
    const RenewBefore value = parse_renew_before(text);
    const RenewBefore again = parse_renew_before(format_renew_before(value));
    require(again.fixed == value.fixed && again.percent == value.percent);
  });
}

void read_codecs(std::string_view text) {
  if (const auto bytes = from_hex(text)) require(to_hex(*bytes) == lower(text));
  if (const auto bytes = from_base64(text)) require(to_base64(*bytes) == text);
  if (const auto bytes = from_base64url(text)) require(to_base64url(*bytes) == text);
  require(from_hex(to_hex(text)) == text && from_base64(to_base64(text)) == text);
  require(from_base64url(to_base64url(text)) == text);
}

void read_words(std::string_view text) {
  attempt(Code::usage, [&] {
    std::string line;
    const auto words = split_words(text);
    for (const std::string& word : words) line += shell_quote(word) + " ";
    require(split_words(line) == words);
  });
  require(split_words(shell_quote(text)) == std::vector{std::string(text)});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_times(text);
  read_codecs(text);
  read_words(text);
  const std::string shown = printable(text);
  require(is_utf8(shown) && printable(shown) == shown);
  require(display_width(shown) <= 2 * shown.size());
  if (const auto number = parse_number(text)) require(*number >= 0);
  attempt(Code::usage, [&] { require((parse_file_mode(text) & 02) == 0); });
  if (is_id("cert", text)) require(is_id("req", text));
  require(request_id(resume_id(text)) == request_id(text));
  return 0;
}
