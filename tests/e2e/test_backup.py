"""backup create, verify, restore."""

import json
import shutil
import sqlite3
import stat
import subprocess

import pytest

from harness import PASSWORD, Ymgr, openssl
from invariants import rows


@pytest.fixture
def saved(ymgr, box):
    """A profile with something in it, and its backup."""
    ymgr.json("issue", "api-{1..3}.example.com")
    ymgr.json("issue", "www.example.com", "--out", "tls", "--deploy-hook", "true")
    ymgr.json("revoke", "api-2.example.com", "--yes")
    box.secret("backup.password", "a password for backups")
    return ymgr.json("backup", "create", "saved.backup", "--password-file", "backup.password")


def restore(ymgr, home, *args, **how):
    return ymgr.json(
        "backup", "restore", "saved.backup", "--password-file", "backup.password", "--home", home, *args, **how
    )


def at(ymgr, home):
    return Ymgr(ymgr.program, ymgr.box, {"YMGR_HOME": str(home)})


@pytest.mark.sanitized
def test_a_backup_is_made_verified_and_restored(ymgr, box, saved):
    path = box.work / "saved.backup"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert saved["bytes"] == path.stat().st_size
    names = {entry["name"] for entry in saved["files"]}
    assert {"ymgr.db", "policy.yaml", "ca/crl-number", "ca/ocsp.key", "install.d/www.example.com.yaml"} <= names
    content = path.read_bytes()
    for clear in (b"SQLite format", b"BEGIN", b"example.com", b"alice"):
        assert clear not in content

    found = ymgr.json("backup", "verify", "saved.backup", "--password-file", "backup.password")
    assert (found["certificates"], found["active_certificates"], found["revoked_certificates"]) == (4, 3, 1)
    assert found["users"] == 1 and found["policy_version"] == "v2.3"
    assert found["profile_id"] == saved["profile_id"] and found["created_by"] == "alice"

    listed = ymgr.json("cert", "list")["certificates"]
    home = box.root / "elsewhere"
    made = restore(ymgr, home)
    assert made["profile"] == str(home) and made["certificates"] == 4
    there = at(ymgr, home)
    assert there.json("whoami", exit=4)["code"] == "not-logged-in"
    there.login()
    assert there.json("audit", "verify")["unsigned_rows"] == 0
    assert there.json("cert", "list")["certificates"] == listed
    there.json("renew", "www.example.com", "--force")
    there.json("issue", "new.example.com")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "ca/ocsp.key").stat().st_mode) == 0o600


def test_the_restored_profile_tells_where_it_comes_from(ymgr, box, saved):
    home = box.root / "elsewhere"
    restore(ymgr, home)
    there = at(ymgr, home)
    there.login()
    (event,) = there.json("audit", "list", "--event", "backup.restored")["events"]
    assert event["data"]["created_at"] == saved["created_at"]
    assert event["data"]["created_by"] == "alice" and event["actor"] == "restore"


def test_audit_trail_has_the_backup(ymgr, saved):
    events = ymgr.json("audit", "list", "--request-id", saved["audit_reference"])["events"]
    assert [row["event"] for row in events] == ["backup.requested", "backup.created"]
    assert events[1]["data"]["bytes"] == saved["bytes"]


def test_crl_numbers_never_go_back(ymgr, box, saved):
    numbers = []
    for turn in range(30):  # many lists in a short time: their numbers run ahead of the clock
        reason = "certificateHold" if turn % 2 == 0 else None
        args = ["--reason", reason] if reason else ["--unhold"]
        numbers.append(ymgr.json("revoke", "api-1.example.com", "--yes", *args)["crl_number"])
    assert numbers == sorted(set(numbers))
    home = box.root / "elsewhere"
    restore(ymgr, home)
    there = at(ymgr, home)
    there.login()
    assert there.json("revoke", "api-3.example.com", "--yes")["crl_number"] > numbers[-1]


