"""reconcile: CA, inventory, keys and files are set apart by hand and brought together again."""

import shutil
import sqlite3
import stat

import pytest

from harness import FAILPOINT, PASSWORD, Ymgr, openssl
from invariants import check_end, check_pair, rows

NAME = "www.example.com"


def change(box, *statements, keep_triggers=False):
    """Does to the database what no command does."""
    database = sqlite3.connect(box.profile / "ymgr.db")
    triggers = [] if keep_triggers else ["certificates_keep", "certificates_identity"]
    saved = [database.execute("SELECT sql FROM sqlite_master WHERE name = ?", [name]).fetchone()[0] for name in triggers]
    for name in triggers:
        database.execute(f"DROP TRIGGER {name}")
    for statement, *args in statements:
        database.execute(statement, args)
    for sql in saved:
        database.execute(sql)
    database.commit()
    database.close()


def kinds(answer):
    return sorted((item["kind"], item["action"]) for item in answer["items"])


def mended(ymgr, box, *wanted, args=()):
    """The dry run tells the same and changes nothing; then it is repaired; then all is well."""
    before = rows(box, "SELECT count(*) FROM audit_events")
    planned = ymgr.json("reconcile", "--dry-run", *args)
    assert kinds(planned) and all(action == "planned" for _, action in kinds(planned))
    assert rows(box, "SELECT count(*) FROM audit_events") == before
    assert set(kinds(planned)) <= {(kind, "planned") for kind in wanted}
    answer = ymgr.json("reconcile", "--yes", *args)
    assert kinds(answer) == sorted((kind, "repaired") for kind in wanted)
    assert answer["summary"]["repaired"] == len(wanted)
    events = ymgr.json("audit", "list", "--request-id", answer["audit_reference"])["events"]
    told = [row["event"] for row in events]
    assert [event for event in told if not event.startswith("ca.")] == ["reconcile.repaired"] * len(wanted) + ["reconcile.done"]
    assert told.count("ca.crl_signed") == wanted.count("crl")
    assert told.count("ca.ocsp_signer_renewed") == wanted.count("ocsp_signer")
    assert ymgr.json("reconcile")["items"] == []
    return answer


def reported(ymgr, kind, *args):
    answer = ymgr.json("reconcile", *args, exit=1)
    (item,) = [item for item in answer["items"] if item["action"] == "reported"]
    assert item["kind"] == kind and item["suggestion"] and answer["success"] is False
    return item


def on_crl(box, serial):
    crl = box.work / "crl.pem"
    crl.write_text(rows(box, "SELECT crl FROM issuers WHERE kind = 'issuing' AND status = 'active'")[0][0])
    return serial.replace(":", "") in openssl("crl", "-in", crl, "-noout", "-text").stdout


@pytest.mark.sanitized
def test_all_is_well_after_ordinary_work(ymgr, box):
    ymgr.json("issue", "api-{1..3}.example.com")
    ymgr.json("issue", NAME, "--out", "tls", "--deploy-hook", "true")
    ymgr.json("renew", NAME, "--force")
    ymgr.json("revoke", "api-1.example.com", "--yes", "--reason", "keyCompromise")
    ymgr.json("revoke", "api-2.example.com", "--yes", "--reason", "certificateHold")
    answer = ymgr.json("reconcile", "--detailed-exitcode")
    assert answer["items"] == [] and answer["success"] is True
    assert answer["checked"] == {
        "certificates": 5, "revocations": 2, "crls": 1, "keys": 1, "operations": 0, "installations": 1, "devices": 0,
        "vault_requests": 0,
    }  # fmt: skip
    assert "all is well" in ymgr("reconcile").stdout
    check_end(ymgr, box)


def test_a_certificate_that_the_ca_forgot_is_adopted(ymgr, box):
    ymgr.json("issue", NAME)
    change(box, ("DELETE FROM ca_issued",))
    mended(ymgr, box, "certificate_unrecorded")
    check_end(ymgr, box)
    assert ymgr.json("revoke", NAME, "--yes")["crl_confirmed"] is True


