"""Certificates whose keys are made in slots of a YubiKey: issue, renew and revoke through ymgr, the agent and a virtual key."""

import contextlib
import json
import pathlib
import shutil
import sqlite3
import tempfile

import pytest

from agent import agent_of_login
from card import RELEASE_KEY, Readers, tlv
from harness import ADMIN, FAILPOINT, RELEASE, Box, Ymgr, openssl, pkilint, run

SERIAL = 1001
ABSENT = ("device-not-found", "device-removed")
NEW, MIDDLE, OLD = "5.7.4", "5.4.3", "4.3.5"
UPN, MAIL, DOOR = "upn:alice@corp.example", "email:alice@corp.example", "uri:https://corp.example/door"


class Desk:
    """A person with ymgr, an agent and a YubiKey that is plugged in."""

    def __init__(self, box, readers, key, agent, program=RELEASE):
        self.box, self.readers, self.key, self.agent = box, readers, key, agent
        self.ymgr = Ymgr(program, box, {"YMGR_AGENT_SOCKET": str(agent.socket)})

    def issue(self, name, slot, *args, **how):
        return self.ymgr.json("issue", name, "--device", SERIAL, "--slot", slot, *args, **how)

    def on_card(self, slot):
        """The certificate that an independent program reads from the slot; "" when there is none."""
        path = self.box.work / "on-card.pem"
        path.unlink(missing_ok=True)
        self.key.tool("-a", "read-certificate", "-s", slot, "-o", path, exit=None)
        return path.read_text() if path.exists() else ""

    def attestation(self, slot):
        """The key's attestation, checked by openssl up to the root of the virtual key, as text."""
        leaf, between = self.box.work / "leaf.pem", self.box.work / "f9.pem"
        self.key.tool("-a", "attest", "-s", slot, "-o", leaf)
        self.key.tool("-a", "read-certificate", "-s", "f9", "-o", between)
        openssl("verify", "-CAfile", self.key.root, "-untrusted", between, leaf)
        return leaf.read_text()

    def status(self, cert_id):
        shown = self.ymgr.json("cert", "show", cert_id)
        return shown["status"], shown["revocation_reason"]

    def is_on_crl(self, certificate):
        """Whether the newest CRL has it, as openssl reads the two."""
        cert, crl = self.box.file("c.pem", certificate), self.box.work / "crl.pem"
        self.ymgr("ca", "crl", "--out", crl, "--force")
        serial = openssl("x509", "-in", cert, "-noout", "-serial").stdout.strip().removeprefix("serial=")
        return f"Serial Number: {serial}" in openssl("crl", "-in", crl, "-noout", "-text").stdout


def public_key(pem, box):
    path = box.work / "public.pem"
    path.write_text(pem)
    return openssl("x509", "-in", path, "-noout", "-pubkey").stdout


@contextlib.contextmanager
def sitting(box, state, firmware, program=RELEASE, **key_options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ymgr-slot-"))  # a short path: sockets stand in it
    try:
        with Readers(folder / "pcsc", program=RELEASE_KEY) as readers:
            with readers.key(serial=SERIAL, firmware=firmware, state=state, **key_options) as key:
                with agent_of_login(box, readers, tcp=False) as agent:
                    yield Desk(box, readers, key, agent, program)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory):
    """enrolled(firmware): a box whose only YubiKey is enrolled, and that key's state; made once each."""
    made = {}

    def make(firmware):
        if firmware in made:
            return made[firmware]
        box = Box(tmp_path_factory.mktemp("enrolled"))
        state = box.root / "key.json"
        ymgr = Ymgr(RELEASE, box)
        ymgr.init("--demo")
        ymgr.login()
        trust_virtual_root(box, state)
        with sitting(box, state, firmware) as desk:
            desk.ymgr.json("enroll", "--device", SERIAL)
        return made.setdefault(firmware, (box, state))

    yield make
    for box, _ in made.values():
        box.remove()


def trust_virtual_root(box, state):
    config = box.root / "config/ymgr/ymgr.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"attestation:\n  roots: {state.parent / 'virtual-yubikey-root.pem'}\n")


