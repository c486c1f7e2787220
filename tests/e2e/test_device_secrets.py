"""The secrets of YubiKeys: set-pin, unblock, reveal and rotation, whoever or whatever comes in between."""

import contextlib
import csv
import itertools
import json
import re
import signal

import pytest

from card import MANAGEMENT_KEY, apdu, padded
from desk import enrolled, kept_pin_opens, killed_where, pin_opens, reveal, sent
from harness import FAILPOINT, Ymgr, wait_for


def test_set_pin_generates_or_takes_a_pin(desk):
    enrolled(desk)
    first = reveal(desk, "pin")
    assert desk.ymgr.json("set-pin")["result"] == "changed"
    second = reveal(desk, "pin")
    assert second != first and pin_opens(desk.keys[0], second)
    desk.ymgr.json("set-pin", "--device", "1001", "--pin-file", desk.box.secret("pin", "271828"))
    assert reveal(desk, "pin") == "271828" and pin_opens(desk.keys[0], "271828")
    desk.ymgr.json("set-pin", "--pin-file", desk.box.secret("pin", '27"18\\2'))
    assert reveal(desk, "pin") == '27"18\\2'
    told = desk.ymgr("device", "reveal", "1001", "--what", "pin", "--note", "for a table", "-o", "csv").stdout
    assert list(csv.reader(told.splitlines())) == [["serial", "what", "value"], ["1001", "pin", '27"18\\2']]
    for bad in ("12345", "123456", "123456789", "11111111"):
        assert desk.ymgr.json("set-pin", "--pin-file", desk.box.secret("pin", bad), exit=2)["code"] == "pin-unusable"


def test_a_stored_pin_that_fails_is_never_tried_again(desk):
    enrolled(desk)
    pin = reveal(desk, "pin")
    with desk.keys[0].connect() as card:
        card.select()
        assert card.send(apdu("00240080", padded(pin) + padded("271828")))[1] == "9000"
    assert desk.ymgr.json("set-pin", exit=7)["code"] == "wrong-pin"
    assert "known to be wrong: ymgr device unblock 1001" in desk.ymgr("device", "show", "1001").stdout
    found = desk.ymgr.json("reconcile", "--device", "1001", exit=1)["items"]
    assert [one["kind"] for one in found] == ["pin_stale"]
    tries = sent(desk, "24")
    refused = desk.ymgr.json("set-pin", exit=7)
    assert refused["code"] == "credential-stale" and sent(desk, "24") == tries
    assert desk.ymgr.json("device", "unblock", "1001")["result"] == "unblocked"
    assert pin_opens(desk.keys[0], reveal(desk, "pin"))
    assert desk.ymgr.json("set-pin")["result"] == "changed"


def test_the_persons_own_pin_is_kept_nowhere(desk):
    desk.configure(pin="user")
    assert desk.ymgr.json("enroll", exit=2)["code"] == "input-needed"
    first, second = desk.box.secret("first", "31415926"), desk.box.secret("second", "27182818")
    enrolled(desk, "--pin-file", first)
    assert pin_opens(desk.keys[0], "31415926")
    assert desk.ymgr.json("device", "show", "1001")["secrets"]["pin"] is False
    assert desk.ymgr.json("device", "reveal", "1001", "--what", "pin", "--note", "x", exit=3)["code"] == "secret-not-found"
    assert desk.ymgr.json("set-pin", "--pin-file", second, exit=2)["code"] == "input-needed"
    desk.ymgr.json("set-pin", "--pin-file", second, "--current-pin-file", first)
    assert pin_opens(desk.keys[0], "27182818")
    assert desk.ymgr.json("set-pin", "--pin-file", second, "--current-pin-file", first, exit=7)["code"] == "wrong-pin"
    desk.ymgr.json("device", "unblock", "1001", "--pin-file", first)
    assert pin_opens(desk.keys[0], "31415926")


