"""An embedded profile moves to a team, on real servers: whole, once, and after any interruption."""

import csv
import datetime
import hashlib
import io
import json
import sqlite3

import pytest

from desk import Desk, enrolled, reveal
from harness import FAILPOINT, RELEASE, Box, Ymgr, run
from team import Team
from vendor import Vendor

KILLED = -9
SAME = {  # tables that arrive as they were, and what is not compared in them
    "certificates": [],
    "certificate_labels": [],
    "ca_issued": [],
    "ca_revocations": [],
    "denied_keys": [],
    "devices": [],
    "operations": [],
    "operation_items": ["data"],
    "issuers": ["status", "csr"],
}
SET_UP = "SET ROLE ymgr_owner; SET search_path = ymgr;"


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        team.pg.sql("ALTER ROLE installer PASSWORD 'installer'", database="postgres")
        yield team


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A profile with a past: lineage, a compromised key, labels, another person, a YubiKey."""
    box = Box(tmp_path_factory.mktemp("origin"))
    ymgr = Ymgr(RELEASE, box)
    ymgr.init("--demo")
    with Desk(box, "5.7.4") as desk:
        enrolled(desk)
        box.pin = reveal(desk, "pin")
    ymgr("user", "add", "bob", "--role", "operator", "--password-file", box.password_file)
    ymgr("issue", "www.corp.test", "--label", "team=web", "--label", "tier=front")
    ymgr("issue", "db.corp.test", "--out", "db")
    ymgr("issue", "old.corp.test", "mail.corp.test")
    ymgr("renew", "www.corp.test", "--force")
    ymgr("revoke", "old.corp.test", "--reason", "keyCompromise", "--yes")
    yield box
    box.remove()


class Move:
    """A fresh database and Vault, and a copy of the profile that is to go there."""

    def __init__(self, team, origin, box):
        self.team, self.pg, self.box = team, team.pg, box
        box.copy_from(origin)
        self.ymgr = Ymgr(RELEASE, box)
        self.pin = origin.pin
        team.pg.sql("DROP DATABASE ymgr WITH (FORCE)", database="postgres")
        team.pg.sql("CREATE DATABASE ymgr OWNER installer", database="postgres")
        team.install_schema()
        team.pg.sql("INSERT INTO ymgr.users VALUES ('alice', 'operator', 'active', '', '', '', '', '', NULL, 0, NULL, 1, 'x', NULL)")
        team.pg.sql("INSERT INTO ymgr.database_roles VALUES ('u-alice', 'alice')")
        for name in ("pin", "secrets"):
            team.bao.api("DELETE", f"yubikeys/metadata/1001/{name}")
        config = box.root / "config/ymgr/ymgr.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(
            f"contexts:\n  team:\n    vault: {{address: '{team.bao.address}', ca_file: {team.bao.ca_file}}}\n"
            f"    database: {{host: {team.pg.env['PGHOST']}, port: {team.pg.env['PGPORT']}, name: ymgr}}\n"
        )
        installer = ["--database-user", "installer", "--database-password-file", box.secret("installer", "installer")]
        self.words = ["migrate", "--to", "team", *installer, "--vault-token-file", box.secret("token", team.bao.root_token)]

    def __call__(self, *words, **how):
        return self.ymgr.json(*self.words, "--yes", *words, **how)

    def armed(self, failpoint):
        return Ymgr(FAILPOINT, self.box, {**self.ymgr.env, "YMGR_FAILPOINT": failpoint})(*self.words, "--yes", exit=None).exit

    def here(self, text, *values):
        """Rows of the profile, every value as text and NULL as ''."""
        database = sqlite3.connect(self.box.profile / "ymgr.db")
        database.row_factory = sqlite3.Row
        rows = [{name: "" if row[name] is None else str(row[name]) for name in row.keys()} for row in database.execute(text, values)]
        database.close()
        return rows

    def there(self, text):
        """The same of the team."""
        return list(csv.DictReader(io.StringIO(self.pg.psql("--csv", "-P", "tuples_only=off", "-c", text), newline="")))

    def change_here(self, text, *values):
        database = sqlite3.connect(self.box.profile / "ymgr.db")
        with database:
            database.execute(text, values)
        database.close()

    def count(self, table):
        return int(self.pg.sql(f"SELECT count(*) FROM ymgr.{table}"))


@pytest.fixture
def move(team, origin, tmp_path):
    box = Box(tmp_path)
    yield Move(team, origin, box)
    box.remove()


def sorted_rows(rows, without):
    return sorted(tuple(sorted((name, value) for name, value in row.items() if name not in without)) for row in rows)


def chain_of(rows):
    """The hash of each row, as the documentation of the trail says."""
    hash = "0" * 64
    for row in rows:
        texts = "".join(f"|{len(row[name])}:{row[name]}" for name in ("actor", "request_id", "event", "target", "data"))
        hash = hashlib.sha256(f"{hash}|{row['seq']}|{row['at']}{texts}".encode()).hexdigest()
        yield hash


def assert_moved(move):
    """What the servers have is what the profile has, by other means than ymgr's own."""
    for table, without in SAME.items():
        here, there = move.here(f"SELECT * FROM {table}"), move.there(f"SELECT * FROM ymgr.{table}")
        assert sorted_rows(here, without) == sorted_rows(there, without), table
    assert {row["status"] for row in move.there("SELECT status FROM ymgr.issuers")} == {"retired"}
    status, pin = move.team.member("operator").vault("GET", "yubikeys/data/1001/pin")
    assert (status, pin["data"]["data"]["pin"], pin["data"]["metadata"]["version"]) == (200, move.pin, 1)
    people = move.there("SELECT name, role, password_verifier, box_private, data_key_box FROM ymgr.users ORDER BY name")
    assert [(row["name"], row["role"]) for row in people] == [("alice", "operator"), ("bob", "operator")]
    assert {row["password_verifier"] + row["box_private"] + row["data_key_box"] for row in people} == {""}
    assert move.count("secrets") == move.count("user_sessions") == 0
    assert "key_box" not in json.dumps(move.there("SELECT data FROM ymgr.operation_items"))


