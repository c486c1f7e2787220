"""Modified clients, again: what the servers can't prevent is found by `reconcile` and `audit verify`, and named."""

import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from team import Team, forge_operation

FAR = int(time.time() + 30 * 86400) * 1_000_000


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team"), serials={}) as team:
        yield team


@pytest.fixture(scope="module")
def admin(team):
    """The first one who logs in makes the CA known."""
    ada = team.person_box("ada")
    ada("login", "--user", "ada")
    ada("logout")
    return ada


def as_user(ymgr, name, *args, **how):
    return ymgr.json(*args, env={"YMGR_USER": name}, **how)


@pytest.fixture(scope="module")
def web(team, admin):
    """A certificate as everybody makes them."""
    return as_user(team.person_box("oscar"), "oscar", "issue", "web.corp.test")


def csr(name):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def done(member, text):
    worked, output = member.sql(text)
    assert worked, output
    return output


def found(admin, *args, exit=1):
    answer = as_user(admin, "ada", "reconcile", *args, exit=exit)
    return {(item["kind"], item["action"]): item for item in answer["items"]}


def test_all_is_well_after_ordinary_work(team, admin, web):
    assert as_user(admin, "ada", "reconcile", "--vault-audit", team.bao.folder / "audit.log")["items"] == []
    auditor = team.person_box("aude")
    verified = auditor("audit", "verify", "--json", env={"YMGR_USER": "aude"})
    assert verified.json["checkpoint"] is None and "no checkpoint yet" in verified.stderr


def test_a_certificate_signed_past_ymgr_is_found_on_the_ca_and_in_vaults_log(team, admin, web):
    operator = team.member("operator")
    status, answer = operator.vault("POST", "pki/sign/ymgr-tls-server-ec", {"csr": csr("x"), "common_name": "x.corp.test", "ttl": "24h"})
    assert status == 200, answer
    serial = answer["data"]["serial_number"].upper()
    items = found(admin, "--vault-audit", team.bao.folder / "audit.log")
    assert items["certificate_orphaned", "reported"]["subject"] == serial
    told = items["vault_unrecorded", "reported"]
    assert told["subject"] == answer["request_id"]
    for part in ("oscar", operator.entity, "127.0.0.1", "pki/sign/ymgr-tls-server-ec"):
        assert part in told["message"]
    assert operator.vault("POST", "pki/revoke", {"serial_number": serial})[0] == 200
    assert found(admin, exit=0) == {}


def test_what_others_asked_the_ca_for_is_tracked_and_what_is_ours_stays_ours(team, admin, web):
    status, answer = team.member("operator").vault("POST", "pki/sign/ymgr-tls-server-ec", {"csr": csr("y"), "common_name": "y.corp.test", "ttl": "24h"})
    assert status == 200, answer
    oscar = team.person_box("oscar")
    own = oscar.box.file("own.pem", web["certificate"])
    tracked = as_user(oscar, "oscar", "cert", "track", "--from-ca", own)["items"]
    assert {(one["name"], one["result"]) for one in tracked} == {("y.corp.test", "tracked"), ("web.corp.test", "ours")}
    (other,) = [one for one in tracked if one["result"] == "tracked"]
    assert other["source"] == "ca:" + answer["data"]["serial_number"].upper() and other["owner"] == "oscar"
    again = as_user(oscar, "oscar", "cert", "track", "--from-ca")["items"]
    assert [(one["name"], one["result"]) for one in again] == [("y.corp.test", "unchanged")]
    assert [one["name"] for one in as_user(admin, "ada", "cert", "list", "--select", "status=tracked")["certificates"]] == ["y.corp.test"]
    assert as_user(admin, "ada", "cert", "list", "--select", "name=web.corp.test")["certificates"][0]["status"] == "active"
    assert ("certificate_orphaned", "reported") in found(admin)  # to be watched makes no certificate ours
    as_user(oscar, "oscar", "cert", "untrack", "y.corp.test")
    assert team.member("operator").vault("POST", "pki/revoke", {"serial_number": answer["data"]["serial_number"]})[0] == 200
    assert as_user(oscar, "oscar", "cert", "track", "--from-ca")["items"] == []


