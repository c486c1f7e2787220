"""Keys of a team: in Vault's transit engine, or in files of the host that needs them."""

import base64
import time

import pytest
from harness import FAILPOINT, RELEASE, Ymgr, openssl
from team import Team
from vendor import Vendor

ALGORITHMS = {
    "rsa-3072": "rsa-3072",
    "rsa-4096": "rsa-4096",
    "ec-p256": "ecdsa-p256",
    "ec-p384": "ecdsa-p384",
    "ed25519": "ed25519",
}


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        team.pg.sql("ALTER ROLE installer PASSWORD 'installs'")
        token, password = team.ymgr.box.secret("root.token", team.bao.root_token), team.ymgr.box.secret("installer.password", "installs")
        asked = ["--vault-token-file", token, "--database-user", "installer", "--database-password-file", password, "--yes"]
        team.ymgr("init", "--team", "--apply", *asked, "-c", team.config)
        yield team


@pytest.fixture(scope="module")
def oscar(team):
    oscar = team.person_box("oscar")
    oscar("login", "--user", "oscar")
    return oscar


def transit_key(team, reference):
    """What Vault says of that key; None: it is not there."""
    status, answer = team.member("auditor").vault("GET", "transit/keys/" + reference.removeprefix("transit:"))
    assert status in (200, 404), answer
    return answer["data"] if status == 200 else None


def public_key(ymgr, made):
    """As PEM, and as the raw bytes that Vault shows of Ed25519 keys."""
    pem = openssl("x509", "-in", ymgr.box.file("cert.pem", made["certificate"]), "-noout", "-pubkey").stdout.strip()
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    return pem, base64.b64encode(der[-32:]).decode()


def journal(team):
    worked, text = team.member("admin").sql("SELECT data FROM ymgr.operation_items")
    assert worked, text
    return text


def test_keys_of_every_algorithm_are_made_in_transit(team, oscar):
    for algorithm, kind in ALGORITHMS.items():
        made = oscar.json("issue", f"{algorithm}.corp.test", "--key", algorithm)
        assert made["key_reference"] == f"transit:{algorithm}-corp-test"
        key = transit_key(team, made["key_reference"])
        assert (key["type"], key["exportable"]) == (kind, False)
        assert key["keys"]["1"]["public_key"].strip() in public_key(oscar, made)


def test_a_renewal_uses_the_key_again_or_makes_another(team, oscar):
    first = oscar.json("issue", "renew.corp.test")
    again = oscar.json("renew", "renew.corp.test", "--force")
    assert again["key_reference"] == first["key_reference"]
    fresh = oscar.json("renew", "renew.corp.test", "--force", "--new-key")
    assert fresh["key_reference"] not in (first["key_reference"], "")
    assert transit_key(team, first["key_reference"]) and transit_key(team, fresh["key_reference"])


def test_a_compromised_key_is_destroyed(team, oscar):
    made = oscar.json("issue", "lost.corp.test")
    answer = oscar.json("revoke", made["cert_id"], "--reason", "keyCompromise", "--yes")
    assert answer["items"][0]["key_destroyed"] is True
    assert transit_key(team, made["key_reference"]) is None
    assert oscar.json("revoke", made["cert_id"], "--reason", "keyCompromise", "--yes")["items"][0]["result"] == "already_revoked"


def test_keys_are_not_sealed_in_a_team(oscar):
    refused = oscar.json("issue", "sealed.corp.test", "--key-store", "sealed", exit=2)
    assert "--key-store transit" in refused["suggestion"]


def test_a_key_for_a_server_is_a_file_and_never_in_the_database(team, oscar):
    made = oscar.json("issue", "web.corp.test", "--out", "web")
    out = oscar.box.work / "web"
    assert made["key_reference"] == f"file:{out}/privkey.pem"
    assert openssl("pkey", "-in", out / "privkey.pem", "-pubout").stdout == openssl("x509", "-in", out / "cert.pem", "-noout", "-pubkey").stdout
    password = oscar.box.secret("p12.password", "a password")
    oscar.json("issue", "p12.corp.test", "--pkcs12", "p12.p12", "--pkcs12-password-file", password)
    assert openssl("pkcs12", "-in", oscar.box.work / "p12.p12", "-passin", f"file:{password}", "-nokeys").stdout
    assert not [path for path in oscar.box.work.rglob(".ymgr-*")]
    assert "PRIVATE KEY" not in journal(team) and "key_box" not in journal(team)


