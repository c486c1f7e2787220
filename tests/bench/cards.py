"""The agent and the card: what a call takes beside what it can't do without, and how `ymgr device list` compares."""

import base64
import hashlib
import http.client
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding  # noqa: E402

from agent import LABEL, Issuer, open_session  # noqa: E402
from card import MANAGEMENT_KEY, PIN  # noqa: E402
from desk import Desk  # noqa: E402
from harness import RELEASE, Box, Ymgr  # noqa: E402

BARE = TOP / "build/release/bench/bench_card"
YKMAN = TOP / "build/venv/bin/ykman"
CSR = {
    "serial": "1001", "slot": "9a", "key": "new", "algorithm": "ec-p256", "pin_policy": "once", "touch_policy": "never",
    "overwrite": True, "common_name": "alice", "sans": ["dns:alice.example.com"],
}  # fmt: skip


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Client:
    """A session and a connection that are kept. Seals with a library, and counts only the time of the requests."""

    def __init__(self, agent, session):
        self.connection = UnixConnection(agent.socket)
        self.headers = {"Authorization": f"Bearer {session['session']}", "Content-Type": "application/json"}
        self.key = serialization.load_pem_public_key(session["public_key"].encode())
        self.took = 0.0

    def ask(self, method, path, body=None):
        begin = time.perf_counter()
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.took += time.perf_counter() - begin
        assert answer.status in (200, 201), text
        return json.loads(text)

    def sealed(self, path, body, nonce, secrets):
        body = {**body, "encrypted": True, "nonce": nonce, **dict.fromkeys(secrets, "")}
        digest = hashlib.sha256(json.dumps(body).encode()).digest()
        for field, secret in secrets.items():
            label = b"\0".join([LABEL, path.encode(), field.encode(), nonce.encode(), digest])
            oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)
            body[field] = base64.b64encode(self.key.encrypt(secret.encode(), oaep)).decode()
        return json.dumps(body)

    def call(self, path, body, **secrets):
        """The seconds of one call: its nonce and itself."""
        self.took = 0.0
        nonce = self.ask("POST", "/nonce", "{}")["nonce"]
        self.ask("POST", path, self.sealed(path, body, nonce, secrets))
        return self.took

    def trivial(self):
        self.took = 0.0
        self.ask("GET", "/health")
        return self.took


class Bare:
    """The program that does only what must be done."""

    def __init__(self, key):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self.process = subprocess.Popen([BARE, key.reader, MANAGEMENT_KEY], env=key.readers.env, **pipes)

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def recorded(key, call):
    """The APDUs of a call, for `Bare`."""
    before = len(key.apdus())
    call()
    return " ".join(key.apdus()[before:])


def share(verdict, name, key, client, bare, calls, sealed, rounds=41):
    """`calls` lead back to where they began; each has its own APDUs."""
    scripts = [recorded(key, call) for call in calls]
    mine, parts = [], []

    def limit(script):
        """What the agent can't do without, in its order."""
        return [client.trivial() + client.trivial(), sum(bare("oaep") for _ in range(sealed)), bare(script)]

    for _ in range(rounds):
        mine += [call() for call in calls]
        parts += [limit(script) for script in scripts]
    ours, bound = statistics.median(mine), statistics.median(sum(part) for part in parts)
    shown = " + ".join(f"{1000 * statistics.median(column):.2f}" for column in zip(*parts))
    verdict(name, ours / bound, 1.15, f"of 2 requests, {sealed} OAEP decryptions and a bare loop's APDUs ({1000 * ours:.2f} of {shown} ms)")


def calls(desk, verdict):
    (key,) = desk.keys
    issuer = Issuer(desk.box)
    issuer.write(desk.box.root / "config/ymgr/token-keys.json")
    desk.agent.token_keys = desk.box.root / "config/ymgr/token-keys.json"
    client, bare = Client(desk.agent, open_session(desk.agent, issuer).json), Bare(key)

    def set_pin(old, new):
        return lambda: client.call("/piv/set-pin", {"serial": "1001"}, pin=new, current_pin=old)

    def generate_csr():
        return client.call("/piv/generate-csr", CSR, management_key=MANAGEMENT_KEY, pin=PIN)

    try:
        share(verdict, "agent: set-pin", key, client, bare, [set_pin(PIN, "28374650"), set_pin("28374650", PIN)], 2)
        share(verdict, "agent: generate-csr of P-256", key, client, bare, [generate_csr], 2)
    finally:
        bare.close()


def seconds(command, env):
    begin = time.perf_counter()
    subprocess.run([str(word) for word in command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def listing(desk, verdict):
    mine, tool, ykman = [], [], []
    for number in range(21):
        mine.append(seconds([RELEASE, "device", "list"], desk.ymgr.env))
        tool.append(seconds(["/usr/bin/yubico-piv-tool", "-a", "status"], desk.readers.env))
        if number < 5:
            ykman.append(seconds([YKMAN, "list"], desk.readers.env))
    ours, piv_tool, python = (statistics.median(times) for times in (mine, tool, ykman))
    verdict("device list", ours / (piv_tool + 0.010), 1.0,
            f"of `yubico-piv-tool -a status` plus 10 ms ({1000 * ours:.1f} and {1000 * piv_tool:.1f} ms)")  # fmt: skip
    verdict("device list", python / ours, 10, f"times as fast as `ykman list` ({1000 * python:.0f} ms)", at_least=True)


def measure(verdict):
    tempfile.tempdir = "/dev/shm"  # a virtual key writes its state after each change
    with tempfile.TemporaryDirectory(prefix="ymgr-bench-") as folder:
        box = Box(pathlib.Path(folder) / "box")
        try:
            Ymgr(RELEASE, box).init("--demo")
            with Desk(box, "5.7.4") as desk:
                listing(desk, verdict)
                calls(desk, verdict)
        finally:
            box.remove()