def test_a_certificate_that_we_did_not_sign_is_reported(ymgr, box):
    made = ymgr.json("issue", NAME)
    key, forged = box.work / "k.pem", box.work / "forged.pem"
    issuer = rows(box, "SELECT issuer FROM certificates")[0][0]
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
            forged, "-subj", f"/CN={NAME}", "-days", "3", "-set_serial", "0x" + made["serial_number"].replace(":", ""))  # fmt: skip
    change(box, ("DELETE FROM ca_issued",), ("UPDATE certificates SET pem = ?", forged.read_text()))
    assert reported(ymgr, "certificate_foreign")["subject"] == made["cert_id"]
    assert rows(box, "SELECT count(*) FROM ca_issued") == [(0,)] and issuer


def test_an_orphan_is_reported_and_revoked_when_asked_to(ymgr, box):
    ymgr.json("issue", "kept.example.com")
    made = ymgr.json("issue", NAME)
    change(box, ("DELETE FROM certificates WHERE name = ?", NAME))
    answer = ymgr.json("reconcile", exit=1)
    assert kinds(answer) == [("certificate_orphaned", "reported"), ("key_unused", "reported")]
    assert answer["items"][0]["subject"] == made["serial_number"]
    assert rows(box, "SELECT count(*) FROM ca_revocations") == [(0,)]
    refused = ymgr.json("reconcile", "--revoke-orphans", "--no-input", exit=2)
    assert refused["code"] == "input-needed"
    ymgr.json("reconcile", "--revoke-orphans", "--destroy-unused-keys", "--yes", "--dry-run")
    assert rows(box, "SELECT count(*) FROM ca_revocations") == [(0,)]
    answer = ymgr.json("reconcile", "--revoke-orphans", "--destroy-unused-keys", "--yes")
    assert kinds(answer) == [("certificate_orphaned", "repaired"), ("crl", "repaired"), ("key_unused", "repaired")]
    assert on_crl(box, made["serial_number"])
    assert ymgr.json("reconcile")["items"] == []


def test_revocations_of_the_ca_reach_the_inventory(ymgr, box):
    made = ymgr.json("issue", NAME, "--key-store", "sealed")
    ymgr.json("revoke", NAME, "--yes", "--reason", "affiliationChanged")
    change(box, ("UPDATE certificates SET status = 'active', revoked_at = NULL, revocation_reason = NULL",))
    mended(ymgr, box, "revocation_unlisted")
    shown = ymgr.json("cert", "show", made["cert_id"])
    assert shown["status"] == "revoked" and shown["revocation_reason"] == "affiliationChanged"
    change(box, ("UPDATE certificates SET revocation_reason = 'superseded'",))
    mended(ymgr, box, "revocation_unlisted")
    assert ymgr.json("cert", "show", made["cert_id"])["revocation_reason"] == "affiliationChanged"
    check_end(ymgr, box)


def test_a_compromised_key_is_denied_again(ymgr, box):
    ymgr.json("issue", NAME)
    ymgr.json("revoke", NAME, "--yes", "--reason", "keyCompromise")
    before = rows(box, "SELECT public_key_sha256, reason FROM denied_keys")
    change(box, ("DELETE FROM denied_keys",))
    mended(ymgr, box, "revocation_unlisted")
    assert rows(box, "SELECT public_key_sha256, reason FROM denied_keys") == before


def test_a_revocation_is_never_undone(ymgr, box):
    made = ymgr.json("issue", NAME)
    ymgr.json("revoke", NAME, "--yes", "--reason", "keyCompromise")
    change(box, ("DELETE FROM ca_revocations",))
    mended(ymgr, box, "revocation_unrecorded", "crl")
    assert on_crl(box, made["serial_number"])
    check_end(ymgr, box)


