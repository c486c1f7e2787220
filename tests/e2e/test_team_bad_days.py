"""A team's servers on bad days: what a command says, how it ends, and that it goes on afterwards."""

import json
import re
import socket
import threading
import time

import pytest
from harness import FAILPOINT, Ymgr, free_port, wait_for
from openbao import OpenBao, TlsCa
from postgres import Pooler
from team import Team, count, signed
from vault_proxy import VaultProxy


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("bad")) as team:
        for name in ("ada", "oscar", "uma"):
            team.person_box(name)("login", "--user", name)
        yield team


@pytest.fixture
def proxy(team):
    with VaultProxy(team.bao) as proxy:
        yield proxy


def through(team, name, address, **more):
    """That person's ymgr with Vault at another address, logged in for each command."""
    ymgr = team.person_box(name)
    config = json.loads(json.dumps({"vault": {"address": address, "ca_file": team.bao.ca_file, "domains": ["corp.test"]}}))
    config["vault"] |= more.pop("vault", {})
    config["database"] = {"host": team.pg.env["PGHOST"], "port": int(team.pg.env["PGPORT"]), "name": "ymgr"} | more.pop("database", {})
    path = ymgr.box.file(f"config-{len(list(ymgr.box.work.iterdir()))}.yaml", json.dumps(config))
    return Ymgr(ymgr.program, ymgr.box, {**ymgr.env, "YMGR_CONFIG": str(path), "YMGR_USER": name, **more})


def test_a_ca_that_is_unavailable_leaves_a_request_to_resume(team, proxy):
    proxy.rule = lambda method, path: (503, b'{"errors":["service unavailable"]}') if "/sign/" in path else None
    oscar = through(team, "oscar", proxy.address)
    answer = oscar.json("issue", "late.corp.test", exit=8)
    assert answer["success"] is False and answer["error"] == "CA unavailable after 3 retries"
    assert (answer["state"], answer["retryable"]) == ("csr_created", True)
    assert re.fullmatch(r"resume-\d{14}-[0-9a-f]{12}", answer["resume_id"])
    assert sum("/sign/" in request for request in proxy.seen) == 4
    proxy.rule = lambda method, path: None
    done = oscar.json("resume", answer["resume_id"])
    assert done["success"] is True
    assert count(team, "certificates WHERE name = 'late.corp.test'") == 1


def test_a_lost_answer_of_the_ca_is_found_and_not_asked_for_again(team, proxy):
    lost = iter(["lost"])
    proxy.rule = lambda method, path: next(lost, None) if "/sign/" in path else None
    oscar = through(team, "oscar", proxy.address)
    answer = oscar.json("issue", "lost.corp.test", exit=8)
    assert answer["state"] == "csr_created"
    made = signed(team)
    assert oscar.json("resume", answer["resume_id"])["success"] is True
    assert signed(team) == made
    assert count(team, "certificates WHERE name = 'lost.corp.test'") == 1


