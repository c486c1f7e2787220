"""The real agent, started for one test, and clients that say exactly what they are told to."""

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import signal
import socket
import subprocess
import time
import uuid

from harness import BUILD, free_port, run

AGENT = BUILD / "release/bin/ymgr-agentd"
SANITIZED_AGENT = BUILD / "dev/bin/ymgr-agentd"
THREAD_AGENT = BUILD / "tsan/bin/ymgr-agentd"
LABEL = b"ymgr-agent-v1"


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: str

    @property
    def json(self):
        return json.loads(self.body)


def parse_answers(raw):
    """All answers of one connection; each has a Content-Length, or none and no body."""
    answers = []
    while raw:
        head, found, rest = raw.partition(b"\r\n\r\n")
        assert found, raw
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", 0))
        answers.append(Answer(int(first.split()[1]), headers, rest[:size].decode()))
        raw = rest[size:]
    return answers


class Agent:
    """`with Agent(box) as agent: agent.get("/health")`."""

    def __init__(self, box, *options, program=AGENT, tcp=True, env=None, prefix=()):
        self.box = box
        self.socket = box.runtime / "agent/agent.sock"
        self.port = free_port() if tcp else None
        self.log_path = box.root / "agent.log"
        self.token_keys = box.work / "token-keys.json"
        place = f"127.0.0.1:{self.port}" if tcp else "off"
        self.argv = [*prefix, program, "--socket", self.socket, "--tcp", place, "--log-level", "debug", *options]
        self.argv = [str(word) for word in [*self.argv, "--token-keys", self.token_keys]]
        self.env = {**box.env, **(env or {})}

    def __enter__(self):
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + 30
        while "ready" not in self.log():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(30) in (0, -signal.SIGKILL, -signal.SIGABRT), self.log()

    def log(self):
        return self.log_path.read_text()

    def connect(self, over="unix"):
        if over == "tcp":
            return socket.create_connection(("127.0.0.1", self.port), timeout=30)
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(str(self.socket))
        return client

    def raw(self, text, over="tcp", then_end=True):
        """Sends these bytes and returns the bytes that come back until the agent closes. `then_end`: says that no more will come,
        which libmicrohttpd may take for the end of a connection that waits for its answer."""
        data = text if isinstance(text, bytes) else text.replace("HOST", f"127.0.0.1:{self.port}").encode("latin-1")
        with self.connect(over) as client:
            received = b""
            # An agent that has refused the request may be gone before all of it was sent; what it answered can still be read.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                client.sendall(data)
            if then_end:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while chunk := client.recv(65536):
                    received += chunk
            return received

    def ask(self, method, path, body=None, headers=None, over="unix"):
        host = "localhost" if over == "unix" else f"127.0.0.1:{self.port}"
        sent = {"Host": host, "Connection": "close", **(headers or {})}
        text = b""
        if body is not None:
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            sent = {"Content-Type": "application/json", "Content-Length": str(len(text)), **sent}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value is not None)
        (answer,) = parse_answers(self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + text, over, then_end=over == "tcp"))
        return answer

    def get(self, path, **how):
        return self.ask("GET", path, **how)

    def post(self, path, body, session=None, **how):
        headers = {**how.pop("headers", {}), **({"Authorization": f"Bearer {session}"} if session else {})}
        return self.ask("POST", path, body=body, headers=headers, **how)


def agent_of_login(box, readers=None, **how):
    """One that believes whom `ymgr login` names in this box; its YubiKeys are in those readers."""
    keys = box.root / "config/ymgr"
    pcscd = readers.env["PCSCLITE_CSOCK_NAME"] if readers else "/nonexistent/pcscd.comm"
    options = ["--token-keys", keys / "token-keys.json", "--token-keys", keys / "token-keys.d"]
    return Agent(box, *options, env={"PCSCLITE_CSOCK_NAME": pcscd}, **how)