@pytest.mark.parametrize("damage", ["missing", "garbage", "forged", "lacks"])
def test_a_list_is_signed_anew(ymgr, box, damage):
    made = ymgr.json("issue", NAME)
    before = rows(box, "SELECT crl FROM issuers WHERE kind = 'issuing'")[0][0]
    number = ymgr.json("revoke", NAME, "--yes")["crl_number"]
    crl = rows(box, "SELECT crl FROM issuers WHERE kind = 'issuing'")[0][0]
    damaged = {"missing": None, "garbage": "x", "forged": crl.replace("A", "B", 60), "lacks": before}[damage]
    change(box, ("UPDATE issuers SET crl = ? WHERE kind = 'issuing'", damaged))
    answer = ymgr.json("reconcile")
    assert ("crl", "repaired") in kinds(answer)
    assert on_crl(box, made["serial_number"])
    assert rows(box, "SELECT crl_number FROM issuers WHERE kind = 'issuing'")[0][0] > number
    assert ymgr.json("reconcile")["items"] == []


def test_published_files_are_written_again(ymgr, box):
    (box.profile / "ca/ca.crl").write_bytes(b"old")
    (box.profile / "ca/chain.pem").unlink()
    answer = mended(ymgr, box, "ca_files")
    assert "ca.crl" in answer["items"][0]["message"] and "chain.pem" in answer["items"][0]["message"]
    (box.profile / "ca/ocsp.key").unlink()
    assert kinds(ymgr.json("reconcile")) == [("ocsp_signer", "repaired")]
    assert (box.profile / "ca/ocsp.key").exists()


def test_a_lost_key_is_reported(ymgr, box):
    ymgr.json("issue", NAME)
    change(box, ("UPDATE secrets SET box = NULL, destroyed_at = 1 WHERE path = 'keys/www-example-com'",))
    item = reported(ymgr, "key_missing")
    assert "--new-key" in item["suggestion"]
    ymgr.json("renew", NAME, "--new-key", "--force")
    assert ymgr.json("reconcile")["items"] == []


def test_a_damaged_key_is_reported(ymgr, box):
    ymgr.json("issue", NAME)
    ymgr.json("issue", "other.example.com")
    change(
        box,
        (
            "UPDATE secrets SET box = (SELECT box FROM secrets WHERE path = 'keys/other-example-com') "
            "WHERE path = 'keys/www-example-com'",
        ),
    )
    assert reported(ymgr, "key_damaged")["subject"] == "sealed:www-example-com"


def test_a_key_that_nobody_uses_is_reported_and_destroyed_when_asked_to(ymgr, box):
    ymgr.json("issue", NAME)
    change(box, ("INSERT INTO secrets SELECT 'keys/left-over', 1, box, created_at, NULL FROM secrets "
                 "WHERE path = 'keys/www-example-com'",))  # fmt: skip
    assert reported(ymgr, "key_unused")["subject"] == "sealed:left-over"
    mended(ymgr, box, "key_unused", args=["--destroy-unused-keys"])
    assert rows(box, "SELECT box FROM secrets WHERE path = 'keys/left-over'") == [(None,)]
    assert rows(box, "SELECT box IS NULL FROM secrets WHERE path = 'keys/www-example-com'") == [(0,)]


def test_an_open_operation_is_reported(ymgr, failpoint, box):
    failpoint.armed("kill@8")("issue", NAME, exit=-9)
    item = reported(ymgr, "operation_open")
    assert "ymgr resume resume-" in item["suggestion"]
    ymgr.json("resume", "--all")
    assert ymgr.json("reconcile")["items"] == []


@pytest.fixture
def installed(ymgr, box):
    """A certificate with its files, renewed once."""
    ymgr.json("issue", NAME, "--out", "tls", "--deploy-hook", f"touch {box.work}/reloaded")
    ymgr.json("renew", NAME, "--new-key", "--force")
    (box.work / "reloaded").unlink()
    return box.work / "tls"


