"""A team's PostgreSQL is away: renew and revoke go on in a stand-in on the host, and what they did arrives once."""

import json
import shutil
import sqlite3

import pytest
from harness import FAILPOINT, Ymgr, openssl
from team import Team
from vault_proxy import VaultProxy

NOW = ["renew", "--due", "--renew-before", "89d23h59m58s", "--force"]
AWAY = b'{"errors":["1 error occurred: failed to connect to `user=ymgr_vault`: connection refused"]}'


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("outage")) as team:
        team.person_box("ada")("login", "--user", "ada")
        yield team


@pytest.fixture(scope="module")
def host(team):
    """A host of oscar's, that logs in for each command. `host.away` decides what Vault says of PostgreSQL."""
    with VaultProxy(team.bao) as proxy:
        ymgr = team.person_box("oscar")
        config = {
            "vault": {"address": proxy.address, "ca_file": str(team.bao.ca_file), "domains": ["corp.test"]},
            "database": {"host": team.pg.env["PGHOST"], "port": int(team.pg.env["PGPORT"]), "name": "ymgr"},
        }
        env = {**ymgr.env, "YMGR_CONFIG": str(ymgr.box.file("host.yaml", json.dumps(config))), "YMGR_USER": "oscar"}
        host = Ymgr(FAILPOINT, ymgr.box, env)
        host.away = False
        proxy.rule = lambda method, path: (500, AWAY) if host.away and "/creds/" in path else None
        host.state = ymgr.box.root / "state/ymgr"
        yield host


def issued(host, name):
    host.away = False
    host("issue", f"{name}.corp.test", "--out", host.box.work / name)
    host.json("renew", "--due")
    return serial(host, name)


def serial(host, name):
    return openssl("x509", "-in", host.box.work / name / "cert.pem", "-noout", "-serial").stdout


def the_file(host):
    (file,) = host.state.glob("*.db")
    return file


def count(team, query):
    return int(team.pg.sql(f"SELECT count(*) FROM ymgr.{query}"))


def only(name):
    return ["--select", f"name={name}.corp.test"]


def test_renewals_and_revocations_go_on_and_arrive_when_it_is_back(team, host):
    before = issued(host, "web")
    issued(host, "lost")
    team.pg.crash()
    refused = host.json("issue", "more.corp.test", "--timeout", "5s", exit=8)
    assert refused["code"] == "database-unreachable", refused
    done = host(*NOW, *only("web"), "--json")
    assert done.json["items"][0]["result"] == "renewed" and "does not answer" in done.stderr, done
    renewed = serial(host, "web")
    assert renewed != before
    assert host.json("renew", "--due")["items"] == []
    revoked = host.json("revoke", "lost.corp.test", "--reason", "superseded", "--yes")
    assert revoked["crl_confirmed"] is True
    file = the_file(host)
    assert file.stat().st_mode & 0o777 == 0o600 and b"PRIVATE KEY" not in file.read_bytes()
    team.pg.serve()
    assert count(team, "certificates WHERE name = 'web.corp.test'") == 1
    back = host("renew", "--due", "--json")
    assert "is delivered" in back.stderr
    assert count(team, "certificates WHERE name = 'web.corp.test' AND status = 'active'") == 1
    assert count(team, "certificates WHERE name = 'web.corp.test' AND status = 'superseded'") == 1
    assert count(team, "certificates WHERE name = 'lost.corp.test' AND status = 'revoked'") == 1
    assert count(team, "operations WHERE state = 'open'") == 0
    assert count(team, "audit_events WHERE event = 'issued' AND target = 'web.corp.test'") == 2
    again = host("renew", "--due", "--json")
    assert "delivered" not in again.stderr and serial(host, "web") == renewed
    shown = host.json("cert", "show", "web.corp.test")
    assert shown["serial_number"].replace(":", "") == renewed.strip().split("=")[1]


