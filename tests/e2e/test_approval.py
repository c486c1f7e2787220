"""Approval by a second person: who asks makes key and request, somebody else looks and signs."""

import re

import pytest

from harness import PASSWORD, Ymgr, openssl
from invariants import check_end


def person(ymgr, name, role):
    password = ymgr.box.secret(f"{name}.password", PASSWORD)
    ymgr("user", "add", name, "--role", role, "--password-file", password)
    env = {"YMGR_USER": name, "YMGR_PASSWORD_FILE": str(password), "XDG_RUNTIME_DIR": str(ymgr.box.root / f"run-{name}")}
    (ymgr.box.root / f"run-{name}").mkdir(mode=0o700)
    return Ymgr(ymgr.program, ymgr.box, env)


def want_approval(ymgr, roles="user"):
    path = ymgr.box.profile / "policy.yaml"
    text = re.sub(r"^version: .*$", "version: v9.1", path.read_text(), count=1, flags=re.M)
    path.write_text(text.replace("  tls-server:\n", f"  tls-server:\n    approval: [{roles}]\n", 1))
    ymgr("policy", "show")  # adopted by the admin


@pytest.fixture
def people(ymgr):
    want_approval(ymgr)
    return person(ymgr, "bob", "user"), person(ymgr, "oscar", "operator")


def test_what_a_user_asks_for_is_signed_when_somebody_else_approves(ymgr, people, tmp_path):
    bob, oscar = people
    asked = bob.json("issue", "www.example.com", "--out", tmp_path / "tls")
    assert asked["state"] == "waiting_approval" and asked["result"] == "waiting" and "certificate" not in asked
    assert ymgr.json("cert", "list")["certificates"] == []
    again = bob.json("issue", "www.example.com", "--out", tmp_path / "tls")
    assert (again["state"], again["audit_reference"]) == ("waiting_approval", asked["audit_reference"])
    assert bob.json("resume", asked["resume_id"])["operations"][0]["state"] == "waiting_approval"
    assert not (tmp_path / "tls/cert.pem").exists()
    reference = asked["audit_reference"]
    planned = oscar.json("operation", "approve", reference, "--dry-run")
    assert planned["requester"] == "bob" and planned["items"][0]["sans"] == ["dns:www.example.com"]
    answer = oscar.json("operation", "approve", reference, "--yes", "--note", "as agreed")
    assert answer["state"] == "done" and answer["items"][0]["success"] is True
    assert answer["items"][0]["cert_id"]
    (done,) = bob.json("resume", asked["resume_id"])["operations"]
    assert done["state"] == "done" and done["success"] is True
    assert "done already" in bob("resume", asked["resume_id"]).stdout
    assert openssl("x509", "-in", tmp_path / "tls/cert.pem", "-noout", "-pubkey").stdout == openssl(
        "pkey", "-in", tmp_path / "tls/privkey.pem", "-pubout"
    ).stdout
    (row,) = ymgr.json("cert", "list")["certificates"]
    assert (row["owner"], row["status"]) == ("bob", "active")
    events = [(event["event"], event["actor"]) for event in ymgr.json("audit", "list", "--limit", "20")["events"]]
    assert ("approved", "oscar") in events
    assert bob.json("issue", "www.example.com", "--out", tmp_path / "tls", "--request-id", reference)["cert_id"] == row["cert_id"]
    ymgr.json("audit", "verify")


def test_who_denies_says_why(ymgr, people):
    bob, oscar = people
    reference = bob.json("issue", "www.example.com")["audit_reference"]
    assert oscar.json("operation", "deny", reference, "--dry-run")["state"] == "waiting"
    assert oscar.json("operation", "deny", reference, "--note", "wrong domain", "--yes")["state"] == "refused"
    answer = bob.json("issue", "www.example.com", "--request-id", reference, exit=5)
    assert answer["code"] == "approval-denied" and "oscar" in answer["error"] and "wrong domain" in answer["error"]
    assert "wrong domain" in bob.json("operation", "show", reference)["refusal"]
    assert "wrong domain" in bob("operation", "show", reference).stdout
    assert bob.json("issue", "www.example.com")["state"] == "waiting_approval"
    ymgr.json("audit", "verify")


