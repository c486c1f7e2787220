"""Sessions of ymgr-agentd with identity tokens that openssl signed, and what openapi.yaml says of every answer."""

import concurrent.futures
import datetime
import json
import pathlib
import re
import socket
import subprocess
import time

import jsonschema
import pytest
import yaml

from agent import AGENT, SANITIZED_AGENT, Agent, Issuer, b64url, open_session
from harness import TOP, free_port, run, wait_for


@pytest.fixture(params=[AGENT, SANITIZED_AGENT], ids=["release", "sanitized"])
def agent(request, empty_box):
    with Agent(empty_box, program=request.param) as agent:
        yield agent


@pytest.fixture
def issuer(empty_box):
    return Issuer(empty_box)


@pytest.mark.parametrize("over", ["unix", "tcp"])
@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_session_is_opened_used_and_ended(agent, empty_box, algorithm, over):
    key = agent.get("/pubkey", over=over).json
    assert key == agent.get("/pubkey").json  # the same until somebody takes it
    text = run(["openssl", "pkey", "-pubin", "-noout", "-text"], input=key["public_key"]).stdout
    assert "3072 bit" in text
    opened = open_session(agent, Issuer(empty_box, algorithm), over=over)
    assert opened.status == 200 and opened.json["public_key"] == key["public_key"]
    assert agent.get("/pubkey").json["key_id"] != key["key_id"]
    session = opened.json["session"]
    first, second = (agent.post("/nonce", {}, session, over=over).json["nonce"] for _ in range(2))
    assert first != second and re.fullmatch("[A-Za-z0-9_-]{22}", first)
    bearer = {"Authorization": f"Bearer {session}"}
    assert agent.ask("DELETE", "/session", headers=bearer, over=over).json == {"success": True}
    assert agent.post("/nonce", {}, session, over=over).json["code"] == "agent-session-unknown"
    assert agent.ask("DELETE", "/session", headers=bearer).status == 401
    for secret in (session, first, second):
        assert secret not in agent.log()
    assert "session of alice from https://issuer.example" in agent.log()


TOKENS = {
    "none at all": lambda issuer: None,
    "alg none": lambda issuer: issuer.token(header={"alg": "none"}).rsplit(".", 1)[0] + ".",
    "unsigned": lambda issuer: issuer.token().rsplit(".", 1)[0] + ".",
    "HS256 with the public key": lambda issuer: issuer.token(header={"alg": "HS256"}),
    "other key": lambda issuer: issuer.token(header={"kid": "other"}),
    "crit": lambda issuer: issuer.token(header={"crit": ["x"]}),
    "embedded key": lambda issuer: issuer.token(header={"jwk": issuer.jwk}),
    "key from elsewhere": lambda issuer: issuer.token(header={"jku": "http://127.0.0.1/"}),
    "compressed": lambda issuer: issuer.token(header={"zip": "DEF"}),
    "expired": lambda issuer: issuer.token(claims=issuer.claims(exp=int(time.time()) - 1)),
    "not yet": lambda issuer: issuer.token(claims=issuer.claims(iat=int(time.time()) + 120)),
    "longer than 15 minutes": lambda issuer: issuer.token(claims=issuer.claims(exp=int(time.time()) + 1000)),
    "other audience": lambda issuer: issuer.token(claims=issuer.claims(aud="vault")),
    "other issuer": lambda issuer: issuer.token(claims=issuer.claims(iss="https://evil.com")),
    "no user": lambda issuer: issuer.token(claims=issuer.claims(sub=None)),
    "ended login": lambda issuer: issuer.token(claims=issuer.claims(session_exp=int(time.time()) - 1)),
    "9 KiB": lambda issuer: issuer.token(claims=issuer.claims(x="x" * 6400)),
    "no token": lambda issuer: "hunter2",
}


def test_tokens_that_prove_nothing_are_refused(agent, issuer):
    issuer.write(agent.token_keys)
    key = agent.get("/pubkey").json["key_id"]
    for name, make in TOKENS.items():
        answer = agent.post("/session", {"key_id": key}, session=make(issuer))
        assert answer.status in (401, 431), (name, answer)
        if answer.status == 401:
            assert answer.json["code"] == "token-refused" and answer.headers["www-authenticate"] == "Bearer", name
    wrong = issuer.token(claims=issuer.claims()).split(".")
    wrong[1] = b64url(json.dumps(issuer.claims(sub="root")).encode())
    assert agent.post("/session", {"key_id": key}, session=".".join(wrong)).status == 401
    assert agent.get("/pubkey").json["key_id"] == key  # nobody took it
    assert "hunter2" not in agent.log()


