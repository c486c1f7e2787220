"""Each workflow is killed, made to fail and run out of disk at each of its failpoints, then recovered; and killed again
inside its recovery. Afterwards nothing is lost, nothing is there twice, and what --json said was true."""

import itertools
import shutil
import sqlite3

import pytest

from harness import FAILPOINT, RELEASE, Box, Ymgr, openssl
from invariants import check_end, check_pair, check_rows, rows

NAME = "www.example.com"
KILLED = -9


class Scene:
    """A workflow: what stands before it, its command, and what must be true when it is through. With `repeated` a person
    does not resume what is open, but gives the same command again."""

    def __init__(self, name, command, done, before=(), repeated=False):
        self.name, self.command, self.done, self.before, self.repeated = name, command, done, before, repeated

    def __str__(self):
        return self.name


def change(box, statement, *args):
    database = sqlite3.connect(box.profile / "ymgr.db")
    with database:
        database.execute(statement, args)
    database.close()


def actives(box, name=NAME):
    return rows(box, "SELECT cert_id FROM certificates WHERE name = ? AND status = 'active'", name)


def is_issued(box):
    return len(actives(box)) == 1


def is_delivered(box):
    folder = box.work / "tls"
    check_pair(folder)
    wanted = rows(box, "SELECT pem FROM certificates WHERE name = ? AND status = 'active'", NAME)
    return is_issued(box) and (folder / "cert.pem").read_text() == wanted[0][0] and (folder / "privkey.pem").exists()


def is_renewed(box):
    return is_issued(box) and rows(box, "SELECT count(*) FROM certificates WHERE status = 'superseded'") == [(1,)]


def is_renewed_with_hook(box):
    ran = box.work / "reloaded"
    return (
        is_renewed(box)
        and is_delivered(box)
        and ran.exists()
        and rows(box, "SELECT hook_state FROM certificates WHERE status = 'active'") == [("ok",)]
    )


def is_revoked(box):
    return rows(box, "SELECT status FROM certificates") == [("revoked",)]


def is_compromised(box):
    return (
        is_revoked(box)
        and rows(box, "SELECT count(*) FROM denied_keys") == [(1,)]
        and rows(box, "SELECT count(*) FROM secrets WHERE path LIKE 'keys/%' AND box IS NOT NULL") == [(0,)]
    )


def are_revoked(box):
    return set(rows(box, "SELECT status FROM certificates")) == {("revoked",)}


def is_destroyed(box):
    keys = rows(box, "SELECT count(*) FROM secrets WHERE path LIKE 'keys/%' AND box IS NOT NULL")
    return are_revoked(box) and keys == [(0,)] and not (box.work / "tls/privkey.pem").exists()


def is_bulk(box):
    return all(len(actives(box, f"n{i}.example.com")) == 1 for i in (1, 2, 3))


HOOK = "touch reloaded"
SCENES = [
    Scene("issue", ["issue", NAME], is_issued),
    Scene("issue-files", ["issue", NAME, "--out", "tls"], is_delivered),
    Scene("bulk", ["issue", "n{1..3}.example.com", "--jobs", "1"], is_bulk),
    Scene("renew", ["renew", NAME], is_renewed, [["issue", NAME]]),
    Scene(
        "renew-hook",
        ["renew", NAME, "--new-key"],
        is_renewed_with_hook,
        [["issue", NAME, "--out", "tls", "--deploy-hook", HOOK]],
    ),
    Scene(
        "renew-due",
        ["renew", "--due", "--renew-before", "47h59m"],
        is_renewed,
        [["issue", NAME, "--validity", "48h"]],
    ),
    Scene("revoke", ["revoke", NAME, "--reason", "superseded", "--yes"], is_revoked, [["issue", NAME]]),
    Scene("compromise", ["revoke", NAME, "--reason", "keyCompromise", "--yes"], is_compromised, [["issue", NAME]]),
    Scene(
        "revoke-two",
        ["revoke", "n1.example.com", "n2.example.com", "--yes"],
        are_revoked,
        [["issue", "n{1..2}.example.com"]],
        repeated=True,
    ),
    Scene(
        "revoke-destroy",
        ["revoke", "--select", "name=*", "--destroy-key", "--yes"],
        is_destroyed,
        [["issue", NAME], ["issue", "files.example.com", "--out", "tls"]],
        repeated=True,
    ),
]


@pytest.fixture(params=SCENES, ids=str)
def scene(request):
    return request.param


class Stage:
    """A template box of a scene, copied for each fault."""

    def __init__(self, scene, box, folder):
        self.scene, self.template, self.folder, self.count = scene, box, folder, 0
        ymgr = Ymgr(RELEASE, box)
        for command in scene.before:
            ymgr(*command)

    def copy(self):
        self.count += 1
        box = Box(self.folder / str(self.count))
        box.copy_from(self.template)
        source = self.template.work / "tls"
        if source.exists():
            shutil.copytree(source, box.work / "tls", symlinks=True)
            for file in (box.profile / "install.d").glob("*.yaml"):
                file.write_text(file.read_text().replace(str(self.template.root), str(box.root)))
            moved = (f"file:{self.template.root}", f"file:{box.root}")
            change(box, "UPDATE certificates SET key_reference = replace(key_reference, ?, ?)", *moved)
        return box


