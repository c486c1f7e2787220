"""A team on three nodes of OpenBao and a PostgreSQL with a standby: servers die in the middle of bulks, and nothing is lost or double."""

import time

import pytest
from harness import RELEASE, Ymgr, openssl, wait_for
from team import Team

MANY = 200


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("cluster"), nodes=3, standby=True) as team:
        team.person_box("ada")("login", "--user", "ada")
        team.person_box("oscar")("login", "--user", "oscar")
        yield team


@pytest.fixture
def oscar(team):
    return team.person_box("oscar")


def primary(team):
    return team.pg if team.pg.process else team.standby


def count(team, query):
    return int(primary(team).sql(f"SELECT count(*) FROM ymgr.{query}"))


def bulk_with(team, oscar, prefix, many, fault):
    """Issues `many` names, and lets `fault` happen once a part of them is done; whatever is left is resumed."""
    name = f"{prefix}-%.corp.test"
    said = open(oscar.box.root / f"{prefix}.log", "w")
    running = oscar.start("issue", f"{prefix}-{{1..{many}}}.corp.test", stdout=said, stderr=said)
    try:
        wait_for(lambda: count(team, f"certificates WHERE name LIKE '{name}'") > many // 5, "a part of the bulk", 120)
        fault()
        running.wait(timeout=180)
    finally:
        if running.poll() is None:
            running.kill()
        said.close()
    for _ in range(3):
        again = oscar("resume", "--all", "--json", exit=None, timeout=180)
        if again.exit == 0 and not count(team, "operations WHERE state = 'open'"):
            break
        time.sleep(2)
    assert count(team, "operations WHERE state = 'open'") == 0, again
    assert count(team, f"certificates WHERE name LIKE '{name}'") == many
    assert int(primary(team).sql(f"SELECT count(DISTINCT name) FROM ymgr.certificates WHERE name LIKE '{name}'")) == many
    made = f"audit_events WHERE event = 'issued' AND target LIKE '{name}'"
    assert count(team, made) == many


def serials_of_ca(team):
    """Of every certificate for a server that Vault has, as the inventory writes them."""
    leader = team.cluster.leader()
    keys = leader.api("LIST", "pki/certs")["data"]["keys"]
    issuer = leader.api("GET", "pki/cert/ca")["data"].get("serial_number", "")
    return {key.replace("-", ":").upper() for key in keys if key != issuer}


def alone(team, tmp_path, **places):
    """oscar's ymgr, for one command at a time, with a configuration that names these places of the team's servers alone."""
    kept = {"address": ",".join(team.cluster.addresses), "host": f"{team.pg.env['PGHOST']},{team.standby.env['PGHOST']}"} | places
    config = tmp_path / "alone.yaml"
    config.write_text(
        f"vault: {{address: '{kept['address']}', ca_file: {team.bao.ca_file}, domains: [corp.test]}}\n"
        f"database: {{host: '{kept['host']}', port: {team.pg.env['PGPORT']}, name: ymgr}}\n"
    )
    return Ymgr(RELEASE, team.person_box("oscar").box, {"YMGR_CONFIG": str(config), "YMGR_USER": "oscar"})


def test_a_standby_of_vault_is_as_good_an_address_as_its_leader(team, tmp_path):
    standby = next(node for node in team.cluster.nodes if node is not team.cluster.leader())
    ymgr = alone(team, tmp_path, address=standby.address)
    assert ymgr.json("issue", "through-a-standby.corp.test")["success"] is True
    assert ymgr.json("revoke", "through-a-standby.corp.test", "--yes")["success"] is True


def test_a_standby_of_postgresql_alone_is_told_and_costs_nothing(team, tmp_path):
    ymgr = alone(team, tmp_path, host=team.standby.env["PGHOST"])
    refused = ymgr.json("--timeout", "3s", "issue", "read-only.corp.test", exit=8)
    assert refused["code"] == "database-read-only" and refused["retryable"] is True
    assert "standby" in refused["error"] and refused["suggestion"]
    assert count(team, "certificates WHERE name = 'read-only.corp.test'") == 0


def test_the_leader_is_killed_in_a_bulk(team, oscar):
    def fault():
        leader = team.cluster.leader()
        leader.kill()
        leader.start()

    bulk_with(team, oscar, "leader", MANY, fault)


def test_the_primary_is_restarted_in_a_bulk(team, oscar):
    bulk_with(team, oscar, "restart", MANY, lambda: team.pg.crash().serve())


def test_the_standby_is_promoted_in_a_bulk(team, oscar):
    def fault():
        team.pg.crash()
        team.standby.promote()

    bulk_with(team, oscar, "promote", MANY, fault)


def orphan(team, oscar):
    """Signed by the CA for a key of ours under a name that nobody asked for. @return its serial number"""
    oscar("issue", "known.corp.test", "--out", oscar.box.work / "known")
    key = oscar.box.work / "known/privkey.pem"
    csr = openssl("req", "-new", "-key", key, "-subj", "/CN=unknown.corp.test").stdout
    signed = team.cluster.leader().api("POST", "pki/sign-verbatim", {"csr": csr, "ttl": "24h"})
    return signed["data"]["serial_number"].upper()


def test_orphans_are_revoked_and_the_rest_is_in_the_inventory(team, oscar):
    ada = team.person_box("ada")
    lost = orphan(team, oscar)
    known = set(primary(team).sql("SELECT serial_number FROM ymgr.ca_issued").split())
    assert len(known) == 3 * MANY + 2  # the one through a standby, and whose key the orphan has
    orphans = serials_of_ca(team) - known
    assert lost in orphans
    found = {item["subject"]: item["action"] for item in ada.json("reconcile", exit=1, timeout=180)["items"]}
    assert {found[serial] for serial in orphans} == {"reported"}, found
    done = {item["subject"]: item["action"] for item in ada.json("reconcile", "--revoke-orphans", "--yes", exit=None, timeout=180)["items"]}
    assert {done[serial] for serial in orphans} == {"repaired"}, done
    for serial in orphans:
        assert team.cluster.leader().api("GET", f"pki/cert/{serial.lower()}")["data"]["revocation_time"], serial


def test_a_vault_without_a_leader_is_told_and_leaves_something_to_resume(team, tmp_path):
    standby = next(node for node in team.cluster.nodes if node is not team.cluster.leader())
    ymgr = alone(team, tmp_path, address=standby.address, host=primary(team).env["PGHOST"])
    for node in team.cluster.nodes:
        if node is not standby:
            node.kill()
    refused = ymgr.json("--timeout", "5s", "issue", "no-leader.corp.test", exit=8)
    assert refused["code"] in ("vault-standby", "vault-unreachable") and refused["retryable"] is True
    assert refused["suggestion"], refused
