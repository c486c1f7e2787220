"""Renewal that nobody watches: timers, what it says and when, its heartbeat, and what it watches."""

import datetime
import json
import shutil
import sqlite3

import pytest

from harness import FAILPOINT, RELEASE, TOP, Box, Ymgr, run
from talk import Talk

UNITS = TOP / "cli/systemd"


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    box = Box(tmp_path_factory.mktemp("scheduled"))
    ymgr = Ymgr(RELEASE, box)
    ymgr.init()
    ymgr.login()
    ymgr("issue", "www.corp.test", "api.corp.test", "--validity", "90d")
    yield box
    box.remove()


@pytest.fixture
def timer(origin, tmp_path):
    """As a timer runs it: it logs in by itself, nobody watches, and the clock can be moved."""
    box = Box(tmp_path)
    box.copy_from(origin)
    env = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}
    yield Ymgr(FAILPOINT, box, env)
    box.remove()


def after(timer, days):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return timer.armed(clock=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize("kind", ["system", "user"])
def test_the_units_are_what_systemd_understands(kind, tmp_path):
    for unit in (UNITS / kind).iterdir():
        text = unit.read_text().replace("/usr/bin/ymgr", str(RELEASE))
        (tmp_path / unit.name).write_text(text)
    names = {f"ymgr-{what}.{part}" for what in ("renew", "report") for part in ("service", "timer")}
    assert {unit.name for unit in tmp_path.iterdir()} == names
    manager = [f"--{kind}"] if kind == "user" else []
    env = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = run(["systemd-analyze", *manager, "--man=no", "verify", *sorted(tmp_path.glob("ymgr-*"))], env=env)
    assert "ymgr-" not in done.stderr, done
    timer = (UNITS / kind / "ymgr-renew.timer").read_text()
    assert "OnCalendar=*-*-* 02:00:00 UTC" in timer and "Persistent=yes" in timer
    assert "OnCalendar=Mon *-*-* 09:00:00 UTC" in (UNITS / kind / "ymgr-report.timer").read_text()
    report = (UNITS / kind / "ymgr-report.service").read_text()
    assert "RestartPreventExitStatus=1 2 3 4 5\n" in report and "StartLimitIntervalSec=6h\nStartLimitBurst=8\n" in report
    assert shutil.which("systemd-analyze")


def test_a_hook_may_become_another_account(tmp_path):
    unit = tmp_path / "ymgr-renew.service"
    unit.write_text((UNITS / "system/ymgr-renew.service").read_text().replace("/usr/bin/ymgr", str(RELEASE)))
    judged = run(["systemd-analyze", "security", "--offline=yes", "--json=short", unit], env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    found = {one["json_field"]: one["set"] for one in json.loads(judged.stdout)}
    assert found["NoNewPrivileges"] is False and found["PrivateTmp"] is True


def test_nothing_to_do_is_nothing_said(timer):
    for words in (["renew", "--due"], ["renew", "--due", "-q"]):
        done = timer(*words)
        assert (done.stdout, done.stderr) == ("", "")
    timer("renew", "--due", "--detailed-exitcode", exit=0)


def test_what_was_renewed_is_said_and_told_by_the_exit_status(timer):
    later = after(timer, 70)
    said = later("renew", "--due", "--detailed-exitcode", exit=20).stdout
    assert "www.corp.test" in said and said.splitlines()[-1].startswith("the first certificate expires in ")
    later("renew", "--due", "--detailed-exitcode", exit=0)


def test_all_of_the_same_name_are_renewed_in_one_run_one_after_the_other(timer):
    for _ in range(2):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    planned = later.json("renew", "--due", "--dry-run")
    assert (planned["due"], planned["elsewhere"], planned["summary"]["planned"]) == (4, 0, 4)
    done = later.json("renew", "--due", "--request-id", "night-70")
    assert (done["due"], done["elsewhere"], done["summary"]["renewed"], done["audit_reference"]) == (4, 0, 4, "night-70"), done
    former = [item["renewed_from"] for item in done["items"]]
    assert sorted(former) == sorted(item["renewed_from"] for item in planned["items"]) and len(set(former)) == 4
    assert later.json("renew", "--due")["due"] == 0
    with sqlite3.connect(timer.box.profile / "ymgr.db") as db:
        assert sorted(db.execute("SELECT item_count FROM operations WHERE kind = 'renew'")) == [(1,), (1,), (2,)]


def test_a_hook_that_fails_is_tried_once_in_a_run_however_many_are_of_one_name(timer):
    hook = timer.box.file("hook", "#!/bin/sh\necho tried >> tried\nexit 1\n")
    hook.chmod(0o700)
    timer("issue", "hooked.corp.test", "--validity", "90d", "--out", "tls", "--deploy-hook", hook)
    for _ in range(2):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    for run in (1, 2):
        told = later.json("renew", "--due", "--request-id", "night", exit=10)
        assert told["hooks"]["failed"] == 1 and (timer.box.work / "tried").read_text() == run * "tried\n", told


def test_of_the_same_name_no_more_are_renewed_than_a_limit_takes(timer):
    for _ in range(2):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    for due in (2, 1, 0):
        assert later.json("renew", "--due", "--select", "name=www.corp.test", "--limit", "2")["due"] == due


def test_behind_one_that_stays_open_no_other_of_its_name_is_begun(timer):
    timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    left = later.armed("error@8").json("renew", "--due", "--select", "name=www.corp.test", exit=None)
    assert (left["due"], left["elsewhere"]) == (1, 1), left
    assert later.json("renew", "--due", "--select", "name=www.corp.test")["summary"] == {"total": 2, "renewed": 2, "failed": 0}


def test_a_key_that_is_lost_keeps_no_other_certificate_from_being_renewed(timer):
    with sqlite3.connect(timer.box.profile / "ymgr.db") as db:
        db.execute("UPDATE certificates SET key_reference = 'sealed:lost' WHERE name = 'www.corp.test'")
    for _ in range(2):
        told = after(timer, 70).json("renew", "--due", exit=None)
        assert [(item["name"], item["code"]) for item in told["items"] if not item["success"]] == [("www.corp.test", "key-not-found")], told
    assert [row["name"] for row in after(timer, 70).json("cert", "list", "--select", "status=superseded")["certificates"]] == ["api.corp.test"]


def test_of_a_name_that_fails_again_and_again_the_rest_is_left(timer):
    for _ in range(5):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    policy = timer.box.profile / "policy.yaml"
    policy.write_text(policy.read_text().replace("version: v", "version: v9", 1).replace("denied: []\n  wild", "denied: [www.corp.test]\n  wild"))
    failed = after(timer, 70).json("renew", "--due", "--select", "name=www.corp.test", exit=None)
    assert (failed["summary"], failed["elsewhere"]) == ({"total": 3, "failed": 3}, 3), failed


def renew_under(ymgr, night, **expected):
    return ymgr.json("renew", "--due", "--request-id", night, **expected)


def certificates_of(told):
    return sorted(item["cert_id"] for item in told["items"])


def test_a_request_id_given_twice_tells_the_same_of_all_of_one_name(timer):
    for _ in range(2):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    for night in ("night-70", "n" * 64):
        told = renew_under(later, night)
        again = renew_under(later, night)
        assert len(certificates_of(told)) == 4 and certificates_of(again) == certificates_of(told), again
        assert (again["summary"], again["audit_reference"]) == (told["summary"], night)
        later = after(timer, 150)


def test_what_a_limit_left_out_stays_left_out_under_the_same_request_id(timer):
    for _ in range(3):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    words = ["renew", "--due", "--select", "name=www.corp.test", "--limit", "2", "--request-id", "few"]
    told = later.json(*words)
    assert told["due"] == 2 and certificates_of(later.json(*words)) == certificates_of(told)


@pytest.mark.parametrize("at", range(4, 68, 8))
def test_a_run_that_was_killed_is_finished_under_its_request_id_with_all_of_one_name(timer, at):
    for _ in range(2):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    killed = later.armed(f"kill@{at}")("renew", "--due", "--request-id", "night-70", exit=None)
    assert killed.exit != 0, "the whole run has fewer points"
    told = renew_under(later, "night-70")
    assert (told["due"], told["elsewhere"], told["summary"]["renewed"]) == (4, 0, 4), told
    assert certificates_of(renew_under(later, "night-70")) == certificates_of(told)
    assert later.json("renew", "--due")["due"] == 0


def test_a_request_id_is_not_taken_for_a_part_of_another_run(timer):
    timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    assert renew_under(later, "night")["due"] == 3
    assert renew_under(later, "night-2", exit=None)["code"] == "request-id-used"


@pytest.mark.parametrize(
    "trigger",
    [
        "BEFORE INSERT ON operations WHEN (SELECT count(*) FROM operations WHERE kind = 'renew') > 0 BEGIN SELECT RAISE(ABORT, 'no'); END",
        "AFTER UPDATE ON operations WHEN NEW.state = 'done' BEGIN UPDATE issuers SET status = 'retired' WHERE kind = 'issuing'; END",
    ],
)
def test_what_keeps_the_others_of_a_name_from_being_renewed_takes_nothing_from_the_answer(timer, trigger):
    for _ in range(2):
        timer("issue", "www.corp.test", "--another", "--validity", "90d")
    later = after(timer, 70)
    with sqlite3.connect(timer.box.profile / "ymgr.db") as db:
        db.execute(f"CREATE TRIGGER in_the_way {trigger}")
    told = later.json("renew", "--due", exit=None)
    assert told["summary"] == {"total": 4, "renewed": 2, "failed": 2}, told
    failed = [item for item in told["items"] if not item["success"]]
    assert {item["name"] for item in failed} == {"www.corp.test"} and len({item["cert_id"] for item in failed}) == 2
    assert told["watched"] and told["next_expiry"] and later.json("renew", "--heartbeat", exit=11)


def test_hours_to_the_first_expiry_stand_in_every_answer(timer):
    assert timer.json("renew", "--due")["next_expiry_hours"] == 90 * 24 - 1
    assert timer.json("renew", "--due", "--dry-run")["next_expiry_hours"] == 90 * 24 - 1
    assert timer.json("renew", "www.corp.test", "--dry-run")["next_expiry_hours"] == 90 * 24 - 1
    assert after(timer, 100).json("renew", "--due", "--dry-run")["next_expiry_hours"] < 0


def test_jitter_is_switched_off_by_zero_and_by_a_threshold(timer):
    due = timer.json("cert", "show", "www.corp.test")["renew_at"]
    moment = datetime.datetime.fromisoformat(due.replace("Z", "+00:00")) + datetime.timedelta(seconds=1)  # due is cut to seconds
    at = timer.armed(clock=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert at.json("renew", "--due", "--dry-run")["items"] == []
    names = {"www.corp.test", "api.corp.test"}
    sure = at.json("renew", "--due", "--dry-run", "--jitter", "0")["items"]
    assert "www.corp.test" in {one["name"] for one in sure} <= names
    hour_on = datetime.datetime.fromisoformat(due.replace("Z", "+00:00")) + datetime.timedelta(hours=1)
    an_hour_on = timer.armed(clock=hour_on.strftime("%Y-%m-%dT%H:%M:%SZ")).json("renew", "--due", "--dry-run")
    assert {one["name"] for one in an_hour_on["items"]} == names
    exact = timer.json("renew", "--due", "--dry-run", "--renew-before", "89d23h59m58s")
    assert {one["name"] for one in exact["items"]} == names
    timer.json("renew", "www.corp.test", "--jitter", "0", exit=2)


def test_whoever_watches_is_told_that_nothing_is_due(timer):
    exit, output = Talk(timer, "renew", "--due").finish()
    assert exit == 0 and "nothing is due; the first certificate expires in " in output, output


def test_whoever_watches_waits_for_no_jitter(timer):
    due = timer.json("cert", "show", "www.corp.test")["renew_at"]
    moment = datetime.datetime.fromisoformat(due.replace("Z", "+00:00")) + datetime.timedelta(seconds=1)
    at = timer.armed(clock=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert at.json("renew", "--due", "--dry-run")["items"] == []
    exit, output = Talk(at, "renew", "--due", "--dry-run").finish()
    assert exit == 0 and "www.corp.test" in output, output


def test_a_timer_that_stopped_is_noticed(timer):
    assert "no scheduled renewal ever ran" in timer("renew", "--heartbeat", exit=11).stdout
    timer("renew", "--due")
    one = timer.json("renew", "--heartbeat")["heartbeats"][0]
    assert one["exit_status"] == 0 and one["stale"] is False and one["actor"] == "alice"
    after(timer, 1).json("renew", "--heartbeat")
    after(timer, 1.2).json("renew", "--heartbeat", exit=11)
    timer.box.file("week.yaml", "renew:\n  heartbeat: 7d\n")
    after(timer, 1.2).json("renew", "--heartbeat", "--scope", "all", "-c", timer.box.work / "week.yaml")
    timer.json("renew", "--heartbeat", "--due", exit=2)


def test_a_run_that_is_yet_to_come_is_no_heartbeat(timer):
    timer("renew", "--due")
    with sqlite3.connect(timer.box.profile / "ymgr.db") as db:
        db.execute("UPDATE heartbeats SET started_at = started_at + 100000000000000, succeeded_at = succeeded_at + 100000000000000")
    told = timer.json("renew", "--heartbeat", exit=11)["heartbeats"][0]
    assert told["succeeded_at"] is None and told["stale"] is True


def test_a_run_that_fails_is_no_heartbeat(timer):
    broken = after(timer, 70)
    policy = timer.box.profile / "policy.yaml"
    policy.write_text(policy.read_text().replace("tls-server:", "tls-other:").replace("version: ", "version: 9"))
    broken("renew", "--due", exit=None)
    told = broken.json("renew", "--heartbeat", exit=11)["heartbeats"][0]
    assert told["succeeded_at"] is None


def test_what_else_ends_is_watched_and_warned_of_in_time(timer):
    watched = {one["kind"]: one for one in timer.json("renew", "--due")["watched"]}
    assert {"root-ca", "issuing-ca", "crl"} <= set(watched) and "session" not in watched
    assert not any(one["due"] for one in watched.values())
    old = after(timer, 4 * 365)
    done = old("renew", "--due", "--json", exit=None)
    assert "issuing-ca" in done.stderr and "ymgr ca rotate" in done.stderr
    assert {one["kind"]: one for one in done.json["watched"]}["issuing-ca"]["due"] is True
