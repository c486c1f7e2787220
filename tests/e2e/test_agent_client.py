"""What ymgr does with its agent: login and logout, agent status|start|register, and liars on the socket."""

import base64
import json
import os
import pathlib
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import threading

import pytest

from agent import agent_of_login
from harness import ADMIN, TOP, Ymgr, openssl, run, wait_for

GARBAGE = [
    b"",
    b"220 mail.example.com ESMTP\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!",
    b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops",
    b'HTTP/1.1 400 Bad\r\nContent-Length: 36\r\n\r\n{"code":"no-such-code","detail":"x"}',
    b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"[" * 2_000_000,
    b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
]


@pytest.fixture
def agent(request, box):
    """The real one, which believes what `ymgr login` writes; with the readers of a test that has some."""
    readers = request.getfixturevalue("readers") if "readers" in request.fixturenames else None
    with agent_of_login(box, readers) as agent:
        yield agent


@pytest.fixture
def client(ymgr, agent):
    """ymgr where that agent is."""
    return Ymgr(ymgr.program, ymgr.box, {"YMGR_AGENT_SOCKET": str(agent.socket)})


def agent_files(box):
    return sorted((box.runtime / "ymgr").glob("*.agent"))


def bearer(box):
    (path,) = agent_files(box)
    return path.read_text().splitlines()[4]


def knows(agent, secret):
    return agent.post("/nonce", {}, session=secret).status == 200


def row_keys(box):
    with sqlite3.connect(f"file:{box.profile}/ymgr.db?mode=ro", uri=True) as db:
        return [key for (key,) in db.execute("SELECT agent_pubkey FROM user_sessions WHERE ended_at IS NULL")]


class Listener:
    """A program on the agent's socket that is none: answers each connection with the same bytes, or never (None)."""

    def __init__(self, box, answer):
        self.path = box.runtime / "liar.sock"
        self.answer, self.connections, self.open = answer, 0, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.path))
        self.socket.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            if self.answer is None:
                self.open.append(peer)
                continue
            try:
                peer.recv(65536)
                peer.sendall(self.answer)
            except OSError:
                pass
            peer.close()

    def of(self, ymgr):
        return Ymgr(ymgr.program, ymgr.box, {"YMGR_AGENT_SOCKET": str(self.path)})


def test_a_file_with_another_key_than_the_logins_is_not_believed(client, agent, box):
    client.login()
    (path,) = agent_files(box)
    told = path.read_text()
    lines = told.splitlines()
    other = openssl("rsa", "-pubout", "-in", box.file("other.pem", openssl("genrsa", "3072").stdout)).stdout
    lines[3] = "".join(other.splitlines()[1:-1])
    path.write_text("\n".join(lines) + "\n")
    client("device", "list")
    assert path.read_text().splitlines()[3] in row_keys(box)[-1].replace("\n", "") and path.read_text() != told


def test_login_registers_with_the_agent_and_logout_makes_it_forget(client, agent, box):
    key = agent.get("/pubkey").json["public_key"]
    client.login()
    assert row_keys(box)[-1].strip() == key.strip()
    (path,) = agent_files(box)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = bearer(box)
    assert knows(agent, secret)
    for file in box.profile.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file
    assert secret not in agent.log()
    client("logout")
    assert not knows(agent, secret)
    assert agent_files(box) == []


def test_another_login_ends_the_agent_session_of_the_one_before(client, agent, box):
    client.login()
    first = bearer(box)
    client.login()
    assert bearer(box) != first
    assert not knows(agent, first) and knows(agent, bearer(box))


