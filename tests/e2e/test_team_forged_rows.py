"""Rows that somebody wrote past ymgr keep nobody from revoking, and say nothing to an admin's terminal."""

import json

import pytest
from team import Team, count, forge_certificate, forge_operation

CLEARS_THE_SCREEN = "\x1b[2J"


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team"), serials={}) as team:
        for name in ("ada", "oscar", "una"):
            team.person_box(name)("login", "--user", name)
        yield team


@pytest.fixture
def forge(team):
    """forge(cert_id, …): a certificate of una's, for the test's time."""
    ids = []

    def write(cert_id, name="una", **columns):
        forge_certificate(team.member("una"), cert_id, name, **columns)
        ids.append(cert_id)

    yield write
    theirs = "', '".join(ids)
    team.pg.sql(f"SET session_replication_role = replica; DELETE FROM ymgr.certificates WHERE cert_id IN ('{theirs}')")


def public_key(team, cert_id):
    return team.pg.sql(f"SELECT public_key_sha256 FROM ymgr.certificates WHERE cert_id = '{cert_id}'").strip()


def by_id(answer):
    return {item["cert_id"]: item for item in answer["items"]}


def test_a_row_that_claims_the_same_key_keeps_no_compromised_key_alive(team, forge):
    oscar = team.person_box("oscar")
    victim = oscar.json("issue", "victim.corp.test")["cert_id"]
    forge("cert-same-key", public_key_sha256=public_key(team, victim))
    (planned,) = oscar.json("revoke", "victim.corp.test", "--reason", "keyCompromise", "--dry-run")["items"]
    assert planned["cert_id"] == victim
    answer = oscar.json("revoke", "victim.corp.test", "--reason", "keyCompromise", "--yes")
    assert (answer["state"], answer["crl_confirmed"], list(by_id(answer))) == ("done", True, [victim])
    assert count(team, "denied_keys") == 1
    again = oscar.json("revoke", "victim.corp.test", "--reason", "keyCompromise", "--yes")
    assert by_id(again)[victim]["result"] == "already_revoked"


def test_a_row_that_claims_anothers_key_has_that_one_not_revoked(team, forge):
    oscar = team.person_box("oscar")
    bystander = oscar.json("issue", "bystander.corp.test")["cert_id"]
    forge("cert-claims", public_key_sha256=public_key(team, bystander))
    answer = oscar.json("revoke", "--select", "owner=una", "--reason", "keyCompromise", "--yes", exit=1)
    assert list(by_id(answer)) == ["cert-claims"]
    assert count(team, f"certificates WHERE cert_id = '{bystander}' AND status = 'active'") == 1


def test_a_row_that_claims_the_same_key_keeps_no_key_from_being_destroyed(team, forge):
    oscar = team.person_box("oscar")
    shared = oscar.json("issue", "shared.corp.test")["cert_id"]
    forge("cert-shared-key", public_key_sha256=public_key(team, shared))
    (item,) = oscar.json("revoke", "shared.corp.test", "--destroy-key", "--yes")["items"]
    assert item["key_destroyed"] is True


@pytest.mark.parametrize("pem", ["nothing", "another"])
def test_a_forged_row_fails_and_the_others_of_its_owner_are_revoked(team, forge, pem):
    oscar, una = team.person_box("oscar"), team.person_box("una")
    genuine = una.json("issue", "una", "--profile", "tls-client", "--key-store", "file", "--out", una.box.root / pem, "--force")
    text = pem if pem == "nothing" else (una.box.root / pem / "cert.pem").read_text()
    forged = f"cert-{pem}"
    forge(forged, pem=text)
    (planned,) = [item for item in oscar.json("revoke", "--select", "owner=una", "--dry-run", exit=None)["items"] if not item["success"]]
    assert (planned["cert_id"], planned["code"]) == (forged, "certificate-state")
    answer = oscar.json("revoke", "--select", "owner=una", "--yes", exit=None)
    items = by_id(answer)
    assert items[genuine["cert_id"]]["result"] == "revoked" and answer["crl_confirmed"] is True
    assert items[forged]["code"] == "certificate-state" and "reconcile" in items[forged]["suggestion"]
    again = oscar.json("revoke", "--select", "owner=una", "--yes", exit=1)
    assert list(by_id(again)) == [forged]


UNREADABLE = {
    "sans": ["{", "{}", "[1]", '["nokind:x"]'],
    "labels": ["[", "[]", '{"a": 1}', '{"a": "1", "a": "2"}'],
    "violations": ["", "{", "{}", "[1]", '[{"a": 1e999}]', '[{"message": true}]', '[{"a": [[]]}]', '[{"a": "1", "a": "2"}]'],
}


@pytest.mark.parametrize("column", UNREADABLE)
def test_a_row_that_can_not_be_read_is_refused(team, column):
    """It would keep everybody from reading the others."""
    for text in UNREADABLE[column]:
        with pytest.raises(AssertionError, match="no row of a certificate|invalid input syntax|json_"):
            forge_certificate(team.member("una"), "cert-unreadable", "una", **{column: text})
    team.person_box("oscar")("cert", "list")


def journaled(**changes):
    """What an item of issue keeps."""
    plan = {"serial": "", "common_name": "", "sans": [], "not_before": 0, "not_after": 0, "eku": [], "key_usage": []}
    item = {"cert_id": "cert-20260101000000-000000000001", "name": "x", "profile": "tls-client", "owner": "una", "labels": {}}
    item |= {"policy_version": "v1", "renew_before": "", "renewed_from": "", "installation": "", "host": "", "key_place": "file"}
    item |= {"algorithm": "ec-p256", "key_reused": False, "key_created_at": 0, "key_name": "", "key_reference": ""}
    return json.dumps(item | {"csr_given": False, "needs_approval": False, "approved_by": "", "plan": plan | changes})


def test_who_leaves_is_offboarded_whatever_the_leaver_wrote(team, forge):
    ada, una = team.person_box("ada"), team.person_box("una")
    genuine = una.json("issue", "una", "--profile", "tls-client", "--key-store", "file", "--out", una.box.root / "last", "--force")
    member = team.member("una")
    forge("cert-leaver", f"una{CLEARS_THE_SCREEN}")
    forge("cert-kept", f"una{CLEARS_THE_SCREEN}", profile="email", serial_number="02")
    data = {"name": journaled(sans=["nokind"]), "key": journaled().replace("ec-p256", "?").replace('"file"', '"nowhere"'), "shape": "{}"}
    for what, text in data.items():
        forge_operation(member, f"req-leaver-{what}", f"{what}{CLEARS_THE_SCREEN}", data=text)
    told = ada("reconcile", exit=None)
    assert "stopped half-way" in told.stdout and "\x1b" not in told.stdout + told.stderr
    planned = ada("user", "offboard", "una", "--keep", "email", "--dry-run", exit=None)
    assert "kept: una" in planned.stdout and "\x1b" not in planned.stdout + planned.stderr
    told = ada("user", "offboard", "una", "--keep", "email", "--yes", exit=None)
    assert "una can log in no more" in told.stdout and "\x1b" not in told.stdout + told.stderr
    assert count(team, f"certificates WHERE cert_id = '{genuine['cert_id']}' AND status = 'revoked'") == 1
    assert count(team, "operations WHERE actor = 'una' AND state = 'open'") == 0
    (left,) = ada.json("user", "offboard", "una", "--keep", "email", "--yes", exit=1)["items"]
    assert (left["cert_id"], left["code"]) == ("cert-leaver", "certificate-state")
