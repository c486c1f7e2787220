"""Whatever is done to a YubiKey is stopped at every failpoint of ymgr, by killing the agent before every APDU that changes
something, and by pulling the key out around every APDU. The same command again brings it to its end: the secrets that are kept open the
card, nothing was guessed that must not be, and no card keeps the factory's credentials unless its row says so."""

import json
import shutil

import pytest

from agent import agent_of_login
from harness import FAILPOINT, RELEASE, Box, Ymgr, wait_for
from invariants import check_end, rows

SERIAL = "1001"
FACTORY_PIN, FACTORY_PUK = "123456", "12345678"
FACTORY_MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"
KILLED = -9
# APDUs that change something: VERIFY, CHANGE, UNBLOCK, GENERATE, PUT DATA, MOVE, SET RETRIES, RESET, SET MGM KEY. The others read.
CHANGING = {"20", "24", "2c", "47", "db", "f6", "fa", "fb", "ff"}


class Scene:
    """`guesses`: wrong PINs or PUKs that recovery may send at most. `own_pin`: the person alone knows it. `way_out`: what the
    command may want to be told after few-tries. `stride`: 3 tries every third place, of what other scenes go through too.
    `by_hand`: what another program did to the YubiKey before."""

    def __init__(
        self, name, command, done, before=(), firmware="5.7.4", guesses=0, own_pin=False, way_out=(), stride=1, by_hand=()
    ):
        self.by_hand = by_hand
        self.name, self.command, self.done, self.before = name, command, done, before
        self.firmware, self.guesses, self.own_pin, self.way_out, self.stride = firmware, guesses, own_pin, list(way_out), stride

    def __str__(self):
        return f"{self.name}-{self.firmware}"


def text_of(credential):
    return bytes.fromhex(credential["value"]).rstrip(b"\xff").decode()


def status_of(box):
    found = rows(box, "SELECT status FROM devices WHERE serial = ?", SERIAL)
    return found[0][0] if found else None


def has_factory_credentials(card):
    return (
        text_of(card["pin"]) == FACTORY_PIN
        or text_of(card["puk"]) == FACTORY_PUK
        or card["management_key"]["value"] == FACTORY_MANAGEMENT_KEY
    )


def is_enrolled(box, card):
    return status_of(box) == "enrolled"


def is_issued(box, card):
    found = rows(box, "SELECT pem FROM certificates WHERE status = 'active' AND name = 'alice'")
    return len(found) == 1 and str(0x5FC105) in card["objects"]


def is_renewed(box, card):
    return is_issued(box, card) and len(rows(box, "SELECT 1 FROM certificates WHERE status <> 'active'")) >= 1


def is_destroyed(box, card):
    revoked = rows(box, "SELECT count(*) FROM certificates WHERE status <> 'revoked'") == [(0,)]
    reasons = rows(box, "SELECT DISTINCT revocation_reason FROM certificates") == [("keyCompromise",)]
    return revoked and reasons and "154" not in card["keys"] and str(0x5FC105) not in card["objects"]


def is_reset(box, card):
    return status_of(box) in ("factory", "retired") and text_of(card["pin"]) == FACTORY_PIN and "154" not in card["keys"]


def is_adopted(box, card):
    return is_enrolled(box, card) and str(0x5FC109) not in card["objects"]


def has_own_pin(box, card):
    return is_enrolled(box, card) and text_of(card["pin"]) == PINS["@second"]


PINS = {"@first": "31415926", "@second": "27182818"}  # words that stand for files with them
OWN_FIRST, OWN_SECOND = ["--pin-file", "@first"], ["--pin-file", "@second"]
ENROLL = ["enroll"]
ISSUE = ["issue", "alice", "--device", SERIAL, "--slot", "9a"]
RESET = ["device", "reset", SERIAL, "--confirm", SERIAL]
PROTECT = ["change-management-key", "-a", "AES192", "-m", FACTORY_MANAGEMENT_KEY, "--protect", "-P"]
SCENES = [
    Scene("enroll", ENROLL, is_enrolled),
    Scene(  # the PUK is the factory's
        "adopt", [*ENROLL, "--adopt", *OWN_SECOND], is_adopted, stride=3,
        by_hand=[["change-pin", "-P", FACTORY_PIN, "-n", PINS["@second"]], [*PROTECT, PINS["@second"]]],
    ),
    Scene(  # the PIN is
        "adopt-its-puk", [*ENROLL, "--adopt", "--puk-file", "@first"], is_adopted, stride=5,
        by_hand=[["change-puk", "-p", FACTORY_PUK, "-n", PINS["@first"]], [*PROTECT, FACTORY_PIN]],
    ),
    Scene("enroll", ENROLL, is_enrolled, firmware="4.3.5", guesses=1, stride=2),
    Scene("set-pin", ["set-pin"], is_enrolled, [ENROLL]),
    Scene("unblock", ["device", "unblock", SERIAL], is_enrolled, [ENROLL]),
    Scene("set-puk", ["device", "set-puk", SERIAL], is_enrolled, [ENROLL], guesses=1),
    Scene("set-puk", ["device", "set-puk", SERIAL], is_enrolled, [ENROLL], "5.2.7", 1, way_out=["--spend-try"]),
    Scene("own-enroll", [*ENROLL, *OWN_SECOND], has_own_pin, own_pin=True, stride=3),
    Scene(
        "own-set-pin", ["set-pin", *OWN_SECOND, "--current-pin-file", "@first"], has_own_pin,
        [[*ENROLL, *OWN_FIRST]], guesses=1, own_pin=True,
    ),
    Scene(
        "own-unblock", ["device", "unblock", SERIAL, *OWN_SECOND], has_own_pin, [[*ENROLL, *OWN_FIRST]], own_pin=True
    ),
    Scene("rotate", ["device", "rotate-secrets", SERIAL], is_enrolled, [ENROLL], guesses=1),
    Scene("issue", ISSUE, is_issued, [ENROLL]),
    Scene("renew", ["renew", "alice", "--force"], is_renewed, [ENROLL, ISSUE]),
    Scene("renew-new-key", ["renew", "alice", "--force", "--new-key"], is_renewed, [ENROLL, ISSUE], stride=2),
    Scene("compromise", ["revoke", "alice", "--reason", "keyCompromise", "--yes"], is_destroyed, [ENROLL, ISSUE]),
    Scene("reset", RESET, is_reset, [ENROLL, ISSUE], guesses=20, stride=2),  # it blocks both on purpose
]


