"""The lives of a YubiKey: lost, reset, enrolled again, stopped half-way; and what of the old one may not stay."""

import contextlib
import sqlite3

import pytest

from card import MANAGEMENT_KEY, PIN, PUK, apdu, padded
from desk import Desk, enrolled, kept_pin_opens, pin_opens, reveal
from harness import FAILPOINT, Ymgr


YES = ["--yes"]
RESET = ["device", "reset", "1001", "--confirm", "1001"]


def issued(desk, *options, serial="1001"):
    return desk.ymgr.json("issue", "alice", "--device", serial, "--slot", "9a", *options)["cert_id"]


def changed_elsewhere(desk, pin, serial="1001"):
    """The person changes the PIN with another program."""
    with desk.keys[0].connect() as card:
        card.select()
        assert card.send(apdu("00240080", padded(reveal(desk, "pin", serial)) + padded(pin)))[1] == "9000"


def killed(desk, number, *words):
    armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, "YMGR_FAILPOINT": f"kill@{number}"})
    return armed(*words, "--json", exit=None)


def unended(desk, action):
    """As if the last process had been killed before it could end its operation."""
    with contextlib.closing(sqlite3.connect(next(desk.box.root.rglob("ymgr.db")))) as db, db:
        (found,) = db.execute(
            "SELECT request_id FROM operations WHERE inputs LIKE ? ORDER BY rowid DESC LIMIT 1", [f'%"{action}"%']
        ).fetchone()
        db.execute("UPDATE operations SET state = 'open', result = NULL WHERE request_id = ?", [found])
    return found


def test_no_certificate_of_a_lost_key_stays_good(desk):
    enrolled(desk)
    old, new = issued(desk), desk.ymgr.json("renew", "alice", "--force")["cert_id"]
    assert desk.ymgr.json("cert", "show", old)["status"] == "superseded"
    for reason, status in (("certificateHold", "certificateHold"), ("keyCompromise", "keyCompromise")):
        answer = desk.ymgr.json("device", "lost", "1001", "--reason", reason, *YES)
        assert answer["changed"] and sorted(answer["revoked"]) == sorted([old, new]), answer
        for one in (old, new):
            shown = desk.ymgr.json("cert", "show", one)
            assert (shown["status"], shown["revocation_reason"]) == ("revoked", status)
    again = desk.ymgr.json("device", "lost", "1001", "--reason", "keyCompromise", *YES)
    assert again["changed"] is False and again["revoked"] == []


def test_a_key_that_was_reset_is_not_enrolled_when_it_is_found(desk):
    enrolled(desk)
    desk.ymgr.json(*RESET)
    desk.ymgr.json("device", "lost", "1001")
    assert desk.ymgr.json("device", "found", "1001")["status"] == "factory"
    assert desk.ymgr.json("device", "show", "1001")["enrolled_at"] is None
    enrolled(desk)


def test_a_pin_that_the_card_refuses_leaves_nothing_behind(demo):
    with Desk(demo, "5.7.4", fips=True) as desk:
        six = desk.box.secret("six", "271828")
        assert desk.ymgr.json("enroll", "--pin-file", six, exit=6)["code"] == "device-refused"
        enrolled(desk)
        assert desk.ymgr.json("device", "unblock", "1001", "--pin-file", six, exit=6)["code"] == "device-refused"
        kept_pin_opens(desk)
        assert desk.ymgr.json("set-pin")["result"] == "changed"
        killed(desk, 8, "set-pin", "--pin-file", six)
        assert desk.ymgr.json("device", "show", "1001")["secrets"]["pending"] == ["pin"]
        desk.ymgr("set-pin", "--pin-file", six, exit=None)
        assert desk.ymgr.json("set-pin")["result"] == "changed"
        kept_pin_opens(desk)


def test_a_reset_revokes_nothing_while_something_else_is_half_done(desk):
    enrolled(desk)
    certificate = issued(desk)
    killed(desk, 5, "set-pin")
    for words in (RESET, [*RESET, "--dry-run"]):
        assert desk.ymgr.json(*words, exit=1)["code"] == "operation-open"
    assert desk.ymgr.json("cert", "show", certificate)["status"] == "active"


def test_a_key_with_a_new_life_has_no_grace_of_the_old_one(demo):
    with Desk(demo, "5.7.4", "5.7.4") as desk:
        for serial in ("1001", "1002"):
            enrolled(desk, serial=serial)
        desk.ymgr.json("device", "replace", "1001", "--with", "1002")
        desk.ymgr.json(*RESET)
        enrolled(desk, serial="1001")
        desk.ymgr.json("device", "replace", "1002", "--with", "1001")
        assert desk.ymgr.json("device", "show", "1002")["replaced_by"] == "1001"
        for replaced, by in (("1001", "1002"), ("1002", "1001")):
            desk.ymgr.json("device", "replace", replaced, "--with", by)
            shown = desk.ymgr.json("device", "show", by)
            assert shown["replaced_by"] is None and shown["superseded_at"] is None, shown