def test_the_agent_session_ends_with_the_login(client, box):
    login = client.login()
    token = client.json("whoami", "--identity-token")["identity_token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    (path,) = agent_files(box)
    assert claims["sub"] == ADMIN and claims["aud"] == "ymgr-agent" and 0 < claims["exp"] - claims["iat"] <= 900
    assert claims["session_exp"] == int(path.read_text().splitlines()[2])
    assert run(["date", "-u", "-d", f"@{claims['session_exp']}", "+%Y-%m-%dT%H:%M:%SZ"]).stdout.strip() == login["expires_at"]


def test_the_identity_token_alone_is_printed_and_opens_a_session(client, agent):
    token = client("whoami", "--identity-token").stdout
    assert token.count("\n") == 1 and token.count(".") == 2
    client.login()  # writes the key file
    key_id = agent.get("/pubkey").json["key_id"]
    assert agent.post("/session", {"key_id": key_id}, session=token.strip()).status == 200


def test_auditors_have_no_token_and_their_login_does_not_touch_the_agent(ymgr, box):
    listener = Listener(box, b"")
    password = box.secret("bob", "bobs long password")
    ymgr("user", "add", "bob", "--role", "auditor", "--password-file", password)
    listener.of(ymgr).login("bob", password)
    assert ymgr.json("whoami", "--identity-token", exit=4)["code"] == "role-denied"
    assert listener.connections == 0


def test_an_agent_that_was_restarted_is_asked_anew_and_the_row_follows(client, agent, box):
    client.login()
    first, key = bearer(box), row_keys(box)[-1]
    agent.__exit__()
    with agent:
        assert not knows(agent, first)
        assert client.json("agent", "register")["registered"]
        assert knows(agent, bearer(box)) and row_keys(box)[-1] != key


def test_a_single_command_closes_its_agent_session(client, agent, box):
    single = Ymgr(client.program, box, {**client.env, "YMGR_USER": ADMIN, "YMGR_PASSWORD_FILE": str(box.password_file)})
    client("logout")
    assert single.json("agent", "register")["registered"]
    assert agent_files(box) == []
    assert f"session of {ADMIN} ended" in agent.log()


def test_status_tells_what_the_agent_sees(client, agent, box):
    answer = client.json("agent", "status")
    assert answer["socket"] == str(agent.socket) and answer["uid"] == os.getuid() and answer["registered"]
    assert answer["unit"] == "none" and answer["devices"] == 0 and answer["pcscd"] is False
    assert answer["pid"] == agent.process.pid and answer["tcp"] == f"127.0.0.1:{agent.port}"
    assert "can't reach pcscd" in client("agent", "status").stdout
    client("logout")
    answer = client.json("agent", "status")
    assert not answer["logged_in"] and not answer["registered"] and "devices" not in answer


def test_two_profiles_share_one_agent(client, agent, box):
    other = Ymgr(client.program, box, {**client.env, "YMGR_HOME": str(box.root / "other")})
    other.init()
    client.login()
    other.login()
    assert len(agent_files(box)) == 2
    keys = box.root / "config/ymgr"
    assert (keys / "token-keys.json").exists() and len(list((keys / "token-keys.d").iterdir())) == 1
    client.login()  # neither has overwritten the other's
    assert len(list((keys / "token-keys.d").iterdir())) == 1


def test_commands_that_need_no_agent_do_not_ask_it(ymgr, box):
    listener = Listener(box, b"")
    client = listener.of(ymgr)
    for words in (["whoami"], ["whoami", "--identity-token"], ["cert", "list"], ["issue", "web1"], ["report"]):
        client(*words)
    assert listener.connections == 0


def test_without_an_agent_login_says_nothing_and_status_exits_8(ymgr, box):
    client = Ymgr(ymgr.program, box, {"YMGR_AGENT_SOCKET": str(box.runtime / "none.sock")})
    assert client("login", "--user", ADMIN, "--password-file", box.password_file).stderr == ""
    answer = client.json("agent", "status", exit=8)
    assert answer["code"] == "agent-unreachable" and answer["retryable"]
    gone = socket.socket(socket.AF_UNIX)
    gone.bind(str(box.runtime / "none.sock"))
    gone.close()  # the file stays
    assert client("login", "--user", ADMIN, "--password-file", box.password_file).stderr == ""
    assert "nobody listens" in client("agent", "status", exit=8).stderr


@pytest.mark.sanitized
def test_garbage_on_the_socket_is_no_agent(ymgr, box):
    for number, answer in enumerate(GARBAGE):
        listener = Listener(box, answer)
        result = listener.of(ymgr).json("agent", "status", exit=8)
        assert result["code"] == "agent-unreachable", (number, result)
        listener.socket.close()
        listener.path.unlink()


def test_a_server_that_hangs_is_given_up_in_time(ymgr, box):
    listener = Listener(box, None)
    client = listener.of(ymgr)
    result = client.json("agent", "status", "--timeout", "1s", exit=8, timeout=20)
    assert "in time" in result["error"]
    client("login", "--user", ADMIN, "--password-file", box.password_file, "--timeout", "1s", timeout=20)


@pytest.mark.needs_root
def test_another_users_program_on_the_socket_gets_nothing(ymgr, box):
    path = "/dev/shm/" + box.runtime.name + "-foreign"
    program = (
        "import os,socket,sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8); print('ready',flush=True)\n"
        "while True:\n  c,_=s.accept(); print(len(c.recv(9)),flush=True)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline() == "ready\n"
        client = Ymgr(ymgr.program, box, {"YMGR_AGENT_SOCKET": path})
        assert client.json("agent", "status", exit=4)["code"] == "agent-untrusted"
        assert "another user" in client("login", "--user", ADMIN, "--password-file", box.password_file).stderr
    finally:
        server.kill()
        seen, _ = server.communicate()
        os.unlink(path)
    assert set(seen.split()) == {"0"}


def owner(path):
    """The process that listens there."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        return struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def test_start_puts_the_agent_into_the_background_once(ymgr, box):
    config = box.root / "config/ymgr"
    config.mkdir(parents=True, exist_ok=True)
    taken = socket.create_server(("127.0.0.1", 0))
    (config / "agentd.yaml").write_text(f'tcp: "127.0.0.1:{taken.getsockname()[1]}"\n')
    path = box.runtime / "ymgr/agent.sock"
    assert not ymgr.json("agent", "start", "--dry-run")["started"] and not path.exists()
    try:
        started = ymgr("agent", "start", "--json")
        assert started.json["started"] and "another program has it" in started.stderr
        assert ymgr.json("agent", "status")["tcp"] == "taken"
        assert not ymgr.json("agent", "start")["started"]
        assert ymgr("login", "--user", ADMIN, "--password-file", box.password_file).stderr == ""
        assert len(agent_files(box)) == 1
    finally:
        os.kill(owner(path), signal.SIGTERM)
        wait_for(lambda: not path.exists(), "the agent to end")


@pytest.mark.needs_root  # who else may look at a process that can't be dumped
def test_the_agent_inherits_no_token(ymgr, box):
    path = box.runtime / "ymgr/agent.sock"
    try:
        ymgr("agent", "start", env={"VAULT_TOKEN": "hush"})
        assert b"hush" not in pathlib.Path(f"/proc/{owner(path)}/environ").read_bytes()
    finally:
        os.kill(owner(path), signal.SIGTERM)
        wait_for(lambda: not path.exists(), "the agent to end")


def test_an_agent_that_ends_at_once_is_told(ymgr, box):
    config = box.root / "config/ymgr"
    config.mkdir(parents=True, exist_ok=True)
    (config / "agentd.yaml").write_text("nonsense: 1\n")
    assert "ended at once" in ymgr.json("agent", "start", exit=8)["error"]


def test_a_demo_profile_says_so(bare):
    assert bare.init("--demo")["demo"]
    assert bare.login()["demo"] and bare.json("whoami")["demo"]
    assert "demo" in bare("whoami").stdout


def test_the_published_flow_by_curl_and_openssl_sets_a_pin(client, agent, box, key):
    old, new = box.secret("old", "123456\n"), box.secret("new", "28405517\n")
    client("agent", "register")
    wait_for(lambda: client.json("agent", "status")["devices"] == 1, "the key")
    env = {**client.env, "PATH": f"{client.program.parent}:{client.env['PATH']}"}
    script = [TOP / "examples/agent-set-pin.sh", "1001", old, new, f"http://127.0.0.1:{agent.port}"]
    assert run(script[:1], env=env, exit=2).stderr.startswith("usage: ")
    assert json.loads(run(script, env=env).stdout)["success"]
    assert json.loads(run(script, env=env, exit=22).stdout)["code"] == "wrong-pin"
    client("logout")
    assert "ymgr login" in run(script, env=env, exit=4).stderr