def test_a_revealed_puk_is_changed_at_the_next_contact(desk):
    enrolled(desk)
    assert desk.ymgr.json("device", "reveal", "1001", "--what", "puk", exit=2)["code"] == "usage"
    puk = reveal(desk, "puk")
    told = desk.ymgr("device", "reveal", "1001", "--what", "puk", "--note", "for a person").stdout
    assert told == puk + "\n" and re.fullmatch(r"\d{8}", puk)
    assert desk.ymgr.json("device", "show", "1001")["secrets"]["puk_exposed"] is True
    desk.ymgr.json("set-pin")
    shown = desk.ymgr.json("device", "show", "1001")["secrets"]
    assert shown["puk_exposed"] is False and reveal(desk, "puk") != puk
    assert "device.revealed" in desk.events("1001")


def test_work_on_certificates_is_a_contact_too(desk):
    enrolled(desk)
    for words in (
        ["issue", "alice", "--device", "1001", "--slot", "9a"],
        ["renew", "alice", "--new-key"],
        ["device", "attest", "1001", "--slot", "9a"],
        ["revoke", "alice", "--reason", "keyCompromise", "--yes"],
    ):
        puk = reveal(desk, "puk")
        if words[0] == "device":
            assert desk.ymgr.json(*words, "--dry-run")["puk"] == "planned"
            assert desk.ymgr.json("device", "show", "1001")["secrets"]["puk_exposed"] is True
        assert desk.ymgr.json(*words).get("puk", "changed") == "changed"
        shown = desk.ymgr.json("device", "show", "1001")["secrets"]
        assert shown["puk_exposed"] is False and shown["pending"] == [] and reveal(desk, "puk") != puk, words


def test_rotate_secrets_changes_all_three(desk):
    enrolled(desk)
    pin, puk = reveal(desk, "pin"), reveal(desk, "puk")
    assert desk.ymgr.json("device", "rotate-secrets", "1001")["result"] == "changed"
    assert reveal(desk, "pin") != pin and reveal(desk, "puk") != puk and pin_opens(desk.keys[0], reveal(desk, "pin"))
    assert desk.ymgr.json("device", "set-puk", "1001")["result"] == "changed"
    assert desk.ymgr.json("device", "unblock", "1001")["result"] == "unblocked"


def test_a_key_that_was_reset_by_others_loses_no_try(desk):
    enrolled(desk)
    desk.keys[0].ykman("piv", "reset", "--force")
    before = sent(desk, "24")
    refused = desk.ymgr.json("set-pin", exit=1)
    assert refused["code"] == "device-state" and refused["suggestion"] == "ymgr reconcile --device 1001"
    assert sent(desk, "24") == before


def test_what_helps_a_blocked_pin_is_told(desk):
    enrolled(desk)
    commands = {
        "ymgr device unblock 1001": apdu("00200080", padded("99999999")),
        "ymgr device reset 1001": apdu("00240081", padded("99999999") * 2),  # the PUK too
    }
    for helps, command in commands.items():
        with desk.keys[0].connect() as card:
            card.select()
            while card.send(command)[1] != "6983":
                pass
        for words in (["issue", "alice", "--slot", "9a", "--device", "1001"], ["set-pin"]):
            refused = desk.ymgr.json(*words, exit=7)
            assert refused["code"] in ("pin-blocked", "credential-stale") and helps in refused["suggestion"], refused


def test_a_person_sets_the_pin_of_an_own_key_alone(desk):
    for name, role in (("bob", "user"), ("carol", "auditor")):
        password = desk.box.secret(f"{name}.password", "a long password of theirs")
        desk.ymgr.json("user", "add", name, "--role", role, "--password-file", password)
    enrolled(desk, "--owner", "bob")
    bob = {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(desk.box.work / "bob.password")}
    carol = {"YMGR_USER": "carol", "YMGR_PASSWORD_FILE": str(desk.box.work / "carol.password")}
    chosen = ["--pin-file", desk.box.secret("pin", "271828")]
    for words in (["set-pin"], ["device", "unblock", "1001"]):  # who would tell bob what it is?
        refused = desk.ymgr.json(*words, env=bob, exit=2)
        assert refused["code"] == "input-needed" and "--pin-prompt" in refused["suggestion"]
    assert desk.ymgr.json("set-pin", *chosen, env=bob)["result"] == "changed"
    assert desk.ymgr.json("device", "unblock", "1001", *chosen, env=bob)["result"] == "unblocked"
    assert "ymgr device reveal 1001 --what pin" in desk.ymgr("set-pin").stdout
    for words in (["set-puk", "1001"], ["reveal", "1001", "--what", "pin", "--note", "x"], ["assign", "1001", "alice"]):
        assert desk.ymgr.json("device", *words, env=bob, exit=4)["code"] == "role-denied"
    assert [one["serial"] for one in desk.ymgr.json("device", "list", env=carol)["devices"]] == ["1001"]
    assert desk.ymgr.json("device", "show", "1001", env=carol)["secrets"] is None
    desk.ymgr.json("device", "assign", "1001", "alice")
    assert desk.ymgr.json("set-pin", env=bob, exit=4)["code"] == "role-denied"


