"""Approval in a team: the requester has no right to sign, whoever approves signs with the own."""

import hashlib
import json
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from harness import FAILPOINT, RELEASE, Box, Ymgr, openssl
from team import Team, count, forge_certificate, forge_operation, signed

DAY = 86_400_000_000


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


class Forgery:
    """What uma asked for, and has the right to write in its row."""

    def __init__(self, team, uma, folder, name):
        self.member = team.member("uma")
        self.asked = uma.json("issue", name, "--key-store", "file", "--out", folder / name)
        self.reference = self.asked["audit_reference"]
        self.data = json.loads(team.pg.sql(f"SELECT data FROM ymgr.operation_items WHERE request_id = '{self.reference}'"))

    def write(self):
        text = json.dumps(self.data).replace("'", "''")
        worked, output = self.member.sql(f"UPDATE ymgr.operation_items SET data = '{text}' WHERE request_id = '{self.reference}'")
        assert worked, output


def request_of(name, key):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def later(data):
    for moment in ("not_before", "not_after"):
        data["plan"][moment] += 350 * DAY


def someone_elses_key(data):
    data.update(key_place="transit", key_name="prod-corp-test", key_reference="transit:prod-corp-test")


FORGED = {
    "a name that nobody sees": (lambda data, team: data["plan"].update(common_name="vault.corp.test"), "common name is vault.corp.test"),
    "another certificate's name": (lambda data, team: data.update(name="prod.corp.test"), "it is one of prod.corp.test"),
    "an end of another's": (lambda data, team: data.update(renewed_from=team.prod), "which is one of prod.corp.test"),
    "another's key": (lambda data, team: someone_elses_key(data), "its key would be transit:prod-corp-test"),
    "another owner": (lambda data, team: data.update(owner="oscar"), "for owner oscar"),
    "a key of no use": (lambda data, team: data.update(csr=request_of("x", team.denied)), "is denied"),
    "a weak key": (lambda data, team: data.update(csr=request_of("x", rsa.generate_private_key(65537, 2048))), "Key size 2048"),
    "a longer life": (lambda data, team: later(data), "above maximum 397d"),
    "a profile that is none": (lambda data, team: data.update(profile="nope"), "nope"),
    "no time to renew it": (lambda data, team: data.update(renew_before="soon"), "soon"),
    "no request": (lambda data, team: data.update(csr="x"), ""),
}


@pytest.fixture(scope="module")
def plans(team, oscar):
    team.prod = oscar.json("issue", "prod.corp.test")["cert_id"]
    team.denied = ec.generate_private_key(ec.SECP256R1())
    public = team.denied.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    team.pg.sql(f"INSERT INTO ymgr.denied_keys VALUES ('{hashlib.sha256(public).hexdigest()}', 'keyCompromise', 1, NULL)")
    return team


@pytest.mark.parametrize("what", FORGED)
def test_nothing_is_signed_that_ymgr_would_not_have_planned(plans, uma, oscar, tmp_path, what):
    change, why = FORGED[what]
    name = f"forged{list(FORGED).index(what)}.corp.test"
    forged = Forgery(plans, uma, tmp_path, name)
    change(forged.data, plans)
    forged.write()
    before = signed(plans)
    refused = oscar.json("operation", "approve", forged.reference, "--yes", exit=None)
    assert refused["success"] is False or refused["items"][0]["success"] is False, refused
    assert why in json.dumps(refused), refused
    assert signed(plans) == before and count(plans, f"certificates WHERE request_id = '{forged.reference}'") == 0
    assert plans.pg.sql(f"SELECT status FROM ymgr.certificates WHERE cert_id = '{plans.prod}'").strip() == "active"
    if plans.pg.sql(f"SELECT state FROM ymgr.operations WHERE request_id = '{forged.reference}'").strip() in ("open", "waiting"):
        oscar("operation", "deny", forged.reference, "--yes")


@pytest.mark.parametrize("pem", ["nothing", "another"])
def test_the_renewal_of_a_row_that_no_ca_signed_is_not_approved(plans, uma, oscar, tmp_path, pem):
    name, request_id, forged = f"vault-{pem}.corp.test", f"req-forged-{pem}", f"cert-forged-{pem}"
    model = Forgery(plans, uma, tmp_path, f"model-{pem}.corp.test")
    oscar("operation", "deny", model.reference, "--yes")
    data = {**model.data, "name": name, "profile": "tls-client", "renewed_from": forged, "installation": "", "host": ""}
    data |= {"key_place": "external", "csr_given": True, "csr": request_of(name, ec.generate_private_key(ec.SECP256R1()))}
    data["plan"] |= {"common_name": name, "sans": [f"dns:{name}"]}
    genuine = plans.pg.sql(f"SELECT pem FROM ymgr.certificates WHERE cert_id = '{plans.prod}'")
    forge_certificate(model.member, forged, name, pem=pem if pem == "nothing" else genuine)
    forge_operation(model.member, request_id, name, "renew", data=json.dumps(data), status="waiting", state="csr_created")
    before = signed(plans)
    for how in ("--dry-run", "--yes"):
        refused = oscar.json("operation", "approve", request_id, how, exit=None)
        assert (refused["success"], refused["code"]) == (False, "certificate-state"), refused
    assert signed(plans) == before and count(plans, f"certificates WHERE name = '{name}'") == 1
    assert oscar.json("operation", "deny", request_id, "--yes")["state"] == "refused"


