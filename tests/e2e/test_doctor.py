"""`ymgr doctor`: each trap is set for real, and the check that knows it tells what mends it."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import sqlite3
import stat
import subprocess
import threading
import time

import pytest

from agent import agent_of_login
from desk import Desk
from harness import FAILPOINT, RELEASE, Ymgr, free_port, listening, wait_for
from openbao import TlsCa
from test_docs import complete_in_bash

STATES = {"ok", "warning", "failed", "skipped"}


def look(ymgr, check, exit=None, **how):
    """One check's line of the answer."""
    answer = ymgr.json("doctor", "--check", check, exit=exit, **how)
    (line,) = answer["checks"]
    assert line["id"] == check and line["state"] in STATES
    return line


def finds(ymgr, check, state, words, exit=None, **how):
    line = look(ymgr, check, exit, **how)
    told = f"{line['finding']}\n{line['hint'] or ''}"
    assert line["state"] == state and words in told, line
    assert line["hint"] or state in ("ok", "skipped"), line
    return line


def later(box, time):
    """The program with its clock elsewhere."""
    return Ymgr(FAILPOINT, box).armed(clock=time)


def books(box):
    """The profile's files but for SQLite's own two, which come and go with whoever reads."""
    return {name: what for name, what in box.snapshot().items() if not name.endswith(("-shm", "-wal"))}


def test_nothing_to_look_at_is_no_failure(bare):
    answer = bare.json("doctor", exit=0)
    assert answer["summary"]["failed"] == 0
    by_id = {line["id"]: line for line in answer["checks"]}
    for check in ("profile", "policy", "schema", "ca", "login", "vault", "postgresql", "cards"):
        assert by_id[check]["state"] == "skipped", by_id[check]
    assert all(line["title"] and line["finding"] for line in answer["checks"])
    assert not bare.box.profile.exists()


def test_a_profile_in_order_passes_and_is_left_as_it_was(ymgr, box):
    ymgr("issue", "web1.example.com", "--out", box.work / "web1")
    before = books(box)
    answer = ymgr.json("doctor", exit=0)
    assert [line for line in answer["checks"] if line["state"] == "failed"] == []
    good = {line["id"] for line in answer["checks"] if line["state"] == "ok"}
    assert good >= {"configuration", "profile", "session-folder", "installations", "policy", "schema", "ca", "crl", "login", "certificates"}
    assert books(box) == before
    assert sum(answer["summary"].values()) == len(answer["checks"])
    text = ymgr("doctor").stdout
    assert "ok       profile" in text and " failed, " in text


def test_one_check_is_named_and_a_mistake_is_told(ymgr):
    answer = ymgr.json("doctor", "--check", "profile", "--check", "schema")
    assert [line["id"] for line in answer["checks"]] == ["profile", "schema"]
    assert "Did you mean 'polkit'?" in ymgr("doctor", "--check", "polkt", exit=2).stderr
    assert ymgr("doctor", "--force", exit=2).stdout == ""
    assert sorted(complete_in_bash(ymgr, "ymgr doctor --check pol")) == ["policy", "polkit"]


@pytest.mark.parametrize(
    "spoil, check, words",
    [
        (lambda box: box.profile.chmod(0o755), "profile", "chmod go-rwx"),
        (lambda box: (box.profile / "ymgr.db").chmod(0o644), "profile", "ymgr.db can be read by others"),
        (lambda box: (box.profile / "policy.yaml").chmod(0o666), "profile", "chmod go-"),
        (lambda box: (box.runtime / "ymgr").chmod(0o755), "session-folder", "chmod go-rwx"),
        (lambda box: next(p for p in (box.runtime / "ymgr").iterdir()).chmod(0o644), "session-folder", "can be read by others"),
        (lambda box: (box.profile / "install.d").chmod(0o777), "installations", "chmod go-"),
        (lambda box: next((box.profile / "install.d").iterdir()).chmod(0o666), "installations", "chmod"),
        (lambda box: (box.work / "web1/current/privkey.pem").chmod(0o644), "installations", "privkey.pem"),
        (lambda box: (box.work / "web1/current/privkey.pem").unlink(), "installations", "the key of web1.example.com"),
    ],
)
def test_modes_of_files(ymgr, box, spoil, check, words):
    ymgr("issue", "web1.example.com", "--out", box.work / "web1")
    assert look(ymgr, check)["state"] == "ok"
    spoil(box)
    finds(ymgr, check, "failed", words, exit=1)