ANSWERS = {
    "truncated": (200, b'{"data": {"certificate": "-----BEGIN'),
    "no JSON": (200, b"<html>a proxy's page</html>"),
    "nothing": (200, b""),
    "another kind": (200, b"[1, 2]"),
    "deep": (200, b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "too large": (200, b'{"data": "' + b"x" * (40 * 1024 * 1024) + b'"}'),
    "500": (500, b'{"errors":["internal error"]}'),
    "429": (429, b'{"errors":["request path \\"pki/sign\\": rate limit quota exceeded"]}'),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_senseless_answers_leave_something_to_resume(team, proxy, kind):
    name = f"odd-{list(ANSWERS).index(kind)}.corp.test"
    proxy.rule = lambda method, path: ANSWERS[kind] if "/sign/" in path else None
    oscar = through(team, "oscar", proxy.address)
    answer = oscar.json("issue", name, "--timeout", "5s", exit=8)
    assert answer["retryable"] is True and answer["suggestion"] and answer["state"] == "csr_created", answer
    proxy.rule = lambda method, path: None
    assert oscar.json("resume", answer["resume_id"])["success"] is True


def plain_http(port):
    """Somebody who speaks HTTP on a port that should have TLS."""
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(30)
        for _ in range(4):
            try:
                client, _ = server.accept()
            except TimeoutError:
                return
            with client:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_wrong_addresses_and_servers(team, tmp_path):
    nobody = f"https://127.0.0.1:{free_port()}"
    http_port = free_port()
    threading.Thread(target=plain_http, args=(http_port,), daemon=True).start()
    other = TlsCa(tmp_path)
    CASES = {
        "nobody listens": ({"address": nobody}, 8, "vault-unreachable"),
        "another CA": ({"ca_file": str(other.file)}, 8, "vault-untrusted"),
        "plain HTTP": ({"address": f"https://127.0.0.1:{http_port}"}, 8, "vault-untrusted"),
        "no https": ({"address": "http://127.0.0.1:8200"}, 2, "config-invalid"),
        "no such auth mount": ({"auth_mount": "nobody"}, 4, "locked-out"),
    }
    for what, (vault, exit, code) in CASES.items():
        refused = through(team, "uma", team.bao.address, vault=vault).json("whoami", "--timeout", "3s", exit=exit)
        assert refused["code"] == code and refused["suggestion"], (what, refused)
    database = {"host": str(tmp_path)}
    refused = through(team, "uma", team.bao.address, database=database).json("whoami", "--timeout", "3s", exit=8)
    assert refused["code"] == "database-unreachable", refused


@pytest.mark.parametrize("name, times", [("expired", {"days": -1}), ("early", {"days": 20, "begin": 10})])
def test_a_server_certificate_out_of_its_time(team, name, times):
    team.bao.tls.issue(name, **times)
    with VaultProxy(team.bao, certificate=name) as proxy:
        refused = through(team, "uma", proxy.address).json("whoami", exit=8)
        assert refused["code"] == "vault-untrusted" and proxy.seen == [], refused


def test_a_sealed_server_says_so_and_the_work_goes_on(team):
    oscar = team.person_box("oscar")
    team.bao.kill()
    team.bao.launch()  # sealed after a restart
    refused = oscar.json("issue", "sealed.corp.test", "--timeout", "5s", exit=8)
    assert refused["code"] == "vault-sealed" and "unseal" in refused["suggestion"], refused
    team.bao.unseal()
    assert oscar.json("issue", "sealed.corp.test", exit=None)["success"] or oscar.json("resume", "--all")["success"]
    assert count(team, "certificates WHERE name = 'sealed.corp.test' AND status = 'active'") == 1


def database_role(team, name):
    return f"database/roles/u-{team.member(name).entity}"


def test_a_login_that_ends_in_a_long_run_is_renewed_or_replaced(team):
    """Its lease is of three seconds; the run takes longer."""
    oscar = through(team, "oscar", team.bao.address)
    role = team.bao.api("GET", database_role(team, "oscar"))["data"]
    team.bao.api("POST", database_role(team, "oscar"), {**role, "default_ttl": "3s", "max_ttl": "6s"})
    try:
        answer = oscar.json("issue", "long-{1..8}.corp.test", "--key", "rsa-4096", "--jobs", "1", timeout=180)
    finally:
        team.bao.api("POST", database_role(team, "oscar"), role)
    assert answer["summary"]["issued"] == 8, answer
    assert count(team, "certificates WHERE name LIKE 'long-%'") == 8


def test_a_token_that_dies_in_a_run_leaves_it_to_the_next_login(team):
    team.bao.api("POST", "auth/userpass/users/oscar", {"token_ttl": "3s", "token_max_ttl": "3s"})
    oscar = through(team, "oscar", team.bao.address)
    try:
        answer = oscar.json("issue", "dies-{1..8}.corp.test", "--key", "rsa-4096", "--jobs", "1", exit=None, timeout=180)
    finally:
        team.bao.api("POST", "auth/userpass/users/oscar", {"token_ttl": "8h", "token_max_ttl": "8h"})
    assert answer["success"] is False and answer.get("suggestion"), answer
    wait_for(lambda: oscar("resume", "--all", exit=None, timeout=180).exit == 0, "what was left", 120)
    assert count(team, "certificates WHERE name LIKE 'dies-%'") == 8
    assert count(team, "operations WHERE state = 'open'") == 0


def test_no_connection_is_left_at_the_database(team):
    team.pg.sql("ALTER DATABASE ymgr CONNECTION LIMIT 0", database="postgres")
    try:
        refused = through(team, "oscar", team.bao.address).json("cert", "list", "--timeout", "3s", exit=8)
    finally:
        team.pg.sql("ALTER DATABASE ymgr CONNECTION LIMIT -1", database="postgres")
    assert refused["retryable"] is True and refused["suggestion"], refused


def test_a_server_that_was_never_initialised_says_so(team, tmp_path):
    with OpenBao(tmp_path, "fresh") as fresh:
        fresh.launch()
        refused = through(team, "uma", fresh.address, vault={"ca_file": fresh.ca_file}).json("whoami", "--timeout", "3s", exit=8)
    assert refused["code"] == "vault-uninitialised" and "init" in refused["suggestion"], refused


@pytest.fixture(scope="module")
def pooled(team):
    """Where the database is behind PgBouncer of that mode, for Vault's own login, too."""
    team.pg.sql(Pooler.SQL)
    connection = "database/config/ymgr-postgres"
    direct = team.bao.api("GET", connection)["data"]["connection_details"]["connection_url"]
    with Pooler(team.pg, "session") as session, Pooler(team.pg, "transaction") as transaction:
        behind = f"postgresql://{{{{username}}}}:{{{{password}}}}@/ymgr?host={session.folder}&port={Pooler.PORT}"
        team.bao.api("POST", connection, {"connection_url": behind})
        yield {pooler.mode: {"host": str(pooler.folder), "port": int(Pooler.PORT)} for pooler in (session, transaction)}
        team.bao.api("POST", connection, {"connection_url": direct})


def test_a_team_works_through_a_pooler_that_keeps_sessions(team, pooled):
    oscar = through(team, "oscar", team.bao.address, database=pooled["session"])
    oscar.json("login")
    login = f"u-{team.member('oscar').entity}.%"
    logins = int(team.pg.sql(f"SELECT count(*) FROM pg_roles WHERE rolname LIKE '{login}'"))
    issued = oscar.json("issue", "pooled-{1..20}.corp.test", "--jobs", "4")
    assert issued["summary"]["issued"] == 20, issued
    assert oscar.json("renew", "pooled-1.corp.test", "--force")["success"] is True
    assert oscar.json("report")["active"] >= 20
    assert count(team, "certificates WHERE name LIKE 'pooled-%' AND issued_by = 'oscar'") == 21
    assert count(team, f"audit_events WHERE target LIKE 'pooled-%' AND actor <> 'oscar'") == 0
    oscar("logout")  # the role goes although the pooler has kept its connections
    ends = f"SELECT count(*) FROM pg_roles WHERE rolname LIKE '{login}'"
    wait_for(lambda: int(team.pg.sql(ends)) == logins - 1, "the login's end", 5)


def test_a_pooler_that_gives_every_transaction_another_session_is_refused(team, pooled):
    oscar = through(team, "oscar", team.bao.address, database=pooled["transaction"])
    for words in (["login"], ["issue", "unfit.corp.test"], ["report"]):
        refused = oscar.json(*words, exit=2)
        assert refused["code"] == "pooler-unfit" and "pool_mode = session" in refused["suggestion"], refused
    assert count(team, "operations WHERE target = 'unfit.corp.test'") == 0


def looks(ymgr, check, **how):
    (line,) = ymgr.json("doctor", "--check", check, exit=None, **how)["checks"]
    return line["state"], f"{line['finding']} {line['hint']}"


def test_doctor_passes_a_team_in_order_and_changes_nothing(team):
    ada = team.person_box("ada")
    before = count(team, "audit_events")
    leases = len(team.bao.api("LIST", "sys/leases/lookup/database/creds/", token=team.bao.root_token)["data"]["keys"])
    servers = ("vault", "vault-clock", "vault-certificate", "postgresql", "postgresql-clock")
    for check in ("login", *servers, "schema", "ca", "crl", "trail-clock", "operations", "undelivered"):
        state, text = looks(ada, check)
        may_warn = check in ("operations", "vault-certificate")  # the tests' certificates are short
        assert state == "ok" or (may_warn and state == "warning"), f"{check}: {text}"
    assert looks(ada, "postgresql-certificate") == ("skipped", "there is no TLS on a Unix socket None")
    assert looks(team.person_box("uma"), "vault-audit")[0] == "skipped"
    assert count(team, "audit_events") == before
    assert len(team.bao.api("LIST", "sys/leases/lookup/database/creds/", token=team.bao.root_token)["data"]["keys"]) == leases


def test_doctor_without_login_and_without_servers(team, tmp_path):
    nobody = Ymgr(team.ymgr.program, team.ymgr.box, {**team.ymgr.box.env, "YMGR_CONFIG": str(team.config)})
    assert looks(nobody, "vault")[0] == "ok"
    for check in ("login", "schema", "certificates"):
        assert looks(nobody, check)[0] == "skipped", check
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(team.config.read_text().replace(team.bao.address, f"https://127.0.0.1:{free_port()}"))
    lost = Ymgr(nobody.program, nobody.box, {**nobody.env, "YMGR_CONFIG": str(elsewhere)})
    state, text = looks(lost, "vault")
    assert state == "failed" and "refused" in text
    assert looks(lost, "vault-clock")[0] == "skipped"


def test_doctor_tells_a_server_of_another_ca(team, tmp_path):
    other = TlsCa(tmp_path)
    nobody = Ymgr(team.ymgr.program, team.ymgr.box, {**team.ymgr.box.env, "YMGR_CONFIG": str(team.config), "BAO_CACERT": str(other.file)})
    state, text = looks(nobody, "vault")
    assert state == "failed" and "can't be trusted" in text


def test_doctor_tells_clocks_apart_and_a_database_that_takes_no_writes(team):
    ada = team.person_box("ada")
    ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    wrong = Ymgr(FAILPOINT, ada.box, {**ada.env, "YMGR_TEST_CLOCK": ahead})
    for check in ("vault-clock", "postgresql-clock"):
        state, text = looks(wrong, check)
        assert state == "failed" and "timedatectl" in text, text
    team.pg.sql("ALTER DATABASE ymgr SET default_transaction_read_only = on")
    try:
        state, text = looks(ada, "postgresql")
        assert state == "failed" and "takes no writes" in text
    finally:
        team.pg.sql("ALTER DATABASE ymgr RESET default_transaction_read_only", database="postgres")