def test_a_renewal_makes_no_key_younger_that_it_uses_again(team, uma, oscar, tmp_path):
    first = Forgery(team, uma, tmp_path, "aged.corp.test")
    oscar("operation", "approve", first.reference, "--yes")
    uma("resume", first.asked["resume_id"])
    renewal = uma.json("renew", "aged.corp.test", "--force")["audit_reference"]
    data = json.loads(team.pg.sql(f"SELECT data FROM ymgr.operation_items WHERE request_id = '{renewal}'"))
    assert data["key_reused"] is True
    text = json.dumps({**data, "key_created_at": data["key_created_at"] + 300 * DAY})
    worked, output = first.member.sql(f"UPDATE ymgr.operation_items SET data = '{text}' WHERE request_id = '{renewal}'")
    assert worked, output
    refused = oscar.json("operation", "approve", renewal, "--yes", exit=5)
    assert "of another age" in refused["error"] and count(team, "certificates WHERE name = 'aged.corp.test'") == 1
    oscar("operation", "deny", renewal, "--yes")


def test_the_approver_sees_the_key_that_is_signed_and_what_it_replaces(team, uma, oscar, tmp_path):
    forged = Forgery(team, uma, tmp_path, "rsa.corp.test")
    forged.data["csr"] = request_of("rsa.corp.test", rsa.generate_private_key(65537, 3072))
    forged.write()
    (item,) = oscar.json("operation", "approve", forged.reference, "--dry-run")["items"]
    assert (item["key_algorithm"], item["common_name"], item["replaces"]) == ("rsa-3072", "rsa.corp.test", None)
    oscar("operation", "deny", forged.reference, "--yes")
    former = Forgery(team, uma, tmp_path, "again.corp.test")
    oscar("operation", "approve", former.reference, "--yes")
    uma("resume", former.asked["resume_id"])
    renewal = uma.json("renew", "again.corp.test", "--force")["audit_reference"]
    (item,) = oscar.json("operation", "approve", renewal, "--dry-run")["items"]
    assert (item["replaces"], item["replaced_owner"]) == (former.data["cert_id"], "uma")
    assert oscar.json("operation", "approve", renewal, "--yes")["items"][0]["success"] is True


@pytest.mark.parametrize("stop", [4, 6, 7, 8, 9])
def test_killed_while_approving_it_is_signed_once_and_nothing_is_lost(team, uma, oscar, tmp_path, stop):
    name = f"killed{stop}.corp.test"
    asked = uma.json("issue", name, "--key-store", "file", "--out", tmp_path / "tls")
    before = signed(team)
    approver = Ymgr(FAILPOINT, oscar.box, oscar.env)
    assert approver.armed(f"kill@{stop}")("operation", "approve", asked["audit_reference"], "--yes", exit=None).exit in (0, -9)
    uma.json("resume", asked["resume_id"], exit=None)  # the approver's process is gone: its lease is nobody's
    if team.pg.sql(f"SELECT count(*) FROM ymgr.certificates WHERE name = '{name}'").strip() == "0":
        assert oscar.json("operation", "approve", asked["audit_reference"], "--yes")["items"][0]["success"] is True
    uma.json("resume", asked["resume_id"], exit=None)
    assert team.pg.sql(f"SELECT state FROM ymgr.operations WHERE request_id = '{asked['audit_reference']}'").strip() == "done"
    assert (tmp_path / "tls/cert.pem").exists() and signed(team) == before + 1


def test_nothing_is_signed_for_somebody_who_has_left(team, oscar, tmp_path):
    team.person("leo", "user")
    leo = logged_in(team, "leo")
    asked = leo.json("issue", "leo.corp.test", "--key-store", "file", "--out", tmp_path / "tls")
    logged_in(team, "ada")("user", "disable", "leo", "--yes")
    for how in ("--yes", "--dry-run"):
        refused = oscar.json("operation", "approve", asked["audit_reference"], how, exit=4)
        assert refused["code"] == "user-disabled" and "leo" in refused["error"], refused
    assert team.pg.sql("SELECT count(*) FROM ymgr.certificates WHERE owner = 'leo'").strip() == "0"
    assert oscar.json("operation", "deny", asked["audit_reference"], "--yes")["state"] == "refused"