@pytest.fixture
def desk_of(enrolled, empty_box):
    """desk_of(firmware, program): a copy of an enrolled box, with its key plugged in."""
    with contextlib.ExitStack() as stack:

        def make(firmware, program=RELEASE, **options):
            box, state = enrolled(firmware)
            empty_box.copy_from(box)
            shutil.copytree(box.root / "config", empty_box.root / "config", dirs_exist_ok=True)
            for path in (state, state.parent / "virtual-yubikey-root.pem"):
                shutil.copy(path, empty_box.root)
            trust_virtual_root(empty_box, empty_box.root / "key.json")
            return stack.enter_context(sitting(empty_box, empty_box.root / "key.json", firmware, program, **options))

        yield make


@pytest.mark.parametrize("firmware", [NEW, MIDDLE, OLD])
def test_every_kind_of_slot_gets_a_key_and_its_certificate(desk_of, firmware):
    desk = desk_of(firmware)
    profiles = {"9a": "piv-auth", "9c": "code-signing", "9e": "card-auth", "82": "email"}
    for slot, profile in profiles.items():
        san = {"9a": UPN, "82": MAIL}.get(slot, DOOR)
        how = ["--profile", profile] if slot == "82" else []
        answer = desk.issue(f"alice-{slot}", slot, "--san", san, *how)
        assert (answer["device"], answer["slot"], answer["attested"]) == (str(SERIAL), slot, True)
        assert answer["key_reference"] == f"yubikey:{SERIAL}:{slot}" and answer["key_checked"] == (
            "public-key" if (firmware, slot) == (OLD, "9e") else "signature"  # which does not tell that 9e needs no PIN
        )
        assert (answer["profile"], answer["owner"], answer["displaced"]) == (profile, ADMIN, [])
        assert answer["key_algorithm"] == ("ec-p256" if profile == "email" else "ec-p384")
        assert desk.on_card(slot) == answer["certificate"]
        assert public_key(desk.attestation(slot), desk.box) == public_key(answer["certificate"], desk.box)
        shown = desk.ymgr.json("cert", "show", answer["cert_id"])
        assert shown["attestation"].count("BEGIN CERTIFICATE") == 2
        path = desk.box.file(f"{slot}.pem", answer["certificate"])
        assert pkilint("pkix_cert", path) == ""
        text = openssl("x509", "-in", path, "-noout", "-text").stdout
        if slot == "9a":
            assert "Microsoft Smartcard Login" in text and "UPN::alice@corp.example" in text
        if slot == "9e":
            assert "2.16.840.1.101.3.6.8" in text
    listed = desk.ymgr.json("cert", "list", "--select", f"device={SERIAL}")["certificates"]
    assert {row["slot"] for row in listed} == set(profiles)
    assert f"{SERIAL}, slot 9a, attested" in desk.ymgr("cert", "show", "alice-9a").stdout
    assert desk.ymgr.json("report")["active"] == 4
    desk.ymgr.json("reconcile")


def test_policies_are_those_asked_for(desk_of):
    desk = desk_of(NEW)
    desk.issue("never", "9a", "--pin-policy", "never")
    desk.issue("always", "9c", "--pin-policy", "always", "--touch-policy", "cached")
    assert "Pin Policy:\tNEVER" in policies(desk, "9a") or "NEVER" in policies(desk, "9a")
    assert "ALWAYS" in policies(desk, "9c") and "CACHED" in policies(desk, "9c")


def policies(desk, slot):
    return desk.key.ykman("piv", "keys", "info", slot).stdout


def test_a_used_slot_is_left_alone_unless_forced(desk_of):
    desk = desk_of(NEW)
    first = desk.issue("first", "9a")
    before = desk.box.snapshot()
    refused = desk.issue("second", "9a", exit=1)
    assert refused["code"] == "slot-used" and "--force" in refused["suggestion"]
    assert desk.on_card("9a") == first["certificate"]
    assert {n: c for n, c in before.items() if "db" not in n} == {
        n: c for n, c in desk.box.snapshot().items() if "db" not in n
    }
    planned = desk.issue("second", "9a", "--force", "--dry-run")
    assert planned["displaced"] == [first["cert_id"]] and planned["key_store"] == "card"
    second = desk.issue("second", "9a", "--force")
    assert second["displaced"] == [first["cert_id"]]
    assert desk.on_card("9a") == second["certificate"]
    assert desk.status(first["cert_id"]) == ("revoked", "superseded")
    assert desk.is_on_crl(first["certificate"]) and not desk.is_on_crl(second["certificate"])


