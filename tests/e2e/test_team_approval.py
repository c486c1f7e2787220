"""Approval in a team: the requester has no right to sign, whoever approves signs with the own."""

import re

import pytest
from harness import RELEASE, Box, Ymgr, openssl
from team import Team


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        model = Ymgr(RELEASE, Box(tmp_path_factory.mktemp("model")))
        model.init()
        text = re.sub(r"^version: .*$", "version: v9.1", (model.box.profile / "policy.yaml").read_text(), count=1, flags=re.M)
        model.box.remove()
        ada = logged_in(team, "ada")
        policy = ada.box.file("policy.yaml", text.replace("  tls-server:\n", "  tls-server:\n    approval: [user]\n", 1))
        ada("policy", "set", policy, "--yes")
        yield team


def logged_in(team, name):
    ymgr = team.person_box(name)
    ymgr("login", "--user", name)
    return ymgr


@pytest.fixture(scope="module")
def uma(team):
    return logged_in(team, "uma")


@pytest.fixture(scope="module")
def oscar(team):
    return logged_in(team, "oscar")


def test_the_requester_fetches_what_somebody_else_has_signed(team, uma, oscar, tmp_path):
    asked = uma.json("issue", "www.corp.test", "--key-store", "file", "--out", tmp_path / "tls")
    assert asked["state"] == "waiting_approval"
    assert uma.json("operation", "approve", asked["audit_reference"], "--yes", exit=4)["code"] == "role-denied"
    answer = oscar.json("operation", "approve", asked["audit_reference"], "--yes", "--note", "agreed")
    assert answer["items"][0]["success"] is True and "uma fetches it" in answer["items"][0]["suggestion"]
    assert not (tmp_path / "tls/cert.pem").exists()
    assert uma.json("resume", asked["resume_id"])["operations"][0]["state"] == "done"
    assert openssl("x509", "-in", tmp_path / "tls/cert.pem", "-noout", "-pubkey").stdout == openssl(
        "pkey", "-in", tmp_path / "tls/privkey.pem", "-pubout"
    ).stdout
    assert team.pg.sql("SELECT owner || ' ' || issued_by FROM ymgr.certificates WHERE name = 'www.corp.test'").strip() == "uma oscar"


def test_a_modified_client_that_approves_itself_can_not_sign(team, uma, tmp_path):
    asked = uma.json("issue", "wiki.corp.test", "--key-store", "file", "--out", tmp_path / "tls")
    reference = asked["audit_reference"]
    team.pg.sql(
        "UPDATE ymgr.operation_items SET data = replace(data, '\"approved_by\":\"\"', '\"approved_by\":\"uma\"') "
        f"WHERE request_id = '{reference}'"
    )
    refused = uma.json("resume", asked["resume_id"], exit=None)
    assert refused["success"] is False or refused["operations"][0]["success"] is False, refused
    assert team.pg.sql("SELECT count(*) FROM ymgr.certificates WHERE name = 'wiki.corp.test'").strip() == "0"


def test_an_approval_that_came_to_no_signature_is_given_again(team, uma, oscar, tmp_path):
    """Vault was away, or the approver's process was killed, after the approval was noted."""
    asked = uma.json("issue", "shop.corp.test", "--key-store", "file", "--out", tmp_path / "tls")
    reference = asked["audit_reference"]
    team.pg.sql(
        "UPDATE ymgr.operation_items SET status = 'open', data = replace(data, '\"approved_by\":\"\"', '\"approved_by\":\"oscar\"') "
        f"WHERE request_id = '{reference}'; UPDATE ymgr.operations SET state = 'open' WHERE request_id = '{reference}'"
    )
    assert uma.json("resume", asked["resume_id"])["operations"][0]["state"] == "waiting_approval"
    assert oscar.json("operation", "approve", reference, "--yes")["items"][0]["success"] is True
    assert uma.json("resume", asked["resume_id"])["operations"][0]["state"] == "done"
    assert team.pg.sql("SELECT issued_by FROM ymgr.certificates WHERE name = 'shop.corp.test'").strip() == "oscar"
