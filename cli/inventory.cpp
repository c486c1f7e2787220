#include "cli/inventory.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr::cli {

CertificateRow readable_certificate(Invocation& call, Time at) {
  const auto& session = call.wiring().session();
  session.require(Right::read_inventory);
  auto row = inventory::resolve(call.wiring().database(), call.text("CERT"), at);
  session.require_touch(row.owner, "the certificate of " + row.name);
  return row;
}

Result exported(Invocation& call, const std::string& text, Form form) {
  const auto out = call.text("--out");
  const bool to_file = !out.empty() && out != "-";
  Result result;
  if (to_file) {
    write_file(out, text, {0644, std::nullopt}, call.has("--force") ? Existing::replace : Existing::refuse);
    result.text = "written to " + out + "\n";
  } else {
    result.text = text;
    result.raw = true;
  }
  const std::string content = form == Form::der ? to_base64(text) : text;
  result.json = Json::object({{"content", to_file ? Json() : Json(content)}, {"file", to_file ? Json(out) : Json()}});
  return result;
}

}  // namespace ymgr::cli