def test_what_the_firmware_cannot_make_is_refused_with_what_it_can(desk_of):
    desk = desk_of(MIDDLE)
    for algorithm in ("rsa-3072", "ed25519"):
        refused = desk.issue("alice", "9a", "--key", algorithm, exit=6)
        assert refused["code"] == "device-unsupported" and "--key ec-p384" in refused["suggestion"]
    assert desk.ymgr.json("operation", "list")["operations"] == []
    refused = desk.issue("alice", "9a", "--key", "rsa-2048", exit=5)
    assert refused["code"] == "policy-violation"


def test_wrong_uses_are_refused(desk_of):
    desk = desk_of(NEW)
    assert desk.issue("a", "9d", exit=2)["suggestion"] == "name one with --profile"
    assert desk.issue("a", "9b", exit=2)["code"] == "usage"
    assert desk.issue("a", "9a", "--owner", "bob", exit=2)["suggestion"].startswith("leave out --owner")
    assert desk.issue("a", "9a", "--key-store", "file", exit=2)["code"] == "usage"
    desk.ymgr("issue", "a{1..2}", "--slot", "9a", exit=2)
    desk.ymgr("issue", "a", "--device", SERIAL, exit=2)
    assert desk.ymgr.json("issue", "a", "--device", "4711", "--slot", "9a", exit=3)["code"] == "device-not-enrolled"
    assert desk.ymgr.json("issue", "alice", "--slot", "9a")["device"] == str(SERIAL)
    assert desk.ymgr.json("issue", "alice", "--slot", "9a", "--ensure")["result"] == "unchanged"


@pytest.mark.parametrize("firmware", [NEW, MIDDLE, OLD])
def test_renewal_uses_the_key_again_or_makes_another(desk_of, firmware):
    desk = desk_of(firmware)
    first = desk.issue("alice", "9a", "--san", UPN)
    again = desk.ymgr.json("renew", "alice")
    assert again["key"] == "reused" and again["attested"] and again["key_checked"] == "signature"
    assert public_key(again["certificate"], desk.box) == public_key(first["certificate"], desk.box)
    assert desk.on_card("9a") == again["certificate"] != first["certificate"]
    fresh = desk.ymgr.json("renew", "alice", "--new-key", "--force")
    assert fresh["key"] == "new" and fresh["attested"]
    assert public_key(fresh["certificate"], desk.box) != public_key(first["certificate"], desk.box)
    assert desk.on_card("9a") == fresh["certificate"]
    assert public_key(desk.attestation("9a"), desk.box) == public_key(fresh["certificate"], desk.box)
    assert [desk.status(cert["cert_id"])[0] for cert in (first, again, fresh)] == ["superseded", "superseded", "active"]


def test_a_profile_without_reuse_gets_a_new_key_by_itself(desk_of):
    desk = desk_of(NEW)
    desk.issue("build", "9c", "--san", DOOR)
    answer = desk.ymgr.json("renew", "build")
    assert answer["key"] == "new" and desk.on_card("9c") == answer["certificate"]


@pytest.mark.parametrize("firmware", [NEW, MIDDLE, OLD])
def test_a_compromised_key_is_destroyed_on_the_card(desk_of, firmware):
    desk = desk_of(firmware)
    issued = desk.issue("alice", "9a")
    key = public_key(issued["certificate"], desk.box)
    (item,) = desk.ymgr.json("revoke", "alice", "--reason", "keyCompromise", "--yes")["items"]
    assert item["key_destroyed"] is True and item["result"] == "revoked"
    assert desk.on_card("9a") == "" and desk.is_on_crl(issued["certificate"])
    if firmware == NEW:
        assert desk.key.tool("-a", "attest", "-s", "9a", exit=None).exit != 0  # no key at all
    else:
        assert public_key(desk.attestation("9a"), desk.box) != key
    assert desk.ymgr.json("revoke", "alice", "--reason", "keyCompromise", "--yes")["items"][0]["key_destroyed"] is True


