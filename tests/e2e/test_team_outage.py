"""A team's PostgreSQL is away: renew and revoke go on in a stand-in on the host, and what they did arrives once."""

import json
import re
import shutil
import sqlite3

import pytest
from harness import FAILPOINT, RELEASE, Box, Ymgr, openssl
from team import Team, count, forge_operation
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
    assert revoked["crl_confirmed"] is True and revoked["ocsp_confirmed"] is True
    (waits,) = host.json("doctor", "--check", "undelivered")["checks"]
    assert waits["state"] == "warning" and str(the_file(host)) in waits["finding"]
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
    assert host.json("doctor", "--check", "undelivered")["checks"][0]["state"] == "ok"
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
        beats = count(team, "heartbeats WHERE exit_status = 1")
        (refused,) = host.json("renew", "--due", exit=1)["items"]  # what is due is renewed all the same
        assert refused["code"] == "database-corrupt" and "reconcile" in refused["suggestion"], (what, refused)
        assert count(team, "heartbeats WHERE exit_status = 1") == max(beats, 1)
        assert count(team, "certificates WHERE name = 'bait.corp.test'") == 1, what
        for beside in file.parent.glob(file.name + "-*"):
            beside.unlink()
        file.write_bytes(good)
    with sqlite3.connect(file) as db:
        db.executescript(TAMPERED["another owner"])
    db.close()
    assert host.json("revoke", "bait.corp.test", "--yes", exit=1)["code"] == "database-corrupt"
    for wrong in (b"", b"not a database at all", good[: len(good) // 2]):
        file.write_bytes(wrong)
        host.json("renew", "--due", exit=None if wrong == b"" else 1)
        assert count(team, "certificates WHERE name = 'bait.corp.test'") == 1
    file.write_bytes(good)
    file.chmod(0o666)
    assert host.json("renew", "--due", exit=2)["items"][0]["code"] == "file-unsafe"
    file.chmod(0o600)
    host("renew", "--due")
    assert count(team, "certificates WHERE name = 'bait.corp.test'") == 2


def renewed_while_away(host, name, *more):
    """Renewed in the stand-in, which is not delivered yet. @return its serial number, as the inventory writes it"""
    host.away = True
    host(*NOW, *only(name))
    for command in more:
        host(*command)
    host.away = False
    text = serial(host, name).strip().split("=")[1]
    return ":".join(text[i : i + 2] for i in range(0, len(text), 2))


def state_of(team, serial_number):
    found = team.pg.sql(f"SELECT status || ' ' || COALESCE(revocation_reason, '') FROM ymgr.certificates WHERE serial_number = '{serial_number}'")
    return found.strip()


def test_what_was_renewed_is_no_orphan_and_is_delivered_whatever_reconcile_recorded(team, host):
    issued(host, "found")
    new = renewed_while_away(host, "found")
    ada = team.person_box("ada")
    findings = ada.json("reconcile", "--revoke-orphans", "--yes", exit=None)["items"]
    assert [found["action"] for found in findings if found["subject"] == new] == ["noted"], findings
    assert "renewal of cert-" in next(found["message"] for found in findings if found["subject"] == new)
    team.pg.sql(
        "INSERT INTO ymgr.ca_issued SELECT issuer_id, '" + new + "', 'cert-x', public_key_sha256, not_after FROM ymgr.ca_issued"
        " WHERE cert_id = (SELECT cert_id FROM ymgr.certificates WHERE name = 'found.corp.test')"
    )
    host("renew", "--due")
    assert state_of(team, new) == "active"


def test_a_rehearsal_delivers_nothing_and_issue_does(team, host):
    issued(host, "late")
    new = renewed_while_away(host, "late")
    file = the_file(host).read_bytes()
    for command in (["renew", "--due"], ["reconcile"], ["resume", "--all"], ["revoke", "late.corp.test"], ["issue", "x.corp.test"]):
        said = host(*command, "--dry-run", exit=None).stderr
        assert "waits to be delivered" in said, (command, said)
    assert the_file(host).read_bytes() == file and state_of(team, new) == ""
    said = host("issue", "late.corp.test", "--ensure", "--out", host.box.work / "late").stderr
    assert "is delivered" in said
    assert state_of(team, new) == "active" and count(team, "certificates WHERE name = 'late.corp.test'") == 2


def test_revocations_arrive_and_weaken_no_reason(team, host):
    issued(host, "brief")
    issued(host, "leaked")
    new = renewed_while_away(
        host, "brief", ["revoke", "brief.corp.test", "--yes"], ["revoke", "leaked.corp.test", "--reason", "superseded", "--yes"]
    )
    team.person_box("ada")("revoke", "leaked.corp.test", "--reason", "keyCompromise", "--yes")
    host("renew", "--due")
    assert state_of(team, new) == "revoked unspecified"
    assert count(team, f"ca_revocations WHERE serial_number = '{new}'") == 1
    assert count(team, "certificates WHERE name = 'leaked.corp.test' AND revocation_reason = 'keyCompromise'") == 1


def test_a_key_that_leaked_meanwhile_leaves_no_certificate(team, host):
    issued(host, "stolen")
    new = renewed_while_away(host, "stolen")
    team.person_box("ada")("revoke", "stolen.corp.test", "--reason", "keyCompromise", "--yes")
    assert "revoked meanwhile: stolen.corp.test" in host("renew", "--due", exit=None).stderr
    assert state_of(team, new) == "revoked keyCompromise" and count(team, f"ca_revocations WHERE serial_number = '{new}'") == 1


def test_what_was_revoked_meanwhile_is_not_alive_by_its_renewal(team, host):
    issued(host, "closed")
    new = renewed_while_away(host, "closed")
    team.person_box("ada")("revoke", "closed.corp.test", "--reason", "cessationOfOperation", "--yes")
    back = host("renew", "--due", exit=None)
    assert back.exit != 0 and "revoked meanwhile: closed.corp.test" in back.stderr
    assert state_of(team, new) == "revoked cessationOfOperation" and count(team, f"ca_revocations WHERE serial_number = '{new}'") == 1


@pytest.fixture(scope="module")
def renewer(team, host):
    """The same host, where a renewer logs in."""
    box = team.person_box("ren").box
    env = {**host.env, **box.env, "YMGR_CONFIG": host.env["YMGR_CONFIG"], "YMGR_USER": "ren"}
    renewer = Ymgr(FAILPOINT, box, env)
    renewer.state = box.root / "state/ymgr"
    return renewer


def test_a_renewer_who_may_not_revoke_delivers_the_rest(team, host, renewer):
    renewer("issue", "tried.corp.test", "--out", renewer.box.work / "tried")
    renewer("issue", "ended.corp.test", "--out", renewer.box.work / "ended")
    doubted = renewer.json("issue", "doubted.corp.test")["cert_id"]
    renewer("renew", "--due")
    host.away = True
    renewer(*NOW, *only("tried"))
    renewer(*NOW, *only("ended"))
    for name in ("tried", "doubted"):
        renewer("revoke", f"{name}.corp.test", "--yes", exit=None)
    forge_operation(team.member("operator"), "req-colleague", doubted, "revoke")
    host.away = False
    team.person_box("ada")("revoke", "ended.corp.test", "--reason", "keyCompromise", "--yes")
    back = renewer("renew", "--due", exit=None)
    assert back.exit != 0 and "reconcile --revoke-orphans" in back.stderr and not list(renewer.state.glob("*.db-wal"))
    assert count(team, "audit_events WHERE event = 'revoke.abandoned' AND request_id = 'req-colleague'") == 0
    assert count(team, "operations WHERE request_id = 'req-colleague' AND state = 'open'") == 1
    host("operation", "abandon", "req-colleague", "--yes")
    renewer("renew", "--due")
    assert count(team, "certificates WHERE name = 'tried.corp.test' AND status = 'active'") == 1
    assert count(team, "certificates WHERE name = 'ended.corp.test' AND status = 'active'") == 0
    assert count(team, "audit_events WHERE event = 'stand_in.orphaned' AND target = 'ended.corp.test'") == 1
    serial_number = serial(renewer, "ended").strip().split("=")[1].lower()
    found = team.person_box("ada").json("reconcile", "--revoke-orphans", "--yes", exit=None)["items"]
    (orphan,) = [one for one in found if one["subject"].replace(":", "").lower() == serial_number]
    assert orphan["action"] == "repaired", orphan


def test_addresses_change_and_what_waits_arrives(team, host):
    issued(host, "moved")
    new = renewed_while_away(host, "moved")
    config = json.loads((host.box.work / "host.yaml").read_text())
    config["vault"]["address"] = f"{config['vault']['address']},{team.bao.address}"
    env = {**host.env, "YMGR_CONFIG": str(host.box.file("moved.yaml", json.dumps(config)))}
    assert "is delivered" in Ymgr(FAILPOINT, host.box, env)("renew", "--due").stderr
    assert state_of(team, new) == "active"


def test_a_copy_of_the_team_gets_nothing_of_what_waits_for_it(team, host):
    config = json.loads((host.box.work / "host.yaml").read_text())
    contexts = {"contexts": {name: config for name in ("production", "staging/2")}}
    env = {**host.env, "YMGR_CONFIG": str(host.box.file("contexts.yaml", json.dumps(contexts)))}
    production, staging = (Ymgr(FAILPOINT, host.box, {**env, "YMGR_CONTEXT": name}) for name in contexts["contexts"])
    issued(host, "copied")
    production("renew", "--due")
    host.away = True
    assert staging.json(*NOW, *only("copied"), exit=8)["code"] == "database-unreachable"  # nothing was noted of it
    production(*NOW, *only("copied"))
    host.away = False
    assert "delivered" not in staging("renew", "--due").stderr
    (told,) = staging.json("doctor", "--check", "undelivered", exit=None)["checks"]
    assert told["state"] == "warning" and "same context" in told["hint"]
    assert "is delivered" in production("renew", "--due").stderr
    for file in host.state.glob("*.*.*.db"):
        file.unlink()


def test_of_two_successors_the_newest_stays(team, host, renewer):
    renewer("issue", "shared.corp.test")
    renewer("renew", "--due")
    host("renew", "--due")
    host.away = True
    renewer("renew", "shared.corp.test", "--force")
    host("renew", "shared.corp.test", "--force")
    host.away = False
    renewer("renew", "--due")
    host("renew", "--due", exit=None)
    assert count(team, "certificates WHERE name = 'shared.corp.test' AND status = 'active'") == 1


def killed_after_the_plan(team, host, name):
    host.armed(failpoint="kill@3")("renew", f"{name}.corp.test", "--force", exit=None)
    assert count(team, f"operations WHERE target = '{name}.corp.test' AND kind = 'renew' AND state = 'open'") == 1
    assert count(team, f"certificates WHERE name = '{name}.corp.test'") == 1


def test_a_renewal_that_was_planned_before_is_not_made_again(team, host):
    issued(host, "twice")
    killed_after_the_plan(team, host, "twice")
    new = renewed_while_away(host, "twice")
    host("renew", "--due")
    assert state_of(team, new) == "active" and count(team, "certificates WHERE name = 'twice.corp.test'") == 2
    assert count(team, "operations WHERE state IN ('open', 'waiting')") == 0
    assert count(team, "audit_events WHERE event = 'renew.abandoned' AND target = 'twice.corp.test'") == 1


def test_a_renewal_of_what_is_not_active_any_more_fails(team, host):
    issued(host, "gone")
    killed_after_the_plan(team, host, "gone")
    team.pg.sql("UPDATE ymgr.certificates SET status = 'superseded' WHERE name = 'gone.corp.test'")
    (failed,) = host.json("resume", "--all", exit=1)["operations"]
    assert (failed["state"], failed["code"]) == ("failed", "certificate-state") and "superseded by now" in failed["error"]
    assert count(team, "certificates WHERE name = 'gone.corp.test'") == 1


def set_policy(team, host, version, approval):
    ada = team.person_box("ada")
    model = Ymgr(RELEASE, Box(host.box.root / version))
    model.init()
    text = re.sub(r"^version: .*$", f"version: {version}", (model.box.profile / "policy.yaml").read_text(), count=1, flags=re.M)
    model.box.remove()
    ada("policy", "set", ada.box.file("policy.yaml", text.replace("  tls-server:\n", f"  tls-server:\n{approval}", 1)), "--yes")


def test_a_renewal_that_waits_on_both_sides_waits_once(team, host):
    issued(host, "asked")
    set_policy(team, host, "v9.1", "    approval: [operator]\n")
    here = host.json("renew", "asked.corp.test", "--force")
    host.away = True
    there = host.json("renew", "asked.corp.test", "--force")
    host.away = False
    assert here["state"] == there["state"] == "waiting_approval"
    assert "is delivered" in host("renew", "--due").stderr
    states = team.pg.sql("SELECT request_id, state FROM ymgr.operations WHERE target = 'asked.corp.test' AND kind = 'renew'")
    assert sorted(line.split("|")[1] for line in states.split()) == ["abandoned", "waiting"], states
    mine = here["resume_id"].replace("resume-", "req-")
    assert f"{mine}|waiting" in states
    host("operation", "abandon", mine, "--yes")
    set_policy(team, host, "v9.2", "")


def test_without_anything_noted_it_is_an_error_that_leaves_no_token(team, host):
    shutil.rmtree(host.state)
    host.away = True
    tokens = team.bao.api("LIST", "auth/token/accessors")["data"]["keys"]
    assert host.json("renew", "--due", exit=8)["code"] == "database-unreachable"
    assert len(team.bao.api("LIST", "auth/token/accessors")["data"]["keys"]) == len(tokens)
    host.away = False
