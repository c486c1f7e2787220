"""`ymgr db`, for a profile on one machine; tests/e2e/test_team_people.py has the team's."""

import sqlite3


def test_the_schema_of_a_profile_is_told_and_nothing_is_pending(ymgr, box):
    before = (box.profile / "ymgr.db").read_bytes()
    status = ymgr.json("db", "status")
    assert (status["database"], status["usable"], status["pending"], status["missing"]) == ("sqlite", True, [], [])
    assert status["version"] == status["known_version"] >= status["min_client"]
    assert (box.profile / "ymgr.db").read_bytes() == before
    assert ymgr.json("db", "upgrade")["applied"] == []
    assert ymgr.json("db", "upgrade", "--database-user", "x", exit=2)["code"] == "usage"


def test_a_newer_schema_is_served_as_long_as_it_says_so(ymgr, box):
    known = ymgr.json("db", "status")["known_version"]
    with sqlite3.connect(box.profile / "ymgr.db") as db:
        db.execute("ALTER TABLE devices ADD COLUMN later TEXT")
        db.execute("INSERT INTO schema_migrations VALUES (?, 'later', '', ?, 0)", (known + 1, known))
    assert ymgr.json("issue", "web1.example.com")["success"] is True
    assert ymgr.json("db", "status")["version"] == known + 1
    with sqlite3.connect(box.profile / "ymgr.db") as db:
        db.execute("UPDATE schema_migrations SET min_client = number WHERE number = ?", (known + 1,))
    assert ymgr.json("whoami", exit=2)["code"] == "database-newer"
    status = ymgr.json("db", "status")
    assert (status["usable"], status["min_client"]) == (False, known + 1)