def assert_trail_moved(move):
    here = move.here("SELECT * FROM audit_events WHERE event <> 'profile.migrated' ORDER BY seq")
    there = move.there("SELECT * FROM ymgr.audit_events ORDER BY seq")
    assert there[: len(here)] == here
    assert [row["hash"] for row in there] == list(chain_of(there))
    last = there[len(here) :]
    assert [(row["event"], row["actor"]) for row in last] == [("profile.migrated", "role:installer")]
    assert move.there("SELECT seq, hash FROM ymgr.audit_head") == [{"seq": last[0]["seq"], "hash": last[0]["hash"]}]
    return there


def names(answer, member):
    return {row["name"]: row[member] for row in answer["tables"]}


def test_a_profile_moves_whole_and_once(move):
    before = move.box.snapshot()
    planned = move("--dry-run")
    assert names(planned, "copied") == dict.fromkeys(names(planned, "copied"), 0)
    assert move.count("certificates") == move.count("audit_events") == 0 and move.box.snapshot() == before

    done = move()
    assert set(names(done, "verified").values()) == {True} and done["conflicts"] == []
    assert names(done, "source") == names(planned, "source") and names(done, "copied")["certificates"] == 5
    assert_moved(move)
    there = assert_trail_moved(move)
    assert done["audit_trail"] == "moved" and done["audit_rows"] == len(there) - 1
    signed = move.there("SELECT signed_seq, signature FROM ymgr.audit_head")[0]
    assert int(signed["signed_seq"]) == done["audit_rows"] and signed["signature"]

    assert [row["name"] for row in done["missing_people"]] == ["bob"]
    assert done["missing_people"][0]["command"] == "ymgr user add bob --role operator --context team"
    assert sorted(row["name"] for row in done["sealed_keys"]["certificates"]) == ["mail.corp.test", "www.corp.test"]
    mark = json.loads(move.there("SELECT value FROM ymgr.settings WHERE name LIKE 'migrated.%'")[0]["value"])
    assert mark["by"] == "alice" and mark["tables"]["certificates"]["content"] == names(done, "content")["certificates"]
    listed = move.ymgr("audit", "list", "--limit", "1", "--json")
    last = listed.json["events"][0]
    assert "has moved" not in listed.stderr and "--context team" in move.ymgr("issue", "late.corp.test", "--dry-run").stderr
    assert (last["event"], last["request_id"]) == ("profile.migrated", done["audit_reference"])
    move.ymgr("audit", "verify")

    again = move("--detailed-exitcode")
    assert (again["moved_before"] is not None, again["audit_reference"]) == (True, None)
    assert names(again, "copied") == dict.fromkeys(names(again, "copied"), 0) and set(names(again, "verified").values()) == {True}
    assert move.count("audit_events") == len(there)


def test_a_move_that_was_killed_after_every_commit_is_finished(move):
    assert move.armed("kill@1") == KILLED
    assert move.count("audit_events") == 0
    kills = 1
    while move.armed("kill@2") == KILLED:
        kills += 1
        assert kills < 60
    assert kills > 10
    assert_moved(move)
    assert_trail_moved(move)
    move.ymgr("audit", "verify")
    assert [row["event"] for row in move.ymgr.json("audit", "list", "--limit", "2")["events"]].count("profile.migrated") == 1
    assert move()["audit_reference"] is None