def active_pem(box):
    return rows(box, "SELECT pem FROM certificates WHERE status = 'active'")[0][0]


def check_installed(ymgr, box, folder):
    assert (folder / "cert.pem").read_text() == active_pem(box)
    check_pair(folder)
    assert (folder / "privkey.pem").exists()
    assert not [path for path in (folder / "versions").iterdir() if path.name.startswith(".")]
    ymgr.json("renew", "--due")
    assert (box.work / "reloaded").exists()


def test_an_older_version_in_place_is_replaced(ymgr, box, installed):
    current = (installed / "current").readlink().name
    (installed / "current").unlink()
    (older,) = {path.name for path in (installed / "versions").iterdir()} - {current}
    (installed / "current").symlink_to(f"versions/{older}")
    mended(ymgr, box, "installation_differs")
    check_installed(ymgr, box, installed)


def test_an_altered_certificate_is_delivered_again(ymgr, box, installed):
    path = (installed / "cert.pem").resolve()
    path.write_text(path.read_text().replace("MII", "MIJ", 1))
    mended(ymgr, box, "installation_differs")
    check_installed(ymgr, box, installed)


def test_missing_files_are_delivered_again(ymgr, box, installed):
    (installed / "fullchain.pem").resolve().unlink()
    mended(ymgr, box, "installation_differs")
    check_installed(ymgr, box, installed)
    chain = openssl("verify", "-CAfile", box.profile / "ca/root.pem", "-untrusted", installed / "fullchain.pem",
                    installed / "cert.pem").stdout  # fmt: skip
    assert "OK" in chain


def test_without_its_key_a_delivery_needs_somebody(ymgr, box, installed):
    (installed / "privkey.pem").resolve().unlink()
    item = reported(ymgr, "installation_differs")
    assert "--new-key" in item["suggestion"]
    ymgr.json("renew", NAME, "--new-key", "--force")
    assert ymgr.json("reconcile")["items"] == []


def test_files_of_somebody_else_are_left_alone(ymgr, box, installed):
    (installed / "cert.pem").unlink()
    (installed / "cert.pem").write_text("mine")
    assert "ymgr" in reported(ymgr, "installation_differs")["message"]
    assert (installed / "cert.pem").read_text() == "mine"
    assert (installed / "privkey.pem").resolve().exists()
    check_pair_of_versions(installed)


def check_pair_of_versions(folder):
    for version in (folder / "versions").iterdir():
        assert not version.name.startswith(".")
        check_pair(version)


def test_a_sealed_key_needs_no_file(ymgr, box):
    ymgr.json("issue", NAME, "--out", "tls", "--key-store", "sealed")
    (box.work / "tls/cert.pem").resolve().unlink()
    mended(ymgr, box, "installation_differs")
    assert (box.work / "tls/cert.pem").read_text() == active_pem(box)


def test_a_missing_installation_file_is_reported(ymgr, box, installed):
    next((box.profile / "install.d").iterdir()).unlink()
    reported(ymgr, "installation_missing")


def test_a_wrong_installation_file_does_not_stop_the_rest(ymgr, box, installed):
    (box.profile / "install.d/zzz.yaml").write_text("nmae: zzz\n")
    (installed / "fullchain.pem").resolve().unlink()
    answer = ymgr.json("reconcile", exit=1)
    assert kinds(answer) == [("installation_differs", "repaired"), ("installation_invalid", "reported")]


def test_modes_are_mended(ymgr, box, installed):
    for path in ((installed / "privkey.pem").resolve(), box.profile / "ymgr.db", box.profile / "ca/ocsp.key"):
        path.chmod(0o644)
        mended(ymgr, box, "file_mode")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (installed / "privkey.pem").resolve().chmod(0o400)  # tighter is fine
    assert ymgr.json("reconcile")["items"] == []


