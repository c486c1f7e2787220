"""YubiKeys through the real ymgr, agent, pcscd and virtual keys: enroll, set-pin and the commands of `device`."""

import contextlib
import itertools
import json
import re
import signal

import pytest

from card import MANAGEMENT_KEY, PIN, PUK, apdu, padded
from desk import Desk, enrolled, pin_opens, reveal
from harness import FAILPOINT, Ymgr, wait_for


def sent(desk, instruction, key=0):
    return desk.keys[key].status()["instructions"].get(instruction, 0)


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
    pin, management_key = desk.box.secret("pin", "271828"), desk.box.secret("mgm", MANAGEMENT_KEY)
    adopt = ["enroll", "--adopt", "--pin-file", pin, "--management-key-file", management_key]
    assert desk.ymgr.json(*adopt, exit=1)["code"] == "device-state"  # the management key is the factory's


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


def test_set_pin_generates_or_takes_a_pin(desk):
    enrolled(desk)
    first = reveal(desk, "pin")
    assert desk.ymgr.json("set-pin")["result"] == "changed"
    second = reveal(desk, "pin")
    assert second != first and pin_opens(desk.keys[0], second)
    desk.ymgr.json("set-pin", "--device", "1001", "--pin-file", desk.box.secret("pin", "271828"))
    assert reveal(desk, "pin") == "271828" and pin_opens(desk.keys[0], "271828")
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
        ["revoke", "alice", "--reason", "keyCompromise", "--yes"],
    ):
        puk = reveal(desk, "puk")
        desk.ymgr.json(*words)
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


def test_reset_makes_it_new_and_it_can_be_enrolled_again(desk):
    enrolled(desk)
    assert desk.ymgr.json("device", "reset", "1001", "--yes", exit=2)["code"] == "usage"
    assert desk.ymgr.json("device", "reset", "1001", exit=2)["code"] == "input-needed"
    answer = desk.ymgr.json("device", "reset", "1001", "--yes", "--device", "1001")
    assert answer["result"] == "reset"
    assert pin_opens(desk.keys[0], PIN)
    shown = desk.ymgr.json("device", "show", "1001")
    assert shown["status"] == "factory" and shown["secrets"]["puk"] is False
    enrolled(desk)
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


def kept_pin_opens(desk, number=None):
    assert pin_opens(desk.keys[0], reveal(desk, "pin")), number
    assert desk.ymgr.json("device", "show", "1001")["secrets"]["pending"] == [], number


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
        assert answer["changed"] and answer["reissues"] == []
        wait_for(lambda: desk.ymgr("renew", "--due") and is_retired(), "the end of the grace", 10)
        shown = desk.ymgr.json("device", "show", "1001")
        assert shown["replaced_by"] == "1002" and shown["superseded_at"] is None


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
        desk.ymgr.json("device", "reset", "1001", "--yes", "--device", "1001")
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


def killed_where(desk, reached, *words, env=None):
    """Runs the command until a kill leaves `reached()` true; its request id."""
    for number in range(1, 80):
        armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, **(env or {}), "YMGR_FAILPOINT": f"kill@{number}"})
        assert armed(*words, exit=None).exit == -9
        stopped = desk.ymgr.json("operation", "list")["operations"]
        if stopped and reached():
            return stopped[0]["request_id"]
    raise AssertionError("never reached")


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


@pytest.mark.parametrize("firmware", ["4.3.5", "5.2.7"])
def test_what_the_factory_gave_is_not_adopted(demo, firmware):
    with Desk(demo, firmware) as desk:
        own = "a1b2c3d4e5f607181122334455667788" "99aabbccddeeff00"
        used_by_hand(desk.keys[0], own, "TDES")
        right = {"pin": "271828", "puk": "31415926", "management-key": own}
        for wrong in ({"pin": PIN}, {"puk": PUK}, {"management-key": MANAGEMENT_KEY}):
            files = [word for name, text in {**right, **wrong}.items() for word in (f"--{name}-file", desk.box.secret(name, text))]
            assert desk.ymgr.json("enroll", "--adopt", *files, exit=1)["code"] == "device-state"
        warned = desk.ymgr("enroll", "--adopt", "--management-key-file", desk.box.secret("own", own))
        assert "does not tell whether PIN and PUK" in warned.stderr


def test_an_empty_pin_is_none(desk):
    enrolled(desk)
    empty = desk.box.secret("empty", "")
    assert desk.ymgr.json("set-pin", "--pin-file", empty, exit=2)["code"] == "pin-unusable"
    assert desk.ymgr.json("device", "unblock", "1001", "--pin-file", empty, exit=2)["code"] == "pin-unusable"
