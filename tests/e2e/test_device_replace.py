"""Another YubiKey takes the place of one: it gets the same certificates, whatever stops the command."""

import contextlib
import itertools
import shlex
import sqlite3
from datetime import datetime

import pytest

from desk import Desk, enrolled, sent
from harness import FAILPOINT, Ymgr, wait_for
from vendor import Vendor

REPLACE = ["device", "replace", "1001", "--with", "1002"]


@pytest.fixture
def two(demo):
    with Desk(demo, "5.7.4", "5.4.3") as desk:
        for serial in ("1001", "1002"):
            enrolled(desk, serial=serial)
        yield desk


def issued(desk, slot, *options, name="alice", serial="1001"):
    return desk.ymgr.json("issue", name, "--device", serial, "--slot", slot, "--another", *options)["cert_id"]


def results(answer):
    return {one["slot"]: one.get("result") or one["code"] for one in answer["items"]}


def shown(desk, cert_id):
    return desk.ymgr.json("cert", "show", cert_id)


def added(desk, user):
    desk.ymgr.json("user", "add", user, "--role", "user", "--password-file", desk.box.secret(user, "a long password of theirs"))


def owner(desk, serial="1002"):
    return desk.ymgr.json("device", "show", serial)["owner"]


def set_pin_mode(desk, mode):
    with contextlib.closing(sqlite3.connect(next(desk.box.root.rglob("ymgr.db")))) as db, db:
        db.execute("UPDATE devices SET pin_mode = ? WHERE serial = '1002'", [mode])


def refused(desk, *options):
    answer = desk.ymgr.json(*REPLACE, *options, exit=1)
    assert answer["code"] == "device-state", answer
    return answer["suggestion"]


def test_the_new_key_gets_the_same_certificates(two):
    made = ["--san", "upn:alice@corp.example", "--key", "ec-p384", "--validity", "40d", "--label", "team=web"]
    old = issued(two, "9a", *made, "--touch-policy", "cached")
    issued(two, "9c", "--key", "rsa-3072", "--profile", "piv-auth", name="bob")  # firmware 5.4 makes no such key
    issued(two, "9e")
    before = two.box.snapshot()
    planned = two.ymgr.json(*REPLACE, "--dry-run", exit=9)
    assert (planned["state"], planned["changed"]) == ("planned", False) and before.keys() == two.box.snapshot().keys()
    assert results(planned) == {"9a": "planned", "9c": "device-unsupported", "9e": "planned"}
    answer = two.ymgr.json(*REPLACE, exit=9)
    assert results(answer) == {"9a": "issued", "9c": "device-unsupported", "9e": "issued"} and answer["changed"]
    assert answer["state"] == "failed" and answer["items"][1]["suggestion"].startswith("--key ec-p384")
    one, new = shown(two, old), shown(two, answer["items"][0]["cert_id"])
    for member in ("name", "profile", "sans", "labels", "key_algorithm", "owner", "slot"):
        assert new[member] == one[member], member
    assert (new["device"], new["attested"], new["renewed_from"], one["status"]) == ("1002", True, None, "active")
    days = {datetime.fromisoformat(each["expires_at"]) - datetime.fromisoformat(each["not_before"]) for each in (one, new)}
    assert len(days) == 1, days
    assert two.ymgr.json("device", "attest", "1002", "--slot", "9a")["touch_policy"] == "cached"
    issued(two, "9c", "--key", "ec-p384", "--profile", "piv-auth", name="bob", serial="1002")  # as suggested
    generated = sent(two, "47", 1)
    again = two.ymgr.json(*REPLACE)
    assert set(results(again).values()) == {"unchanged"} and not again["changed"] and sent(two, "47", 1) == generated


def test_a_lost_key_is_replaced_by_what_it_had_then(two):
    gone, kept, later = issued(two, "9c"), issued(two, "9a"), issued(two, "9d", "--profile", "piv-auth")
    newest = two.ymgr.json("renew", kept, "--force")["cert_id"]
    two.ymgr.json("revoke", gone, "--yes")  # within the second of the loss, as dates of revocation tell it
    two.ymgr.json("device", "lost", "1001", "--reason", "certificateHold", "--yes")
    two.ymgr.json("revoke", "--unhold", later, "--yes")
    two.ymgr.json("revoke", later, "--yes")
    two.ymgr.json("device", "lost", "1001", "--note", "for good", "--yes")
    two.keys[1].unplug()
    wait_for(lambda: two.plugged() == 1, "the agent to see it")
    waits = two.ymgr.json(*REPLACE, exit=6)
    assert results(waits) == {"9a": "device-not-found"} and waits["state"] == "open" and waits["resume_id"]
    assert waits["items"][0]["replaces"] == newest
    two.keys[1].plug()
    wait_for(lambda: two.plugged() == 2, "the agent to see it")
    (done,) = two.ymgr.json("resume", "--all")["operations"]
    assert done["kind"] == "replace" and results(done) == {"9a": "issued"}
    assert results(two.ymgr.json(*REPLACE)) == {"9a": "unchanged"}
    two.ymgr.json("device", "found", "1001")
    assert two.ymgr.json(*REPLACE)["items"] == []  # what was revoked stays so


def left_after_grace(desk):
    found = desk.ymgr.json("reconcile", exit=None)["items"]
    return [one for one in found if one["kind"] == "certificate_not_replaced"]


