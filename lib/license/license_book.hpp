// Every licence that was installed, as one document of the secret store.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "license/license.hpp"
#include "secrets/secret_store.hpp"

namespace ymgr::license {

struct Entry {
  std::string text;  // as it was given; what does not parse any more stays
  Time installed_at{};
  std::string installed_by;
};

struct Book {
  std::vector<Entry> entries;  // in the order of their installation
  std::int64_t version = 0;    // of the document; 0: never written
};

inline constexpr std::size_t most_entries = 100;

/// The document. @throws Error license-invalid: it is none
std::vector<Entry> parse_entries(std::string_view json);
std::string format_entries(const std::vector<Entry>&);

/// Where the document stands.
class Shelf {
 public:
  Shelf(std::unique_ptr<SecretStore> store, std::string path) : store_(std::move(store)), path_(std::move(path)) {}

  /// Without entries: nothing was written, or somebody destroyed it.
  /// @throws Error license-invalid: it is none, or was sealed for something else; and what the store throws
  Book read();
  /// Of the document, whatever it is.
  std::int64_t version() { return store_->version(path_); }
  /// Adds one to what was read; of more than most_entries the oldest goes. @throws Error version-conflict, and what the store throws
  void add(Book, Entry);

 private:
  std::unique_ptr<SecretStore> store_;
  std::string path_;
};

}  // namespace ymgr::license
