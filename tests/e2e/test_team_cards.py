"""YubiKeys of a team: each one's life with the secrets in OpenBao, the rows in PostgreSQL, and the rights of those who work with them."""

import contextlib
import pathlib
import shutil
import tempfile

import pytest

from agent import agent_of_login
from card import PIN, Readers, apdu, padded
from desk import enrolled, kept_pin_opens, pin_opens, reveal
from harness import FAILPOINT, Ymgr, wait_for
from team import Team

SERIALS = ["1001", "1002"]
PEOPLE = ["ada", "oscar", "uma", "una", "aude"]


class Counter:
    """A machine with an agent and the YubiKeys 1001 and 1002, at which people sit down in turn."""

    def __init__(self, team, readers, keys):
        self.team, self.readers, self.keys = team, readers, keys
        self.box = team.person_box("counter").box
        config = self.box.file("team.yaml", team.config.read_text() + f"attestation: {{roots: {keys[0].root}}}\n")
        self.env = {"YMGR_CONFIG": str(config), "YMGR_AGENT_SOCKET": str(self.box.runtime / "agent/agent.sock")}
        for name in PEOPLE:
            setattr(self, name, Seat(self, name))


class Seat:
    """What one of them has there, with the members of desk.Desk that its functions use."""

    def __init__(self, counter, name):
        self.box, self.keys = counter.box, counter.keys
        self.env = {**counter.env, "YMGR_USER": name}
        self.ymgr = Ymgr(counter.team.ymgr.program, self.box, self.env)

    def __call__(self, *words, **how):
        return self.ymgr.json(*words, **how)

    def killed(self, number, *words):
        return Ymgr(FAILPOINT, self.box, {**self.env, "YMGR_FAILPOINT": f"kill@{number}"})(*words, exit=None).exit


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team"), serials={}) as team:
        team.pg.sql("ALTER ROLE installer PASSWORD 'installs'")
        token, password = team.ymgr.box.secret("root.token", team.bao.root_token), team.ymgr.box.secret("installer.password", "installs")
        asked = ["--vault-token-file", token, "--database-user", "installer", "--database-password-file", password, "--yes"]
        team.ymgr("init", "--team", "--apply", "--demo", *asked, "-c", team.config)  # virtual YubiKeys are believed
        yield team


@pytest.fixture(scope="module")
def counter(team):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ymgr-counter-"))  # a short path: sockets stand in it
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        readers = stack.enter_context(Readers(folder / "pcsc", count=2))
        keys = [stack.enter_context(readers.key(index, serial=serial, firmware="5.7.4")) for index, serial in enumerate(SERIALS)]
        counter = Counter(team, readers, keys)
        counter.ada("login", "--user", "ada")  # makes the CA known, and tells the agent whom to believe
        stack.enter_context(agent_of_login(counter.box, readers, tcp=False))
        wait_for(lambda: [one["state"] for one in counter.ada("device", "list")["devices"]] == ["ready"] * 2, "the keys")
        yield counter


def unexplained(team, counter):
    """What reconciliation finds, beside OpenBao's own log."""
    answer = counter.ada("reconcile", "--vault-audit", team.bao.folder / "audit.log", exit=None)
    assert answer["checked"]["vault_requests"] > 0
    return [(item["kind"], item["subject"], item["message"]) for item in answer["items"]]


def owned(team, name):
    """The YubiKeys that OpenBao takes for this person's."""
    metadata = team.bao.api("GET", f"identity/entity/name/{name}")["data"]["metadata"]
    return sorted(value for key, value in metadata.items() if key.startswith("serial"))


def may_read(team, name, what):
    return team.member(name).vault("GET", f"yubikeys/data/1001/{what}")[0]


def enrolled_once(seat):
    seat("enroll", "--device", "1001", "--owner", "uma")


def block(key):
    with key.connect() as card:
        card.select()
        while card.send(apdu("00200080", padded("99999999")))[1] != "6983":
            pass


def test_secrets_of_a_yubikey_are_changed_and_shown_by_whom_the_team_lets(team, counter):
    ada, oscar, uma, una, aude = (getattr(counter, name) for name in PEOPLE)
    assert enrolled(oscar, "--owner", "uma")["owner"] == "uma" and owned(team, "uma") == ["1001"]
    assert [may_read(team, "uma", what) for what in ("pin", "secrets")] == [200, 403]
    assert [may_read(team, name, "pin") for name in ("una", "aude", "ren")] == [403] * 3
    chosen = ["--pin-file", counter.box.secret("chosen", "271828")]
    assert uma("set-pin", "--device", "1001", exit=2)["code"] == "input-needed"
    assert uma("set-pin", "--device", "1001", *chosen)["result"] == "changed" and reveal(oscar, "pin") == "271828"
    assert una("set-pin", "--device", "1001", *chosen, exit=3)["code"] == "device-not-enrolled"  # row security hides it
    for words in (["reveal", "1001", "--what", "pin", "--note", "x"], ["set-puk", "1001"], ["lost", "1001", "--yes"]):
        assert [somebody("device", *words, exit=4)["code"] for somebody in (uma, aude)] == ["role-denied"] * 2, words
    for helper in (ada, oscar):
        block(counter.keys[0])
        assert helper("device", "unblock", "1001")["result"] == "unblocked"
        kept_pin_opens(oscar)
    pin, puk = reveal(oscar, "pin"), reveal(ada, "puk")
    assert oscar("device", "show", "1001")["secrets"]["puk_exposed"] is True
    assert unexplained(team, counter) == []
    assert oscar("device", "rotate-secrets", "1001")["result"] == "changed"
    assert reveal(oscar, "pin") != pin and reveal(oscar, "puk") != puk
    assert ada("device", "set-puk", "1001")["result"] == "changed"
    assert oscar("device", "show", "1001")["secrets"]["puk_exposed"] is False
    kept_pin_opens(oscar)
    assert oscar("reconcile", "--device", "1001")["items"] == [] and unexplained(team, counter) == []