def test_nobody_approves_the_own_request_and_a_user_none_at_all(ymgr):
    want_approval(ymgr, "user, operator")
    bob, oscar, olga = person(ymgr, "bob", "user"), person(ymgr, "oscar", "operator"), person(ymgr, "olga", "operator")
    reference = oscar.json("issue", "www.example.com")["audit_reference"]
    assert oscar.json("operation", "approve", reference, "--yes", exit=4)["code"] == "role-denied"
    assert oscar.json("operation", "deny", reference, "--yes", exit=4)["code"] == "role-denied"
    assert bob.json("operation", "approve", reference, "--yes", exit=4)["code"] == "role-denied"
    assert oscar.json("operation", "approve", reference, exit=4)["code"] == "role-denied"
    assert olga.json("operation", "approve", reference, exit=2)["code"] == "input-needed"
    assert olga.json("operation", "approve", reference, "--yes")["items"][0]["success"] is True
    assert olga.json("operation", "approve", reference, "--yes", exit=1)["code"] == "operation-ended"


def test_only_requests_are_approved(ymgr, people):
    _, oscar = people
    ymgr("issue", "free.example.com")
    done = ymgr.json("operation", "list", "--all")["operations"][0]["request_id"]
    assert oscar.json("operation", "approve", done, "--yes", exit=1)["code"] == "operation-ended"
    assert oscar.json("operation", "approve", "req-20260101000000-000000000000", "--yes", exit=3)["code"] == "operation-not-found"


def test_the_policy_is_asked_again_when_it_is_signed(ymgr, people):
    bob, oscar = people
    reference = bob.json("issue", "www.example.com", "--validity", "380d")["audit_reference"]
    path = ymgr.box.profile / "policy.yaml"
    path.write_text(path.read_text().replace("version: v9.1", "version: v9.2").replace("max: 397d", "max: 366d"))
    ymgr("policy", "show")
    answer = oscar.json("operation", "approve", reference, "--yes", exit=5)
    assert answer["items"][0]["code"] == "policy-violation" and answer["state"] == "failed"
    assert ymgr.json("cert", "list")["certificates"] == []


def test_a_renewal_by_the_user_waits_too_and_the_old_one_stays(ymgr, people):
    bob, oscar = people
    reference = bob.json("issue", "www.example.com")["audit_reference"]
    oscar("operation", "approve", reference, "--yes")
    renewal = bob.json("renew", "www.example.com", "--force")
    assert renewal["state"] == "waiting_approval"
    assert [row["status"] for row in ymgr.json("cert", "list")["certificates"]] == ["active"]
    assert oscar.json("operation", "approve", renewal["audit_reference"], "--yes")["state"] == "done"
    assert len(ymgr.json("cert", "list", "--select", "status=superseded")["certificates"]) == 1


@pytest.mark.parametrize("stop", range(3, 19, 3))
def test_killed_while_approving_it_is_signed_once(failpoint, stop):
    ymgr = failpoint
    want_approval(ymgr)
    bob, oscar = person(ymgr, "bob", "user"), person(ymgr, "oscar", "operator")
    reference = bob.json("issue", "www.example.com")["audit_reference"]
    killed = oscar.armed(f"kill@{stop}")("operation", "approve", reference, "--yes", exit=None)
    assert killed.exit in (0, -9), killed
    if stop % 2:  # either goes on with it
        ymgr.json("resume", "--all", exit=None)
    if not ymgr.json("cert", "list")["certificates"]:
        assert oscar.json("operation", "approve", reference, "--yes")["items"][0]["success"] is True
    ymgr.json("resume", "--all", exit=None)
    assert len(ymgr.json("cert", "list")["certificates"]) == 1
    assert ymgr.json("operation", "list")["operations"] == []
    check_end(ymgr, ymgr.box)
