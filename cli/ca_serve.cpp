#include <poll.h>

#include "authority/authority.hpp"
#include "base/interrupt.hpp"
#include "cli/invocation.hpp"
#include "http/server.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--listen", .value = "ADDRESS:PORT", .help = "where to answer, 127.0.0.1:8889 at first"}};
constexpr Field fields[] = {{"address", "string", "where it answered"},
                            {"requests", "integer", "how many it answered"}};
constexpr Example examples[] = {
    {"ymgr ca serve --listen 127.0.0.1:8889", "CRL, CA certificates and OCSP over HTTP, until it is ended"}};

http::Response response_of(const CaAnswer& answer) {
  http::Response response{answer.status, answer.content_type, answer.body, {}};
  if (answer.max_age) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*answer.max_age).count();
    response.headers.emplace_back("cache-control", "max-age=" + std::to_string(seconds));
  }
  return response;
}

Result run(Invocation& call) {
  const auto [address, port] = http::parse_listen(call.has("--listen") ? call.text("--listen") : "127.0.0.1:8889");
  CaResponder responder(call.wiring().database(), call.wiring().paths().ca);
  std::int64_t requests = 0;
  http::ServerSettings settings;
  settings.address = address;
  settings.port = port;
  std::string where;
  {
    const http::Server server(settings, [&](const http::Request& request) {
      ++requests;
      return response_of(responder.answer(request.method, request.path, request.body));
    });
    where =
        (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + std::to_string(server.port());
    call.notices().warn("serving CRL and OCSP on http://" + where + "/, end with SIGTERM");
    while (interrupted() == 0) poll(nullptr, 0, 1000);  // a signal ends the wait
  }
  Result result;
  result.json = Json::object({{"address", where}, {"requests", requests}});
  return result;
}

}  // namespace

extern const Command ca_serve_command;
constinit const Command ca_serve_command = {
    .path = "ca serve",
    .summary = "answer for CRLs and OCSP over HTTP",
    .description =
        "Serves /crl, /ca.pem, /chain.pem, /root.pem, and OCSP at /ocsp by GET and POST, until SIGINT or SIGTERM, then "
        "exits 0. It has no "
        "session and never opens the data key: CRLs are the stored ones, OCSP answers are signed with a key of their "
        "own, which `ymgr renew "
        "--due` renews. Serials that the CA never issued are answered with unknown.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
};

}  // namespace ymgr::cli