def test_files_with_secrets(ymgr, box):
    path = box.secret("pw", "x")
    env = {"YMGR_PASSWORD_FILE": str(path)}
    finds(ymgr, "secret-files", "ok", "pw", env=env)
    path.chmod(0o640)
    finds(ymgr, "secret-files", "failed", "chmod go-rwx", exit=1, env=env)
    path.unlink()
    finds(ymgr, "secret-files", "failed", "not there", exit=1, env=env)


def test_installed_files_that_are_no_pair_or_have_expired(ymgr, box):
    ymgr("issue", "web1.example.com", "--out", box.work / "web1")
    ymgr("issue", "web2.example.com", "--out", box.work / "web2")
    line = finds(later(box, "2030-01-01T00:00:00Z"), "installations", "failed", "ymgr renew", exit=12)
    assert line["expiry"] == "over"
    (box.work / "web1/current/privkey.pem").write_bytes((box.work / "web2/current/privkey.pem").read_bytes())
    finds(ymgr, "installations", "failed", "are no pair", exit=1)


def test_a_hook_whose_program_is_gone(ymgr, box):
    program = box.file("reload", "#!/bin/sh\n")
    program.chmod(0o755)
    ymgr("issue", "web1.example.com", "--out", box.work / "web1", "--deploy-hook", str(program))
    assert look(ymgr, "installations")["state"] == "ok"
    program.unlink()
    finds(ymgr, "installations", "warning", "can't be run", exit=0)


def test_files_that_are_damaged_or_gone_are_named_and_reconcile_mends_them(ymgr, box):
    ymgr("issue", "web1.example.com", "--out", box.work / "web1", "--key-store", "sealed")
    ymgr("issue", "web2.example.com", "--out", box.work / "web2")
    (box.work / "web1/current/cert.pem").write_text("nothing")
    (box.work / "web2/current/cert.pem").unlink()
    finds(ymgr, "installations", "failed", f"the certificate in {box.work / 'web1'} of web1.example.com can't be read", exit=1)
    ymgr("reconcile", exit=None)
    assert look(ymgr, "installations")["state"] == "ok"


def test_a_hook_that_can_t_be_run_is_told_at_once(ymgr, box):
    made = ymgr("issue", "web1.example.com", "--out", box.work / "web1", "--deploy-hook", "reload-what-is-not-there now")
    assert "reload-what-is-not-there is not there" in made.stderr
    finds(ymgr, "installations", "warning", "can't be run", exit=0)


def test_sessions_on_a_disk(ymgr, box, tmp_path):
    config = box.file("c.yaml", f"session: {{folder: {tmp_path / 'on-disk'}}}\n")
    ymgr("login", "--user", "alice", "--password-file", box.password_file, "-c", config)
    answer = ymgr.json("doctor", "-c", config, "--check", "session-folder")
    on_tmpfs = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True).stdout.strip() in ("tmpfs", "ramfs")
    assert answer["checks"][0]["state"] == ("ok" if on_tmpfs else "warning")


@pytest.mark.parametrize("text, words", [("tiemout: 5s\n", "timeout"), ("timeout: never\n", "c.yaml:1"), ("jobs: [1\n", "c.yaml")])
def test_a_wrong_configuration_is_a_finding(ymgr, box, text, words):
    config = box.file("c.yaml", text)
    finds(ymgr, "configuration", "failed", words, exit=1, env={"YMGR_CONFIG": str(config)})


def test_a_configuration_that_others_can_write(ymgr, box):
    config = box.file("c.yaml", "timeout: 5s\n")
    finds(ymgr, "configuration", "ok", "c.yaml", env={"YMGR_CONFIG": str(config)})
    config.chmod(0o646)
    finds(ymgr, "configuration", "failed", "chmod go-", exit=1, env={"YMGR_CONFIG": str(config)})


