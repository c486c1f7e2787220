#include <poll.h>

#include <tuple>

#include "authority/authority.hpp"
#include "base/interrupt.hpp"
#include "cli/invocation.hpp"
#include "cli/output/stream.hpp"
#include "http/server.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--listen", .value = "ADDRESS:PORT", .help = "where to answer, 127.0.0.1:8889 at first"}};
constexpr Field fields[] = {{"address", "string", "URL that it answered at"},
                            {"requests", "integer", "how many it answered"}};
constexpr Example examples[] = {
    {"ymgr ca serve --listen 127.0.0.1:8889", "CRL, CA certificates and OCSP over HTTP, until it is ended"}};

http::Response response_of(const CaAnswer& answer) {
  http::Response response{answer.status, answer.content_type, answer.body, {}};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(answer.max_age.value_or(Duration()));
  response.headers.emplace_back("Cache-Control",
                                answer.max_age ? "max-age=" + std::to_string(seconds.count()) : "no-store");
  if (!answer.allow.empty()) response.headers.emplace_back("Allow", answer.allow);
  return response;
}

std::string url_of(const std::string& address, std::uint16_t port) {
  return "http://" + (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" +
         std::to_string(port) + "/";
}

Result run(Invocation& call) {
  http::ServerSettings settings;
  std::tie(settings.address, settings.port) = http::parse_listen(call.maybe("--listen").value_or("127.0.0.1:8889"));
  // From here on the connection is the server's thread's.
  const auto db = call.wiring().open_reader();
  CaResponder responder(*db, call.wiring().paths().ca);
  std::int64_t requests = 0;
  std::string url;
  {
    const http::Server server(settings, [&](const http::Request& request) {
      ++requests;
      return response_of(responder.answer(request.method, request.path, request.body));
    });
    url = url_of(settings.address, server.port());
    if (!call.globals().quiet) write_error("serving " + url + "crl and " + url + "ocsp until SIGTERM\n");
    while (interrupted() == 0) poll(nullptr, 0, 1000);  // a signal ends the wait
  }
  Result result;
  result.json = Json::object({{"address", url}, {"requests", requests}});
  return result;
}

}  // namespace

extern const Command ca_serve_command;
constinit const Command ca_serve_command = {
    .path = "ca serve",
    .summary = "answer for CRLs and OCSP over HTTP",
    .description =
        "Serves /crl and /crl/ISSUER_ID.crl (DER), /ca.crt and /ca/ISSUER_ID.crt (DER), /ca.pem, /chain.pem and "
        "/root.pem, and OCSP at /ocsp by GET and POST, until SIGINT or SIGTERM; then it exits 0. The line on standard "
        "error tells that it is ready, and where; with port 0 the system chooses one.\n\n"
        "It has no session, never opens the data key and only reads the database, so that what `ymgr revoke` writes "
        "is answered at once: CRLs are the stored ones, OCSP answers are signed with a key of their own, which `ymgr "
        "renew --due` renews. Serials that the CA never issued are answered with unknown.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
};

}  // namespace ymgr::cli