def test_a_trail_that_has_begun_gets_a_file_beside_it(move):
    move.pg.sql("INSERT INTO ymgr.audit_events (at, actor, request_id, event, target, data) VALUES (0, '', '', 'begun', '', '{}')")
    refused = move(exit=2)
    assert refused["code"] == "usage" and "--audit-file" in refused["suggestion"]
    assert move("--dry-run", exit=2)["error"] == refused["error"]
    assert move.count("certificates") == 0
    file = move.box.work / "trail.jsonl"
    done = move("--audit-file", "trail.jsonl")
    assert (done["audit_trail"], done["audit_file"]) == ("filed", str(file))
    assert_moved(move)
    events = move.there("SELECT * FROM ymgr.audit_events ORDER BY seq")
    assert [row["event"] for row in events] == ["begun", "audit.imported", "profile.migrated"]
    imported = json.loads(events[1]["data"])
    assert imported["file_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert imported["checkpoint"] == json.loads((move.box.work / "trail.jsonl.checkpoint").read_text())
    assert imported["rows"] == len(file.read_text().splitlines()) - 1
    move.ymgr("audit", "verify", "--file", file, "--checkpoint", f"{file}.checkpoint")
    assert move()["audit_reference"] is None


def test_other_content_is_never_overwritten(move):
    cert_id = move.here("SELECT cert_id FROM certificates ORDER BY cert_id")[0]["cert_id"]
    move.pg.sql(
        f"{SET_UP} INSERT INTO certificates SELECT '{cert_id}', 'x', '', '[]', '01', 'x', 'x', 'transit:x', 'ec-p256', 'x', 0, 'tls-server',"
        " 'x', '{}', 'v1', NULL, 'active', 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL, '', 'their pem', NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL, NULL, NULL, 'r', 'x'"
    )
    move.team.bao.api("POST", "yubikeys/data/1001/pin", {"data": {"pin": "their pin"}, "options": {"cas": 0}})
    planned = move("--dry-run", exit=1)
    found = {(row["table"], row["key"]) for row in planned["conflicts"]}
    assert found == {("certificates", cert_id), ("device secrets", "yubikeys/data/1001/pin")}
    refused = move(exit=1)
    assert refused["conflicts"] == planned["conflicts"] and move.count("audit_events") == move.count("devices") == 0
    assert move.there("SELECT pem FROM ymgr.certificates") == [{"pem": "their pem"}]
    assert move.team.bao.api("GET", "yubikeys/data/1001/pin")["data"]["data"] == {"pin": "their pin"}


def test_what_an_operation_left_open_is_finished_first(move):
    assert Ymgr(FAILPOINT, move.box, {**move.ymgr.env, "YMGR_FAILPOINT": "kill@3"})("issue", "open.corp.test", exit=None).exit == KILLED
    refused = move(exit=1)
    assert refused["code"] == "operation-open" and "ymgr resume" in refused["suggestion"]
    move.ymgr("resume", "--all")
    assert names(move(), "source")["certificates"] == 6


def test_what_came_up_since_is_brought_along(move):
    move()
    move.ymgr("revoke", "mail.corp.test", "--reason", "superseded", "--yes")
    move.pg.sql(f"{SET_UP} UPDATE certificates SET status = 'revoked', revoked_at = 7, revocation_reason = 'superseded' WHERE name = 'db.corp.test'")
    move.team.bao.api("POST", "yubikeys/data/1001/pin", {"data": {"pin": "changed since"}, "options": {"cas": 1}})
    again = move()
    assert names(again, "updated")["certificates"] == 1 and names(again, "copied")["ca_revocations"] == 1
    assert move.there("SELECT status FROM ymgr.certificates WHERE name = 'mail.corp.test'") == [{"status": "revoked"}]
    lists = "SELECT crl_number, crl FROM {}issuers WHERE kind = 'issuing'"
    assert move.there(lists.format("ymgr.")) == move.here(lists.format(""))
    assert names(again, "differing")["device secrets"] == 1
    serial = move.here("SELECT serial_number FROM certificates WHERE name = 'db.corp.test'")[0]["serial_number"]
    command = again["to_be_revoked"]["certificates"][0]["command"]
    assert command == f"ymgr revoke {serial} --reason superseded"
    move.ymgr(*command.split()[1:], "--yes")
    assert move()["to_be_revoked"]["count"] == 0


def test_the_teams_own_commands_go_on_with_it(move, team):
    move()
    apply = ["init", "--team", "--apply", "-c", team.config, "--yes", *move.words[3:]]
    move.ymgr(*apply)
    for role in ("admin", "operator"):
        member = team.member(role)
        move.pg.sql(f"INSERT INTO ymgr.users VALUES ('{member.name}', '{role}', 'active', '', '', '', '', '', NULL, 0, NULL, 1, 'x', NULL)")
        move.pg.sql(f"INSERT INTO ymgr.database_roles VALUES ('u-{member.entity}', '{member.name}')")
    ada, oscar = team.person_box("ada"), team.person_box("oscar")
    for name, ymgr in (("ada", ada), ("oscar", oscar)):
        ymgr("login", "--user", name)
    here = {row["cert_id"]: row["status"] for row in move.ymgr.json("cert", "list")["certificates"]}
    assert {row["cert_id"]: row["status"] for row in oscar.json("cert", "list")["certificates"]} == here
    verified = ada.json("audit", "verify")
    assert verified["findings"] == [] and verified["signed_rows"] >= 10 and verified["unsigned_rows"] >= 3
    assert oscar.json("report")["active"] == 3
    old = move.here("SELECT cert_id FROM certificates WHERE name = 'mail.corp.test'")[0]["cert_id"]
    renewed = oscar.json("renew", "mail.corp.test", "--force")
    row = move.there(f"SELECT renewed_from, key_reference FROM ymgr.certificates WHERE cert_id = '{renewed['cert_id']}'")[0]
    assert row["renewed_from"] == old and row["key_reference"].startswith("transit:")
    oscar("revoke", "mail.corp.test", "--reason", "superseded", "--yes")
    listed = oscar.json("revoke", "db.corp.test", "--reason", "superseded", "--yes", exit=1)  # its CA is in the profile
    assert (listed["items"][0]["result"], listed["crl_confirmed"]) == ("revoked", False)
    assert move()["to_be_revoked"]["count"] == 1


def test_rows_of_many_batches_arrive_whatever_they_refer_to(move):
    row = move.here("SELECT * FROM certificates ORDER BY cert_id")[0]
    columns = ", ".join(row)
    fresh = {"cert_id": "'cert-' || printf('%06d', 9000 - n)", "serial_number": "'AA:' || n"}
    fresh["renewed_from"] = "CASE WHEN n % 2 = 0 THEN 'cert-' || printf('%06d', 9001 - n) END"
    values = ", ".join(fresh.get(name, f"c.{name}") for name in row)
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1201)"
    move.change_here(f"{numbers} INSERT INTO certificates ({columns}) SELECT {values} FROM numbers, certificates c WHERE c.cert_id = ?", row["cert_id"])
    names_of = [name for name in move.here("SELECT * FROM devices")[0] if name not in ("serial", "replaced_by")]
    move.change_here(
        f"{numbers} INSERT INTO devices (serial, replaced_by, {', '.join(names_of)})"
        f" SELECT printf('%06d', 9000 - n), CASE WHEN n > 1 THEN printf('%06d', 9001 - n) END, {', '.join(names_of)} FROM numbers, devices WHERE serial = '1001'"
    )
    done = move()
    assert names(done, "copied")["certificates"] == 1206 and names(done, "copied")["devices"] == 1202
    assert_moved(move)