def test_two_programs_in_path(ymgr, box):
    finds(ymgr, "programs", "ok", str(ymgr.program), env={"PATH": f"{ymgr.program.parent}:{ymgr.env['PATH']}"})
    other = box.file("bin/ymgr", "#!/bin/sh\n")
    other.chmod(0o755)
    finds(ymgr, "programs", "warning", "PATH leads to", exit=0, env={"PATH": str(other.parent)})
    finds(ymgr, "programs", "warning", "there are 2 programs", exit=0, env={"PATH": f"{other.parent}:{ymgr.program.parent}"})


def test_the_clock_and_the_trail(ymgr, box):
    assert look(ymgr, "clock")["state"] in ("ok", "warning", "skipped")
    finds(ymgr, "trail-clock", "ok", "last event")
    finds(later(box, "2024-01-01T00:00:00Z"), "trail-clock", "failed", "set the clock right", exit=1)


def test_scheduled_renewals_that_stopped(ymgr, box):
    finds(ymgr, "heartbeat", "skipped", "ymgr renew --due", exit=0)
    ymgr("renew", "--due")
    finds(ymgr, "heartbeat", "ok", "ended", exit=0)
    finds(later(box, in_days(3)), "heartbeat", "failed", "journalctl -u ymgr-renew", exit=1)
    week = box.file("week.yaml", "renew: {heartbeat: 7d}\n")
    finds(later(box, in_days(3)), "heartbeat", "ok", "ended", env={"YMGR_CONFIG": str(week)})


@pytest.mark.needs_root
def test_a_disk_that_is_nearly_full(ymgr, box, disk):
    folder = disk(2048)
    ymgr("issue", "web1.example.com", "--out", folder / "web1")
    finds(ymgr, "disk", "failed", f"df -h {folder}", exit=1)


def test_nothing_runs_renewals_until_a_timer_does(ymgr, box):
    finds(ymgr, "timers", "warning", "ymgr-renew.timer", exit=0)
    wants = pathlib.Path(box.env["XDG_CONFIG_HOME"]) / "systemd/user/timers.target.wants"
    wants.mkdir(parents=True)
    (wants / "ymgr-renew.timer").symlink_to(box.work / "ymgr-renew.timer")
    finds(ymgr, "timers", "failed", "leads to no unit", exit=1)
    box.file("ymgr-renew.timer", "[Timer]\n")
    finds(ymgr, "timers", "ok", "systemd runs renewals")


# ---- the policy


def test_a_policy_that_changed_without_a_version(ymgr, box):
    finds(ymgr, "policy", "ok", "in force")
    path = box.profile / "policy.yaml"
    path.write_text(path.read_text() + "# changed\n")
    finds(ymgr, "policy", "failed", "another version", exit=1)
    path.write_text(path.read_text().replace("version: v", "version: v9", 1))
    finds(ymgr, "policy", "warning", "ymgr policy show", exit=0)
    path.write_text("no: policy\n")
    finds(ymgr, "policy", "failed", "policy.yaml", exit=1)


def test_the_days_on_which_public_certificates_get_shorter(bare):
    bare.init("--preset", "cabf")
    box = bare.box
    finds(later(box, "2027-01-15T00:00:00Z"), "public-validity", "warning", "100d", exit=0)
    finds(later(box, "2027-06-15T00:00:00Z"), "public-validity", "ok", "public CAs", exit=0)


# ---- what the database has


def test_a_session_that_ended(ymgr, box):
    finds(ymgr, "login", "ok", "lives until")
    finds(later(box, "2030-01-01T00:00:00Z"), "login", "warning", "ymgr login", exit=0)
    ymgr("logout")
    finds(ymgr, "login", "skipped", "nobody is logged in", exit=0)


