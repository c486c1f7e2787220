"""Certificates from elsewhere: watched wherever they are, never taken for ours, replaced by ours where somebody says so."""

import datetime
import json
import os
import socket
import subprocess

import pytest
from harness import FAILPOINT, RELEASE, Ymgr, free_port, listening, openssl, wait_for
from test_approval import want_approval


def foreign(folder, name, days=90):
    """Another CA's certificate, with its key."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:www.{name}"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days]
    openssl("req", "-x509", *kind, *names, "-keyout", key, "-out", certificate)
    return certificate


@pytest.fixture
def ymgr(box):
    return Ymgr(RELEASE, box)


@pytest.fixture
def server(box):
    """A TLS server that shows one certificate to whoever names it, and another one to all others."""
    port = free_port()
    plain, named = foreign(box.work, "plain.test"), foreign(box.work, "named.test")
    words = ["-cert", plain, "-key", plain.with_suffix(".key"), "-servername", "localhost", "-cert2", named]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *words, "-key2", named.with_suffix(".key"), "-quiet"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: listening(port), "s_server")
    yield port
    process.kill()
    process.wait()


def results(answer):
    return {item["name"]: item["result"] for item in answer["items"] if "name" in item}


def test_files_and_folders_are_tracked_and_say_what_changed(ymgr, box):
    tls = box.work / "tls"
    (tls / "below").mkdir(parents=True)
    foreign(tls, "a.test"), foreign(tls / "below", "b.test")
    (tls / "notes.pem").write_text("no certificate at all")
    (tls / "round").symlink_to(tls)
    assert results(ymgr.json("cert", "track", "tls")) == {"a.test": "tracked"}
    assert results(ymgr.json("cert", "track", "tls", "--recursive")) == {"a.test": "unchanged", "b.test": "tracked"}
    foreign(tls, "a.test", days=50)
    assert ymgr.json("cert", "track", "tls/a.test.pem")["summary"] == {"total": 1, "changed": 1}
    listed = ymgr.json("cert", "list", "--select", "status=tracked")["certificates"]
    assert [one["name"] for one in listed] == ["a.test", "b.test"] and {one["status"] for one in listed} == {"tracked"}
    assert ymgr.json("cert", "list")["certificates"] == []
    only = ymgr.json("cert", "list", "--select", "status=tracked,name=b*")["certificates"]
    assert [one["name"] for one in only] == ["b.test"]
    assert "no-such.pem" in ymgr.json("cert", "track", "no-such.pem", exit=3)["items"][0]["source"]
    ymgr.json("cert", "track", "tls/notes.pem", exit=None)
    assert ymgr.json("cert", "track", "tls", "--dry-run")["items"][0]["result"] == "planned"


def test_a_server_shows_its_certificate_by_name_and_in_time(ymgr, server):
    assert results(ymgr.json("cert", "track", f"127.0.0.1:{server}")) == {"plain.test": "tracked"}
    assert results(ymgr.json("cert", "track", f"localhost:{server}")) == {"named.test": "tracked"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        failed = ymgr.json("cert", "track", place, "--timeout", "1s", exit=1)["items"][0]
        assert failed["success"] is False and place in failed["error"]
    ymgr.json("cert", "track", f"127.0.0.1:{free_port()}", exit=1)


def test_a_list_of_places_and_what_is_ours(ymgr, box):
    ymgr("issue", "own.corp.test", "--out", box.work / "own")
    foreign(box.work, "one.test")
    batch = box.file("places", f"# what we have\none.test.pem\n\n{box.work}/own/cert.pem\n")
    assert results(ymgr.json("cert", "track", "--batch", batch)) == {"one.test": "tracked", "own.corp.test": "ours"}
    assert len(ymgr.json("cert", "list", "--select", "status=tracked")["certificates"]) == 1
    assert ymgr.json("cert", "track", "--from-ca", exit=2)["code"] == "usage"
    ymgr.json("cert", "track", exit=2)


def test_what_is_tracked_alerts_and_is_never_touched(ymgr, box):
    foreign(box.work, "short.test", days=5)
    ymgr("cert", "track", "short.test.pem")
    in_four_days = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    env = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    later = Ymgr(FAILPOINT, box, env).armed(clock=in_four_days)
    due = later.json("renew", "--due")
    assert due["next_expiry_hours"] in (23, 24) and due["waiting"] == 1 and due["items"] == []
    assert due["waits"][0]["name"] == "short.test" and due["waits"][0]["needs"] == "elsewhere"
    assert later.json("report")["tracked"] == 1 and later.json("report")["active"] == 0
    assert "from elsewhere" in later("report").stdout
    later.json("revoke", "short.test", "--yes", exit=3)
    assert "only watched" in later.json("renew", "short.test", exit=3)["error"]
    (watch,) = later.json("doctor", "--check", "watched", exit=11)["checks"]
    assert watch["state"] == "warning" and "short.test" in watch["finding"]
    later.json("reconcile")
    later.json("audit", "verify")


def test_our_ca_follows_when_it_is_asked_to(ymgr, box):
    foreign(box.work, "moving.corp.test", days=5)
    ymgr.json("cert", "track", "moving.corp.test.pem", "--renew", exit=2)
    ymgr("cert", "track", "moving.corp.test.pem", "--renew", "--out", box.work / "ours")
    assert ymgr.json("renew", "--due")["items"] == []
    assert [one["state"] for one in ymgr.json("doctor", "--check", "installations")["checks"]] == ["ok"]
    assert ymgr.json("renew", "--due", "--renew-before", "10d", "--dry-run")["items"][0]["result"] == "planned"
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=4)
    env = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    there = Ymgr(FAILPOINT, box, env).armed(clock=later.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert there.json("renew", "--due", "--dry-run")["items"][0]["result"] == "planned"
    assert there.json("renew", "--due")["items"][0]["result"] == "issued"
    names = openssl("x509", "-in", box.work / "ours/cert.pem", "-noout", "-ext", "subjectAltName").stdout
    assert "DNS:moving.corp.test" in names and "DNS:www.moving.corp.test" in names
    again = there.json("renew", "--due")
    assert again["items"] == [] and again["waiting"] == 0
    assert there.json("cert", "list", "--select", "status=tracked")["certificates"] == []


def at_night(box, days):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    env = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    return Ymgr(FAILPOINT, box, env).armed(clock=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_a_look_at_the_same_place_keeps_what_was_wished_for_it(ymgr, box):
    tls = box.work / "tls"
    tls.mkdir()
    foreign(tls, "moving.corp.test", days=5)
    ymgr("user", "add", "bob", "--role", "user", "--password-file", box.secret("bob.password", "another good password"))
    ymgr("cert", "track", "tls/moving.corp.test.pem", "--renew", "--out", box.work / "ours", "--owner", "bob")
    (again,) = ymgr.json("cert", "track", "tls", "--recursive")["items"]
    assert (again["result"], again["owner"], again["installation"]) == ("unchanged", "bob", "moving.corp.test")
    there = at_night(box, 4)
    assert there.json("renew", "--due")["items"][0]["result"] == "issued"
    (replaced,) = there.json("cert", "track", "tls")["items"]
    assert (replaced["result"], replaced["status"]) == ("unchanged", "replaced")
    assert there.json("cert", "list", "--select", "status=tracked")["certificates"] == []
    foreign(tls, "moving.corp.test", days=50)
    assert there.json("cert", "track", "tls")["items"][0]["status"] == "tracked"
    there("cert", "untrack", "moving.corp.test")
    (anew,) = there.json("cert", "track", "tls")["items"]
    assert (anew["result"], anew["owner"], anew["installation"]) == ("changed", "alice", None)


def test_what_waits_for_approval_has_replaced_nothing(ymgr, box):
    want_approval(ymgr, "admin")
    foreign(box.work, "moving.corp.test", days=5)
    ymgr("cert", "track", "moving.corp.test.pem", "--renew", "--out", box.work / "ours")
    there = at_night(box, 4)
    for _ in range(2):
        assert there.json("renew", "--due")["items"][0]["state"] == "waiting_approval"
        (watched,) = there.json("cert", "list", "--select", "status=tracked")["certificates"]
        assert watched["name"] == "moving.corp.test"


def test_what_is_ours_gets_no_place_for_a_successor(ymgr, box):
    ymgr("issue", "own.corp.test")
    ymgr("cert", "export", "own.corp.test", "--out", "own.pem")
    (own,) = ymgr.json("cert", "track", "own.pem", "--renew", "--out", box.work / "ours")["items"]
    assert (own["result"], own["installation"]) == ("ours", None)
    assert not list((box.profile / "install.d").glob("*"))


def test_untrack_ends_the_watch_and_nothing_else(ymgr, box):
    certificate = foreign(box.work, "gone.test")
    ymgr("cert", "track", certificate)
    planned = ymgr("cert", "untrack", "gone.test", "--dry-run", "--detailed-exitcode")
    assert "gone.test" in planned.stdout and "would be watched no longer" in planned.stdout
    assert ymgr.json("cert", "untrack", "gone.test", "--dry-run")["status"] == "tracked"
    assert ymgr.json("cert", "untrack", f"file:{certificate}")["status"] == "untracked"
    assert ymgr.json("cert", "untrack", "gone.test", exit=3)["code"] == "certificate-not-found"
    assert certificate.exists()
    assert results(ymgr.json("cert", "track", certificate)) == {"gone.test": "changed"}
    events = [json.loads(line) for line in ymgr("audit", "list", "-o", "jsonl").stdout.splitlines()]
    assert {"cert.tracked", "cert.untracked"} <= {event["event"] for event in events}


def test_what_can_t_be_looked_at_says_what_to_do(ymgr, box):
    foreign(box.work, "a.test")
    failed = ymgr("cert", "track", "a.test.pem", "nowhere.pem", exit=None)
    assert failed.exit != 0 and failed.stderr.count("hint: ") == 1, failed
    assert "hint: " not in ymgr("cert", "track", "a.test.pem", "nowhere.pem", "--json", exit=None).stderr


def test_what_is_no_file_is_not_waited_for(ymgr, box):
    os.mkfifo(box.work / "pipe.pem")
    for place in ("pipe.pem", "/dev/zero"):
        failed = ymgr.json("cert", "track", place, exit=None)["items"][0]
        assert failed["code"] == "file-unsafe" and "not a regular file" in failed["error"]
    (box.work / "large.pem").write_bytes(bytes(2 * 1024 * 1024))
    assert ymgr.json("cert", "track", "large.pem", exit=None)["items"][0]["error"].startswith(f"{box.work}/large.pem is larger")


def test_a_list_that_is_too_long_is_refused_before_anybody_is_asked(ymgr, box):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.1)
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        batch = box.file("places", f"{place}\n" + "x.pem\n" * 10_000)
        assert ymgr.json("cert", "track", "--batch", batch, "--timeout", "2s", exit=2)["code"] == "batch-invalid"
        with pytest.raises(TimeoutError):
            silent.accept()


def test_a_signal_ends_a_list_at_once(ymgr, box):
    """Nobody answers; the second one is not asked any more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        batch = box.file("places", f"{place}\n" * 20)
        words = [ymgr.program, "cert", "track", "--batch", batch, "--timeout", "30s"]
        process = subprocess.Popen(words, env=ymgr.env, cwd=box.work, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        silent.settimeout(20)
        connection, _ = silent.accept()
        process.terminate()
        assert process.wait(timeout=15) == 143
        connection.close()
    assert ymgr.json("cert", "list", "--select", "status=tracked")["certificates"] == []
