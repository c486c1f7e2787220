"""What stands before OpenBao and misbehaves: an HTTPS server that passes requests on but for those that a rule catches.

    with VaultProxy(bao) as proxy:                      # proxy.address, in place of bao.address
        proxy.rule = lambda method, path: (503, b"")    # None: passed on; (status, body): the answer; "lost": done, and never answered
        proxy.seen                                      # ["POST pki/sign/…", …]
"""

import http.client
import http.server
import ssl
import threading


class VaultProxy:
    def __init__(self, bao, certificate=None):
        self.bao, self.certificate = bao, f"{bao.tls.folder}/{certificate or bao.name}"
        self.rule = lambda method, path: None
        self.seen = []

    def __enter__(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_any(self):
                proxy.handle(self)

            do_GET = do_POST = do_PUT = do_LIST = do_DELETE = do_PATCH = do_HEAD = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.certificate}.pem", f"{self.certificate}.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"https://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def handle(self, request):
        size = int(request.headers.get("Content-Length", 0))
        body = request.rfile.read(size) if size else None
        path = request.path.removeprefix("/v1/")
        self.seen.append(f"{request.command} {path}")
        ruled = self.rule(request.command, path)
        if ruled is not None and ruled != "lost":
            return self.answer(request, ruled[0], {"Content-Type": "application/json"}, ruled[1])
        passed = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")}
        upstream = http.client.HTTPSConnection(
            "127.0.0.1", self.bao.ports[0], context=ssl.create_default_context(cafile=self.bao.ca_file), timeout=60
        )
        upstream.request(request.command, request.path, body, passed)
        answer = upstream.getresponse()
        data, headers = answer.read(), {name: value for name, value in answer.getheaders() if name.lower() in ("content-type", "x-vault-index")}
        upstream.close()
        if ruled == "lost":
            request.close_connection = True
            request.connection.close()
            return None
        return self.answer(request, answer.status, headers, data)

    @staticmethod
    def answer(request, status, headers, body):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