def test_a_schema_of_another_release(ymgr, box):
    finds(ymgr, "schema", "ok", "knows")
    newest = ymgr.json("db", "status")["known_version"]
    with sqlite3.connect(box.profile / "ymgr.db") as db:
        db.execute("DELETE FROM schema_migrations WHERE number = ?", (newest,))
    finds(ymgr, "schema", "warning", "ymgr db upgrade", exit=0)
    with sqlite3.connect(box.profile / "ymgr.db") as db:
        db.execute("INSERT INTO schema_migrations VALUES (?, 'later', '', 1, 0)", (newest + 1,))
    finds(ymgr, "schema", "warning", "another ymgr is newer", exit=0)
    with sqlite3.connect(box.profile / "ymgr.db") as db:
        db.execute("UPDATE schema_migrations SET min_client = number WHERE number = ?", (newest + 1,))
    finds(ymgr, "schema", "failed", "install the ymgr", exit=1)


def in_days(days):
    return time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + days * 86400))


def test_cas_and_lists_that_end(ymgr, box):
    for check in ("ca", "crl"):
        finds(ymgr, check, "ok", "lives until", exit=0)
    line = finds(later(box, in_days(5 * 365 - 60)), "ca", "warning", "ymgr ca rotate", exit=11)
    assert line["expiry"] == "due"
    assert finds(later(box, in_days(5 * 365 + 30)), "ca", "failed", "ymgr ca rotate", exit=12)["expiry"] == "over"
    finds(later(box, in_days(5)), "crl", "warning", "ymgr ca crl --refresh", exit=11)
    finds(later(box, in_days(10)), "crl", "failed", "ymgr ca crl --refresh", exit=12)


def test_certificates_that_nobody_renews(ymgr, box):
    ymgr("issue", "web1.example.com")
    finds(ymgr, "certificates", "ok", "none is due")
    finds(later(box, in_days(75)), "certificates", "warning", "web1.example.com", exit=11)
    finds(later(box, "2030-01-01T00:00:00Z"), "certificates", "failed", "ymgr renew --due", exit=12)


def test_a_hook_that_is_owed(ymgr, box):
    ymgr("issue", "web1.example.com", "--out", box.work / "web1", "--deploy-hook", "/bin/false")
    ymgr("renew", "web1.example.com", "--force", exit=10)
    finds(ymgr, "hooks", "failed", "web1.example.com", exit=1)


def test_an_operation_that_waits(box):
    failpoint = Ymgr(FAILPOINT, box)
    failpoint.armed("kill@6")("issue", "web1.example.com", exit=-9)
    finds(failpoint, "operations", "ok", "not finished")
    finds(failpoint.armed(clock=in_days(3)), "operations", "warning", "ymgr resume --all", exit=0)


def test_a_demo(demo):
    finds(Ymgr(RELEASE, demo), "demo", "warning", "virtual YubiKey", exit=0)


