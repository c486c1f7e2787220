"""user offboard: what somebody who leaves has comes to an end."""

import contextlib
import sqlite3

import pytest

from harness import PASSWORD, Ymgr
from talk import Talk


@pytest.fixture
def bob(ymgr):
    """bob's own way in; he has a client certificate, its predecessor, one on hold, and a server."""
    password = ymgr.box.secret("bob.password", PASSWORD)
    ymgr("user", "add", "bob", "--password-file", password)
    ymgr("issue", "bob-laptop", "--profile", "tls-client", "--owner", "bob")
    ymgr("renew", "bob-laptop", "--force", "--new-key")
    ymgr("issue", "bob-phone", "--profile", "tls-client", "--owner", "bob")
    ymgr("revoke", "bob-phone", "--reason", "certificateHold", "--yes")
    ymgr("issue", "wiki.example.com", "--owner", "bob")
    ymgr("issue", "mine.example.com")
    return Ymgr(ymgr.program, ymgr.box, {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(password), "XDG_RUNTIME_DIR": "/nowhere"})


@pytest.fixture
def bob_of():
    def add(ymgr):
        password = ymgr.box.secret("bob.password", PASSWORD)
        ymgr("user", "add", "bob", "--password-file", password)
        return Ymgr(ymgr.program, ymgr.box, {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(password), "XDG_RUNTIME_DIR": "/nowhere"})

    return add


def states(ymgr):
    listed = ymgr.json("cert", "list")["certificates"]
    return sorted((row["name"], row["status"]) for row in listed)


def test_everything_of_the_user_ends_and_nothing_else(ymgr, bob):
    before = ymgr.box.snapshot()
    planned = ymgr.json("user", "offboard", "bob", "--dry-run")
    assert planned["state"] == "planned" and planned["disabled"] is False and len(planned["items"]) == 4
    assert ymgr.box.snapshot() == before
    answer = ymgr.json("user", "offboard", "bob", "--yes", "--note", "left")
    assert answer["disabled"] is True and answer["crl_confirmed"] is True and answer["changed"] is True
    assert sorted(item["name"] for item in answer["items"]) == ["bob-laptop", "bob-laptop", "bob-phone", "wiki.example.com"]
    assert all(item["success"] for item in answer["items"])
    assert {item["revocation_reason"] for item in answer["items"]} == {"cessationOfOperation"}
    assert ymgr.json("cert", "check", "mine.example.com")["success"] is True
    assert ymgr.json("user", "list")["users"][1]["enabled"] is False
    assert bob("cert", "list", exit=4)
    again = ymgr.json("user", "offboard", "bob", "--yes")
    assert again["changed"] is False and again["items"] == []
    ymgr.json("audit", "verify")


def test_profiles_that_are_kept_go_on(ymgr, bob):
    answer = ymgr.json("user", "offboard", "bob", "--yes", "--keep", "tls-server")
    assert [kept["name"] for kept in answer["kept"]] == ["wiki.example.com"]
    assert "wiki.example.com" not in [item["name"] for item in answer["items"]]
    assert ymgr.json("renew", "wiki.example.com", "--force")["success"] is True


def test_a_typo_or_a_missing_answer_changes_nothing(ymgr, bob):
    before = ymgr.box.snapshot()
    assert ymgr.json("user", "offboard", "rob", "--yes", exit=3)["code"] == "user-not-found"
    assert ymgr.json("user", "offboard", "bob", "--keep", "tls-servers", "--yes", exit=2)["code"] == "profile-unknown"
    assert ymgr.json("user", "offboard", "bob", exit=2)["code"] == "input-needed"
    assert ymgr.json("user", "offboard", "alice", "--yes", exit=2)["code"] == "usage"
    assert ymgr.json("user", "offboard", "bob", "--reason", "certificateHold", "--yes", exit=2)["code"] == "usage"
    assert ymgr.box.snapshot() == before


