// JSON whose texts are secrets: built and read in memory that clears itself.
#pragma once
#include <functional>
#include <string_view>

#include "base/secret_text.hpp"

namespace ymgr {

/// Writes objects of texts and booleans. At most 4,096 bytes.
class SecretJsonWriter {
 public:
  SecretJsonWriter();
  void open(std::string_view name);  // a member that is an object; "" for the document
  void close();
  void text(std::string_view name, std::string_view value);
  void flag(std::string_view name, bool value);
  /// The document, once every object is closed.
  Secret finish();

 private:
  void put_name(std::string_view name);

  SecretWriter out_;
  bool first_ = true;
};

/// A member of the document: "pending.value" for one of the object "pending"; booleans as "true" and "false".
using SecretMember = std::function<void(std::string_view path, const Secret& value)>;
/// Reads what SecretJsonWriter writes, and any other object of texts, booleans and objects; other members' order and blanks do not
/// matter. @throws Error box-invalid
void read_secret_json(const Secret& document, const SecretMember& member);

}  // namespace ymgr