@pytest.fixture
def stage(scene, box, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    return Stage(scene, box, folder)


def run_armed(box, fault, command):
    return Ymgr(FAILPOINT, box).armed(fault)(*command, "--json", exit=None)


def recover(program, box, scene):
    """What a person does: resume what is open, then, if the work is not done, the same command again."""
    if not scene.repeated:
        program("resume", "--all", exit=None)
    if scene.repeated or not is_done(box, scene):
        program(*scene.command, "--json", exit=None)


def is_done(box, scene):
    try:
        return scene.done(box)
    except (OSError, IndexError):
        return False


def settle(box, scene, what):
    recover(Ymgr(RELEASE, box), box, scene)
    if scene.name == "renew-hook" and not is_done(box, scene):
        Ymgr(RELEASE, box)("renew", "--due", exit=None)  # the hook ledger: owed hooks run with every later renewal
    assert is_done(box, scene), f"{what}: not done after recovery"
    check_end(Ymgr(RELEASE, box), box)


def check_truth(box, scene, result, what):
    """--json told the truth: success only when all of it is done; failure with a code, and a way on when it can be resumed."""
    document = result.json
    assert document["success"] is (result.exit in (0, 10)), what
    if result.exit == 0:
        assert is_done(box, scene), f"{what}: said done\n{result}"
    elif "code" in document:
        assert document["exit"] == result.exit, what


def fires(box, fault, command):
    """Runs with one fault armed; None when the command ended untouched, before the fault's turn."""
    counter = box.root / "failpoints"
    program = Ymgr(FAILPOINT, box, {"YMGR_FAILPOINT_COUNT": str(counter)}).armed(fault)
    result = program(*command, "--json", exit=None)
    turn = int(fault.split("@")[1])
    untouched = counter.exists() and int(counter.read_text().split()[1]) < turn
    return None if untouched else result


@pytest.mark.parametrize("kind", ["kill", "error", "full"])
def test_every_fault_is_recovered_from(stage, scene, kind):
    for turn in itertools.count(1):
        box = stage.copy()
        what = f"{scene} {kind}@{turn}"
        result = fires(box, f"{kind}@{turn}", scene.command)
        if result is None:
            assert is_done(box, scene) and turn > 5, f"{what}: too few failpoints"
            break
        assert kind != "kill" or result.exit == KILLED, what
        check_rows(box)
        check_pair(box.work / "tls")
        if kind != "kill":
            check_truth(box, scene, result, what)
        settle(box, scene, what)
        box.remove()


def check_recovery(box, scene, result, what):
    """Recovery's own answer: an operation is a success only when it is done and tells of each of its items."""
    check_truth(box, scene, result, what)
    for operation in result.json.get("operations", []):
        if operation["success"]:
            assert operation["state"] == "done" and operation["items"], f"{what}\n{result}"
        else:
            told = operation.get("items") or [operation]
            assert any(item.get("code") and item["error"] for item in told), f"{what}\n{result}"


# Every n-th place of the first fault and of the second, beginning elsewhere for each kind, or the loops would take an hour.
STRIDES = {"kill": ((1, 3), (1, 4)), "error": ((2, 4), (2, 5)), "full": ((1, 4), (3, 5))}


@pytest.mark.parametrize("kind", STRIDES)
def test_a_second_fault_inside_recovery(stage, scene, kind):
    first_places, second_places = STRIDES[kind]
    for turn in itertools.count(*first_places):
        for second in itertools.count(*second_places):
            box = stage.copy()
            what = f"{scene} kill@{turn} then {kind}@{second}"
            untouched = fires(box, f"kill@{turn}", scene.command) is None
            opened = rows(box, "SELECT 1 FROM operations WHERE state = 'open'")
            command = ["resume", "--all"] if opened and not scene.repeated else scene.command
            result = None if untouched or is_done(box, scene) else fires(box, f"{kind}@{second}", command)
            check_rows(box)
            if result and kind != "kill":
                check_recovery(box, scene, result, what)
            settle(box, scene, what)
            box.remove()
            if result is None:
                break
        if untouched:
            break


def test_a_delivery_after_a_rotation_has_the_chain_of_the_ca_that_signed(ymgr, box):
    for turn in itertools.count(1):
        name, tls = f"n{turn}.example.com", box.work / f"tls{turn}"
        assert fires(box, f"kill@{turn}", ["issue", name, "--out", tls]) is not None, "never killed between"
        if actives(box, name) and not (tls / "cert.pem").exists():
            break
    ymgr("ca", "rotate", "--root-passphrase-file", box.password_file)
    ymgr("resume", "--all", exit=None)  # one has been killed before its installation file was there
    openssl("verify", "-x509_strict", "-CAfile", tls / "chain.pem", tls / "cert.pem")