def test_a_revocation_that_did_not_happen_is_found_and_made_true(team, admin, web):
    cert_id = web["cert_id"]
    status = "status = 'revoked', revoked_at = 1000000, revocation_reason = 'superseded'"
    done(team.member("operator"), f"UPDATE ymgr.certificates SET {status} WHERE cert_id = '{cert_id}'")
    items = found(admin, "--dry-run")
    assert items["revocation_unrecorded", "planned"]["subject"] == cert_id
    assert items["audit_omitted", "reported"]["subject"] == cert_id
    items = found(admin, exit=None)
    assert items["revocation_unrecorded", "repaired"]["subject"] == cert_id
    assert web["serial_number"].lower() in team.bao.api("LIST", "pki/certs/revoked")["data"]["keys"]
    assert found(admin, exit=0) == {}


def test_a_row_that_no_ca_signed_and_no_audit_record_tells_of_is_found(team, admin, web):
    columns = "name, subject, sans, issuer, ca_name, key_reference, key_algorithm, public_key_sha256, key_created_at, profile, owner, labels, policy_version, issued_at, not_before, renew_at, fingerprint, pem, request_id, issued_by"
    done(
        team.member("operator"),
        f"INSERT INTO ymgr.certificates (cert_id, serial_number, status, expires_at, {columns})"
        f" SELECT 'cert-forged', '01:02', 'active', {FAR}, {columns} FROM ymgr.certificates LIMIT 1",
    )
    items = found(admin)
    assert items["certificate_foreign", "reported"]["subject"] == "cert-forged"
    assert items["audit_omitted", "reported"]["subject"] == "cert-forged"
    failed = as_user(team.person_box("aude"), "aude", "audit", "verify", exit=1)
    assert "cert-forged" in failed["error"]
    assert [item["kind"] for item in json.loads(failed["details"]["findings"])] == ["omitted"]
    operator = team.person_box("oscar")("reconcile", "--json", env={"YMGR_USER": "oscar"}, exit=1)
    assert "whole audit trail" in operator.stderr
    assert [item["kind"] for item in operator.json["items"]] == ["certificate_foreign"]
    refused = as_user(team.person_box("oscar"), "oscar", "reconcile", "--vault-audit", team.bao.folder / "audit.log", exit=4)
    assert refused["code"] == "role-denied"
    team.pg.sql("SET session_replication_role = replica; DELETE FROM ymgr.certificates WHERE cert_id = 'cert-forged'")
    assert found(admin, exit=0) == {}


@pytest.fixture
def begun(team):
    """begun(member, target, …): the id of an operation that a modified client wrote."""
    ids = []

    def begin(member, target, inputs="{}", data="{}", kind="issue"):
        ids.append(f"req-20260101000000-{len(ids) + 1:012d}")
        forge_operation(member, ids[-1], target, kind, inputs, data)
        return ids[-1]

    yield begin
    theirs = "', '".join(ids)
    for table in ("operation_items", "operations"):
        team.pg.sql(f"SET session_replication_role = replica; DELETE FROM ymgr.{table} WHERE request_id IN ('{theirs}')")


DAMAGED = {"inputs": ("{", "{}"), "data": ("{}", "no JSON"), "shape": ("{}", '{"csr": "x", "card": 1, "host": 2}'), "list": ("[]", "[]")}


def test_rows_that_cannot_be_read_stop_nobody_else(team, admin, web, begun):
    ids = {what: begun(team.member("user"), f"{what}.corp.test", *DAMAGED[what]) for what in DAMAGED}
    for table in ("operations", "operation_items"):  # which a user can begin for the own names alone
        team.pg.sql(f"UPDATE ymgr.{table} SET kind = 'renew' WHERE request_id LIKE 'req-20260101000000-%'")
    oscar = team.person_box("oscar")
    assert set(ids.values()) <= {one["request_id"] for one in as_user(oscar, "oscar", "operation", "list")["operations"]}
    told = {(item["subject"], item["kind"]) for item in as_user(admin, "ada", "reconcile", exit=1)["items"]}
    assert {(ids[what], "operation_damaged") for what in ("inputs", "data", "list")} <= told
    resumed = {one["request_id"]: one for one in as_user(oscar, "oscar", "resume", "--all", exit=None)["operations"]}
    for what, request_id in ids.items():
        assert resumed[request_id]["success"] is False and "abandon" in resumed[request_id]["suggestion"], (what, resumed[request_id])
    assert {item["request_id"] for item in as_user(oscar, "oscar", "renew", "--due", exit=None)["items"]} <= set(ids.values())
    assert as_user(oscar, "oscar", "issue", "beside.corp.test")["success"] is True
    for request_id in ids.values():
        as_user(oscar, "oscar", "operation", "abandon", request_id, "--yes")
    assert as_user(oscar, "oscar", "resume", "--all")["operations"] == []


