"""YubiKeys through the real ymgr, agent, pcscd and virtual keys: enroll and the commands of `device`."""

import re
import signal

import pytest

from card import MANAGEMENT_KEY, PIN, PUK, apdu, padded
from desk import Desk, enrolled, kept_pin_opens, pin_opens, reveal, sent
from harness import wait_for


def test_enroll_attests_and_replaces_every_default(desk):
    before = sent(desk, "20")
    answer = enrolled(desk)
    assert answer["attested"] and answer["attestation_root"] == "Virtual YubiKey PIV Root CA"
    assert (answer["serial"], answer["firmware"], answer["owner"], answer["status"]) == ("1001", "5.7.4", "alice", "enrolled")
    assert answer["default_pin_at_enroll"] is answer["default_management_key_at_enroll"] is True
    shown = desk.ymgr.json("device", "show", "1001")
    assert shown["secrets"] == {
        "pin": True, "pin_stale": False, "pin_exposed": False, "puk": True, "puk_stale": False, "puk_exposed": False,
        "management_key": "aes-192", "pending": [],
    }  # fmt: skip
    assert shown["pin_tries_left"] == shown["puk_tries_left"] == 5
    state = desk.keys[0].status()
    assert sent(desk, "20") > before, state
    pin, puk = reveal(desk, "pin"), reveal(desk, "puk")
    assert re.fullmatch(r"\d{8}", pin) and re.fullmatch(r"\d{8}", puk) and pin not in (PIN, PUK) and puk != PUK
    assert pin_opens(desk.keys[0], pin)
    events = desk.events("1001")
    for event in ("device.enroll.requested", "attested", "puk_sent", "pin_changed", "management_key_promoted", "enrolled"):
        assert event in events, events


def test_no_secret_is_in_the_database_log_or_audit_trail(desk):
    enrolled(desk)
    secrets = [reveal(desk, "pin"), reveal(desk, "puk")]
    files = [path for path in desk.box.profile.rglob("*") if path.is_file()] + [desk.agent.log_path]
    for secret in secrets:
        for path in files:
            assert secret.encode() not in path.read_bytes(), path


def test_enrolling_again_says_so(desk):
    enrolled(desk)
    again = desk.ymgr.json("enroll", "--device", "1001", "--detailed-exitcode")
    assert again["result"] == "already_enrolled" and again["audit_reference"] is None
    password = desk.box.secret("bob.password", "a long password of theirs")
    desk.ymgr.json("user", "add", "bob", "--role", "user", "--password-file", password)
    refused = desk.ymgr.json("enroll", "--owner", "bob", exit=1)
    assert refused["code"] == "device-state" and refused["suggestion"] == "ymgr device assign 1001 bob"
    desk.ymgr.json("user", "disable", "bob")
    assert desk.ymgr.json("device", "assign", "1001", "bob", exit=4)["code"] == "user-disabled"


def test_the_attestation_key_is_gone_afterwards(desk):
    enrolled(desk)
    refused = desk.ymgr.json("device", "attest", "1001", "--slot", "95", exit=3)
    assert refused["code"] == "slot-empty"


@pytest.mark.parametrize("firmware", ["5.4.3", "5.2.7", "4.3.5"])
def test_older_firmware_is_enrolled_too(demo, firmware):
    with Desk(demo, firmware) as desk:
        result = desk.ymgr("enroll", "--json")
        answer = result.json
        assert answer["result"] == "enrolled" and answer["attested"], answer
        assert {weak["id"] for weak in answer["weaknesses"]} == {"EUCLEAK"}
        assert "EUCLEAK" in result.stderr
        if firmware != "5.4.3":
            assert answer["default_pin_at_enroll"] is None and "costs a try" in result.stderr
        shown = desk.ymgr.json("device", "show", "1001")
        assert shown["secrets"]["management_key"] == ("aes-192" if firmware == "5.4.3" else "tdes")
        assert shown["pin_tries_left"] == 5
        found = desk.ymgr.json("reconcile", "--device", "1001")["items"]  # exits 0
        if firmware == "5.4.3":
            assert [(one["kind"], one["action"]) for one in found] == [("key_without_certificate", "noted")]
        assert pin_opens(desk.keys[0], reveal(desk, "pin"))
        desk.ymgr.json("set-pin")
        assert pin_opens(desk.keys[0], reveal(desk, "pin"))


def test_without_a_trusted_root_nothing_is_changed(desk):
    desk.configure(roots=False)
    refused = desk.ymgr.json("enroll", exit=5)
    assert refused["code"] == "attestation-refused"
    assert pin_opens(desk.keys[0], PIN)
    assert desk.ymgr.json("device", "list")["devices"][0]["status"] == "unknown"
    (found,) = desk.ymgr.json("reconcile", "--device", "1001", exit=1)["items"]
    assert found["message"].endswith("is not enrolled here") and found["suggestion"].startswith("ymgr enroll --device 1001")
    assert "95" not in desk.keys[0].ykman("piv", "info").stdout  # the key that was to attest it


