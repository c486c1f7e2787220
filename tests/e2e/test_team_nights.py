"""Nights without anybody, before a team's real servers: the timer's command each night, PostgreSQL away for two of them, and a hook that
fails for a while. The clock is the program's own, moved on; the servers stay in the present."""

import collections
import datetime
import json

import pytest
from harness import FAILPOINT, Ymgr, openssl
from team import Team, count, signed

NIGHTS = range(1, 16)
STEP = datetime.timedelta(days=10)
AWAY = (5, 6)
HOOK_FAILS = range(5, 9)
LIVES = {"web-1": "60d", "web-2": "45d", "web-3": "40d", "web-4": "75d", "late": "60d"}
LATE = "late.corp.test"  # the one with a hook
BEGIN = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
HOUR = 3600 * 10**6


def at(night):
    return BEGIN + night * STEP


def micros(night):
    return int(at(night).timestamp() * 1e6)


class Unattended:
    """A host of a renewer's: a program that notices are handed to, a hook, and a clock."""

    def __init__(self, team):
        ymgr = team.person_box("ren")
        self.box = ymgr.box
        self.told, self.broken = self.box.root / "told.jsonl", self.box.root / "hook-is-broken"
        teller = self.box.file("tell", f"#!/bin/sh\ntr -d '\\n' >>{self.told}\necho >>{self.told}\n")
        self.hook = self.box.file("hook", f"#!/bin/sh\n[ ! -e {self.broken} ]\n")
        for script in teller, self.hook:
            script.chmod(0o700)
        config = self.box.file("host.yaml", f"{team.config.read_text()}notify: {{exec: {{command: [{teller}]}}}}\n")
        self.ymgr = Ymgr(FAILPOINT, self.box, {**ymgr.env, "YMGR_CONFIG": str(config), "YMGR_USER": "ren"})

    def issue_all(self):
        for name, life in LIVES.items():
            hook = ["--deploy-hook", self.hook] if name in LATE else []
            self.ymgr("issue", f"{name}.corp.test", "--validity", life, "--out", self.box.work / name, *hook)

    def night(self, number):
        clock = at(number).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self.ymgr("renew", "--due", "--json", env={"YMGR_TEST_CLOCK": clock}, exit=None)

    def notices(self):
        return [notice for line in self.told.read_text().splitlines() for notice in json.loads(line)["notices"]]

    def installed(self, name):
        return openssl("x509", "-in", self.box.work / name / "cert.pem", "-noout", "-serial").stdout.strip().split("=")[1]


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("nights"), serials={}) as team:
        team.person_box("ada")("login", "--user", "ada")
        yield team


def nights(team, host):
    """Runs them all. @return exit status and what was renewed, by night"""
    exits, renewed = {}, {}
    for night in NIGHTS:
        if night == AWAY[0]:
            team.pg.crash()
        if night == AWAY[-1] + 1:
            team.pg.serve()
        if night == HOOK_FAILS.start:
            host.broken.touch()
        if night == HOOK_FAILS.stop:
            host.broken.unlink()
        done = host.night(night)
        assert ("does not answer" in done.stderr) is (night in AWAY), done
        exits[night] = done.exit
        renewed[night] = sorted(item["name"] for item in done.json["items"] if item["result"] == "renewed")
        assert len(done.json["items"]) == len(renewed[night]), done
    return exits, renewed


def lineages(team):
    """By name, each certificate in order."""
    query = "SELECT name, cert_id, COALESCE(renewed_from, ''), status, issued_at, renew_at, expires_at, serial_number FROM ymgr.certificates ORDER BY issued_at"
    found = collections.defaultdict(list)
    for line in team.pg.sql(query).splitlines():
        name, cert_id, before, status, *times, serial = line.split("|")
        found[name].append((cert_id, before, status, *map(int, times), serial.replace(":", "")))
    return found


def check_lineage(name, certificates, renewed, host):
    """Each is renewed once, in the first night after it was due (by up to an hour), whoever was away."""
    assert [status for _, _, status, *_ in certificates] == ["superseded"] * (len(certificates) - 1) + ["active"], name
    for (cert_id, _, _, _, due, expires, _), (_, before, _, issued, *_) in zip(certificates, certificates[1:]):
        night = next(night for night in NIGHTS if abs(micros(night) - issued) < HOUR)
        assert before == cert_id and due <= issued < expires and micros(night - 1) < due + HOUR, (name, night)
        assert name in renewed[night], (name, night)
    assert sum(name in names for names in renewed.values()) == len(certificates) - 1 >= 2
    *_, expires, serial = certificates[-1]
    assert expires > micros(NIGHTS[-1]) and host.installed(name.split(".")[0]) == serial, name


def check_notices(team, host):
    notices = host.notices()
    assert len({notice["id"] for notice in notices}) == len(notices) == count(team, "notifications WHERE state = 'sent' AND attempts = 1")
    assert count(team, "notifications WHERE state <> 'sent'") == 0
    kinds = [(notice["kind"], notice["name"], notice["code"]) for notice in notices if notice["kind"] != "expiry"]
    assert kinds == [("failure", LATE, "hook-failed"), ("recovery", LATE, "hook-failed")]
    assert {notice["name"] for notice in notices if notice["kind"] == "expiry"} == {"crl ymgr"}, "Vault's own clock makes its list"


def test_each_certificate_is_renewed_once_a_period_and_nothing_is_lost(team):
    host = Unattended(team)
    host.issue_all()
    made = signed(team)
    exits, renewed = nights(team, host)
    assert exits == {night: 10 if night in HOOK_FAILS else 0 for night in NIGHTS}
    assert all(renewed[night] for night in AWAY), "nothing was due while the database was away"
    found = lineages(team)
    assert sorted(found) == sorted(f"{name}.corp.test" for name in LIVES)
    for name, certificates in found.items():
        check_lineage(name, certificates, renewed, host)
    assert signed(team) - made == sum(map(len, renewed.values())) == count(team, "certificates") - len(LIVES)
    assert count(team, "audit_events WHERE event = 'issued'") == count(team, "certificates")
    assert count(team, "audit_events WHERE event = 'stand_in.delivered'") == 1
    assert count(team, "operations WHERE state IN ('open', 'waiting')") == 0
    check_notices(team, host)
    ada = team.person_box("ada")
    ada.json("audit", "verify")
    found = ada.json("reconcile", exit=None)["items"]
    assert {one["kind"] for one in found} == {"installation_missing"}, "nothing but what her profile lacks on the same host"