def test_a_client_may_end_a_session_with_its_login(agent, issuer):
    issuer.write(agent.token_keys)
    ends = {"soon": 1, "late": 3600}
    opened = {}
    for name, seconds in ends.items():
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        body = {"key_id": agent.get("/pubkey").json["key_id"], "expires_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        opened[name] = agent.post("/session", body, session=issuer.token())
    until = datetime.datetime.fromisoformat(opened["late"].json["expires_at"])
    assert until < datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=16)
    if opened["soon"].status == 200:  # a second may be over by then
        bearer = opened["soon"].json["session"]
        wait_for(lambda: agent.get("/discover", headers={"Authorization": f"Bearer {bearer}"}).status == 401, "the end of the session")
    body = {"key_id": agent.get("/pubkey").json["key_id"], "expires_at": "tomorrow"}
    assert agent.post("/session", body, session=issuer.token()).status == 400


def test_a_key_serves_one_session(agent, issuer):
    issuer.write(agent.token_keys)
    key = agent.get("/pubkey").json["key_id"]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        token = issuer.token()
        tries = [pool.submit(agent.post, "/session", {"key_id": key}, session=token) for _ in range(20)]
        answers = [one.result() for one in tries]
    assert sorted(answer.status for answer in answers) == [200] + [409] * 19
    assert {answer.json["code"] for answer in answers if answer.status == 409} == {"agent-key-changed"}


def test_bodies_of_another_shape_are_refused(agent, issuer):
    session = open_session(agent, issuer).json["session"]
    for body in ("", "[]", "null", "{", '{"a":1}', '{"a":{"b":1}}', "[" * 1000, '{"a":1,"a":2}', "{}{}"):
        answer = agent.post("/nonce", body, session)
        assert answer.status == 400 and answer.json["code"] in ("request-invalid", "json-invalid"), body
    for body in ({}, {"key_id": 7}, {"key_id": "x", "more": 1}):
        assert agent.post("/session", body, session=issuer.token()).status == 400
    for bearer in ("", "x", session[:-1], session + "x", session.swapcase()):
        assert agent.post("/nonce", {}, bearer or None).status == 401
    assert agent.post("/nonce", {}, headers={"Authorization": f"Basic {session}"}).status == 401


def test_eight_sessions_live_and_the_least_used_makes_room(agent, issuer):
    sessions = [open_session(agent, issuer).json["session"] for _ in range(8)]
    assert agent.post("/nonce", {}, sessions[0]).status == 200
    sessions.append(open_session(agent, issuer).json["session"])
    assert [agent.post("/nonce", {}, session).status for session in sessions] == [200, 401] + [200] * 7


def test_a_session_ends_with_its_login(agent, issuer):
    agent.get("/pubkey")  # made by now
    end = int(time.time()) + 5
    session = open_session(agent, issuer, session_exp=end).json["session"]
    assert agent.post("/nonce", {}, session).status == 200
    wait_for(lambda: "sessions expired" in agent.log(), "the end of the session")
    assert time.time() >= end - 1
    assert agent.post("/nonce", {}, session).json["code"] == "agent-session-unknown"


def test_key_files_that_others_may_write_are_not_believed(agent, issuer):
    issuer.write(agent.token_keys)
    agent.token_keys.chmod(0o666)
    key = agent.get("/pubkey").json["key_id"]
    assert agent.post("/session", {"key_id": key}, session=issuer.token()).json["code"] == "file-unsafe"
    agent.token_keys.unlink()
    refused = agent.post("/session", {"key_id": key}, session=issuer.token()).json
    assert refused["code"] == "token-refused" and "ymgr login" in refused["hint"]