def test_other_reasons_leave_the_key_unless_asked_to(desk_of):
    desk = desk_of(NEW)
    issued = desk.issue("alice", "9a")
    (item,) = desk.ymgr.json("revoke", "alice", "--reason", "superseded", "--yes")["items"]
    assert item["key_destroyed"] is None and desk.on_card("9a") == issued["certificate"]
    (item,) = desk.ymgr.json("revoke", issued["cert_id"], "--reason", "superseded", "--destroy-key", "--yes")["items"]
    assert item["key_destroyed"] is True and desk.on_card("9a") == ""


def test_without_the_yubikey_everything_waits_or_says_so(desk_of):
    desk = desk_of(NEW)
    issued = desk.issue("alice", "9a", "--renew-before", "99%")
    desk.key.unplug()
    assert desk.issue("bob", "9c", exit=6)["code"] in ABSENT
    assert desk.ymgr.json("renew", "alice", exit=6)["code"] in ABSENT
    due = desk.ymgr.json("renew", "--due", "--renew-before", "365d")
    assert (due["due"], due["waiting"]) == (0, 1)
    assert desk.ymgr.json("operation", "list")["operations"] == []
    desk.ymgr("issue", "web1.example.com")
    alone = {"YMGR_AGENT_SOCKET": str(desk.box.root / "nowhere")}
    night = desk.ymgr.json("renew", "--due", "--renew-before", "365d", "--force", env=alone)  # no agent at all
    assert [(item["name"], item["result"]) for item in night["items"]] == [("web1.example.com", "renewed")]
    assert [(one["name"], one["needs"]) for one in night["waits"]] == [("alice", "agent")]
    (item,) = desk.ymgr.json("revoke", "alice", "--reason", "keyCompromise", "--yes")["items"]
    assert item["key_destroyed"] is False and "not plugged in" in item["key_note"]
    assert desk.is_on_crl(issued["certificate"])
    desk.key.plug()
    (item,) = desk.ymgr.json("revoke", "alice", "--reason", "keyCompromise", "--yes")["items"]
    assert item["key_destroyed"] is True and desk.on_card("9a") == ""


def test_what_waited_for_the_yubikey_is_finished_when_it_is_there(desk_of):
    desk = desk_of(NEW)
    desk.issue("alice", "9a")
    night = ["renew", "--due", "--renew-before", "365d", "--force"]
    desk.key.unplug()
    assert desk.ymgr.json(*night)["waits"][0]["needs"] == "device"
    desk.key.plug()
    back = desk.ymgr.json(*night)
    assert [item["result"] for item in back["items"]] == ["renewed"] and back["waiting"] == 0
    assert desk.on_card("9a") == back["items"][0]["certificate"]


def test_what_is_due_is_renewed_on_the_card(desk_of):
    desk = desk_of(NEW)
    desk.issue("alice", "9a")
    desk.ymgr.json("issue", "web1.example.com")
    due = desk.ymgr.json("renew", "--due", "--renew-before", "365d", "--force")
    assert {item["name"]: item["key"] for item in due["items"]} == {"alice": "reused", "web1.example.com": "reused"}
    (mine,) = [item for item in due["items"] if item["name"] == "alice"]
    assert desk.on_card("9a") == mine["certificate"]


def change_pin_by_other_means(desk, pin="271828"):
    shown = desk.ymgr.json("device", "reveal", SERIAL, "--what", "pin", "--note", "for the test")
    desk.key.ykman("piv", "access", "change-pin", "-P", shown["value"], "-n", pin)
    return desk.box.secret("pin", pin)


