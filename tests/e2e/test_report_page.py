"""report --weekly and --html: figures that are kept, and the page that shows them, in a real browser."""

import datetime
import os
import pathlib
import re
import sqlite3

import pytest

from chromium import Chromium
from harness import Ymgr

NASTY = '"><script>alert(1)</script>&\'<svg onload=x>\u202e\x07'
SHOTS = pathlib.Path(os.environ.get("YMGR_SHOTS", ""))


@pytest.fixture(scope="module")
def browser():
    with Chromium() as browser:
        yield browser


def change(box, statement, *values):
    with sqlite3.connect(box.profile / "ymgr.db") as database:
        database.execute(statement, values)


def test_the_first_report_of_a_week_is_kept(ymgr, failpoint, box):
    failpoint = Ymgr(failpoint.program, box)
    today = datetime.date.today()
    monday = today + datetime.timedelta(days=14 - today.weekday())
    login = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(box.password_file)}

    def at(days, **env):
        return {**login, "YMGR_TEST_CLOCK": f"{monday + datetime.timedelta(days=days)}T12:00:00Z", **env}

    def weekly(days, *args, **env):
        return failpoint.json("report", "--weekly", *args, env=at(days, **env))

    failpoint("issue", "a.example.com", env=at(0))
    assert weekly(0, "--dry-run")["trend"] == []
    first = weekly(0)
    assert first["recorded"] and [week["week"] for week in first["trend"]] == [str(monday)]
    assert first["trend"][0]["active"] == 1 and first["trend"][0]["policy_compliance_percent"] == 100
    failpoint("issue", "b.example.com", env=at(1))
    again = weekly(6)
    assert not again["recorded"] and again["active"] == 2 and again["trend"] == first["trend"]
    failpoint("user", "add", "aude", "--role", "auditor", "--password-file", box.password_file, env=at(7))
    assert not weekly(7, YMGR_USER="aude")["recorded"]  # who writes nothing
    later = weekly(14)
    weeks = [(week["week"], week["active"]) for week in later["trend"]]
    assert weeks == [(str(monday), 1), (str(monday + datetime.timedelta(days=14)), 2)]
    plain = failpoint.json("report", env=at(14))
    assert "trend" not in plain and "recorded" not in plain


def test_words_that_go_not_together(ymgr):
    assert ymgr.json("report", "--weekly", "--from", "2026-01-01", exit=2)["code"] == "usage"
    assert ymgr.json("report", "--dry-run", exit=2)["code"] == "usage"
    assert ymgr.json("report", "--html", "-", exit=2)["code"] == "usage"
    assert ymgr("report", "--html", "-").stdout.startswith("<!doctype html>")


@pytest.fixture
def page(ymgr, box):
    """An inventory with something of everything, and names as nobody should have them."""
    ymgr("issue", "web-{1..3}.example.com")
    ymgr("issue", "soon.example.com", "--validity", "20d", "--key", "rsa-3072")
    ymgr("issue", "gone.example.com")
    ymgr("revoke", "gone.example.com", "--yes", "--reason", "superseded")
    change(box, "UPDATE certificates SET name = ?, owner = ? WHERE name = 'soon.example.com'", NASTY, NASTY)
    change(box, "UPDATE certificates SET renew_at = 1 WHERE name = 'web-1.example.com'")
    policy = box.profile / "policy.yaml"
    policy.write_text(policy.read_text().replace("v2.3", "v2.4").replace("san_kinds: [dns, ip]", "san_kinds: [ip]"))
    ymgr("report", "--weekly")
    week = 7 * 86_400_000_000
    for back, offending in ((1, 0), (2, 2), (4, 1)):
        change(
            box,
            "INSERT INTO compliance_reports SELECT week - ?, at - ?, 'alice', 'v2.3', 4, 0, 0, 1, 0, ? "
            "FROM compliance_reports WHERE policy_version = 'v2.4'",
            back * week,
            back * week,
            offending,
        )
    answer = ymgr.json("report", "--html", "report.html")
    path = box.work / "report.html"
    assert answer["files"] == ["report.html"] and path.stat().st_mode & 0o777 == 0o644
    return answer, path


def test_the_page_in_a_browser(page, browser, tmp_path):
    answer, path = page
    shots = SHOTS if SHOTS.is_dir() and SHOTS != pathlib.Path() else tmp_path
    browser.open(path)
    browser.colours("light")
    light = browser.screenshot(shots / "light.png")
    browser.colours("dark")
    dark = browser.screenshot(shots / "dark.png")
    assert light["colours"] > 100 and dark["colours"] > 100  # nothing is blank
    assert light["light"] > 0.8 and dark["light"] < 0.25
    assert browser.requests == [path.as_uri()] and browser.complaints == []

    charts = browser.names("image")
    assert [name.split(" ")[0] for name in charts] == ["Expiry", "Certificates", "Active", "Policy"]
    assert all(name.count(".") >= 1 for name in charts)  # title and description
    assert browser.names("table") == [
        "Expiring by month",
        "By status",
        "By key algorithm",
        "Compliance by week",
        "Expiring soon",
        "Against the policy",
        "Revoked",
    ]
    shown = browser.ask("document.body.innerText")
    for figure in ("ec-p256", "rsa-3072", "policy v2.4", "not allowed in profile tls-server"):
        assert figure in shown
    assert browser.ask("document.scripts.length") == 0
    assert browser.ask("document.querySelectorAll('b, i, img, [onload]').length") == 2  # host and policy of the header
    assert NASTY[:30] in shown and "\u202e" not in shown and "\x07" not in shown

    days = browser.ask("[...document.querySelectorAll('.calendar g > title')].map(t => t.textContent)")
    assert sorted(day.split(":")[0] for day in days) == [day["date"] for day in answer["calendar"]]
    assert browser.ask("document.querySelectorAll('.ring .arc').length") == 3  # good, due, revoked
    assert browser.ask("document.querySelectorAll('.trend .point').length") == 4
    lines = browser.ask("[...document.querySelectorAll('.trend .line')].map(l => l.points.length)")
    assert lines == [3]  # a week without a record is a gap

    browser.resize(420)
    assert browser.ask("document.documentElement.scrollWidth") <= 420


def test_the_page_of_an_empty_inventory(ymgr, box, browser):
    ymgr("report", "--html", "report.html")
    browser.open(box.work / "report.html")
    assert browser.complaints == []
    shown = browser.ask("document.body.innerText")
    assert "The history begins here" in shown and "No certificate is active." in shown and "100%" in shown
    assert not re.search("nan|inf|undefined", (box.work / "report.html").read_text())
