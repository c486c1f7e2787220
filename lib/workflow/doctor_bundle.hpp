// A report of `ymgr doctor` that may be shown to strangers.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "workflow/doctor.hpp"

namespace ymgr::doctor {

/// checks and summary.
Json to_json(const Report&);

/// Words that stand for others, the same ones each time: "person-1f0c92ab".
class Pseudonyms {
 public:
  using Knows = std::function<bool(const std::string& word)>;
  /// @param salt   without it nobody can try names
  /// @param knows  whether a word that looks like any other is a name here; empty: none is
  explicit Pseudonyms(std::string salt, Knows knows = {}) : salt_(std::move(salt)), knows_(std::move(knows)) {}

  std::string of(std::string_view kind, std::string_view text) const;
  /// To be replaced wherever it stands between other words, blanks in it or not.
  void learn(std::string name);
  /// Names that were learned, addresses of all kinds, paths, serial numbers, and whatever looks like a token or a key.
  std::string redact(std::string_view text) const;
  /// Of one word, whatever it looks like, nothing stays but a path that is the same everywhere.
  std::string hide(const std::string& word) const;

 private:
  std::string redact_word(const std::string& word) const;

  std::string salt_;
  Knows knows_;
  std::vector<std::string> names_;  // the longest first
};

struct BundledSetting {
  std::string name, value;
  bool is_public = false;  // the default, a number or one of few words: it is shown as it is
};

/// Everything a helper asks for: the report, settings, what the database counts, its last events and open operations.
Json make_bundle(const Patient&, const Report&, const std::vector<BundledSetting>& settings);

}  // namespace ymgr::doctor