def at_once(desk, instruction, *words, beside=None):
    """Runs the command while another (the same) is stopped behind the APDU named, and lets that one end afterwards."""
    desk.keys[0].control(f"fault hold ins={instruction}")
    first = desk.ymgr.start(*(beside or words), "--json")
    desk.keys[0].wait_waiting("hold")
    first.send_signal(signal.SIGSTOP)
    desk.keys[0].control("release")
    desk.keys[0].control("clear")
    refused = desk.ymgr.json(*words, exit=1)
    assert beside or "ymgr operation show req-" in refused["suggestion"], refused
    assert refused["code"] == ("operation-open" if beside else "operation-running"), refused
    first.send_signal(signal.SIGCONT)
    answer = json.loads(first.communicate(timeout=60)[0])
    assert beside or answer["state"] == "done", answer
    kept_pin_opens(desk)


def test_of_two_commands_on_one_key_at_once_one_wins(desk):
    at_once(desk, "47", "enroll")
    at_once(desk, "24", "set-pin")
    at_once(desk, "24", "device", "rotate-secrets", "1001")


def test_what_a_given_up_operation_left_is_settled_by_the_next(desk):
    enrolled(desk)
    for number in itertools.count(1, 4):
        armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, "YMGR_FAILPOINT": f"kill@{number}"})
        killed = armed("device", "rotate-secrets", "1001", "--json", exit=None)
        if killed.exit == 0:
            break
        for operation in desk.ymgr.json("operation", "list")["operations"]:
            desk.ymgr("operation", "abandon", operation["request_id"], "--yes")
        answer = desk.ymgr("reconcile" if number % 2 else "set-pin", "--device", "1001", "--json", exit=None)
        assert answer.exit == 0, f"after kill@{number}\n{answer}"
        kept_pin_opens(desk, number)
    assert number > 30


@contextlib.contextmanager
def impostor(desk, *faults):
    """In the place of the real key: a blank one that says to be the same; one that says yes to everything has another PIN."""
    desk.keys[0].__exit__()
    wait_for(lambda: desk.plugged() == 0, "the key to go")
    state = desk.readers.folder / "keys/impostor.json"
    with desk.readers.key(0, serial=1001, firmware="5.7.4", state=str(state)) as key:
        wait_for(lambda: desk.plugged() == 1, "the impostor")
        if any("hex=9000" in fault for fault in faults):
            key.tool("-a", "change-pin", "-P", "123456", "-N", "48151623")
        for fault in faults:
            key.control(f"fault answer {fault}")
        yield key


def test_a_card_that_says_yes_to_everything_is_not_believed(desk):
    enrolled(desk)
    kept = reveal(desk, "pin"), reveal(desk, "puk")
    with impostor(desk, *(f"ins={instruction} times=1000 hex=9000" for instruction in ("20", "24", "2c"))):
        for command in (["device", "rotate-secrets", "1001"], ["device", "set-puk", "1001"], ["device", "unblock", "1001"], ["set-pin"]):
            refused = desk.ymgr.json(*command, exit=7)
            assert refused["code"] == "credentials-unknown" and "not know its management key" in refused["error"], refused
        desk.ymgr.json("reconcile", "--device", "1001", exit=None)
    assert (reveal(desk, "pin"), reveal(desk, "puk")) == kept


@pytest.mark.parametrize("faults", [["ins=f9 times=100 hex=6d00"], []])  # attests nothing; is another one of the same maker
def test_a_blank_card_with_the_same_serial_destroys_nothing(desk, faults):
    enrolled(desk)
    kept = reveal(desk, "pin"), reveal(desk, "puk")
    desk.ymgr.json("device", "retire", "1001")
    with impostor(desk, *faults):
        assert desk.ymgr.json("enroll", exit=None)["code"] == ("device-unsupported" if faults else "attestation-refused")
        assert (reveal(desk, "pin"), reveal(desk, "puk")) == kept
        desk.ymgr.json("device", "reset", "1001", "--confirm", "1001")
        assert (reveal(desk, "pin"), reveal(desk, "puk")) == kept