@pytest.mark.parametrize(
    "row, why",
    [
        ("3, 0, 'ada', '', 'e', '', '{}', repeat('a', 64)", "does not follow row"),
        ("1, 0, 'ada', '', 'e', '', '{}', repeat('a', 64)", "is not its own"),
    ],
    ids=["a gap", "another hash"],
)
def test_rows_of_a_trail_come_in_whole_and_in_order(move, row, why):
    env = {**move.pg.env, "PGUSER": "installer", "PGPASSWORD": "installer"}
    done = run(["psql", "-X", "-c", f"{SET_UP} INSERT INTO audit_events VALUES ({row})"], env=env, exit=None)
    assert done.exit != 0 and why in done.stderr


def test_a_profile_whose_licence_has_ended_moves_all_the_same(move, tmp_path):
    vendor = Vendor(tmp_path, "acme")
    config = move.box.root / "config/ymgr/ymgr.yaml"
    config.write_text(config.read_text() + f"license: {{vendor_key: ['{vendor.inline}']}}\n")
    move.ymgr("license", "install", vendor.license(move.ymgr.json("license", "id")["installation_id"], "lic-1", days=1))
    after = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    login = {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(move.box.password_file)}
    late = Ymgr(FAILPOINT, move.box, login).armed(clock=after)
    assert late.json("issue", "new.corp.test", exit=5)["code"] == "license-expired"
    assert late.json(*move.words, "--yes")["success"] is True
    assert move.count("certificates") == int(move.here("SELECT count(*) AS n FROM certificates")[0]["n"])


@pytest.mark.parametrize("words, why", [(["--to", "nobody"], "no configuration file has a context"), ([], "--to")])
def test_where_to_is_a_context_of_the_configuration(move, words, why):
    assert why in move.ymgr("migrate", *words, "--yes", exit=2).stderr


def test_only_an_admin_moves_a_profile(move):
    move.ymgr.login("bob")
    assert "backup" in move.ymgr(*move.words, "--yes", exit=4).stderr