def test_certificates_of_a_yubikey_go_with_its_fate(team, counter):
    ada, oscar, uma = counter.ada, counter.oscar, counter.uma
    for serial in SERIALS:
        oscar("enroll", "--device", serial, "--owner", "uma")
    issue = ["issue", "uma", "--device", "1001", "--slot", "9a"]
    assert "ask an admin" in uma(*issue, exit=4)["suggestion"]
    made = [ada(*issue, "--owner", "uma"), ada("renew", "uma", "--force"), ada("renew", "uma", "--force", "--new-key")]
    assert [one.get("key") for one in made[1:]] == ["reused", "new"] and {one["owner"] for one in made} == {"uma"}
    assert uma("cert", "check", made[-1]["cert_id"])["success"] and oscar("reconcile", "--device", "1001")["items"] == []

    def is_revoked(one):
        serial = one["serial_number"].lower()
        return team.bao.api("GET", f"pki/cert/{serial}")["data"]["revocation_time"] > 0

    replaced = ada("device", "replace", "1001", "--with", "1002")
    assert [one["result"] for one in replaced["items"]] == ["issued"] and owned(team, "uma") == SERIALS
    oscar("device", "lost", "1001", "--reason", "keyCompromise", "--yes")
    assert all(map(is_revoked, made)) and owned(team, "uma") == ["1002"] and may_read(team, "uma", "pin") == 403
    assert oscar("device", "found", "1001")["status"] == "enrolled" and owned(team, "uma") == SERIALS
    new = uma("cert", "show", replaced["items"][0]["cert_id"])
    assert (new["status"], new["device"], is_revoked(new)) == ("active", "1002", False)

    assert new["cert_id"] in oscar("device", "retire", "1002", "--yes")["revoked"] and is_revoked(new)
    oscar("device", "reset", "1001", "--confirm", "1001")
    assert owned(team, "uma") == ["1001"] and pin_opens(counter.keys[0], PIN)  # hers, with nothing on it
    for what in ("pin", "secrets"):
        versions = team.bao.api("GET", f"yubikeys/metadata/1001/{what}")["data"]["versions"].values()
        assert all(one["destroyed"] for one in versions), what
    assert oscar("reconcile", "--device", "1001")["items"] == [] and unexplained(team, counter) == []


@pytest.mark.parametrize("number", [8, 40, 74])
def test_an_enrollment_that_was_killed_is_finished_by_the_same_command(team, counter, number):
    counter.oscar("device", "reset", "1001", "--confirm", "1001")
    assert counter.oscar.killed(number, "enroll", "--device", "1001", "--owner", "uma") == -9
    enrolled(counter.oscar, "--owner", "uma")
    kept_pin_opens(counter.oscar)
    assert owned(team, "uma") == ["1001"] and [may_read(team, "uma", what) for what in ("pin", "secrets")] == [200, 403]


@pytest.mark.parametrize("number", [4, 10, 16])
def test_a_pin_of_her_own_choice_is_set_although_the_first_try_was_killed(team, counter, number):
    enrolled_once(counter.oscar)
    words = ["set-pin", "--device", "1001", "--pin-file", counter.box.secret("next", f"27{number:04}")]
    assert counter.uma.killed(number, *words) == -9
    assert counter.uma(*words)["result"] == "changed" and reveal(counter.oscar, "pin") == f"27{number:04}"
    kept_pin_opens(counter.oscar)


def test_a_kept_pin_that_fails_is_noted_in_the_name_of_a_request(team, counter):
    ada, oscar = counter.ada, counter.oscar
    enrolled_once(oscar)
    with counter.keys[0].connect() as card:
        assert card.select().send(apdu("00240080", padded(reveal(oscar, "pin")) + padded("27182818")))[1] == "9000"
    assert ada("issue", "uma", "--device", "1001", "--slot", "9a", "--owner", "uma", "--another", exit=7)["code"] == "wrong-pin"
    assert oscar("device", "show", "1001")["secrets"]["pin_stale"] is True
    assert unexplained(team, counter) == []
    assert oscar("device", "unblock", "1001")["result"] == "unblocked"


def test_a_pin_that_was_written_past_ymgr_is_found(team, counter):
    enrolled_once(counter.oscar)
    assert unexplained(team, counter) == []  # also after those that were killed
    oscar, path = team.member("operator"), "yubikeys/data/1001/pin"
    kept = oscar.vault("GET", path)[1]["data"]
    status, answer = oscar.vault("POST", path, {"data": kept["data"], "options": {"cas": kept["metadata"]["version"]}})
    assert status == 200, answer
    ((kind, subject, message),) = unexplained(team, counter)
    assert (kind, subject) == ("vault_unrecorded", answer["request_id"])
    assert "wrote a secret" in message and "no operation of ymgr is named" in message