@pytest.fixture(params=SCENES, ids=str)
def scene(request):
    return request.param


class Stage:
    """A profile and a card as the scene finds them, copied for each fault; one agent for all of them."""

    def __init__(self, scene, readers, box):
        self.scene, self.readers, self.template, self.count = scene, readers, box, 0
        self.folder = box.root / "copies"
        self.folder.mkdir()
        keys = box.root / "config/ymgr"
        keys.mkdir(parents=True, exist_ok=True)
        root = readers.folder / "keys/virtual-yubikey-root.pem"
        own = "secrets:\n  pin: user\n" if scene.own_pin else ""
        (keys / "ymgr.yaml").write_text(f"attestation:\n  roots: [{root}]\n{own}")
        self.files = {word: box.secret(word[1:], pin) for word, pin in PINS.items()}
        self.start_agent()
        ymgr = self.program(RELEASE, box)
        ymgr.init("--demo")
        ymgr.login()
        self.key = readers.key(serial=int(SERIAL), firmware=scene.firmware)
        self.key.__enter__()
        self.wait_until_seen()
        for words in scene.by_hand:
            self.key.ykman("piv", "access", *words)
        for command in scene.before:
            ymgr(*self.words(command))
        self.state = self.key.state.read_text()

    def words(self, command):
        return [self.files.get(word, word) for word in command]

    def wait_until_seen(self):
        """The agent has read the key since it was plugged in."""
        ymgr = self.program(RELEASE, self.template)

        def seen():
            devices = ymgr("device", "list", "--json", exit=None).json.get("devices", [])
            return any(device["serial"] == SERIAL and device["plugged_in"] for device in devices)

        wait_for(seen, "the agent to see the key")

    def start_agent(self):
        self.agent = agent_of_login(self.template, self.readers, tcp=False).__enter__()

    def program(self, program, box):
        return Ymgr(program, box, {"YMGR_AGENT_SOCKET": str(self.agent.socket)})

    def end(self):
        self.agent.__exit__(None, None, None)
        self.key.__exit__()


@pytest.fixture
def stage(scene, readers, empty_box):
    stage = Stage(scene, readers, empty_box)
    yield stage
    stage.end()