def test_only_an_admin_offboards(ymgr, bob):
    assert bob.json("user", "offboard", "alice", "--yes", exit=4)["code"] == "role-denied"


@pytest.mark.parametrize("stop", [5, 12])
def test_killed_in_the_middle_the_same_command_finishes(failpoint, stop):
    ymgr = failpoint
    ymgr("user", "add", "bob", "--password-file", ymgr.box.secret("bob.password", PASSWORD))
    ymgr("issue", "bob-{1..3}", "--profile", "tls-client", "--owner", "bob")
    ymgr.armed(f"kill@{stop}")("user", "offboard", "bob", "--yes", exit=None)
    answer = ymgr.json("user", "offboard", "bob", "--yes")
    assert answer["state"] == "done"
    listed = ymgr.json("cert", "list", "--select", "owner=bob,status=revoked")["certificates"]
    assert len(listed) == 3
    assert ymgr.json("operation", "list")["operations"] == []
    ymgr.json("audit", "verify")


def test_what_somebody_who_has_left_began_is_not_signed(failpoint):
    password = failpoint.box.secret("bob.password", PASSWORD)
    failpoint("user", "add", "bob", "--password-file", password)
    env = {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(password), "XDG_RUNTIME_DIR": "/nowhere"}
    bob = Ymgr(failpoint.program, failpoint.box, env)
    bob.armed("kill@5")("issue", "bob", "--profile", "tls-client", exit=-9)
    failpoint("issue", "bob-laptop", "--profile", "tls-client", "--owner", "bob", env={"YMGR_FAILPOINT": "kill@5"}, exit=-9)
    failpoint("user", "offboard", "bob", "--yes")
    operations = failpoint.json("resume", "--all", exit=4)["operations"]
    assert {operation["state"] for operation in operations} == {"failed"}, operations
    assert "bob" not in [row["owner"] for row in failpoint.json("cert", "list")["certificates"]]
    assert failpoint.json("operation", "list")["operations"] == []


def test_what_is_under_way_ends_too(failpoint, bob_of):
    """A certificate that is made while the question stands, and what was begun and stopped."""
    bob = bob_of(failpoint)
    bob.armed("kill@4")("issue", "bob", "--profile", "tls-client", exit=None)
    begun = failpoint.json("operation", "list")["operations"]
    assert [op["actor"] for op in begun] == ["bob"]
    planned = failpoint.json("user", "offboard", "bob", "--dry-run")
    assert [op["result"] for op in planned["operations"]] == ["planned"] and planned["items"] == []
    talk = Talk(failpoint, "user", "offboard", "bob")
    talk.read_until(b"certificates?")
    bob("issue", "bob+2", "--profile", "tls-client")
    talk.say("?", "y")
    code, said = talk.finish()
    assert code == 0 and "revoked: bob+2" in said and f"abandoned: issue of bob, {begun[0]['request_id']}" in said
    assert states(failpoint) == [("bob+2", "revoked")]
    assert failpoint.json("operation", "list")["operations"] == []
    failpoint("resume", begun[0]["request_id"], exit=None)
    assert states(failpoint) == [("bob+2", "revoked")]
    assert failpoint.json("audit", "list", "--event", "issue.abandoned")["events"][0]["request_id"] == begun[0]["request_id"]
    failpoint.json("audit", "verify")


def test_what_a_process_works_on_is_told(failpoint, bob_of):
    bob = bob_of(failpoint)
    bob.armed("kill@4")("issue", "bob", "--profile", "tls-client", exit=None)
    with contextlib.closing(sqlite3.connect(failpoint.box.profile / "ymgr.db")) as db, db:
        db.execute("UPDATE operations SET lease_holder = 'elsewhere/boot/1/1/ns', lease_until = (strftime('%s') + 60) * 1000000 WHERE kind = 'issue'")
    answer = failpoint.json("user", "offboard", "bob", "--yes", exit=1)
    assert [op["code"] for op in answer["operations"]] == ["operation-running"] and answer["disabled"] is True