def test_only_a_demo_profile_takes_a_virtual_key(box):
    with Desk(box, "5.7.4") as desk:
        refused = desk.ymgr.json("enroll", exit=5)
        assert refused["code"] == "attestation-refused" and "demo" in refused["error"]


def test_two_keys_and_none_named(demo):
    with Desk(demo, "5.7.4", "5.4.3") as desk:
        refused = desk.ymgr.json("enroll", exit=2)
        assert refused["code"] == "device-ambiguous" and refused["details"]["serials"] == "1001, 1002"
        enrolled(desk, serial="1002")
        listed = desk.ymgr.json("device", "list")["devices"]
        assert [(one["serial"], one["status"], one["plugged_in"]) for one in listed] == [
            ("1002", "enrolled", True), ("1001", "unknown", True)
        ]  # fmt: skip


def test_a_key_in_use_is_enrolled_only_with_what_it_has(desk):
    key = desk.keys[0]
    with key.connect() as card:
        card.select()
        assert card.send(apdu("00240080", padded(PIN) + padded("271828")))[1] == "9000"
    refused = desk.ymgr.json("enroll", exit=7)
    assert refused["code"] == "credentials-unknown" and "--adopt" in refused["suggestion"]
    assert desk.ymgr.json("enroll", "--adopt", "--pin-file", desk.box.secret("pin", "271828"))["result"] == "adopted"


def used_by_hand(key, own, algorithm="AES192"):
    """PIN 271828, PUK 31415926 and management key `own` by an independent program."""
    key.ykman("piv", "access", "change-pin", "-P", PIN, "-n", "271828")
    key.ykman("piv", "access", "change-puk", "-p", PUK, "-n", "31415926")
    key.ykman("piv", "access", "change-management-key", "-a", algorithm, "-m", MANAGEMENT_KEY, "-n", own, "-f")


def test_a_key_in_use_is_adopted_as_it_is(desk):
    key, own = desk.keys[0], "a1" * 24
    used_by_hand(key, own)
    files = {"pin": "271828", "puk": "31415926", "management-key": own}
    options = [word for name, value in files.items() for word in (f"--{name}-file", desk.box.secret(name, value))]
    wrong = [*options[:-1], desk.box.secret("wrong", "b2" * 24)]
    assert desk.ymgr.json("enroll", "--adopt", *wrong, exit=7)["code"] == "wrong-management-key"
    assert enrolled(desk, "--adopt", *options)["result"] == "adopted"
    assert pin_opens(key, "271828") and reveal(desk, "pin") == "271828"
    assert desk.ymgr.json("device", "rotate-secrets", "1001")["result"] == "changed"
    assert pin_opens(key, reveal(desk, "pin"))


def test_dry_run_changes_nothing(desk):
    before = desk.box.snapshot()
    assert desk.ymgr.json("enroll", "--dry-run")["result"] == "planned"
    assert pin_opens(desk.keys[0], PIN)
    assert desk.box.snapshot().keys() == before.keys()
    assert desk.ymgr.json("device", "list")["devices"][0]["status"] == "unknown"


def test_reset_makes_it_new_and_it_can_be_enrolled_again(desk):
    enrolled(desk)
    assert desk.ymgr.json("device", "reset", "1001", "--yes", exit=2)["code"] == "usage"
    assert desk.ymgr.json("device", "reset", "1001", exit=2)["code"] == "input-needed"
    assert desk.ymgr.json("device", "reset", "1001", "--yes", "--confirm", "1002", exit=2)["code"] == "usage"
    answer = desk.ymgr.json("device", "reset", "1001", "--confirm", "1001")
    assert answer["result"] == "reset"
    assert pin_opens(desk.keys[0], PIN)
    shown = desk.ymgr.json("device", "show", "1001")
    assert shown["status"] == "factory" and shown["secrets"]["puk"] is False
    assert (shown["attested"], shown["attested_at"], shown["attestation_root"]) == (False, None, None)
    enrolled(desk)
    assert desk.ymgr.json("device", "show", "1001")["attested"] is True
    assert pin_opens(desk.keys[0], reveal(desk, "pin"))


def test_lost_found_retired_and_whose_it_is(desk):
    enrolled(desk)
    for words in (["lost", "1001"], ["retire", "1001"], ["assign", "1001", "alice"]):
        planned = desk.ymgr.json("device", *words, "--dry-run")
        assert (planned["state"], planned["changed"], planned["audit_reference"]) == ("planned", False, None)
    assert desk.ymgr("device", "lost", "1001", "--dry-run").stdout.startswith("planned: ")
    assert desk.ymgr.json("device", "show", "1001")["status"] == "enrolled"
    assert desk.ymgr.json("device", "lost", "1001", "--note", "on the train")["status"] == "lost"
    assert desk.ymgr.json("set-pin", exit=1)["code"] == "device-state"
    assert desk.ymgr.json("enroll", exit=1)["code"] == "device-state"
    assert desk.ymgr.json("device", "found", "1001")["status"] == "enrolled"
    assert desk.ymgr.json("device", "found", "1001")["changed"] is False
    assert desk.ymgr.json("device", "assign", "1001", "nobody", exit=3)["code"] == "user-not-found"
    assert desk.ymgr.json("device", "retire", "1001")["status"] == "retired"
    assert enrolled(desk)["status"] == "enrolled"  # with what is stored of it
    assert pin_opens(desk.keys[0], reveal(desk, "pin"))
    assert desk.ymgr.json("device", "show", "9999", exit=3)["code"] == "device-not-enrolled"


