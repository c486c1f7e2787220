"""ymgr-agentd through its sockets: who is served, and everything that it refuses."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from agent import AGENT, SANITIZED_AGENT, Agent, parse_answers
from harness import run, wait_for

CURL = ["curl", "-s", "--fail-with-body", "--max-time", "30"]


@pytest.fixture(params=[AGENT, SANITIZED_AGENT], ids=["release", "sanitized"])
def agent(request, empty_box):
    with Agent(empty_box, program=request.param) as agent:
        yield agent


@pytest.mark.parametrize("path", ["/.well-known/yubimgr-agent", "/.well-known/kleidia-agent", "/health"])
def test_anybody_of_this_user_learns_that_the_agent_is_there(agent, path):
    over_tcp = run([*CURL, f"http://127.0.0.1:{agent.port}{path}"]).json
    over_unix = run([*CURL, "--unix-socket", agent.socket, f"http://localhost{path}"]).json
    assert over_unix == {**over_tcp, "pid": agent.process.pid, "tcp": f"127.0.0.1:{agent.port}", "pcscd": over_unix["pcscd"]}
    assert over_tcp["status"] == "ok" and sorted(over_tcp) == ["status", "version"]
    assert run([AGENT, "--version"]).stdout == f"ymgr-agentd {over_tcp['version']}\n"


def test_answers_are_neither_kept_nor_framed_nor_shared(agent):
    for answer in (agent.get("/health"), agent.get("/nothing")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers and "access-control-allow-origin" not in answer.headers


POST = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def get(headers="", line="GET /health HTTP/1.1", host="Host: HOST\r\n", close="Connection: close\r\n"):
    return f"{line}\r\n{close}{host}{headers}\r\n"


REFUSED = {
    # another host, as DNS rebinding would name it
    "host evil.com": (get(host="Host: evil.com\r\n"), 421),
    "host of a subdomain": (get(host="Host: localhost.evil.com\r\n"), 421),
    "host 127.0.0.1.evil.com": (get(host="Host: 127.0.0.1.evil.com:56123\r\n"), 421),
    "host 0.0.0.0": (get(host="Host: 0.0.0.0\r\n"), 421),
    "host [::1]": (get(host="Host: [::1]\r\n"), 421),
    "host without the port": (get(host="Host: 127.0.0.1\r\n"), 421),
    "host with another port": (get(host="Host: 127.0.0.1:1\r\n"), 421),
    "host with a trailing dot": (get(host="Host: localhost.\r\n"), 421),
    "host in decimal": (get(host="Host: 2130706433\r\n"), 421),
    "host empty": (get(host="Host: \r\n"), 421),
    "no host": (get(host=""), 400),
    "no host in HTTP/1.0": (get(host="", line="GET /health HTTP/1.0"), (400, 421)),
    "two hosts": (get(host="Host: HOST\r\nHost: evil.com\r\n"), 400),
    "absolute URI": (get(line="GET http://evil.com/health HTTP/1.1"), 400),
    # web pages
    "origin": (get("Origin: https://evil.com\r\n"), 403),
    "origin null": (get("Origin: null\r\n"), 403),
    "origin of our own address": (get("Origin: http://HOST\r\n"), 403),
    "two origins": (get("Origin: null\r\nOrigin: null\r\n"), 403),
    "referer": (get("Referer: https://evil.com/\r\n"), 403),
    "cross-site": (get("Sec-Fetch-Site: cross-site\r\n"), 403),
    "same-site": (get("Sec-Fetch-Site: same-site\r\n"), 403),
    "preflight": (get("Origin: https://evil.com\r\nAccess-Control-Request-Method: POST\r\n", "OPTIONS /session HTTP/1.1"), 403),
    "private network preflight": (
        get("Origin: https://evil.com\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Private-Network: true\r\n",
            "OPTIONS /health HTTP/1.1"), 403),
    # methods and paths
    "unknown path": (get(line="GET /piv HTTP/1.1"), 404),
    "path with dots": (get(line="GET /x/../health HTTP/1.1"), 404),
    "path escaped": (get(line="GET /%68ealth HTTP/1.1"), 404),
    "path doubled slash": (get(line="GET //health HTTP/1.1"), 404),
    "GET of a POST": (get(line="GET /session HTTP/1.1"), 405),
    "GET of the nonce": (get(line="GET /nonce HTTP/1.1"), 405),
    "HEAD": (get(line="HEAD /health HTTP/1.1"), 405),
    "OPTIONS": (get(line="OPTIONS /health HTTP/1.1"), 405),
    "OPTIONS *": (get(line="OPTIONS * HTTP/1.1"), 400),
    "TRACE": (get(line="TRACE /health HTTP/1.1"), 405),
    "CONNECT": (get(line="CONNECT 127.0.0.1:22 HTTP/1.1"), 400),
    "PUT": (get(POST, line="PUT /session HTTP/1.1").removesuffix("\r\n"), 405),
    "PATCH": (get(line="PATCH /health HTTP/1.1"), 405),
    "DELETE of health": (get(line="DELETE /health HTTP/1.1"), 405),
    "method in lower case": (get(line="get /health HTTP/1.1"), 405),
    "POST of health": (get(POST, line="POST /health HTTP/1.1").removesuffix("\r\n"), 405),
    "query": (get(line="GET /health?x=1 HTTP/1.1"), 400),
    # bodies
    "body of a GET": (get("Content-Length: 2\r\n\r\n{}").removesuffix("\r\n"), 400),
    "form": (get("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b", "POST /session HTTP/1.1").removesuffix("\r\n"), 415),
    "text": (get("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", "POST /session HTTP/1.1").removesuffix("\r\n"), 415),
    "multipart": (get("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n\r\n{}", "POST /session HTTP/1.1").removesuffix("\r\n"), 415),
    "no type": (get("Content-Length: 2\r\n\r\n{}", "POST /session HTTP/1.1").removesuffix("\r\n"), 415),
    "chunked": (get("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "POST /session HTTP/1.1"), 411),
    "length and chunked": (get("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "POST /session HTTP/1.1"), 400),
    "two lengths": (get("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "POST /session HTTP/1.1").removesuffix("\r\n"), 400),
    "negative length": (get("Content-Length: -1\r\n", "POST /session HTTP/1.1"), 400),
    "length no number": (get("Content-Length: two\r\n", "POST /session HTTP/1.1"), 400),
    "65 KiB": (get(f"Content-Type: application/json\r\nContent-Length: {65 * 1024}\r\n\r\n" + "x" * 65 * 1024, "POST /session HTTP/1.1").removesuffix("\r\n"), 413),
    # heads
    "33 headers": (get("".join(f"X-{i}: 1\r\n" for i in range(32))), 431),
    "100 headers": (get("".join(f"X-{i}: 1\r\n" for i in range(100))), 431),
    "10 KiB of headers": (get("X: " + "x" * 10 * 1024 + "\r\n"), 431),
    "40 KiB of headers": (get("X: " + "x" * 40 * 1024 + "\r\n"), 431),
    "folded header": (get("X: a\r\n b\r\n"), 400),
    "bare LF": ("GET /health HTTP/1.1\nConnection: close\nHost: HOST\n\n", 400),
    "NUL in a header": (get("X: a\0b\r\n"), 400),
    "NUL in the path": (get(line="GET /health\0x HTTP/1.1"), 400),
    "NUL in the host": (get(host="Host: HOST\0.evil.com\r\n"), (400, 421)),
    "header without a name": (get(": x\r\n"), 400),
    "two blanks": (get(line="GET  /health HTTP/1.1"), 400),
    "blank before the colon": (get("X : a\r\n"), 400),
    "HTTP/0.9": ("GET /health\r\n\r\n", (400, 505, None)),
    "HTTP/2.0": (get(line="GET /health HTTP/2.0"), 505),
    "h2c": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400, 505, None)),
}  # fmt: skip


def test_what_is_refused(agent):
    wrong = []
    for name, (request, status) in REFUSED.items():
        raw = agent.raw(request)
        got = int(raw.split()[1]) if raw else None
        if got not in (status if isinstance(status, tuple) else (status,)):
            wrong.append(f"{name}: {got} instead of {status}: {raw[:200]}")
        elif raw and b"application/problem+json" in raw and not request.startswith("HEAD"):
            body = parse_answers(raw)[0].json
            assert body["status"] == got and body["type"] == f"urn:ymgr:error:{body['code']}", name
            assert body["title"] and body["detail"] and body["hint"], name
    assert not wrong, "\n".join(wrong)
    assert len(REFUSED) >= 60
    assert agent.get("/health", over="tcp").status == 200


def test_h2c_is_not_begun(agent):
    request = get("Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", close="")
    assert parse_answers(agent.raw(request))[0].status == 200  # answered in HTTP/1.1, as RFC 9110 allows


def test_a_thousand_requests_in_one_go_are_answered_in_order(agent):
    answers = parse_answers(agent.raw(get(close="") * 999 + get(line="GET /x HTTP/1.1")))
    assert [answer.status for answer in answers] == [200] * 999 + [404]


def test_a_known_page_may_ask(empty_box):
    config = empty_box.secret("agentd.yaml", "origins: [https://keys.example.com]\n")
    with Agent(empty_box, "--config", config) as agent:
        page = {"Origin": "https://keys.example.com", "Sec-Fetch-Site": "cross-site"}
        answer = agent.get("/health", headers=page, over="tcp")
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, page["Origin"])
        assert "access-control-allow-credentials" not in answer.headers
        asked = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}
        answer = agent.ask("OPTIONS", "/session", headers=asked, over="tcp")
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, page["Origin"])
        assert "access-control-allow-private-network" not in answer.headers
        for origin in ("http://keys.example.com", "https://keys.example.com:444", "https://keys.example.com.evil.com"):
            assert agent.get("/health", headers={"Origin": origin}, over="tcp").status == 403


@pytest.mark.needs_root
def test_another_user_is_refused(agent):
    other = ["setpriv", "--reuid", "65534", "--clear-groups"]
    refused = run([*other, *CURL, f"http://127.0.0.1:{agent.port}/health"], exit=22).json
    assert (refused["status"], refused["code"]) == (403, "peer-refused")
    assert agent.socket.stat().st_mode & 0o777 == 0o600
    for path in (agent.socket, *agent.socket.parents):  # the folders open, then the socket too
        if path == agent.socket.anchor:
            break
        if path != agent.socket and path.stat().st_uid == 0 and path.stat().st_mode & 0o001 == 0:
            path.chmod(path.stat().st_mode | 0o011)
    to_socket = [*other, *CURL, "--unix-socket", agent.socket, "http://localhost/health"]
    run(to_socket, exit=7)
    agent.socket.chmod(0o666)
    assert run(to_socket, exit=22).json["code"] == "peer-refused"
    # root serves itself; a user's agent serves root too
    assert agent.get("/health", over="tcp").status == 200


@pytest.mark.needs_root
def test_a_peer_that_is_gone_at_once_does_not_pass_as_root(agent):
    script = (
        "import socket,sys\n"
        "for _ in range(100):\n"
        "  s=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\n"
        "  s.sendall(b'GET /x HTTP/1.1\\r\\nHost: 127.0.0.1:%d\\r\\n\\r\\n' % int(sys.argv[1]))\n"
        "  s.close()\n"
    )
    run(["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-I", "-c", script, agent.port])
    wait_for(lambda: agent.log().count("refused with status 403") == 100, "100 refusals")


@pytest.mark.needs_root
def test_another_user_does_not_take_all_connections(agent):
    script = (
        "import socket,sys\n"
        "idle=[socket.create_connection(('127.0.0.1',int(sys.argv[1]))) for _ in range(300)]\n"
        "for s in idle: s.sendall(b'GET /health HTTP/1.1\\r\\n')\n"
        "print('connected',flush=True)\n"
        "sys.stdin.read()\n"
    )
    argv = ["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-I", "-c", script, str(agent.port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "connected\n"
        began = time.monotonic()
        assert agent.get("/health", over="tcp").status == 200
        assert time.monotonic() - began < 8  # a connection that asks nothing is cut after 10 seconds
        other.stdin.close()


@pytest.mark.parametrize("over", ["unix", "tcp"])
def test_clients_that_never_finish_delay_nobody(agent, over):
    idle = [agent.connect(over) for _ in range(12)]
    for client in idle:
        client.sendall(b"GET /health HTTP/1.1\r\nHost:")
    began = time.monotonic()
    assert agent.get("/health", over=over).status == 200
    assert time.monotonic() - began < 2
    for client in idle:
        client.close()


def test_a_flood_over_tcp_does_not_reach_the_unix_socket(agent):
    idle = [agent.connect("tcp") for _ in range(500)]
    assert agent.get("/health").status == 200
    for client in idle:
        client.close()
    assert agent.get("/health", over="tcp").status == 200


@pytest.mark.needs_root  # who else may look at a process that can't be dumped
def test_connections_that_ask_nothing_are_not_looked_up(agent):
    def bytes_read():
        return int(re.search(r"rchar: (\d+)", pathlib.Path(f"/proc/{agent.process.pid}/io").read_text())[1])

    before = bytes_read()
    idle = [agent.connect("tcp") for _ in range(60)]  # fewer than it takes at once, so that this request comes last
    wait_for(lambda: len(os.listdir(f"/proc/{agent.process.pid}/fd")) >= 60, "60 connections")
    assert bytes_read() - before < 100_000  # the table of sockets has 150 bytes a connection, and would be read 60 times
    for client in idle:
        client.close()
    assert agent.get("/health", over="tcp").status == 200
    assert bytes_read() - before > 600


def test_a_slow_request_is_cut(agent):
    with agent.connect("tcp") as client:
        client.sendall(b"GET /health HTTP/1.1\r\nX: ")
        began = time.monotonic()
        try:
            while time.monotonic() - began < 25:
                client.sendall(b"x")
                time.sleep(0.2)
        except OSError:
            pass
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_when_told_and_leaves_no_socket(agent, number):
    with agent.connect() as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\n")
        agent.process.send_signal(number)
        assert agent.process.wait(20) == 0
    assert not agent.socket.exists()
    assert "stopping" in agent.log()


def test_a_second_agent_does_not_take_the_place_of_the_first(agent, empty_box):
    second = run(agent.argv, exit=1, env=agent.env)
    assert "another process serves" in second.stderr
    assert agent.get("/health").status == 200


@contextlib.contextmanager
def killed_at_last(agent):
    with subprocess.Popen(agent.argv, env=agent.env, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_of_many_that_start_at_once_one_serves(agent):
    """All of them find what a killed agent has left."""
    agent.process.kill()
    agent.process.wait()
    for _ in range(10):
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(killed_at_last(agent)) for _ in range(6)]
            ended = lambda: [one for one in started if one.poll() is not None]
            wait_for(lambda: len(ended()) >= 5, "five that end")
            for one in ended():
                assert "another process serves" in one.communicate()[1]
            assert len(ended()) == 5
            assert agent.get("/health", over="unix").status == 200


def test_what_a_killed_agent_leaves_is_no_obstacle_and_a_taken_port_only_a_warning(agent):
    agent.process.kill()
    agent.process.wait()
    assert agent.socket.exists()
    with Agent(agent.box) as again:
        third = Agent(agent.box)
        third.socket = agent.box.runtime / "third/agent.sock"
        third.argv[2], third.argv[4] = str(third.socket), f"127.0.0.1:{again.port}"
        with third:
            assert "is taken: the published endpoints are not served" in third.log()
            assert third.get("/health").status == 200


WRONG = {
    "--tcp 0.0.0.0:56123": "listens on this host only",
    "--tcp 192.168.1.1:56123": "listens on this host only",
    "--tcp [::1]:56123": "listens on this host only",
    "--tcp nowhere": "not an address",
    "--log-level loud": "no such log level",
    "--pin 123456": "unknown argument",
    "--config /nonexistent/agentd.yaml": "agentd.yaml",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_options_are_told(empty_box, words):
    done = run([AGENT, *words.split()], exit=None, env=empty_box.env)
    assert done.exit in (2, 3) and WRONG[words] in done.stderr and "hint: " in done.stderr


def test_wrong_configuration_is_told(empty_box):
    for text, part in {"sockt: x": "did you mean", "socket: [1]": "socket", "log_level: loud": "log_level"}.items():
        done = run([AGENT, "--config", empty_box.secret("agentd.yaml", text)], exit=2, env=empty_box.env)
        assert "agentd.yaml:1:" in done.stderr and part in done.stderr.lower()
    open_to_all = empty_box.secret("agentd.yaml", "tcp: off\n")
    open_to_all.chmod(0o666)
    assert "chmod" in run([AGENT, "--config", open_to_all], exit=2, env=empty_box.env).stderr
