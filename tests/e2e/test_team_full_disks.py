"""Servers of a team whose disks are really full: PostgreSQL's and OpenBao's, each on a small one of its own."""

import contextlib
import json
import re

import pytest
from harness import wait_for
from openbao import Refused
from team import Team, count, signed


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("full"), disk="160m") as team:
        for name in ("ada", "oscar"):  # an admin's login notes the CA
            team.person_box(name)("login", "--user", name)
        yield team


def refused_for_room(ymgr, name):
    """(how many went well, how the next ended): what is written may find room in what is there already."""
    for number in range(200):
        answer = ymgr.json("issue", f"{name}-{number}.corp.test", "--timeout", "1s", exit=None)
        if not answer["success"]:
            assert (answer["exit"], answer["retryable"]) == (8, True), answer
            return number, answer
    raise AssertionError("there is room")


def test_a_database_without_room_leaves_something_to_resume(team):
    made = signed(team)
    oscar = team.person_box("oscar")
    team.pg.sql("CHECKPOINT")
    team.pg.sql("SELECT pg_switch_wal()")  # the log of transactions has room
    bulk = oscar.start("issue", "room-{1..120}.corp.test", "--jobs", "2", "--json")
    wait_for(lambda: count(team, "certificates WHERE name LIKE 'room-%'"), "the first of them")
    with team.pg.disk.full():
        stopped = json.loads(bulk.communicate(timeout=60)[0])
        more, refused = refused_for_room(oscar, "no-room")
    assert bulk.returncode == 8 and re.fullmatch(r"resume-\d{14}-[0-9a-f]{12}", stopped["resume_id"]), stopped
    for answer in (stopped, refused):
        assert (answer["code"], answer["retryable"]) == ("disk-unusable", True), answer
        assert "No space left on device" in answer["error"] and "free space on the database server" in answer["suggestion"]
    assert oscar.json("resume", "--all", timeout=120)["success"] is True
    assert count(team, "certificates WHERE name LIKE 'room-%' AND status = 'active'") == 120
    oscar.json("issue", f"no-room-{more}.corp.test", "--ensure")
    assert signed(team) == made + 120 + more + 1  # none twice


def take_free_pages(bao):
    """What its files have free inside, which the disk does not know of."""
    with contextlib.suppress(Refused, OSError):
        for each in range(100):
            bao.api("POST", f"yubikeys/data/ballast-{each}", {"data": {"x": "y" * 400_000}}, token=bao.root_token)


def test_a_vault_without_room_leaves_something_to_resume(team):
    """A node that can't write its log stops leading, or dies."""
    made = signed(team)
    oscar = team.person_box("oscar")
    bulk = oscar.start("issue", "store-{1..40}.corp.test", "--jobs", "8", "--timeout", "1s", "--json")
    wait_for(lambda: signed(team) > made, "the first of them")
    with team.bao.disk.full():
        take_free_pages(team.bao)
        stopped = json.loads(bulk.communicate(timeout=60)[0])
        more, refused = refused_for_room(oscar, "no-store")
    told = {"vault-standby": "storage", "vault-unreachable": "bao status"}
    assert told[refused["code"]] in refused["suggestion"], refused
    assert bulk.returncode in (0, 8, 9) and stopped["summary"]["issued"] > 0, stopped["summary"]
    team.bao.kill()
    team.bao.start()
    assert oscar.json("resume", "--all", timeout=120)["success"] is True
    assert count(team, "certificates WHERE name LIKE 'store-%' AND status = 'active'") == 40
    oscar.json("issue", f"no-store-{more}.corp.test", "--ensure")
    assert signed(team) == made + 40 + more + 1