def test_the_first_session_after_a_restore_signs_a_new_list(ymgr, box, saved):
    home = box.root / "elsewhere"
    restore(ymgr, home)
    there = at(ymgr, home)
    there.login()
    assert there.json("renew", "--due")["crl_refreshed"] is True


def test_a_wrong_password_opens_nothing(ymgr, box, saved):
    box.secret("wrong", "another password")
    for verb, args in (("verify", []), ("restore", ["--home", box.root / "elsewhere"])):
        answer = ymgr.json("backup", verb, "saved.backup", "--password-file", "wrong", *args, exit=1)
        assert answer["code"] == "backup-invalid" and "password" in answer["error"]
    assert not (box.root / "elsewhere").exists()


def damages(content):
    yield "first byte", b"Y" + content[1:]
    yield "salt", content[:20] + bytes([content[20] ^ 1]) + content[21:]
    yield "cost", content[:32] + b"\xff\xff\xff\xff" + content[36:]
    yield "body", content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
    yield "last byte", content[:-1] + bytes([content[-1] ^ 1])
    yield "cut", content[:-1]
    yield "half", content[: len(content) // 2]
    yield "more", content + b"x"
    yield "empty", b""
    yield "other", b"SQLite format 3\0" * 100


def test_a_damaged_backup_is_told_and_leaves_nothing(ymgr, box, saved):
    whole = (box.work / "saved.backup").read_bytes()
    before = sorted(path.name for path in box.root.iterdir())
    for what, content in damages(whole):
        (box.work / "saved.backup").write_bytes(content)
        answer = restore(ymgr, box.root / "elsewhere", exit=1)
        assert answer["code"] == "backup-invalid", what
        assert sorted(path.name for path in box.root.iterdir()) == before, what


def test_a_broken_chain_in_a_backup_is_found(ymgr, box):
    box.secret("backup.password", "a password for backups")
    ymgr.json("issue", "www.example.com")
    database = sqlite3.connect(box.profile / "ymgr.db")
    database.create_function("sha256", 1, lambda text: text)
    database.execute("DROP TRIGGER audit_events_fixed")
    database.execute("UPDATE audit_events SET actor = 'mallory' WHERE seq = 2")
    database.commit()
    database.close()
    ymgr.json("backup", "create", "saved.backup", "--password-file", "backup.password")
    answer = ymgr.json("backup", "verify", "saved.backup", "--password-file", "backup.password", exit=1)
    assert answer["code"] == "chain-broken"


def test_what_stands_there_is_not_overwritten(ymgr, box, saved):
    before = (box.work / "saved.backup").read_bytes()
    args = ["backup", "create", "saved.backup", "--password-file", "backup.password"]
    assert ymgr.json(*args, exit=1)["code"] == "file-exists"
    assert (box.work / "saved.backup").read_bytes() == before
    ymgr.json(*args, "--force")
    assert (box.work / "saved.backup").read_bytes() != before
    profile = box.snapshot()
    assert restore(ymgr, box.profile, exit=1)["code"] == "profile-exists"
    assert restore(ymgr, box.profile, "--dry-run", exit=1)["code"] == "profile-exists"
    assert box.snapshot() == profile


def test_dry_run_changes_nothing(ymgr, box):
    box.secret("backup.password", "a password for backups")
    before = ymgr.json("audit", "list")["events"]
    planned = ymgr.json("backup", "create", "saved.backup", "--password-file", "backup.password", "--dry-run")
    assert {entry["name"] for entry in planned["files"]} >= {"ymgr.db", "policy.yaml"} and planned["bytes"] is None
    assert not (box.work / "saved.backup").exists()
    assert ymgr.json("audit", "list")["events"] == before
    ymgr.json("backup", "create", "saved.backup", "--password-file", "backup.password")
    planned = restore(ymgr, box.root / "elsewhere", "--dry-run")
    assert planned["users"] == 1
    assert not (box.root / "elsewhere").exists()


def test_through_pipes(ymgr, box, saved):
    with ymgr.start("backup", "create", "-", "--password-file", "backup.password", text=False) as made:
        content, errors = made.communicate(timeout=60)
    assert made.returncode == 0 and errors == b"" and content.startswith(b"ymgr-backup-v1\r\n")
    checked = subprocess.run(
        [ymgr.program, "backup", "verify", "-", "--password-file", "backup.password", "--json"],
        input=content,
        capture_output=True,
        env=ymgr.env,
        cwd=box.work,
        timeout=60,
    )
    assert json.loads(checked.stdout)["certificates"] == 4
    assert ymgr.json("backup", "create", "-", "--password-file", "backup.password", exit=2)["code"] == "usage"
    assert ymgr.json("backup", "verify", "-", "--password-file", "-", exit=2)["code"] == "usage"


def test_only_admins_make_backups(ymgr, box):
    box.secret("backup.password", "a password for backups")
    box.secret("other", PASSWORD + " too")
    for role in ("operator", "user", "auditor"):
        ymgr.json("user", "add", role, "--role", role, "--password-file", "other")
        answer = ymgr.json(
            "backup", "create", "saved.backup", "--password-file", "backup.password", exit=4,
            env={"YMGR_USER": role, "YMGR_PASSWORD_FILE": str(box.work / "other")},
        )  # fmt: skip
        assert answer["code"] == "role-denied"
    assert not (box.work / "saved.backup").exists()


def test_a_short_password_is_refused(ymgr, box):
    box.secret("short", "short")
    assert ymgr.json("backup", "create", "b", "--password-file", "short", exit=2)["code"] == "password-weak"
    assert not (box.work / "b").exists()


@pytest.mark.parametrize("fault", ["kill@1", "kill@2", "kill@3", "kill@4", "error@3", "full@3"])
def test_an_interrupted_backup_leaves_no_half_file(ymgr, failpoint, box, saved, fault):
    args = ["backup", "create", "next.backup", "--password-file", "backup.password"]
    failpoint.armed(fault)(*args, exit=None)
    if (box.work / "next.backup").exists():
        ymgr.json("backup", "verify", "next.backup", "--password-file", "backup.password")
    ymgr.json(*args, "--force")
    assert not [path for path in box.profile.iterdir() if path.name.startswith(".backup")]
    ymgr.json("audit", "verify")


@pytest.mark.parametrize("fault", ["kill", "error", "full"])
def test_an_interrupted_restore_leaves_no_half_profile(ymgr, failpoint, box, saved, fault):
    for turn in range(1, 20):
        home = box.root / f"home-{turn}"
        result = failpoint.armed(f"{fault}@{turn}")(
            "backup", "restore", "saved.backup", "--password-file", "backup.password", "--home", home, exit=None
        )
        if result.exit == 0:
            break
        if not home.exists():
            restore(ymgr, home)
        assert not [path for path in box.root.iterdir() if path.name.startswith(f".home-{turn}.new")]
        assert rows(box, "SELECT count(*) FROM certificates") == [(4,)]
        there = at(ymgr, home)
        there.login()
        there.json("audit", "verify")
        shutil.rmtree(home)
    assert turn > 4


def test_a_backup_of_a_profile_at_work_is_consistent(ymgr, box):
    box.secret("backup.password", "a password for backups")
    worker = ymgr.start("issue", "busy-{1..400}.example.com", "--no-progress")
    try:
        for turn in range(4):
            ymgr.json("backup", "create", f"{turn}.backup", "--password-file", "backup.password")
            ymgr.json("backup", "verify", f"{turn}.backup", "--password-file", "backup.password")
    finally:
        assert worker.wait(timeout=60) == 0


def test_the_installed_certificate_still_verifies_after_a_restore(ymgr, box, saved):
    home = box.root / "elsewhere"
    restore(ymgr, home)
    there = at(ymgr, home)
    there.login()
    made = there.json("issue", "after.example.com")
    certificate = box.file("after.pem", made["certificate"])
    openssl("verify", "-CAfile", home / "ca/root.pem", "-untrusted", home / "ca/ca.pem", certificate)