class Case:
    """A fresh copy: `with Case(stage) as case`."""

    def __init__(self, stage):
        self.stage, self.scene = stage, stage.scene
        stage.count += 1
        self.box = Box(stage.folder / str(stage.count))
        source = stage.template
        for here, there in (
            (source.profile, self.box.profile),
            (source.runtime / "ymgr", self.box.runtime / "ymgr"),
            (source.root / "config", self.box.root / "config"),
        ):
            shutil.copytree(here, there)
        self.key = stage.key
        self.key.state.write_text(stage.state)
        self.key.control("reload")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.box.remove()

    def card(self):
        return json.loads(self.key.state.read_text())

    def is_done(self):
        return self.scene.done(self.box, self.card())

    def run(self, program, fault=None):
        program, command = self.stage.program(program, self.box), self.stage.words(self.scene.command)
        if fault:
            program = program.armed(fault)
        return program(*command, "--json", exit=None)

    def run_again(self):
        """Where it says that it may not guess, nothing was sent, and it is told that it may."""
        result = self.run(RELEASE)
        if not self.scene.way_out or result.exit == 0 or result.json["code"] != "few-tries":
            return result
        assert " ".join(self.scene.way_out) in result.json["suggestion"] and self.wrong_ones() == [], result
        words = self.stage.words([*self.scene.command, *self.scene.way_out])
        return self.stage.program(RELEASE, self.box)(*words, "--json", exit=None)

    def wrong_ones(self):
        return [line for line in self.key.trace() if line.split()[-1].startswith("63c") and line[:10] != "0020008000"]

    def check_stopped(self, what):
        """What must hold even before anybody recovers."""
        if has_factory_credentials(self.card()):
            assert status_of(self.box) in (None, "factory", "retired"), f"{what}: the factory's credentials on an enrolled key"

    def open_operations(self):
        return rows(self.box, "SELECT 1 FROM operations WHERE state IN ('open', 'waiting')")

    def wants_to_be_told(self):
        """What a key that is adopted has is not kept before it was checked."""
        early = ("planned", "slot_chosen", "attested", "key_removed")
        states = rows(self.box, "SELECT state FROM operation_items WHERE status IN ('open', 'waiting')")
        return bool(self.scene.by_hand) and any(state in early for (state,) in states)

    def settle(self, what):
        """One command: in turn the same one again, and `resume --all`, after which only what had not begun is left to do."""
        resumes = self.stage.count % 2 == 0 and not self.scene.own_pin and not self.wants_to_be_told()
        stuck = False
        if resumes and self.open_operations():
            result = self.stage.program(RELEASE, self.box)("resume", "--all", "--json", exit=None)
            stuck = result.exit != 0
            assert not stuck or self.scene.way_out, f"{what}: not resumed\n{result}"
        if stuck or self.open_operations() or not self.is_done():
            result = self.run_again()
            assert result.exit == 0, f"{what}: not recovered\n{result}"
        if self.scene.name == "reset" and self.open_operations():  # its revocations were done before their end was written
            self.stage.program(RELEASE, self.box)("resume", "--all")
        assert self.is_done(), f"{what}: not done after recovery"
        self.check_card(what)

    def check_card(self, what):
        card, ymgr = self.card(), self.stage.program(RELEASE, self.box)
        wrong = self.wrong_ones()
        assert len(wrong) <= self.scene.guesses, f"{what}: guessed: {wrong}"
        if status_of(self.box) == "enrolled":
            assert not has_factory_credentials(card), what
            for name in ("puk",) if self.scene.own_pin else ("pin", "puk"):
                shown = ymgr.json("device", "reveal", SERIAL, "--what", name, "--note", "test")
                assert shown["value"] == text_of(card[name]), f"{what}: another {name} is kept"
                most = 3 if self.scene.by_hand else 5
                assert card[name]["tries"] == card[name]["most"] == most, f"{what}: tries of the {name}"
            if self.stage.count % 3 == 0:  # it takes half of the time of a case
                ymgr("device", "rotate-secrets", SERIAL)  # all three of them open the card
        check_end(ymgr, self.box)


def changing(line):
    return line[2:4] in CHANGING and line[:10] != "0020008000"  # an empty VERIFY asks


def dry_run(stage):
    """Which APDUs of the command change something, counted from 1, when nothing goes wrong."""
    with Case(stage) as case:
        result = case.run(RELEASE)
        assert result.exit == 0 and case.is_done(), result
        return [number for number, line in enumerate(case.key.trace(), 1) if changing(line)][:: stage.scene.stride]


def test_killed_at_every_failpoint(stage):
    for turn in range(1, 1000, stage.scene.stride):
        with Case(stage) as case:
            what = f"{stage.scene} kill@{turn}"
            result = case.run(FAILPOINT, f"kill@{turn}")
            if result.exit != KILLED:
                assert result.exit == 0 and case.is_done() and turn > 5, f"{what}: too few failpoints"
                break
            case.check_stopped(what)
            case.settle(what)


@pytest.mark.parametrize("when", ["before", "after"])
def test_pulled_out_at_every_apdu(stage, when):
    for number in dry_run(stage):
        with Case(stage) as case:
            what = f"{stage.scene} pulled out {when} APDU {number}"
            case.key.control(f"fault removed-{when} nth={number}")
            case.run(RELEASE)
            case.check_stopped(what)
            if not case.key.status()["plugged"]:
                case.key.plug()
                stage.wait_until_seen()
            case.key.control("clear")
            case.settle(what)


def test_the_agent_is_killed_before_every_apdu(stage):
    for number in dry_run(stage):
        with Case(stage) as case:
            what = f"{stage.scene} agent killed before APDU {number}"
            case.key.control(f"fault hold nth={number}")
            program = stage.program(RELEASE, case.box).start(*stage.words(stage.scene.command), "--json")
            wait_for(lambda: program.poll() is not None or case.key.status()["waiting"] == "hold", "the APDU")
            stage.agent.process.kill()
            stage.agent.__exit__(None, None, None)
            case.key.control("release")
            program.communicate(timeout=60)
            case.check_stopped(what)
            stage.start_agent()
            stage.wait_until_seen()
            case.key.control("clear")
            case.settle(what)
