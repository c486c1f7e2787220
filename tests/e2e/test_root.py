"""What only root can set up: small file systems, read-only ones, files of other people."""

import os
import shutil

import pytest

from harness import Ymgr, openssl, run

pytestmark = pytest.mark.needs_root


def on_disk(ymgr, folder):
    """The logged-in profile, moved to `folder`."""
    shutil.copytree(ymgr.box.profile, folder / "profile", symlinks=True)
    return Ymgr(ymgr.program, ymgr.box, {"YMGR_HOME": str(folder / "profile")})


def fill(folder):
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"\0" * 4096)
        except OSError:
            pass


def test_a_full_disk_stops_issue_with_a_hint_and_the_next_run_does_the_work(ymgr, disk):
    folder = disk(8192)
    moved = on_disk(ymgr, folder)
    fill(folder)
    answer = moved.json("issue", "web1.example.com", exit=8)
    assert answer["success"] is False
    assert answer["code"] == "disk-unusable"
    assert answer["retryable"] is True
    (folder / "ballast").unlink()
    moved.json("issue", "web1.example.com")
    moved.json("audit", "verify")


def test_a_full_disk_under_out_leaves_no_half_written_files(ymgr, disk):
    folder = disk(64)
    fill(folder)
    out = folder / "web1"
    answer = ymgr.json("issue", "web1.example.com", "--out", out, exit=8)
    assert answer["code"] == "disk-unusable"
    assert not (out / "current").exists()
    (folder / "ballast").unlink()
    again = ymgr.json("issue", "web1.example.com", "--out", out)
    certificate = openssl("x509", "-in", out / "cert.pem", "-noout", "-pubkey").stdout
    assert certificate == openssl("pkey", "-in", out / "privkey.pem", "-pubout").stdout
    assert again["certificate"] in (out / "cert.pem").read_text()
    ymgr.json("audit", "verify")


def test_a_read_only_disk_is_told_apart_from_a_bug(ymgr, disk):
    folder = disk(8192)
    moved = on_disk(ymgr, folder)
    run(["mount", "-o", "remount,ro", folder])
    answer = moved.json("issue", "web1.example.com", exit=8)
    assert answer["code"] == "disk-unusable"


def test_a_profile_of_somebody_else_is_refused(ymgr):
    os.chown(ymgr.box.profile, 65534, 65534)
    answer = ymgr.json("issue", "web1.example.com", exit=2)
    assert answer["code"] == "profile-unsafe"
    assert str(ymgr.box.profile) in answer["error"]


def test_a_group_may_read_the_key_when_asked(ymgr):
    ymgr.json("issue", "web1.example.com", "--out", "web1", "--file-group", "www-data")
    key = (ymgr.box.work / "web1/privkey.pem").resolve().stat()
    group = run(["getent", "group", "www-data"]).stdout.split(":")[2]
    assert (key.st_mode & 0o777, key.st_gid) == (0o640, int(group))