def restored(ymgr, box, *between):
    """The profile as it was before `between`; the files of this host as they are after it."""
    box.secret("backup.password", "a password for backups")
    ymgr.json("backup", "create", "b", "--password-file", "backup.password")
    for args in between:
        ymgr.json(*args)
    shutil.rmtree(box.profile)
    ymgr.json("backup", "restore", "b", "--password-file", "backup.password")
    ymgr.login()
    ymgr.json("renew", "--due")  # signs the list


def test_after_a_restore_an_installed_renewal_is_adopted(ymgr, box, installed):
    restored(ymgr, box, ["renew", NAME, "--new-key", "--force"])
    there = (installed / "cert.pem").read_text()
    assert there != active_pem(box)
    answer = ymgr.json("reconcile")
    assert kinds(answer) == [("certificate_adopted", "repaired"), ("certificate_unrecorded", "repaired")]
    assert ymgr.json("reconcile")["items"] == []
    assert active_pem(box) == there and (installed / "cert.pem").read_text() == there
    assert rows(box, "SELECT count(*) FROM certificates WHERE status = 'superseded'") == [(2,)]
    shown = ymgr.json("cert", "show", NAME)
    assert (installed / "current").readlink().name == shown["cert_id"]
    ymgr.json("renew", NAME, "--force")
    assert ymgr.json("revoke", shown["cert_id"], "--yes")["crl_confirmed"] is True


def test_after_a_restore_an_unknown_certificate_is_reported(ymgr, box):
    restored(ymgr, box, ["issue", "later.example.com", "--out", "later"])
    folder = box.work / "later"
    place = box.profile / "install.d"
    place.mkdir(exist_ok=True)
    (place / "later.example.com.yaml").write_text(f"name: later.example.com\nout: {folder}\n")
    reported(ymgr, "installation_unknown")
    assert rows(box, "SELECT count(*) FROM certificates") == [(0,)]


def test_operators_may_and_others_may_not(ymgr, box):
    box.secret("other", PASSWORD + " too")
    for role, exit in (("operator", 0), ("user", 4), ("auditor", 4)):
        ymgr.json("user", "add", role, "--role", role, "--password-file", "other")
        env = {"YMGR_USER": role, "YMGR_PASSWORD_FILE": str(box.work / "other")}
        ymgr.json("reconcile", env=env, exit=exit)


@pytest.mark.parametrize("fault", ["kill", "error", "full"])
def test_a_fault_in_between_is_mended_by_the_next_run(ymgr, box, installed, fault):
    made = ymgr.json("issue", "api.example.com")
    ymgr.json("revoke", "api.example.com", "--yes")
    change(
        box,
        ("DELETE FROM ca_issued WHERE cert_id <> ?", made["cert_id"]),
        ("UPDATE certificates SET status = 'active', revoked_at = NULL, revocation_reason = NULL WHERE cert_id = ?",
         made["cert_id"]),
        ("UPDATE issuers SET crl = NULL WHERE kind = 'issuing'",),
    )  # fmt: skip
    path = (installed / "cert.pem").resolve()
    path.write_text(path.read_text().replace("MII", "MIJ", 1))
    shutil.copytree(box.profile, box.root / "before", symlinks=True)
    shutil.copytree(installed, box.root / "before-tls", symlinks=True)
    for turn in range(1, 40):
        for folder, saved in ((box.profile, "before"), (installed, "before-tls")):
            shutil.rmtree(folder)
            shutil.copytree(box.root / saved, folder, symlinks=True)
        result = Ymgr(FAILPOINT, box).armed(f"{fault}@{turn}")("reconcile", exit=None)
        assert ymgr.json("reconcile")["summary"]["reported"] == 0
        assert ymgr.json("reconcile")["items"] == []
        assert (installed / "cert.pem").read_text() == active_pem(box)
        check_pair(installed)
        check_end(ymgr, box)
        if result.exit == 0:
            break
    assert turn > 5