@pytest.mark.parametrize("data", ["junk", "[]", '{"cert_id": 1, "sha256": 2, "message": 3, "violations": [4]}'])
def test_an_audit_event_that_cannot_be_read_stops_nobody(team, admin, web, data):
    for event in ("x.failed", "license.installed"):
        done(
            team.member("user"),
            f"INSERT INTO ymgr.audit_events (request_id, event, target, data) VALUES ('', '{event}', '{web['name']}', '{data}')",
        )
    told = as_user(admin, "ada", "cert", "explain", web["name"])["timeline"]
    assert "x.failed" in {one["what"] for one in told}
    assert as_user(admin, "ada", "license", "history")["licenses"] == []
    events = as_user(admin, "ada", "audit", "list", "--event", "x.failed")["events"]
    assert all(isinstance(one["data"], dict) for one in events) and events
    as_user(admin, "ada", "audit", "verify")


def test_a_name_that_somebody_holds_is_said_whose_and_can_be_freed(team, admin, web, begun):
    oscar, uma = team.person_box("oscar"), team.person_box("uma")
    held = begun(team.member("user"), "held.corp.test", '{"made": "up"}')
    refused = as_user(oscar, "oscar", "issue", "held.corp.test", exit=1)
    assert refused["code"] == "operation-open" and "uma" in refused["error"]
    assert f"ymgr operation abandon {held}" in refused["suggestion"]
    hidden = begun(team.member("operator"), "uma", '{"made": "up"}')  # row security hides it from her
    words = ["issue", "uma", "--csr", uma.box.file("uma.csr", csr("uma")), "--profile", "tls-client"]
    refused = as_user(uma, "uma", *words, exit=1)
    assert refused["code"] == "operation-open" and "an operator or an admin" in refused["suggestion"], refused
    for request_id in (held, hidden):
        as_user(oscar, "oscar", "operation", "abandon", request_id, "--yes")
    assert as_user(oscar, "oscar", "issue", "held.corp.test")["success"] is True


def test_a_yubikey_that_vault_was_told_of_past_ymgr_is_reported_and_left(team, admin, web):
    team.bao.api("POST", "identity/entity/name/uma", {"metadata": {"user": "uma", "serial0": "7001"}})
    operator = as_user(team.person_box("oscar"), "oscar", "reconcile", exit=1)
    (told,) = [item for item in operator["items"] if item["kind"] == "owner_unrecorded"]
    assert (told["subject"], told["action"]) == ("uma", "reported") and "7001" in told["message"]
    assert team.bao.api("GET", "identity/entity/name/uma")["data"]["metadata"]["serial0"] == "7001"
    team.bao.api("POST", "identity/entity/name/uma", {"metadata": {"user": "uma"}})
    assert [item for item in found(admin, exit=None).values() if item["kind"] == "owner_unrecorded"] == []


def test_a_trail_that_its_owner_cut_does_not_fit_the_checkpoint(team, admin, web):
    made = as_user(admin, "ada", "audit", "checkpoint")
    assert as_user(team.person_box("oscar"), "oscar", "audit", "checkpoint", exit=4)["code"] == "role-denied"
    auditor = team.person_box("aude")
    verified = auditor("audit", "verify", "--json", env={"YMGR_USER": "aude"})
    assert verified.json["checkpoint"]["seq"] == made["seq"] and verified.json["checkpoint"]["by"] == "ada"
    assert "checkpoint" not in verified.stderr
    last = int(team.pg.sql("SELECT max(seq) FROM ymgr.audit_events"))
    keep = made["seq"] - 1
    team.pg.sql(
        "SET session_replication_role = replica; CREATE TABLE kept AS SELECT * FROM ymgr.audit_events;"
        f"DELETE FROM ymgr.audit_events WHERE seq > {keep};"
        "UPDATE ymgr.audit_head SET (seq, hash) = (SELECT seq, hash FROM ymgr.audit_events ORDER BY seq DESC LIMIT 1)"
    )
    failed = as_user(auditor, "aude", "audit", "verify", exit=1)
    kinds = {item["kind"] for item in json.loads(failed["details"]["findings"])}
    assert failed["code"] == "chain-broken" and kinds & {"removed", "changed"}
    assert last > keep