@pytest.mark.parametrize("points", [range(1, 26, 6), range(4, 26, 6)])
def test_a_run_that_is_killed_while_it_is_away_is_finished_and_arrives_once(team, host, points):
    name = f"killed{points.start}"
    issued(host, name)
    for point in points:
        host.away = True
        host.armed(failpoint=f"kill@{point}")(*NOW, *only(name), exit=None)
        host("renew", "--due")
        host.away = False
    host("renew", "--due")
    rows = count(team, f"certificates WHERE name = '{name}.corp.test'")
    assert rows == count(team, f"audit_events WHERE event = 'issued' AND target = '{name}.corp.test'")
    assert count(team, f"certificates WHERE name = '{name}.corp.test' AND status = 'active'") == 1
    assert count(team, "operations WHERE state IN ('open', 'waiting')") == 0
    assert host.json("cert", "show", f"{name}.corp.test")["serial_number"].replace(":", "") in serial(host, name)


def test_a_delivery_that_is_killed_delivers_once(team, host):
    issued(host, "parcel")
    for point in range(1, 7):
        host.away = True
        host(*NOW, *only("parcel"))
        host.away = False
        host.armed(failpoint=f"kill@{point}")("renew", "--due", exit=None)
        host("renew", "--due")
        assert count(team, "certificates WHERE name = 'parcel.corp.test'") == 1 + point
        assert count(team, "audit_events WHERE event = 'issued' AND target = 'parcel.corp.test'") == 1 + point


def test_two_processes_deliver_once(team, host):
    issued(host, "pair")
    host.away = True
    host(*NOW, *only("pair"))
    host.away = False
    delivered = count(team, "audit_events WHERE event = 'stand_in.delivered'")
    for process in [host.start("renew", "--due") for _ in range(3)]:
        process.communicate(timeout=60)
        assert process.returncode == 0
    host("renew", "--due")
    assert count(team, "audit_events WHERE event = 'stand_in.delivered'") == delivered + 1
    assert count(team, "certificates WHERE name = 'pair.corp.test'") == 2


TAMPERED = {
    "another owner": "UPDATE certificates SET owner = 'uma' WHERE request_id IN (SELECT request_id FROM operations)",
    "other inputs": "UPDATE operations SET inputs = '{\"name\":\"x\"}'",
    "another person": "UPDATE operations SET actor = 'ada'",
    "another operation": "UPDATE operations SET kind = 'issue'",
    "another key": "UPDATE certificates SET key_reference = 'transit:x', name = 'y' WHERE status = 'active'",
    "a shorter trail": "DROP TRIGGER audit_events_keep; DELETE FROM audit_events WHERE seq = 2",
    "another host": "UPDATE certificates SET host = 'elsewhere' WHERE request_id IN (SELECT request_id FROM operations)",
}


def test_a_file_that_was_tampered_with_is_refused(team, host):
    issued(host, "bait")
    host.away = True
    host(*NOW, *only("bait"))
    host.away = False
    file = the_file(host)
    good = file.read_bytes()
    for what, script in TAMPERED.items():
        with sqlite3.connect(file) as db:
            db.executescript(script)
        db.close()
        refused = host.json("renew", "--due", exit=1)
        assert refused["code"] == "database-corrupt" and "reconcile" in refused["suggestion"], (what, refused)
        assert count(team, "certificates WHERE name = 'bait.corp.test'") == 1, what
        for beside in file.parent.glob(file.name + "-*"):
            beside.unlink()
        file.write_bytes(good)
    for wrong in (b"", b"not a database at all", good[: len(good) // 2]):
        file.write_bytes(wrong)
        host.json("renew", "--due", exit=None if wrong == b"" else 1)
        assert count(team, "certificates WHERE name = 'bait.corp.test'") == 1
    file.write_bytes(good)
    file.chmod(0o666)
    assert host.json("renew", "--due", exit=2)["code"] == "file-unsafe"
    file.chmod(0o600)
    host("renew", "--due")
    assert count(team, "certificates WHERE name = 'bait.corp.test'") == 2


def test_without_anything_noted_it_is_an_error(host):
    shutil.rmtree(host.state)
    host.away = True
    assert host.json("renew", "--due", exit=8)["code"] == "database-unreachable"
    host.away = False