@pytest.fixture
def served(bare):
    """A profile whose certificates name a CRL and OCSP at a port of this host, and a certificate."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    bare.init("--crl-url", f"{base}/crl", "--ocsp-url", f"{base}/ocsp")
    bare.login()
    bare("issue", "web1.example.com")
    return bare, port


@contextlib.contextmanager
def serving(ymgr, port):
    process = ymgr.start("ca", "serve", "--listen", f"127.0.0.1:{port}")
    try:
        wait_for(lambda: listening(port), "ca serve")
        yield
    finally:
        process.terminate()
        process.communicate()


def test_lists_that_are_not_served(served):
    ymgr, port = served
    finds(ymgr, "served-lists", "failed", "curl -v", exit=1)
    ymgr("ca", "crl", "--refresh")
    with serving(ymgr, port):
        line = finds(ymgr, "served-lists", "ok", "serves CRL", exit=0)
        assert "answers OCSP requests" in line["finding"]


def test_another_server_stands_where_the_list_should_be(served):
    ymgr, port = served
    handler = type("Page", (http.server.BaseHTTPRequestHandler,), {
        "do_GET": lambda self: (self.send_response(200), self.end_headers(), self.wfile.write(b"<html>")),
        "do_POST": lambda self: (self.send_response(404), self.end_headers()),
        "log_message": lambda *_: None,
    })  # fmt: skip
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = finds(ymgr, "served-lists", "failed", "curl -v", exit=1)
        assert "gives no OCSP answer: status 404" in line["finding"]
        server.shutdown()


# ---- cards and the agent


@contextlib.contextmanager
def unix_server(path, answer):
    """Accepts connections and gives each to `answer`, until it is left."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as client:
                        answer(client)

        threading.Thread(target=serve, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def test_no_pcscd_and_one_that_has_died(bare, box):
    path = box.runtime / "pcscd.comm"
    env = {"PCSCLITE_CSOCK_NAME": str(path)}
    finds(bare, "pcscd", "skipped", "only YubiKeys need it", exit=0, env=env)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    finds(bare, "pcscd", "failed", "systemctl enable --now pcscd.socket", exit=1, env=env)


def test_polkit_refuses(bare, box):
    """pcscd then closes the connection without a word."""
    path = box.runtime / "pcscd.comm"
    with unix_server(path, lambda client: client.recv(8)):
        line = finds(bare, "polkit", "failed", "SCARD_W_SECURITY_VIOLATION", exit=1, env={"PCSCLITE_CSOCK_NAME": str(path)})
    assert 'action.id == "org.debian.pcsc-lite.access_pcsc"' in line["hint"] and "/etc/polkit-1/rules.d/" in line["hint"]


def test_a_real_pcscd_lets_us_in(bare, readers):
    for check in ("pcscd", "polkit"):
        finds(bare, check, "ok", "pcscd", exit=0, env=readers.env | {"HOME": bare.env["HOME"]})


def test_the_agent(ymgr, box):
    path = box.runtime / "agent/agent.sock"
    env = {"YMGR_AGENT_SOCKET": str(path)}
    finds(ymgr, "agent", "skipped", "ymgr agent start", exit=0, env=env)
    with agent_of_login(box, tcp=False):
        finds(ymgr, "agent", "ok", "answers", exit=0, env=env)
        finds(ymgr, "agent-process", "ok", "no core dumps", exit=0, env=env)
        finds(ymgr, "pcscd", "failed", "apt-get install pcscd", exit=1, env={**env, "PCSCLITE_CSOCK_NAME": str(box.runtime / "none")})
    path.parent.mkdir(exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    finds(ymgr, "agent", "failed", "nobody listens", exit=1, env=env)


@pytest.mark.parametrize("pid", ["self", None])
def test_an_agent_of_another_release_whose_memory_lies_open(ymgr, box, pid):
    path = box.runtime / "old.sock"
    sleeper = subprocess.Popen(["prlimit", "--core=unlimited", "sleep", "60"])
    health = {"status": "ok", "version": "0.0.1", "pid": sleeper.pid, "tcp": "off", "pcscd": True}
    if pid is None:
        del health["pid"]
    body = json.dumps(health).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    try:
        with unix_server(path, lambda client: (client.recv(65536), client.sendall(head + body))):
            env = {"YMGR_AGENT_SOCKET": str(path)}
            finds(ymgr, "agent", "warning", "restart it", exit=0, env=env)
            if pid:
                finds(ymgr, "agent-process", "failed", "core dump", exit=1, env=env)
            else:
                finds(ymgr, "agent-process", "skipped", "no agent whose process", exit=0, env=env)
    finally:
        sleeper.kill()
        sleeper.wait()


def test_gpgs_scdaemon_is_named(bare, box):
    program = box.work / "scdaemon"
    program.write_bytes(pathlib.Path("/usr/bin/sleep").read_bytes())
    program.chmod(0o755)
    process = subprocess.Popen([program, "60"])
    try:
        finds(bare, "card-users", "warning", f"scdaemon (process {process.pid})", exit=0)
    finally:
        process.kill()
        process.wait()


EXCLUSIVE = """\
import sys
from smartcard.scard import *
context = SCardEstablishContext(SCARD_SCOPE_USER)[1]
result, card, protocol = SCardConnect(context, sys.argv[1], SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_ANY)
print(result, flush=True)
sys.stdin.read()
"""


def test_keys_that_are_plugged_in(demo):
    with Desk(demo, "5.7.4", "5.4.3") as desk:
        ymgr = Ymgr(desk.ymgr.program, demo, {**desk.ymgr.env, "PCSCLITE_CSOCK_NAME": desk.readers.env["PCSCLITE_CSOCK_NAME"]})
        desk.ymgr.json("enroll", "--device", "1002")
        tries = [key.status()["instructions"].get("20", 0) for key in desk.keys]
        finds(ymgr, "cards", "warning", "--device SERIAL", exit=0)
        line = finds(ymgr, "firmware", "warning", "EUCLEAK", exit=0)
        assert "1002 (5.4.3)" in line["finding"]
        holder = subprocess.Popen(
            ["/usr/bin/python3", "-c", EXCLUSIVE, desk.keys[0].reader],
            env=desk.readers.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert holder.stdout.readline().strip() == "0"
            line = finds(ymgr, "cards", "failed", f"python3 (process {holder.pid})", exit=1)
            assert "1001 is held by another program" in line["finding"]
        finally:
            holder.communicate("")
        assert [key.status()["instructions"].get("20", 0) for key in desk.keys] == tries
        desk.ymgr("logout")
        finds(ymgr, "cards", "skipped", "does not know this login", exit=0)


# ---- servers: one that says of itself what a Vault would (the team's tests have a real one)


@contextlib.contextmanager
def vault_that_says(ymgr, days=30, **health):
    """The program, with the address of such a server in its configuration."""
    box = ymgr.box
    folder = box.file("tls/x", "").parent
    ca = TlsCa(folder)
    ca.issue("server", days=days)
    health = {"initialized": True, "sealed": False, "standby": False, "version": "2.7.2", "server_time_utc": int(time.time()), **health}

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(health).encode()
            self.send_response(503 if health["sealed"] else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"https://127.0.0.1:{server.server_port}"
        config = box.file("team.yaml", f"vault: {{address: '{address}', ca_file: {ca.file}}}\ndatabase: {{host: 127.0.0.1, port: 1}}\n")
        yield Ymgr(ymgr.program, box, {name: value for name, value in ymgr.env.items() if name != "YMGR_HOME"} | {"YMGR_CONFIG": str(config)})
        server.shutdown()


@pytest.mark.parametrize(
    "health, check, state, words, exit",
    [
        ({}, "vault", "ok", "is active", 0),
        ({}, "vault-clock", "ok", "this host", 0),
        ({}, "vault-certificate", "ok", "lives until", 0),
        ({"sealed": True}, "vault", "failed", "unseal", 1),
        ({"initialized": False}, "vault", "failed", "init", 1),
        ({"standby": True}, "vault", "failed", "without leader", 1),
        ({"version": "1.9.3"}, "vault", "warning", "not known to work", 0),
        ({"server_time_utc": 1700000000}, "vault-clock", "failed", "timedatectl", 1),
        ({"days": 0.5}, "vault-certificate", "warning", "renew it on the server", 11),
        ({"days": -1}, "vault", "failed", "expired", 1),
    ],
)
def test_what_a_vault_says_of_itself(bare, health, check, state, words, exit):
    with vault_that_says(bare, **health) as ymgr:
        finds(ymgr, check, state, words, exit=exit)
        if check == "vault" and state == "ok":
            finds(ymgr, "login", "skipped", "nobody is logged in", exit=0)
            finds(ymgr, "profile", "skipped", "servers of a team", exit=0)


# ---- the bundle


def test_the_bundle_has_no_names_and_no_secrets(ymgr, box):
    names = ["geheim.corp.example", "plainname", "maximilian", "nobody-knows"]
    ymgr("user", "add", "maximilian", "--role", "operator", "--password-file", box.secret("second", "a password of maximilian"))
    ymgr("issue", "geheim.corp.example", "--out", box.work / "very/private", "--deploy-hook", "/bin/false nobody-knows")
    ymgr("issue", "plainname", "--profile", "tls-client", "--owner", "maximilian")
    ymgr("renew", "geheim.corp.example", "--force", exit=10)
    config = box.file("c.yaml", "timeout: 5s\nvault: {address: 'https://vault.geheim.example:8200'}\n")
    env = {"VAULT_TOKEN": "hvs.averysecrettokenofthetest0123", "YMGR_CONFIG": str(config)}
    env["YMGR_PASSWORD_FILE"] = str(box.password_file)
    ahead = later(box, in_days(100))
    path = box.work / "bundle.json"
    answer = ahead.json("doctor", "--bundle", path, env=env, exit=None)
    shown = json.dumps(answer["checks"])
    assert "geheim.corp.example" in shown and "plainname" in shown
    text = path.read_text()
    secrets = ["averysecret", "correct horse", "a password of", next((box.runtime / "ymgr").iterdir()).read_text().split("\n")[2]]
    for word in [*names, *secrets, "geheim", "alice", "very/private", str(box.root), os.uname().nodename]:
        assert word not in text, word
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bundle = json.loads(text)
    assert bundle["database"]["certificates"]["active"] == 2 and bundle["database"]["users"] == {"admin": 1, "operator": 1}
    assert {line["id"]: line["state"] for line in bundle["checks"]} == {line["id"]: line["state"] for line in answer["checks"]}
    assert any(row["event"] == "issue.requested" for row in bundle["database"]["events"])
    ahead("doctor", "--bundle", path, env=env, exit=1)
    ahead("doctor", "--bundle", path, "--force", env=env, exit=None)
    again = json.loads(path.read_text())
    assert again["database"] == bundle["database"] and again["settings"] == bundle["settings"]


# The wildest first: what a setting takes of these is planted there.
PLANTS = [
    "/opt/{0}a --token {0}b '--pw={0}!x'",
    "https://chat.example.com/v1/{0}?key={0}&token={0}%3D",
    "https://{0}:8200",
    "{0}@{0}.example",
    "{0} with blanks",
    "{0},{0}b",
    "{0}",
]


def config_of(key, value):
    for part in reversed(key.split(".")):
        value = {part: value}
    return json.dumps(value)


def test_the_bundle_keeps_what_every_setting_says_to_itself(ymgr, box):
    config, path = box.work / "c.yaml", box.work / "bundle.json"
    planted, open_words = 0, {"ask.command", "notify.exec.command", "notify.webhook.url", "notify.mail.user", "vault.role", "database.host"}
    for number, key in enumerate(json.loads(ymgr("config", "show", "--json").stdout)["settings"]):
        secret = f"plant{number}x"
        for value in [plant.format(secret) for plant in PLANTS]:
            config.write_text(config_of(key["key"], value))
            if ymgr("config", "validate", config, exit=None).exit == 0:
                break
        else:
            assert key["key"] not in open_words
            continue
        planted += 1
        open_words.discard(key["key"])
        if key["key"] == "context":
            config.write_text(json.dumps({"context": value, "contexts": {value: {}}}))
        ymgr("doctor", "--check", "clock", "--bundle", path, "--force", env={"YMGR_CONFIG": str(config), "PGPORT": secret}, exit=None)
        text = path.read_text()
        assert secret not in text.lower(), (key["key"], value)
        assert json.loads(text)["settings"]["timeout"] == "60s"
    assert planted > 40 and not open_words


def test_the_bundle_tells_a_program_and_how_much_it_is_told(ymgr, box):
    program = ["/opt/acme/tell", "--token", "PLANT5", "--pw=PLANT6!x"]
    hook = "https://chat.example.com/v1/hook?key=PLANT3key&token=PLANT4tok%3D"
    mail = {"host": "mail.example.com", "from": "a@example.com", "to": ["b@example.com"], "user": "smtpPLANT2"}
    config = box.file("c.yaml", json.dumps({"notify": {"mail": mail, "webhook": {"url": hook}, "exec": {"command": program}}}))
    path = box.work / "bundle.json"
    ymgr("doctor", "--bundle", path, env={"YMGR_CONFIG": str(config)}, exit=None)
    text = path.read_text()
    assert "PLANT" not in text and "chat.example" not in text
    settings = json.loads(text)["settings"]
    assert re.fullmatch("path-[0-9a-f]{8} and 3 arguments", settings["notify.exec.command"])
    assert re.fullmatch("url-[0-9a-f]{8}", settings["notify.webhook.url"]) and settings["notify.webhook.kind"] == "json"