def test_a_pin_changed_by_other_means_costs_one_try_and_no_key(desk_of):
    desk = desk_of(NEW)
    issued = desk.issue("build", "9c", "--san", DOOR)  # its renewal makes a new key
    desk.issue("alice", "9a")
    tries = desk.ymgr.json("device", "show", SERIAL)["pin_tries_left"]
    pin = change_pin_by_other_means(desk)
    night = ["renew", "--due", "--renew-before", "365d", "--force"]
    first = desk.ymgr.json(*night, exit=7)
    assert ([item["code"] for item in first["items"]], first["waiting"]) == (["wrong-pin"], 1)
    for _ in range(2):
        assert desk.ymgr.json(*night)["waiting"] == 2
    shown = desk.ymgr.json("device", "show", SERIAL)
    assert (shown["pin_tries_left"], shown["secrets"]["pin_stale"]) == (tries - 1, True)
    assert public_key(desk.attestation("9c"), desk.box) == public_key(issued["certificate"], desk.box)
    wrong = desk.ymgr.json(*night, "--pin-file", desk.box.secret("wrong", "000000"), exit=7)
    assert ([item["code"] for item in wrong["items"]], wrong["waiting"]) == (["wrong-pin"], 1)
    assert desk.ymgr.json("device", "show", SERIAL)["pin_tries_left"] == tries - 2  # one for both
    assert len(desk.ymgr.json(*night, "--pin-file", pin)["items"]) == 2


def test_a_pin_that_fails_in_the_middle_is_not_tried_again(desk_of):
    """An issue that was killed before the key was made, and a PIN changed before it goes on."""
    desk = desk_of(NEW, FAILPOINT)
    armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, "YMGR_FAILPOINT": "kill@2"})
    for name, slot in {"alice": "9a", "build": "9c"}.items():
        armed("issue", name, "--device", SERIAL, "--slot", slot, exit=-9)
    tries = desk.ymgr.json("device", "show", SERIAL)["pin_tries_left"]
    change_pin_by_other_means(desk)
    resumed = desk.ymgr.json("resume", "--all", exit=None)
    assert {operation["state"] for operation in resumed["operations"]} == {"failed"}, resumed
    shown = desk.ymgr.json("device", "show", SERIAL)
    assert (shown["pin_tries_left"], shown["secrets"]["pin_stale"]) == (tries - 1, True)
    assert desk.key.status()["instructions"].get("47", 0) == 0  # no key was made


def test_an_issue_by_force_killed_anywhere_is_finished_by_the_same_command(desk_of):
    """Each one takes the slot of the one before, whose certificate it revokes."""
    desk = desk_of(NEW, FAILPOINT)
    issued = [desk.issue("key0", "82", "--profile", "email", "--san", MAIL)]
    for point in range(1, 60):
        command = ["issue", f"key{point}", "--device", SERIAL, "--slot", "82", "--profile", "email", "--san", MAIL, "--force"]
        armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, "YMGR_FAILPOINT": f"kill@{point}"})
        if armed(*command, exit=None).exit == 0:
            break
        issued.append(desk.ymgr.json(*command, "--ensure"))
        assert desk.on_card("82") == issued[-1]["certificate"]
        assert desk.status(issued[-2]["cert_id"]) == ("revoked", "superseded")
    assert len(issued) > 15
    active = desk.ymgr.json("cert", "list", "--select", "status=active,profile=email")["certificates"]
    assert [row["name"] for row in active] == [f"key{point}"]
    desk.ymgr.json("resume", "--all")  # those killed after the last step
    assert desk.ymgr.json("operation", "list")["operations"] == []


def test_what_becomes_of_a_yubikey_revokes_its_certificates(desk_of):
    desk = desk_of(NEW)
    device = [SERIAL, "--yes"]
    for command, reason in (
        (["lost", *device], "cessationOfOperation"),
        (["lost", *device, "--reason", "keyCompromise"], "keyCompromise"),
        (["retire", *device, "--reason", "superseded"], "superseded"),
        (["reset", SERIAL, "--confirm", SERIAL], "cessationOfOperation"),
    ):
        issued = desk.issue(f"{command[0]}-{reason}", "9a", "--force")
        answer = desk.ymgr.json("device", *command)
        assert issued["cert_id"] in answer["revoked"], command
        assert len(answer["revoked"]) == 1 + (reason == "keyCompromise"), command  # it reaches those revoked for less
        assert desk.status(issued["cert_id"]) == ("revoked", reason)
        assert desk.is_on_crl(issued["certificate"])
        again = {"lost": ["device", "found", SERIAL], "retire": ["enroll"], "reset": ["enroll"]}
        desk.ymgr.json(*again[command[0]])
        assert desk.ymgr.json("device", "show", SERIAL)["status"] == "enrolled"