def test_without_a_licence_nothing_is_replaced_and_the_trail_says_so(two, tmp_path):
    issued(two, "9a")
    vendor, stranger = Vendor(tmp_path, "acme"), Vendor(tmp_path, "stranger")
    config = two.box.root / "config/ymgr/ymgr.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"license: {{vendor_key: ['{vendor.inline}']}}\n")
    two.ymgr("license", "install", vendor.license(two.ymgr.json("license", "id")["installation_id"], "lic-1"))
    config.write_text(f"license: {{vendor_key: ['{stranger.inline}']}}\n")
    assert two.ymgr.json(*REPLACE, exit=5)["code"] == "license-invalid"
    assert two.events("1001")[-1] == "license.refused" and two.ymgr.json("device", "show", "1001")["replaced_by"] is None
    assert results(two.ymgr.json(*REPLACE, "--no-issue")) == {"9a": "listed"}


def test_a_used_slot_is_left_alone_unless_forced(two):
    added(two, "bob")
    old = issued(two, "9a", "--san", "upn:alice@corp.example")
    two.ymgr.json("device", "assign", "1001", "bob")  # the certificate stays alice's
    other = issued(two, "9a", name="bob", serial="1002")
    assert "ymgr device assign 1002 bob" in refused(two, "--dry-run") and refused(two, "--force")
    assert owner(two) == "alice" and two.ymgr.json("device", "show", "1001")["replaced_by"] is None
    two.ymgr.json("device", "assign", "1002", "bob")
    assert results(two.ymgr.json(*REPLACE, "--grace", "1s", exit=1)) == {"9a": "slot-used"}
    assert shown(two, other)["status"] == "active" and two.ymgr.json("device", "show", "1001")["replaced_by"] == "1002"
    (one,) = two.ymgr.json(*REPLACE, "--no-issue")["items"]
    assert (one["result"], one["owner"]) == ("listed", "bob")
    found = wait_for(lambda: left_after_grace(two), "the end of the grace", 10)
    assert [each["subject"] for each in found] == [old] and "ymgr device replace 1001 --with 1002" in found[0]["suggestion"]
    two.ymgr("renew", "--due")
    assert shown(two, old)["status"] == "active" and two.ymgr.json("device", "show", "1001")["status"] == "enrolled"
    by_hand = two.ymgr.json(*shlex.split(one["command"])[1:], "--force")
    assert "upn:alice@corp.example" in by_hand["sans"] and by_hand["owner"] == "bob"
    assert results(two.ymgr.json(*REPLACE)) == {"9a": "unchanged"}
    two.ymgr.json("revoke", by_hand["cert_id"], "--yes")
    assert results(two.ymgr.json(*REPLACE, "--force")) == {"9a": "issued"}
    two.ymgr("renew", "--due")
    assert shown(two, old)["status"] == "superseded" and two.ymgr.json("device", "show", "1001")["status"] == "retired"
    assert not left_after_grace(two)


def test_a_key_that_was_given_to_another_is_not_taken_back(two):
    added(two, "carol")
    issued(two, "9a")
    two.ymgr.json("device", "assign", "1002", "carol")
    set_pin_mode(two, "user")
    assert "ymgr device assign 1002 alice" in refused(two)
    set_pin_mode(two, "escrow")
    two.keys[1].unplug()
    wait_for(lambda: two.plugged() == 1, "the agent to see it")
    assert two.ymgr.json(*REPLACE, exit=6)["state"] == "open" and owner(two) == "alice"  # nobody worked with it
    two.ymgr.json("device", "assign", "1002", "carol")
    two.keys[1].plug()
    wait_for(lambda: two.plugged() == 2, "the agent to see it")
    (stopped,) = two.ymgr.json("resume", "--all", exit=1)["operations"]
    assert results(stopped) == {"9a": "device-state"}
    assert refused(two) and refused(two, "--no-issue") and owner(two) == "carol"
    assert two.ymgr.json("cert", "list", "--select", "device=1002")["certificates"] == []
    two.ymgr.json("device", "assign", "1002", "alice")
    assert results(two.ymgr.json(*REPLACE)) == {"9a": "issued"}


def test_killed_anywhere_it_is_finished_and_nothing_is_issued_twice(two):
    for number, finish in zip(itertools.count(5, 5), itertools.cycle((REPLACE, ["resume", "--all"]))):
        old = [issued(two, slot, "--profile", "piv-auth", "--force") for slot in ("9a", "82")]
        killed = Ymgr(FAILPOINT, two.box, {**two.ymgr.env, "YMGR_FAILPOINT": f"kill@{number}"})(*REPLACE, "--force", exit=None)
        if killed.exit == 0:
            break
        assert killed.exit == -9, killed
        begun = two.ymgr.json("operation", "list")["operations"]
        two.ymgr.json(*(finish if begun else REPLACE), *(["--force"] if finish == REPLACE or not begun else []))
        assert two.ymgr.json("operation", "list")["operations"] == [], number
        new = two.ymgr.json("cert", "list", "--select", "device=1002,status=active")["certificates"]
        assert sorted(one["slot"] for one in new) == ["82", "9a"], (number, new)
        for one in new:
            two.ymgr.json("cert", "check", one["cert_id"])
        two.ymgr.json("revoke", *old, *(one["cert_id"] for one in new), "--yes")
    assert number > 20