@pytest.mark.needs_root
def test_nobody_may_look_into_it_or_make_it_dump(agent):
    other = ["setpriv", "--reuid", "65534", "--clear-groups", "cat", f"/proc/{agent.process.pid}/environ"]
    run(other, exit=1)
    limits = pathlib.Path(f"/proc/{agent.process.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)


def activity(agent):
    """CPU ticks, and how often its threads woke up."""
    folder = pathlib.Path(f"/proc/{agent.process.pid}")
    ticks = (folder / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
    status = [(task / "status").read_text() for task in (folder / "task").iterdir()]
    return ticks, [re.findall(r"ctxt_switches:\s+(\d+)", text) for text in status]


def check_asleep(agent):
    """No tick and no wake-up; memory as small as it shall be."""
    before = activity(agent)
    time.sleep(3)
    assert activity(agent) == before
    memory = (pathlib.Path(f"/proc/{agent.process.pid}") / "status").read_text()
    assert int(re.search(r"RssAnon:\s+(\d+)", memory)[1]) < 6 * 1024
    assert int(re.search(r"VmRSS:\s+(\d+)", memory)[1]) < 20 * 1024
    assert int(re.search(r"VmLck:\s+(\d+)", memory)[1]) > 0


def test_it_sleeps_when_nothing_happens(empty_box, issuer):
    with Agent(empty_box) as agent:
        open_session(agent, issuer)
        agent.get("/pubkey")  # the next key is there
        idle = agent.connect()
        time.sleep(11)  # the idle connection is cut
        check_asleep(agent)
        idle.close()


# ---- openapi.yaml

DOCUMENT = yaml.safe_load((TOP / "agentd/openapi.yaml").read_text())


def check_answer(method, path, answer):
    """The answer is one that the description knows."""
    operation = DOCUMENT["paths"][path][method.lower()]
    described = operation["responses"].get(str(answer.status)) or operation["responses"]["default"]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    (media,) = described["content"]
    assert answer.headers["content-type"] == media
    schema = {**described["content"][media]["schema"], "components": DOCUMENT["components"]}
    jsonschema.validate(answer.json, schema, format_checker=jsonschema.FormatChecker())


def test_every_answer_is_as_described(agent, issuer):
    assert DOCUMENT["openapi"].startswith("3.1.") and DOCUMENT["info"]["version"] == agent.get("/health").json["version"]
    seen = set()

    def ask(method, path, body=None, bearer=None):
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        answer = agent.ask(method, path, body=body, headers=headers)
        check_answer(method, path, answer)
        seen.add((method.lower(), path))
        return answer

    for path in ("/.well-known/yubimgr-agent", "/.well-known/kleidia-agent", "/health", "/pubkey"):
        assert ask("GET", path).status == 200
    issuer.write(agent.token_keys)
    assert ask("POST", "/session", {"key_id": "x"}, issuer.token()).status == 409
    assert ask("POST", "/session", {"key_id": "x"}).status == 401
    key = agent.get("/pubkey").json["key_id"]
    opened = ask("POST", "/session", {"key_id": key}, issuer.token()).json["session"]
    assert ask("POST", "/nonce", {}, opened).status == 200
    assert ask("POST", "/nonce", [], opened).status == 400
    assert ask("DELETE", "/session", None, opened).status == 200
    assert ask("DELETE", "/session", None, opened).status == 401
    described = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    for method, path in sorted(described - seen):  # of cards: without a session here, with one in test_agent_cards.py
        assert ask(method.upper(), path, {} if method == "post" else None).json["code"] == "agent-session-unknown"
    assert seen == described


def test_the_description_lists_the_table(agent):
    table = re.findall(r'^    \{"(GET|POST|DELETE)", "([^"]+)"', (TOP / "agentd/endpoints.cpp").read_text(), re.MULTILINE)
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert set(table) == described and len(table) == len(described)


# ---- systemd


UNITS = TOP / "agentd/systemd"


@pytest.mark.parametrize("folder", ["user", "system"])
def test_the_units_are_clean(tmp_path, folder):
    for unit in (UNITS / folder).iterdir():
        text = unit.read_text().replace("/usr/bin/ymgr-agentd", str(AGENT))
        (tmp_path / unit.name.replace("@.", "@1000.")).write_text(text)
    scope = ["--user"] if folder == "user" else []
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    done = run(["systemd-analyze", "verify", "--man=no", *scope, *tmp_path.iterdir()], exit=None, env=env)
    assert (done.exit, done.stdout, done.stderr) == (0, "", "")


def test_the_system_unit_is_confined():
    (unit,) = (UNITS / "system").glob("*.service")
    scored = run(["systemd-analyze", "security", "--offline=true", "--threshold=15", unit])
    assert "OK" in scored.stdout.splitlines()[-1], scored


@pytest.mark.parametrize("over", ["unix", "tcp"])
def test_sockets_of_systemd_are_served_and_no_others(empty_box, tmp_path, over):
    place = tmp_path / "handed.sock" if over == "unix" else f"127.0.0.1:{free_port()}"
    agent = Agent(empty_box)
    agent.argv = ["systemd-socket-activate", "-l", str(place), *agent.argv]
    with open(agent.log_path, "w") as log:
        process = subprocess.Popen(agent.argv, env=agent.env, stderr=log)
    try:
        wait_for(lambda: "Listening on" in agent.log(), "the socket")
        to = ["--unix-socket", place, "http://localhost/health"] if over == "unix" else [f"http://{place}/health"]
        assert run(["curl", "-s", "--max-time", "30", *to]).json["status"] == "ok"
        assert not agent.socket.exists()
        run(["curl", "-s", f"http://127.0.0.1:{agent.port}/health"], exit=7)
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_systemd_is_told_of_start_watchdog_and_stop(empty_box, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        with Agent(empty_box, tcp=False, env=env) as agent:
            told = [listener.recv(100) for _ in range(4)]
            assert told == [b"READY=1"] + [b"WATCHDOG=1"] * 3
            agent.process.terminate()
            while (last := listener.recv(100)) == b"WATCHDOG=1":
                pass
            assert last == b"STOPPING=1"
