"""Licences, made by the vendor's tool examples/license.sh: what they allow, and what is never refused."""

import contextlib
import datetime
import sqlite3

import pytest

from harness import ADMIN, FAILPOINT, Ymgr
from test_track import foreign
from vendor import Vendor

NOW = datetime.datetime.now(datetime.timezone.utc)


def day(number):
    return (NOW + datetime.timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def vendor(tmp_path_factory):
    return Vendor(tmp_path_factory.mktemp("vendor"), "acme")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Vendor(tmp_path_factory.mktemp("stranger"), "stranger")


def configure(box, *keys):
    """The vendor's keys, beside what stands in the configuration already."""
    path = box.root / "config/ymgr/ymgr.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text().split("license:")[0] if path.exists() else ""
    path.write_text(before + (f"license: {{vendor_key: {list(keys)}}}\n" if keys else ""))


def later(box, number):
    """ymgr on another day, logged in for each command."""
    env = {"YMGR_USER": ADMIN, "YMGR_PASSWORD_FILE": str(box.password_file)}
    return Ymgr(FAILPOINT, box, env).armed(clock=day(number))


def state(ymgr):
    return ymgr.json("license", "status")["state"]


def test_without_a_vendors_key_nothing_is_limited(ymgr, box):
    told = ymgr.json("license", "status")
    assert (told["state"], told["limited"], told["license_id"], told["trial_ends_at"]) == ("UNLIMITED", False, None, None)
    assert told["installation_id"] == ymgr.json("license", "id")["installation_id"] == ymgr("license", "id").stdout.strip()
    assert "nothing is limited" in ymgr("license", "status").stdout
    assert later(box, 400).json("issue", "a.example.com", "--dry-run")["success"]
    box.file("x", "")
    refused = ymgr.json("license", "install", "x", exit=2)
    assert "license.vendor_key" in refused["suggestion"]


def test_the_life_of_a_licence(ymgr, box, vendor):
    configure(box, f"{vendor.key}.pub")
    first = ymgr.json("license", "status")
    assert (first["state"], first["limited"], first["days_left"]) == ("TRIAL", False, 29)
    ymgr("issue", "a.example.com")
    almost = later(box, 29)
    assert "warning: no licence is installed; the trial ends" in almost("issue", "b.example.com").stderr
    over = later(box, 30.1)
    assert state(over) == "EXPIRED"
    refused = over.json("issue", "c.example.com", exit=5)
    assert refused["code"] == "license-expired" and "ymgr license install FILE" in refused["suggestion"]
    assert over.json("issue", "c.example.com", "--dry-run", exit=5)["code"] == "license-expired"
    assert [row["target"] for row in over.json("audit", "list", "--event", "license.refused")["events"]] == ["c.example.com"]

    given = vendor.license(first["installation_id"], "lic-1", days=60)
    assert over.json("license", "install", given, "--dry-run")["state"] == "VALID" and state(over) == "EXPIRED"
    told = over.json("license", "install", given)
    assert (told["state"], told["changed"], told["license_id"], told["customer"]) == ("VALID", True, "lic-1", "Exämple GmbH")
    assert over("license", "install", given, "--detailed-exitcode").exit == 0  # it is there already
    over("issue", "c.example.com")

    ending = later(box, 54)
    assert state(ending) == "EXPIRING"
    assert "ymgr: warning: the licence lic-1 of Exämple GmbH ends" in ending("issue", "d.example.com").stderr
    ended = later(box, 61)
    assert state(ended) == "EXPIRED"
    assert ended.json("issue", "e.example.com", exit=5)["code"] == "license-expired"
    next_one = vendor.license(first["installation_id"], "lic-2", days=365, **{"from": day(60)[:10]})
    assert ended.json("license", "install", next_one)["state"] == "VALID"
    history = ended.json("license", "history")["licenses"]
    assert [(item["license_id"], item["kept"], item["installed_by"]) for item in history] == [
        ("lic-1", "kept", ADMIN),
        ("lic-2", "kept", ADMIN),
    ]
    assert "lic-2" in ended("license", "history").stdout and ended.json("audit", "verify")["success"]


def test_everything_but_new_certificates_goes_on(ymgr, box, vendor):
    ymgr("issue", "a.example.com", "--out", "a")
    stopped = next(
        request
        for number in range(1, 40)
        if Ymgr(FAILPOINT, box).armed(f"kill@{number}")("issue", f"n{number}.example.com", exit=None).exit == -9
        for request in ymgr.json("operation", "list")["operations"]
    )["request_id"]
    configure(box, vendor.inline)
    ended = later(box, 65)
    assert ended.json("license", "status")["limited"]
    ended.json("issue", "b.example.com", exit=5)
    assert ended.json("resume", stopped)["success"]
    assert ended.json("renew", "a.example.com")["success"]
    assert ended.json("renew", "--due")["success"]
    assert ended.json("report")["success"]
    assert ended.json("audit", "export", "--out", "trail.jsonl")["success"]
    assert "BEGIN CERTIFICATE" in ended("cert", "export", "a.example.com").stdout
    box.secret("backup.password", "a password for backups")
    ended("backup", "create", "saved", "--password-file", "backup.password")
    restored = ("backup", "restore", "saved", "--password-file", "backup.password")
    ended(*restored, "--home", box.work / "restored", env={"YMGR_HOME": ""})
    assert ended.json("revoke", "a.example.com", "--yes")["success"]
    assert ended.json("reconcile")["success"]


def test_what_ours_succeeds_is_issued_although_the_licence_has_ended(ymgr, box, vendor):
    foreign(box.work, "moving.example.com", days=80)
    ymgr("cert", "track", "moving.example.com.pem", "--renew", "--out", box.work / "ours")
    configure(box, vendor.inline)
    ymgr("license", "install", vendor.license(ymgr.json("license", "id")["installation_id"], "lic-1", days=60))
    (told,) = [one for one in later(box, 10).json("renew", "--due", "--dry-run")["watched"] if one["kind"] == "license"]
    assert (told["name"], told["due"]) == ("lic-1", False)
    ended = later(box, 75)
    assert state(ended) == "EXPIRED" and ended.json("issue", "b.example.com", exit=5)["code"] == "license-expired"
    night = ended.json("renew", "--due", "--renew-before", "10d")
    assert [(item["name"], item["result"]) for item in night["items"]] == [("moving.example.com", "issued")]
    assert (box.work / "ours/cert.pem").exists()
    (told,) = [one for one in night["watched"] if one["kind"] == "license"]
    assert (told["name"], told["due"]) == ("lic-1", True) and "ymgr license install FILE" in told["next_step"]


def test_yubikeys_are_cared_for_but_not_enrolled(desk, vendor, stranger):
    ymgr = desk.ymgr
    configure(desk.box, vendor.inline)
    ymgr("license", "install", vendor.license(ymgr.json("license", "id")["installation_id"], "lic-1"))
    ymgr("enroll", "--device", "1001")
    configure(desk.box, stranger.inline)
    told = ymgr.json("license", "status")
    assert (told["state"], told["limited"]) == ("INVALID", True) and "not signed by the vendor" in told["reason"]
    assert ymgr.json("enroll", "--device", "1001")["result"] == "already_enrolled"
    assert ymgr.json("issue", "alice", "--device", "1001", "--slot", "9a", exit=5)["code"] == "license-invalid"
    ymgr("device", "unblock", "1001")
    ymgr("device", "rotate-secrets", "1001")
    ymgr("device", "reset", "1001", "--confirm", "1001")
    before = desk.keys[0].status()["instructions"].get("47", 0)
    refused = ymgr.json("enroll", "--device", "1001", exit=5)
    assert refused["code"] == "license-invalid" and "license.refused" in desk.events("1001")
    assert desk.keys[0].status()["instructions"].get("47", 0) == before  # no key was made
    configure(desk.box, stranger.inline, vendor.inline)
    assert ymgr.json("enroll", "--device", "1001")["result"] == "enrolled"


def test_what_is_no_licence_for_here_is_refused(ymgr, box, vendor, stranger):
    configure(box, vendor.inline)
    here = ymgr.json("license", "id")["installation_id"]
    good = vendor.license(here, "good", days=30)
    text = good.read_text()
    longer = text.replace(text.split("expires_at: ")[1][:4], "2099", 1)
    cases = {
        "another installation": (vendor.license("inst-20260101000000-7f3a91c04be2", "moved").read_text(), 5, "license-invalid"),
        "another vendor": (stranger.license(here, "foreign").read_text(), 5, "license-invalid"),
        "an edited date": (longer, 5, "license-invalid"),
        "a line twice": (text.replace("customer:", "customer: x\ncustomer:"), 2, "license-unreadable"),
        "ended": (vendor.license(here, "ended", days=1, **{"from": "2025-01-01"}).read_text(), 5, "license-expired"),
        "nothing": ("", 2, "license-unreadable"),
        "too much": (text + "x" * 5000, 2, "license-unreadable"),
    }
    for name, (given, exit, code) in cases.items():
        answer = ymgr.json("license", "install", "-", input=given, exit=exit)
        assert answer["code"] == code and answer["suggestion"], name
    assert ymgr.json("license", "history")["licenses"] == []
    vendor.tool("show", good, f"{vendor.key}.pub")
    assert "has not signed this" in vendor.tool("show", good, f"{stranger.key}.pub", exit=1).stderr


def edit(box, *statements):
    with contextlib.closing(sqlite3.connect(box.profile / "ymgr.db")) as db, db:
        for statement in statements:
            db.execute(statement)


def test_deleting_rows_or_setting_the_clock_back_begins_no_new_trial(ymgr, box, vendor):
    configure(box, vendor.inline)
    here = ymgr.json("license", "id")["installation_id"]
    ymgr("license", "install", vendor.license(here, "lic-1", days=40))
    edit(box, "DELETE FROM secrets WHERE path = 'license'")
    assert ymgr.json("license", "status")["state"] == "INVALID"
    assert [item["kept"] for item in ymgr.json("license", "history")["licenses"]] == ["missing"]
    edit(box, "DELETE FROM settings WHERE name IN ('installation_id', 'license.newest')")
    assert ymgr.json("license", "status")["state"] == "INVALID"
    over = later(box, 31)
    assert over.json("license", "id")["installation_id"] == here
    assert state(over) == "EXPIRED"
    edit(box, "UPDATE settings SET value = 'inst-20990101000000-7f3a91c04be2' WHERE name = 'installation_id'")
    assert state(over) == "INVALID"
    over.json("issue", "a.example.com", exit=5)  # which is recorded
    wrong = box.secret("wrong.password", "not the right one at all")
    for _ in range(2):
        assert ymgr.json("license", "status", exit=4)["code"] == "clock-set-back"
        assert ymgr.login(exit=4)["code"] == "clock-set-back"
        refused = ymgr.json("issue", "a.example.com", env={"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(wrong)}, exit=4)
        assert refused["code"] == "clock-set-back"
        ymgr.json("logout")  # is recorded, but not before what was
    with contextlib.closing(sqlite3.connect(box.profile / "ymgr.db")) as db:
        times = [at for (at,) in db.execute("SELECT at FROM audit_events ORDER BY seq")]
    assert times == sorted(times)


def test_who_may_do_what(ymgr, box, vendor):
    configure(box, vendor.inline)
    given = vendor.license(ymgr.json("license", "id")["installation_id"], "lic-1")
    people = {}
    for role in ("operator", "user", "auditor"):
        password = box.secret(f"{role}.password", "another long password")
        ymgr("user", "add", f"some-{role}", "--role", role, "--password-file", password)
        people[role] = Ymgr(ymgr.program, box, env={"YMGR_USER": f"some-{role}", "YMGR_PASSWORD_FILE": str(password)})
        assert people[role].json("license", "install", given, exit=4)["code"] == "role-denied"
        assert people[role].json("license", "id")["success"]
    ymgr("license", "install", given)
    assert state(people["operator"]) == state(people["user"]) == "VALID"
    assert people["auditor"].json("license", "status", exit=4)["code"] == "role-denied"  # opens nothing in a profile


def test_a_wrong_key_in_the_configuration_stops_nothing_but_what_asks_for_it(ymgr, box):
    ymgr("issue", "a.example.com")
    configure(box, "/nonexistent/acme.pub")
    assert ymgr.json("issue", "b.example.com", exit=3)["code"] == "file-not-found"
    assert ymgr.json("license", "status", exit=3)["code"] == "file-not-found"
    ymgr("renew", "a.example.com", "--force")
    ymgr("license", "id")
    for wrong in ("acme.pub", "ed25519:AAAA"):
        configure(box, wrong)
        assert "ymgr.yaml:1" in ymgr.json("license", "id", exit=2)["error"]


def test_a_licence_says_what_the_vendor_typed_and_no_line_more(vendor):
    sign = ["sign", vendor.key, "--installation", "inst-1"]
    odd = r"a\nb\c \t100% 'x'"
    assert f"\ncustomer: {odd}\n" in vendor.tool(*sign, "--customer", odd).stdout
    for words in (["--customer", "a\nexpires_at: 2099-01-01T00:00:00Z"], ["--customer", "a", "--id", "l\tx"], ["--customer", "a", "--installation", "i\rx"]):
        done = vendor.tool(*sign, *words, exit=1)
        assert done.stdout == "" and "a control character in" in done.stderr