def edit_card(desk, change):
    """Somebody else was there."""
    card = json.loads(desk.key.state.read_text())
    change(card)
    desk.key.state.write_text(json.dumps(card))
    desk.key.control("reload")


def test_reconciliation_compares_the_slots(desk_of):
    desk = desk_of(NEW)
    on_9a, on_9c = str(0x5FC105), str(0x5FC10A)

    def found():
        result = desk.ymgr("reconcile", "--device", SERIAL, "--json", exit=None)
        assert "items" in result.json, result
        return sorted((item["kind"], item["action"]) for item in result.json["items"])

    issued = desk.issue("alice", "9a")
    assert found() == []
    before = json.loads(desk.key.state.read_text())
    edit_card(desk, lambda card: card["objects"].pop(on_9a))
    assert found() == [("certificate_missing", "reported"), ("key_without_certificate", "reported")]
    edit_card(desk, lambda card: (card["objects"].update(before["objects"]), card["keys"].pop("154")))
    assert found() == [("key_differs", "reported")]
    edit_card(desk, lambda card: card["keys"].update(before["keys"]))
    own = desk.box.work / "own.pem"
    openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", desk.box.work / "k", "-subj", "/CN=own", "-out", own)
    edit_card(desk, lambda card: card["objects"].update({on_9c: certificate_object(own)}))
    assert found() == [("certificate_foreign", "reported")]
    edit_card(desk, lambda card: card["objects"].pop(on_9c))
    desk.ymgr.json("revoke", issued["cert_id"], "--reason", "superseded", "--yes")
    assert found() == [("certificate_leftover", "reported")]


def certificate_object(path):
    der = run(["openssl", "x509", "-in", path, "-outform", "DER"], text=False).stdout
    return (tlv("70", der) + bytes.fromhex("710100fe00")).hex()


def test_a_key_that_wants_a_finger_is_waited_for(desk_of):
    desk = desk_of(NEW, touch="asked", touch_timeout=60000)
    issue = ["issue", "alice", "--device", SERIAL, "--slot", "9a", "--touch-policy", "always", "--json"]
    process = desk.ymgr.start(*issue)
    assert f"touch the YubiKey {SERIAL}" in process.stderr.readline()
    desk.key.control("touch given")
    answer, rest = process.communicate(timeout=60)
    assert json.loads(answer)["result"] == "issued" and "touch the" not in rest
    assert process.returncode == 0 and desk.on_card("9a") == json.loads(answer)["certificate"]


def test_without_a_finger_nothing_is_issued(desk_of):
    desk = desk_of(NEW, touch="asked", touch_timeout=1500)
    issue = ["issue", "alice", "--device", SERIAL, "--slot", "9a", "--touch-policy", "always", "--json"]
    refused = desk.ymgr(*issue, exit=6)
    assert refused.json["code"] == "touch-timeout" and refused.stderr.count("touch the YubiKey") == 1
    assert desk.ymgr.json("cert", "list")["certificates"] == []
    desk.key.control("touch given")
    desk.ymgr.json("resume", "--all")
    assert [row["name"] for row in desk.ymgr.json("cert", "list")["certificates"]] == ["alice"]


def test_a_certificate_whose_key_has_gone_is_revoked(desk_of):
    desk = desk_of(NEW, FAILPOINT)
    for point in range(1, 40):  # the first one that leaves the certificate issued and not yet on the card
        name, slot = f"key{point}", f"{0x81 + point:x}"
        armed = Ymgr(FAILPOINT, desk.box, {**desk.ymgr.env, "YMGR_FAILPOINT": f"kill@{point}"})
        armed("issue", name, "--device", SERIAL, "--slot", slot, "--profile", "email", "--san", MAIL, exit=-9)
        rows = desk.ymgr.json("cert", "list", "--select", f"name={name}")["certificates"]
        if rows:
            break
    assert desk.on_card(slot) == ""
    desk.key.ykman("piv", "reset", "--force")
    (operation,) = [op for op in desk.ymgr.json("operation", "list")["operations"] if op["target"] == name]
    (answer,) = desk.ymgr.json("resume", operation["resume_id"], exit=3)["operations"]
    assert answer["state"] == "failed" and f"no longer in slot {slot}" in answer["items"][0]["error"]
    assert desk.status(rows[0]["cert_id"]) == ("revoked", "superseded")
    assert desk.is_on_crl(desk.ymgr.json("cert", "show", rows[0]["cert_id"])["certificate"])


