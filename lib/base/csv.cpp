#include "base/csv.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace ymgr {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

class Parser {
 public:
  Parser(std::string_view text, const CsvLimits& limits) : text_(text), limits_(limits) {}

  std::vector<CsvRow> run() {
    while (at_ < text_.size()) {
      if (skip_line_end()) continue;
      if (rows_.size() == limits_.rows) fail("more than " + std::to_string(limits_.rows) + " rows");
      rows_.push_back({line_, {}});
      read_row(rows_.back().fields);
    }
    return std::move(rows_);
  }

 private:
  void read_row(std::vector<std::string>& fields) {
    for (;;) {
      if (fields.size() == limits_.fields) fail("more than " + std::to_string(limits_.fields) + " fields");
      fields.push_back(peek() == '"' ? quoted() : plain());
      if (at_ == text_.size() || skip_line_end()) return;
      if (peek() != ',') fail("text after a closing quote");
      ++at_;
    }
  }
  std::string plain() {
    const std::size_t end = std::min(text_.find_first_of(",\"\r\n", at_), text_.size());
    std::string field(text_.substr(at_, end - at_));
    at_ = end;
    if (peek() == '"') fail("a quote inside a field without quotes");
    if (peek() == '\r' && !at_line_end()) fail("a carriage return inside a field without quotes");
    return field;
  }
  std::string quoted() {
    const int begin = line_;
    std::string field;
    for (++at_;; ++at_) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) fail_at(begin, "a quote is not closed");
      const std::string_view piece = text_.substr(at_, quote - at_);
      line_ += static_cast<int>(std::ranges::count(piece, '\n'));
      field += piece;
      at_ = quote + 1;
      if (peek() != '"') return field;
      field += '"';
    }
  }
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool at_line_end() const noexcept {
    const std::string_view rest = text_.substr(at_);
    return rest.starts_with('\n') || rest.starts_with("\r\n");
  }
  bool skip_line_end() noexcept {
    if (!at_line_end()) return false;
    at_ += text_[at_] == '\r' ? 2U : 1U;
    ++line_;
    return true;
  }
  [[noreturn]] void fail(const std::string& reason) const { fail_at(line_, reason); }
  [[noreturn]] static void fail_at(int line, const std::string& reason) {
    throw Error(Code::csv_invalid, "line " + std::to_string(line) + ": " + reason,
                "put a field that has commas, quotes or line breaks in quotes, and double the quotes inside",
                {{"line", std::to_string(line)}});
  }

  std::string_view text_;
  const CsvLimits& limits_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<CsvRow> rows_;
};

void require_text(std::string_view text) {
  const std::size_t bad = std::min(find_invalid_utf8(text).value_or(text.size()), text.find('\0'));
  if (bad >= text.size()) return;
  const std::string line = std::to_string(place_of(text, bad).line);
  throw Error(Code::csv_invalid, "line " + line + ": the text is not UTF-8", "save the file as CSV UTF-8",
              {{"line", line}});
}

std::string csv_field(std::string_view field) {
  const bool formula = !field.empty() && std::string_view("=+-@\t\r").find(field.front()) != std::string_view::npos;
  std::string safe = (formula ? "'" : "") + std::string(field);
  const bool padded = !safe.empty() && (safe.front() == ' ' || safe.back() == ' ');
  const bool marked = safe.starts_with(byte_order_mark);  // outside quotes a reader would drop it
  if (!padded && !marked && safe.find_first_of(",\"\r\n") == std::string::npos) return safe;
  std::string out = "\"";
  for (const char c : safe) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const CsvLimits& limits) {
  if (text.size() > limits.bytes) {
    throw Error(Code::csv_invalid, "the CSV is larger than " + std::to_string(limits.bytes) + " bytes", "split it");
  }
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  require_text(text);
  return Parser(text, limits).run();
}

std::string csv_line(const std::vector<std::string>& fields) {
  if (fields.size() == 1 && fields.front().empty()) return "\"\"\n";  // an empty line would be no row
  std::string line;
  for (const std::string& field : fields) {
    if (&field != fields.data()) line += ',';
    line += csv_field(field);
  }
  return line + "\n";
}

}  // namespace ymgr