def test_an_absent_key_leaves_nothing_open(desk):
    enrolled(desk)
    desk.keys[0].unplug()
    wait_for(lambda: desk.plugged() == 0, "the agent to see it")
    refused = desk.ymgr.json("set-pin", "--device", "1001", exit=6)
    assert refused["code"] == "device-not-found" and desk.ymgr.json("operation", "list")["operations"] == []


def test_completion_offers_what_is_plugged_in(desk):
    def offered(*words, shell="bash"):
        return desk.ymgr("__complete", shell, "--", *words, timeout=30).stdout.split("\n")[:-1]

    assert offered("enroll", "--device", "") == offered("device", "attest", "10") == ["1001"]
    assert offered("enroll", "--device", "2") == []
    assert offered("device", "show", "", shell="zsh") == ["1001\tplugged in"]
    enrolled(desk)
    assert offered("set-pin", "--device", "", shell="fish") == ["1001\talice, enrolled"]
    desk.agent.process.send_signal(signal.SIGSTOP)  # it never answers
    assert offered("set-pin", "--device", "") == ["1001"]
    desk.agent.process.send_signal(signal.SIGCONT)


def test_reconcile_tells_that_a_key_was_reset_by_others(desk):
    enrolled(desk)
    assert desk.ymgr.json("reconcile", "--device", "1001")["items"] == []
    desk.keys[0].ykman("piv", "reset", "-f")
    found = desk.ymgr.json("reconcile", "--plugged-in", exit=1)
    assert [one["action"] for one in found["items"]] == ["repaired", "reported"]
    assert desk.ymgr.json("device", "show", "1001")["status"] == "factory"
    enrolled(desk)
    kept_pin_opens(desk)


@pytest.mark.parametrize("firmware", ["5.7.4", "5.2.7"])
def test_reconcile_tells_that_another_key_stands_beside_a_certificate(demo, firmware):
    with Desk(demo, firmware) as desk:
        key, own = desk.keys[0], "a1b2c3d4e5f607181122334455667788" "99aabbccddeeff00"
        used_by_hand(key, own, "TDES" if firmware == "5.2.7" else "AES192")
        files = {"pin": "271828", "management-key": own}
        enrolled(desk, "--adopt", *[word for name, text in files.items() for word in (f"--{name}-file", desk.box.secret(name, text))])
        for name, slot in {"alice": "9a", "bob": "9c"}.items():
            desk.ymgr.json("issue", name, "--device", "1001", "--slot", slot)
        assert desk.ymgr.json("reconcile", "--device", "1001")["items"] == []
        key.ykman("piv", "keys", "generate", "-a", "ECCP256", "-m", own, "9a", desk.box.work / "other.pem")
        found = desk.ymgr.json("reconcile", "--device", "1001", exit=1)["items"]
        assert [(one["kind"], one["message"]) for one in found] == [("key_differs", "slot 9a has another key than alice")]


def test_a_replaced_key_is_retired_after_the_grace(demo):
    with Desk(demo, "5.7.4", "5.7.4") as desk:
        for serial in ("1001", "1002"):
            enrolled(desk, serial=serial)
        assert desk.ymgr.json("device", "replace", "1001", "--with", "1001", exit=2)["code"] == "usage"
        def is_retired():
            return desk.ymgr.json("device", "show", "1001")["status"] == "retired"

        answer = desk.ymgr.json("device", "replace", "1001", "--with", "1002", "--grace", "1s")
        assert answer["changed"] and answer["items"] == []
        wait_for(lambda: desk.ymgr("renew", "--due") and is_retired(), "the end of the grace", 10)
        shown = desk.ymgr.json("device", "show", "1001")
        assert shown["replaced_by"] == "1002" and shown["superseded_at"] is None


@pytest.mark.parametrize("firmware", ["4.3.5", "5.2.7"])
def test_what_is_said_to_be_the_factorys_is_looked_at(demo, firmware):
    with Desk(demo, firmware) as desk:
        own = "a1b2c3d4e5f607181122334455667788" "99aabbccddeeff00"
        used_by_hand(desk.keys[0], own, "TDES")
        right = {"pin": "271828", "puk": "31415926", "management-key": own}
        for wrong in ({"puk": PUK}, {"management-key": MANAGEMENT_KEY}):
            files = [word for name, text in {**right, **wrong}.items() for word in (f"--{name}-file", desk.box.secret(name, text))]
            (name,) = wrong
            assert desk.ymgr.json("enroll", "--adopt", *files, exit=7)["code"] == f"wrong-{name}"
        warned = desk.ymgr("enroll", "--adopt", "--management-key-file", desk.box.secret("own", own))
        assert "does not tell whether PIN and PUK" in warned.stderr