def test_a_pin_that_is_not_kept_comes_from_a_file(desk_of):
    desk = desk_of(NEW)
    desk.ymgr.json("issue", "door", "--slot", "9e", "--san", DOOR)  # no PIN is asked for there
    with sqlite3.connect(desk.box.profile / "ymgr.db") as db:
        db.execute("UPDATE secrets SET box = NULL WHERE path LIKE 'yubikeys/%/pin'")
    refused = desk.issue("alice", "9a", exit=2)
    assert refused["code"] == "input-needed" and "--pin-file" in refused["suggestion"]
    assert desk.ymgr.json("operation", "list")["operations"] == []
    desk.ymgr.json("issue", "free", "--slot", "82", "--profile", "email", "--pin-policy", "never", "--san", MAIL)
    wrong = desk.issue("alice", "9a", "--pin-file", desk.box.secret("wrong", "87654321"), exit=7)
    assert wrong["code"] == "wrong-pin" and desk.on_card("9a") == ""


def test_an_enrollment_goes_on_to_a_certificate(empty_box):
    """The person alone knows the PIN; 9c wants it for every signature."""
    state, pin = empty_box.root / "key.json", empty_box.secret("pin", "482913")
    ymgr = Ymgr(RELEASE, empty_box)
    ymgr.init("--demo")
    ymgr.login()
    trust_virtual_root(empty_box, state)
    config = empty_box.root / "config/ymgr/ymgr.yaml"
    config.write_text(config.read_text() + "secrets:\n  pin: user\n")
    with sitting(empty_box, state, NEW) as desk:
        enroll = ["enroll", "--device", SERIAL, "--pin-file", pin, "--slot", "9a", "--san", UPN]
        assert desk.ymgr.json(*enroll, "--profile", "nonsense", exit=2)["code"] == "profile-unknown"
        answer = desk.ymgr.json(*enroll)
        assert (answer["result"], answer["issued"]["result"], answer["issued"]["name"]) == ("enrolled", "issued", ADMIN)
        assert answer["issued"]["key_checked"] == "signature" and answer["issued"]["profile"] == "piv-auth"
        assert desk.on_card("9a") == answer["issued"]["certificate"]
        again = desk.ymgr.json(*enroll)
        assert (again["result"], again["issued"]["result"]) == ("already_enrolled", "unchanged")
        assert desk.issue("build", "9c", exit=2)["code"] == "input-needed"
        signing = desk.issue("build", "9c", "--pin-file", pin)
        assert signing["key_checked"] == "signature" and desk.on_card("9c") == signing["certificate"]
        due = desk.ymgr.json("renew", "--due", "--renew-before", "365d")
        assert (due["due"], due["waiting"]) == (0, 2)
        due = desk.ymgr.json("renew", "--due", "--renew-before", "365d", "--pin-file", pin)
        assert (due["due"], due["waiting"]) == (2, 0)


@pytest.mark.parametrize("change", [["lost", SERIAL, "--note", "stolen"], ["assign", SERIAL, "bob"]])
def test_a_key_that_is_lost_or_given_away_meanwhile_gets_no_certificate(desk_of, change):
    desk = desk_of(NEW)
    desk.ymgr.json("user", "add", "bob", "--role", "user", "--password-file", desk.box.secret("bob", "a long password of his"))
    desk.key.control("fault hold ins=47")
    issuing = desk.ymgr.start("issue", "alice", "--device", SERIAL, "--slot", "9a", "--json")
    desk.key.wait_waiting("hold")
    desk.ymgr.json("device", *change)
    desk.key.control("release")
    answer, _ = issuing.communicate(timeout=60)
    assert issuing.returncode != 0 and "device-state" in answer, answer
    assert desk.ymgr.json("cert", "list", "--select", "status=active,name=alice")["certificates"] == []