def test_reconcile_keeps_others_off_the_key_that_it_settles(desk):
    enrolled(desk)
    for number in range(1, 30):
        armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, "YMGR_FAILPOINT": f"kill@{number}"})
        armed("set-pin", exit=-9)
        if desk.ymgr.json("device", "show", "1001")["secrets"]["pending"]:
            break
    (stopped,) = desk.ymgr.json("operation", "list")["operations"]
    desk.ymgr("operation", "abandon", stopped["request_id"], "--yes")
    at_once(desk, "2c", "device", "rotate-secrets", "1001", beside=["reconcile", "--device", "1001"])


def test_an_enrollment_does_not_go_on_when_the_key_was_lost(desk):
    stopped = killed_where(desk, lambda: "pin_sent" in desk.events("1001"), "enroll")
    desk.ymgr.json("device", "lost", "1001", "--note", "stolen")
    refused = desk.ymgr("resume", stopped, exit=None)
    assert refused.exit != 0 and "is lost" in refused.stderr, refused
    assert desk.ymgr.json("device", "show", "1001")["status"] == "lost"
    desk.ymgr.json("device", "found", "1001")
    desk.ymgr("resume", stopped)
    kept_pin_opens(desk)


def test_a_former_owner_does_not_end_a_set_pin(desk):
    desk.ymgr.json("user", "add", "bob", "--role", "user", "--password-file", desk.box.secret("bob", "a long password of his"))
    enrolled(desk, "--owner", "bob")
    bob = {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(desk.box.work / "bob")}
    words = ["set-pin", "--pin-file", desk.box.secret("chosen", "27182818")]
    stopped = killed_where(desk, lambda: desk.ymgr.json("device", "show", "1001")["secrets"]["pending"], *words, env=bob)
    desk.ymgr.json("device", "assign", "1001", "alice")
    assert "role-denied" in desk.ymgr("resume", stopped, "--json", env=bob, exit=4).stdout
    desk.ymgr("resume", stopped)


def test_an_empty_pin_is_none(desk):
    enrolled(desk)
    empty = desk.box.secret("empty", "")
    assert desk.ymgr.json("set-pin", "--pin-file", empty, exit=2)["code"] == "pin-unusable"
    assert desk.ymgr.json("device", "unblock", "1001", "--pin-file", empty, exit=2)["code"] == "pin-unusable"


def test_a_management_key_on_its_way_is_not_given_up_on_the_word_of_a_card(desk):
    enrolled(desk)
    desk.keys[0].control("fault removed-after ins=ff")  # SET MANAGEMENT KEY: it has the new one
    assert desk.ymgr("device", "rotate-secrets", "1001", exit=None).exit != 0
    wait_for(lambda: desk.plugged() == 0, "the key to go")
    with impostor(desk) as key:
        other, says_protected = "00112233445566778899aabbccddeeff" "0011223344556677", desk.box.work / "admin"
        says_protected.write_bytes(bytes.fromhex("8003810102"))
        key.ykman("piv", "access", "change-management-key", "-a", "AES192", "-m", MANAGEMENT_KEY, "-n", other, "-f")
        key.ykman("piv", "objects", "import", "-m", other, "0x5fff00", says_protected)
        for command in (["resume", "--all"], ["device", "rotate-secrets", "1001"], ["reconcile", "--device", "1001"]):
            desk.ymgr(*command, exit=None)
            assert "management_key" in desk.ymgr.json("device", "show", "1001")["secrets"]["pending"], command
    with desk.readers.key(0, serial=1001, firmware="5.7.4") as key:
        wait_for(lambda: desk.plugged() == 1, "the key itself")
        assert desk.ymgr.json("device", "rotate-secrets", "1001")["result"] == "changed"
        assert desk.ymgr.json("device", "show", "1001")["secrets"]["pending"] == []
        assert pin_opens(key, reveal(desk, "pin"))