class Issuer:
    """Signs identity tokens with the openssl program; its key file is what the agent is given."""

    def __init__(self, box, algorithm="EdDSA", name="https://issuer.example"):
        self.box, self.algorithm, self.name = box, algorithm, name
        self.key = box.work / f"{algorithm}.key"
        kind = ["-algorithm", "ed25519"] if algorithm == "EdDSA" else ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        run(["openssl", "genpkey", *kind, "-out", self.key])
        der = run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], text=False).stdout
        if algorithm == "EdDSA":
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64url(der[-32:])}
        else:
            self.jwk = {"kty": "EC", "crv": "P-256", "x": b64url(der[-64:-32]), "y": b64url(der[-32:])}
        self.jwk = {"kid": f"key-{algorithm}", "alg": algorithm, **self.jwk}

    def write(self, path, audience="ymgr-agent"):
        path.write_text(json.dumps({"issuer": self.name, "audience": audience, "keys": [self.jwk]}))
        path.chmod(0o600)

    def claims(self, **changes):
        at = int(time.time())
        claims = {"iss": self.name, "aud": "ymgr-agent", "sub": "alice", "iat": at, "exp": at + 600, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, header=None, claims=None):
        header = {"alg": self.algorithm, "kid": self.jwk["kid"], **(header or {})}
        parts = [b64url(json.dumps(part).encode()) for part in (header, claims or self.claims())]
        return ".".join([*parts, b64url(self.sign(".".join(parts).encode()))])

    def sign(self, data):
        path = self.box.work / "to-sign"
        path.write_bytes(data)
        if self.algorithm == "EdDSA":
            return run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", path], text=False).stdout
        der = run(["openssl", "dgst", "-sha256", "-sign", self.key, path], text=False).stdout
        shown = run(["openssl", "asn1parse", "-inform", "DER"], input=der, text=False).stdout.decode()
        return b"".join(bytes.fromhex(number.zfill(64)) for number in re.findall(r"INTEGER\s+:([0-9A-F]+)", shown))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def open_session(agent, issuer, over="unix", **changes):
    """GET /pubkey and POST /session; returns the answer of the second."""
    issuer.write(agent.token_keys)
    key_id = agent.get("/pubkey", over=over).json["key_id"]
    token = issuer.token(claims=issuer.claims(**changes))
    return agent.post("/session", {"key_id": key_id}, session=token, over=over)


def sealed_body(box, path, body, secrets, nonce, public_key):
    """A body with sealed members, made with openssl alone."""
    key = box.file(f"session-{uuid.uuid4()}.pem", public_key)
    empty = {**body, "encrypted": True, "nonce": nonce, **dict.fromkeys(secrets, "")}
    digest = hashlib.sha256(json.dumps(empty).encode()).digest()
    for field, secret in secrets.items():
        label = b"\0".join([LABEL, path.encode(), field.encode(), nonce.encode(), digest])
        options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256", f"rsa_oaep_label:{label.hex()}"]
        argv = ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", key]
        argv += [word for option in options for word in ("-pkeyopt", option)]
        empty[field] = base64.b64encode(run(argv, input=secret.encode(), text=False).stdout).decode()
    return json.dumps(empty)


class Caller:
    """A client with a session: `caller.post("/piv/set-pin", {"serial": "1001"}, pin="111111", current_pin="123456")` seals
    what is named. `.json` of a refusal has its code."""

    def __init__(self, agent, issuer, over="unix"):
        self.agent, self.over = agent, over
        opened = open_session(agent, issuer, over=over).json
        self.session, self.public_key = opened["session"], opened["public_key"]

    def get(self, path):
        return self.agent.get(path, headers={"Authorization": f"Bearer {self.session}"}, over=self.over)

    def seal(self, path, body, **secrets):
        nonce = self.agent.post("/nonce", {}, self.session, over=self.over).json["nonce"]
        return sealed_body(self.agent.box, path, body, secrets, nonce, self.public_key)

    def post(self, path, body=None, **secrets):
        text = self.seal(path, body or {}, **secrets) if secrets else body or {}
        return self.agent.post(path, text, self.session, over=self.over)
