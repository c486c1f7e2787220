"""Those who get notices: a real mail server and a real HTTPS server, on 127.0.0.1 and in this process, that can also be slow and refuse."""

import contextlib
import email
import email.policy
import http.server
import json
import socket
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from harness import free_port, openssl

USER, PASSWORD = "ymgr", "mail password"


def make_certificate(folder, name="localhost"):
    """A certificate of its own for `name`, and its key: (certificate, key)."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "server.pem", folder / "server.key"
    names = f"subjectAltName=DNS:{name}" + (",IP:127.0.0.1" if name == "localhost" else "")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl(*words, "-subj", f"/CN={name}", "-addext", names, "-keyout", key, "-out", certificate)
    return certificate, key


def tls_context(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


class Handler:
    """Keeps what arrives; `answers` are given instead of 250, one after the other."""

    def __init__(self):
        self.mails, self.answers, self.logins = [], [], []

    def check(self, server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(good)
        return AuthResult(success=good, handled=False)

    async def handle_DATA(self, server, session, envelope):
        if self.answers:
            return self.answers.pop(0)
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"


class MailServer(Controller):
    """SMTP with `tls` "starttls", "tls" or "none"; with `login` nothing is taken without it."""

    def __init__(self, pair, tls="starttls", login=False):
        self.tls, self.login, self.pair = tls, login, pair
        self.context = tls_context(pair) if tls != "none" else None
        implicit = {"ssl_context": self.context} if tls == "tls" else {}
        super().__init__(Handler(), hostname="127.0.0.1", port=free_port(), **implicit)

    def factory(self):
        handler = self.handler
        options = {"hostname": "mail.test", "authenticator": handler.check, "auth_required": self.login}
        if self.tls == "starttls":
            options |= {"tls_context": self.context, "require_starttls": True}
        return SMTP(handler, auth_require_tls=self.tls == "starttls", **options)

    def take(self):
        """The mails since the last call, as email.message."""
        taken = [mail for _, mail in self.handler.mails]
        self.handler.mails.clear()
        return taken


class WebServer(http.server.ThreadingHTTPServer):
    """HTTPS, or HTTP without a certificate. Answers with `status`; keeps (headers, document) of what is posted."""

    daemon_threads = True

    def __init__(self, pair=None):
        super().__init__(("127.0.0.1", 0), WebHandler)
        self.posts, self.status, self.port = [], 200, self.server_address[1]
        if pair:
            self.socket = tls_context(pair).wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that does not like the certificate

    def take(self):
        posts, self.posts = self.posts, []
        return posts

    def stop(self):
        self.shutdown()
        self.server_close()


class WebHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status < 300:
            self.server.posts.append((self.path, self.headers, json.loads(body)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b"said the server")

    def log_message(self, *words):
        pass


@contextlib.contextmanager
def silent_server():
    """Takes connections and never says a word: its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]