def test_a_persons_own_pin_takes_the_place_of_a_kept_one(desk):
    own = desk.box.secret("own", "31415926")
    enrolled(desk)
    desk.ymgr.json("device", "retire", "1001", *YES)
    desk.configure(pin="user")
    enrolled(desk, "--pin-file", own)
    assert desk.ymgr.json("device", "show", "1001")["secrets"]["pin"] is False
    issued(desk, "--pin-file", own)
    assert desk.ymgr.json("enroll")["result"] == "already_enrolled"  # without asking for a PIN


@pytest.mark.parametrize("firmware", ["4.3.5", "5.2.7"])
def test_an_adopted_key_need_not_tell_its_tries(demo, firmware):
    with Desk(demo, firmware) as desk:
        enrolled(desk)
        before = reveal(desk, "puk")
        desk.ymgr.json("device", "retire", "1001", *YES)
        key, own = desk.keys[0], "a1b2c3d4e5f60718" "1122334455667788" "99aabbccddeeff00"
        key.ykman("piv", "reset", "-f")
        key.ykman("piv", "access", "change-pin", "-P", PIN, "-n", "271828")
        key.ykman("piv", "access", "change-puk", "-p", PUK, "-n", "31415926")
        key.ykman("piv", "access", "change-management-key", "-a", "TDES", "-m", MANAGEMENT_KEY, "-n", own, "-f")
        adopt = ["--adopt", "--pin-file", desk.box.secret("pin", "271828")]
        adopt += ["--management-key-file", desk.box.secret("management-key", own)]
        enrolled(desk, *adopt)
        assert desk.ymgr.json("device", "show", "1001")["secrets"]["puk_stale"], before
        desk.ymgr.json("device", "retire", "1001", *YES)
        enrolled(desk, *adopt, "--puk-file", desk.box.secret("puk", "31415926"))
        assert desk.ymgr.json("device", "unblock", "1001")["result"] == "unblocked"
        kept_pin_opens(desk)


def test_what_failed_before_its_end_was_written_is_no_success(desk):
    enrolled(desk)
    changed_elsewhere(desk, "271828")
    assert desk.ymgr.json("set-pin", exit=7)["code"] == "wrong-pin"
    stopped = unended(desk, "set-pin")
    (resumed,) = desk.ymgr.json("resume", stopped, exit=7)["operations"]
    assert resumed["items"][0]["code"] == "wrong-pin"
    assert desk.ymgr.json("operation", "show", stopped)["state"] == "failed"
    unended(desk, "set-pin")
    assert desk.ymgr.json("set-pin", exit=7)["code"] == "credential-stale"


def test_another_pin_of_the_persons_own_is_another_change(desk):
    desk.configure(pin="user")
    first, second, third = (desk.box.secret(pin, pin) for pin in ("31415926", "27182818", "16180339"))
    enrolled(desk, "--pin-file", first)
    desk.ymgr.json("set-pin", "--current-pin-file", first, "--pin-file", second)
    unended(desk, "set-pin")
    desk.ymgr.json("set-pin", "--current-pin-file", second, "--pin-file", third)
    assert pin_opens(desk.keys[0], "16180339")


def test_an_enrollment_goes_on_to_the_pin_that_is_wanted_now(desk):
    first, second = desk.box.secret("first", "31415926"), desk.box.secret("second", "27182818")
    for number in range(15, 60, 3):
        assert killed(desk, number, "enroll", "--pin-file", first).exit == -9
        if desk.ymgr.json("device", "show", "1001")["secrets"]["pending"] == ["pin"]:
            break
    enrolled(desk, "--pin-file", second)
    assert reveal(desk, "pin") == "27182818"
    kept_pin_opens(desk)


def test_a_new_pin_is_told_although_the_shown_puk_could_not_be_changed(desk):
    enrolled(desk)
    puk = reveal(desk, "puk")
    with desk.keys[0].connect() as card:
        card.select()
        assert card.send(apdu("00240081", padded(puk) + padded("31415926")))[1] == "9000"
    answer = desk.ymgr("set-pin", "--json")
    assert answer.json["result"] == "changed" and "PUK" in answer.stderr
    kept_pin_opens(desk)


def test_a_key_in_the_attestation_slot_proves_itself_again(demo):
    with Desk(demo, "5.2.7") as desk:
        enrolled(desk)
        desk.ymgr.json("device", "retire", "1001", *YES)
        before = desk.keys[0].status()["instructions"]
        enrolled(desk)
        after = desk.keys[0].status()["instructions"]
        assert after["47"] == before["47"]  # no key was made
        assert (after["87"] - before["87"]) % 2 == 1  # authentications of two commands each, and a signature


def test_a_certificate_that_came_up_during_a_reset_is_revoked(desk):
    enrolled(desk)
    begun = []
    for number in range(1, 9):
        assert killed(desk, number, *RESET).exit == -9
        begun = desk.ymgr.json("operation", "list")["operations"]
        if begun:
            break
    certificate = issued(desk)
    desk.ymgr.json("resume", begun[0]["request_id"])
    assert pin_opens(desk.keys[0], PIN)
    assert desk.ymgr.json("cert", "show", certificate)["status"] == "revoked"
