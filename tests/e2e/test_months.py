"""Months without anybody: 400 daily runs of the timer's command over 50 certificates, with a CA that is out of order for three days, a
database for two, a fortnight without runs, and a hook that fails for months. The clock is the program's own, moved forward."""

import collections
import datetime
import json
import sqlite3

from harness import FAILPOINT, PASSWORD, Ymgr
from invariants import check_rows, rows

BEGIN = datetime.datetime(2027, 1, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
DAYS = 400
CA_AWAY = range(101, 104)
DATABASE_AWAY = range(160, 162)
MISSED = range(220, 234)
HOOK_FAILS = range(0, 300)
LIVES = {"web-{}.example.com": ("90d", 20), "api-{}.example.com": ("45d", 15), "job-{}.example.com": ("30d", 14)}
FAILING = "late.example.com"


def clock(day):
    return (BEGIN + day * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


class Unattended:
    """The host: a timer's account with its password, a program that notices are handed to, a hook."""

    def __init__(self, box):
        self.box = box
        self.told = box.root / "told.jsonl"
        self.hook_is_broken = box.root / "hook-is-broken"
        teller = box.file("tell", f"#!/bin/sh\ntr -d '\\n' >>{self.told}\necho >>{self.told}\n")
        hook = box.file("hook", f"#!/bin/sh\n[ ! -e {self.hook_is_broken} ]\n")
        for script in teller, hook:
            script.chmod(0o700)
        self.hook = hook
        config = box.file("ymgr.yaml", f"notify:\n  exec:\n    command: [{teller}]\n")
        password = box.secret("renewer.password", PASSWORD)
        self.admin = Ymgr(FAILPOINT, box, {"YMGR_TEST_CLOCK": clock(0), "YMGR_CONFIG": str(config)})
        self.admin("login", "--user", "alice", "--password-file", box.password_file)
        self.admin("user", "add", "renewer", "--role", "operator", "--password-file", password)
        env = {"YMGR_USER": "renewer", "YMGR_PASSWORD_FILE": str(password), "YMGR_CONFIG": str(config)}
        env["XDG_RUNTIME_DIR"] = str(box.root / "nobody-is-logged-in")
        self.timer = Ymgr(FAILPOINT, box, env)

    def issue_all(self):
        for names, (life, count) in LIVES.items():
            self.admin("issue", names.format("{1..%d}" % count), "--validity", life)
        out = self.box.root / "late"
        self.admin("issue", FAILING, "--validity", "60d", "--out", out, "--deploy-hook", self.hook)

    def night(self, day, *words, exit=None):
        return self.timer("renew", "--due", "--json", *words, env={"YMGR_TEST_CLOCK": clock(day)}, exit=exit)

    def notices(self):
        lines = self.told.read_text().splitlines() if self.told.exists() else []
        return [notice for line in lines for notice in json.loads(line)["notices"]]


def ca_key(box, away):
    """The issuing key can't be found any more, or is back."""
    with sqlite3.connect(box.profile / "ymgr.db", isolation_level=None) as db:
        suffix = "-away"
        value = f"key_path || '{suffix}'" if away else f"replace(key_path, '{suffix}', '')"
        db.execute(f"UPDATE issuers SET key_path = {value} WHERE kind = 'issuing'")


def nights(host):
    """Runs them all; the exit status of each night."""
    exits = {}
    for day in range(1, DAYS + 1):
        if day in MISSED:
            continue
        if day == HOOK_FAILS.stop:
            host.hook_is_broken.unlink()
        if day in (CA_AWAY.start, CA_AWAY.stop):
            ca_key(host.box, day in CA_AWAY)
        if day in DATABASE_AWAY:
            with sqlite3.connect(host.box.profile / "ymgr.db", isolation_level=None) as lock:
                lock.execute("BEGIN EXCLUSIVE")
                exits[day] = host.night(day, "--timeout", "1s").exit
                lock.execute("ROLLBACK")
            lock.close()
        else:
            exits[day] = host.night(day).exit
    return exits


def seconds(day):
    return int((BEGIN + day * DAY).timestamp() * 1e6)


def lineages(box):
    """By name: (issued, renew_at, expires) of each certificate in order, microseconds."""
    found = collections.defaultdict(list)
    for name, *times in rows(box, "SELECT name, issued_at, renew_at, expires_at FROM certificates ORDER BY issued_at"):
        found[name].append(times)
    return found


def check_renewals(box):
    hour = 3600 * 10**6
    for name, certificates in lineages(box).items():
        assert certificates[-1][2] > seconds(DAYS), f"{name} has expired in the end"
        for (_, renew_at, _), (issued, _, _) in zip(certificates, certificates[1:]):
            assert issued >= renew_at, f"{name} was renewed before its time"
            missed = max((r.stop for r in (CA_AWAY, DATABASE_AWAY, MISSED) if seconds(r.start) - 26 * hour <= renew_at <= seconds(r.stop)), default=0)
            latest = max(renew_at + 26 * hour, seconds(missed) + hour)
            assert issued <= latest, f"{name} was renewed late"


def windows_passed(box, nights):
    """(certificate, window) for each certificate that was due and not renewed when a night's run had ended."""
    hour = 3600 * 10**6
    passed = set()
    for cert_id, renew_at, expires in rows(box, "SELECT cert_id, renew_at, expires_at FROM certificates"):
        ((successor,),) = rows(box, "SELECT min(issued_at) FROM certificates WHERE renewed_from = ?", cert_id)
        for at in map(seconds, nights):
            if renew_at <= at and (successor or at + 2 * hour) > at + hour:
                passed.add((cert_id, next((w for w in (0, 1, 7, 14, 30) if expires - at <= w * 24 * hour), None)))
    return {(cert_id, window) for cert_id, window in passed if window is not None}


def check_windows(host, nights):
    told = [(one["cert_id"] or one["name"], one["window_days"]) for one in host.notices() if one["kind"] == "expiry"]
    assert len(told) == len(set(told)), "something was told of twice in one window"
    others = {(what, window) for what, window in told if not what.startswith("cert-")}
    assert set(told) - others == windows_passed(host.box, nights) != set()
    assert [window for what, window in told if what.startswith("crl ")] == [30, 14, 7, 1, 0], "the root's waits for a person"


def check_notices(host):
    notices = host.notices()
    ids = [notice["id"] for notice in notices]
    assert len(ids) == len(set(ids)), "a notice was sent twice"
    told = {(notice["name"], notice.get("cert_id")) for notice in notices if notice["kind"] == "expiry"}
    for cert_id, name, expires in rows(host.box, "SELECT cert_id, name, expires_at FROM certificates"):
        (successor,) = rows(host.box, "SELECT min(issued_at) FROM certificates WHERE renewed_from = ?", cert_id)
        end = successor[0] or seconds(DAYS)
        if expires < end:
            assert (name, cert_id) in told, f"{name} expired unnoticed"
    failures = [notice for notice in notices if notice["kind"] == "failure" and notice["name"] == FAILING]
    recoveries = [notice for notice in notices if notice["kind"] == "recovery" and notice["name"] == FAILING]
    assert len(failures) == len(recoveries) == 1


def test_nothing_expires_unnoticed(box):
    host = Unattended(box)
    host.hook_is_broken.touch()
    host.issue_all()
    assert len(rows(box, "SELECT name FROM certificates")) == 50
    exits = nights(host)
    assert {exits[day] for day in DATABASE_AWAY} == {8}
    assert 0 not in {exits[day] for day in CA_AWAY}
    first_renewal = next(day for day in sorted(exits) if exits[day] == 10)
    after = [exits[day] for day in exits if day > HOOK_FAILS.stop]
    assert set(after) == {0}, "something is still wrong after everything was mended"
    assert {exits[day] for day in exits if first_renewal < day < HOOK_FAILS.stop and day not in (*CA_AWAY, *DATABASE_AWAY)} == {10}
    check_renewals(box)
    check_notices(host)
    check_windows(host, [day for day in exits if day not in DATABASE_AWAY])
    check_rows(box)
    host.admin("audit", "verify", env={"YMGR_TEST_CLOCK": clock(DAYS), "YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)})
