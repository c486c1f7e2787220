"""Modified clients, again: what the servers can't prevent is found by `reconcile` and `audit verify`, and named."""

import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from team import Team

FAR = int(time.time() + 30 * 86400) * 1_000_000


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        yield team


@pytest.fixture(scope="module")
def admin(team):
    """The first one who logs in makes the CA known."""
    ada = team.person_box("ada")
    ada("login", "--user", "ada")
    ada("logout")
    as_user(ada, "ada", "reconcile")  # Vault was told of YubiKeys that nobody enrolled
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