@pytest.mark.parametrize("store", ["transit", "file"])
def test_a_killed_issue_is_finished_with_one_certificate_of_each(team, oscar, store):
    killer = Ymgr(FAILPOINT, oscar.box, oscar.env)
    for number in range(1, 100):
        name = f"kill{number}.{store}.corp.test"
        wanted = ["issue", name, *(["--out", f"{store}-{number}"] if store == "file" else [])]
        if killer.armed(f"kill@{number}")(*wanted, exit=None).exit == 0:
            break
        assert oscar.json(*wanted, "--ensure")["success"] is True
    assert number > 8
    made = [row for row in oscar.json("cert", "list")["certificates"] if row["name"].endswith(f".{store}.corp.test")]
    assert len(made) == number and {row["status"] for row in made} == {"active"}
    assert {row["key_reference"].split(":")[0] for row in made} == {store}
    assert not list(oscar.box.work.rglob(".ymgr-*"))
    assert not [one for one in oscar.json("reconcile", exit=None)["items"] if one["kind"].startswith("key_")]


def test_keys_of_a_bulk_are_destroyed_by_several_workers(team, oscar):
    made = oscar.json("issue", "gone-{1..12}.corp.test")["items"]
    references = [item["key_reference"] for item in made]
    names = [item["name"] for item in made]
    oscar.json("revoke", *names, "--reason", "keyCompromise", "--yes")
    assert [transit_key(team, reference) for reference in references] == [None] * 12


def test_a_licence_of_a_team_is_the_admins_to_install_and_nobodys_to_turn_back(team, oscar):
    vendor = Vendor(team.folder, "acme")
    config = team.folder / "licensed.yaml"
    config.write_text(team.config.read_text() + f"license: {{vendor_key: {vendor.key}.pub}}\n")
    people = {}
    for name in ("ada", "oscar", "uma", "aude"):
        box = team.person_box(name).box
        people[name] = Ymgr(RELEASE, box, {"YMGR_CONFIG": str(config)})
        people[name]("login", "--user", name)
    ada, operator = people["ada"], people["oscar"]
    admin = team.member("admin")

    def states():
        return {name: ymgr.json("license", "status")["state"] for name, ymgr in people.items()}

    here = operator.json("license", "id")["installation_id"]
    assert set(states().values()) == {"TRIAL"}
    for change in (
        "UPDATE ymgr.settings SET value = 'inst-20990101000000-7f3a91c04be2' WHERE name = 'installation_id'",
        "DELETE FROM ymgr.settings WHERE name = 'installation_id'",
    ):
        worked, said = admin.try_sql(change)
        assert not worked and "installation_id stays" in said
    first = vendor.license(here, "lic-1", days=900)
    time.sleep(1)  # licences have whole seconds
    second = vendor.license(here, "lic-2", days=300)
    assert operator.json("license", "install", first, exit=4)["code"] == "role-denied"
    path = "yubikeys/data/ymgr-license"
    assert team.member("operator").vault("POST", path, {"options": {"cas": 0}, "data": {}})[0] == 403
    assert ada.json("license", "install", first)["state"] == "VALID"
    kept = admin.vault("GET", path)[1]["data"]["data"]
    assert ada.json("license", "install", second)["license_id"] == "lic-2"
    assert set(states().values()) == {"VALID"}
    operator("issue", "licensed.corp.test")
    assert admin.vault("DELETE", path)[0] == 403
    assert admin.vault("PUT", "yubikeys/destroy/ymgr-license", {"versions": [2]})[0] == 403
    assert ada.json("license", "install", first, exit=5)["code"] == "license-invalid"  # the former, which is longer

    assert admin.vault("POST", path, {"options": {"cas": 2}, "data": kept})[0] == 200
    assert set(states().values()) == {"INVALID"}
    refused = operator.json("issue", "turned-back.corp.test", exit=5)
    assert refused["code"] == "license-invalid" and "not in the secret store any more" in refused["error"]
    assert transit_key(team, "transit:turned-back-corp-test") is None
    operator("renew", "licensed.corp.test", "--force")
    assert not admin.try_sql("UPDATE ymgr.settings SET value = '2020' WHERE name = 'license.newest'")[0]
    history = ada.json("license", "history")["licenses"]
    assert [(item["license_id"], item["kept"]) for item in history] == [("lic-1", "kept"), ("lic-2", "missing")]
    assert ada.json("license", "install", second)["state"] == "VALID"
    operator("issue", "turned-back.corp.test")
