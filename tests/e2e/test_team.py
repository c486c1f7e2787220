"""A team's commands, against its real servers."""

import itertools
import json

import pytest
from harness import RELEASE, Box, Ymgr, openssl
from team import Team, forge_operation


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        team.person_box("ada")("login", "--user", "ada")  # which makes the CA known
        yield team


def test_login_makes_a_session_and_logout_ends_it(team):
    una = team.person_box("una")
    logged_in = una("login", "--user", "una", "--json").json
    assert (logged_in["user"], logged_in["role"]) == ("una", "user")
    assert una("whoami", "--json").json["session"] == "file"
    assert una("logout", "--json").json["ended"] is True
    assert una("whoami", "--json", exit=4).json["code"] == "not-logged-in"


def test_for_one_command_nothing_is_left_behind(team):
    una, entity = team.person_box("una"), team.member("una").entity
    logins = f"SELECT rolname FROM pg_roles WHERE rolname LIKE 'u-{entity}.%'"
    before = team.pg.sql(logins).split()  # some of commands before may be about to go
    assert una.json("whoami", env={"YMGR_USER": "una"})["session"] == "command"
    assert set(team.pg.sql(logins).split()) <= set(before)
    assert list((una.box.runtime / "ymgr").glob("team-*")) == []


def test_a_token_that_was_handed_over_lives_on(team):
    member = team.member("una")
    una = team.person_box("una")
    logins = f"SELECT count(*) FROM pg_roles WHERE rolname LIKE 'u-{member.entity}.%'"
    before = team.pg.sql(logins)
    for _ in range(2):
        assert una.json("whoami", env={"BAO_TOKEN": member.token})["user"] == "una"
    assert member.vault("GET", "auth/token/lookup-self")[0] == 200
    assert team.pg.sql(logins) == before


def test_a_root_token_is_nobody(team):
    refused = team.person_box("una").json("whoami", exit=4, env={"VAULT_TOKEN": team.bao.root_token})
    assert refused["code"] == "login-refused" and "belongs to nobody" in refused["error"]
    assert team.bao.api("GET", "auth/token/lookup-self")


def test_environment_and_flags_choose_between_team_and_profile(team):
    """Whoever names a profile by YMGR_HOME gets it, also where other programs' variables speak of servers."""
    box = Box(team.folder / "both")
    ymgr = Ymgr(RELEASE, box)
    ymgr.init()
    ymgr.login()
    host = {"PGHOST": team.pg.env["PGHOST"], "VAULT_ADDR": team.bao.address}
    assert ymgr.json("whoami", env=host)["user"] == "alice"
    assert ymgr.json("whoami", env={"YMGR_CONFIG": str(team.config)})["user"] == "alice"
    config = box.file("contexts.yaml", "contexts:\n  team:\n" + "".join(f"    {line}\n" for line in team.config.read_text().splitlines()))
    refused = ymgr.json("whoami", "-c", config, "--context", "team", exit=4)
    assert refused["code"] == "not-logged-in"
    box.remove()


def test_nobody_goes_on_with_what_others_may_not_do(team):
    """An operation of a person, as a modified client would write it: an operator's `resume --all` leaves it alone."""
    member = team.member("una")
    text = (
        "INSERT INTO ymgr.operations (request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, created_at, updated_at)"
        " VALUES ('req-20260101000000-000000000001', 'issue', 'una', 'open', '{}', '', 'una', 0, 1, 1)"
    )
    assert member.sql(text)[0]
    for name in ("oscar", "ada"):
        refused = team.person_box(name).json("resume", "req-20260101000000-000000000001", exit=4, env={"YMGR_USER": name})
        assert refused["code"] == "role-denied" and "una" in refused["error"]
        all_of_them = team.person_box(name).json("resume", "--all", exit=4, env={"YMGR_USER": name})
        assert [one["code"] for one in all_of_them["operations"]] == ["role-denied"]
    team.pg.sql("UPDATE ymgr.operations SET state = 'abandoned' WHERE actor = 'una'")


def test_a_refused_name_leaves_no_key(team):
    refused = team.person_box("oscar").json("issue", "www.bank.test", exit=1, env={"YMGR_USER": "oscar"})
    assert "not allowed by this role" in refused["error"]
    assert team.member("operator").vault("GET", "transit/keys/www-bank-test")[0] == 404


def test_a_person_asks_others_for_what_takes_more(team):
    una = team.person_box("una")
    refused = una.json("ca", "crl", exit=2, env={"YMGR_USER": "una"})
    assert "/v1/pki/crl/pem" in refused["suggestion"]


def test_a_row_that_no_ca_signed_is_neither_renewed_nor_revoked(team):
    """A modified client enters a certificate for whoever renews next to sign."""
    pem = open(team.bao.ca_file).read()
    worked, said = team.member("una").sql(
        "INSERT INTO ymgr.certificates (cert_id, name, subject, sans, serial_number, issuer, ca_name, key_reference, key_algorithm,"
        " public_key_sha256, key_created_at, profile, owner, labels, policy_version, status, issued_at, not_before, expires_at, renew_at,"
        f" fingerprint, pem, request_id, issued_by) VALUES ('planted', 'portal.corp.test', '', '[]', '01', 'ca', 'ca', 'external', 'ec-p256',"
        f" 'k', 0, 'tls-client', 'una', '{{}}', 'v1', 'active', 0, 0, 9000000000000000, 1, '', '{pem}', 'r', 'una')"
    )
    assert worked, said
    for name, words in [("ren", ["renew", "--due"]), ("oscar", ["renew", "portal.corp.test", "--force"])]:
        refused = team.person_box(name).json(*words, exit=1, env={"YMGR_USER": name})
        told = refused["items"][0] if "items" in refused else refused
        assert told["code"] == "certificate-state" and "no CA of ours signed" in told["error"], refused
    refused = team.person_box("oscar").json("revoke", "portal.corp.test", "--reason", "superseded", "--yes", exit=1, env={"YMGR_USER": "oscar"})
    assert "no CA of ours signed" in refused["items"][0]["error"]
    assert team.pg.sql("SELECT count(*) FROM ymgr.certificates WHERE name = 'portal.corp.test'") == "1"
    team.pg.sql("UPDATE ymgr.certificates SET status = 'superseded' WHERE cert_id = 'planted'")


def entered(id, name, owner, by, host=None, profile="tls-client"):
    """A row as a modified client of `by` enters it."""
    host = f"'{host}'" if host else "NULL"
    return (
        "INSERT INTO ymgr.certificates (cert_id, name, subject, sans, serial_number, issuer, ca_name, key_reference, key_algorithm,"
        " public_key_sha256, key_created_at, profile, owner, labels, policy_version, status, issued_at, not_before, expires_at, renew_at,"
        f" fingerprint, pem, request_id, issued_by, host) VALUES ('{id}', '{name}', '', '[]', '{id}', 'ca', 'ca', 'external', 'ec-p256',"
        f" '{id}', 0, '{profile}', '{owner}', '{{}}', 'v1', 'active', 0, 0, 9000000000000000, 8999999999999999, '', 'pem', 'r', '{by}', {host})"
    )


ENTERED = itertools.count(1)


@pytest.fixture
def enter(team):
    """enter(who, id, name, …): it stands there until the test ends. `who` None: as the set-up."""
    ids = []

    def enter(who, id, name, owner, **more):
        id = f"{id}-{next(ENTERED)}"
        text = entered(id, name, owner, who or owner, **more)
        ids.append(id)
        if who is None:
            return team.pg.sql(text)
        worked, said = team.member(who).sql(text)
        assert worked, said

    yield enter
    for id in ids:
        team.pg.sql(f"UPDATE ymgr.certificates SET status = 'superseded' WHERE cert_id = '{id}'")


def test_what_people_enter_keeps_nobody_from_the_own_renewals(team, enter):
    team.person_box("ada")("login", "--user", "ada")
    una, how = team.person_box("una"), {"env": {"YMGR_USER": "una"}}
    una("issue", "una", "--profile", "tls-client", "--out", una.box.work / "una", **how)
    enter("uma", "forged-1", "una", "uma")
    una("renew", "una", "--force", **how)
    una("renew", "--due", "--renew-before", "89d23h59m58s", "--force", **how)


def opens(team, who, name, kind="renew"):
    """Whether `who` may open an item of a renewal of `name`, or of an issue."""
    text = (
        "INSERT INTO ymgr.operations (request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, created_at, updated_at)"
        f" VALUES ('op-1', '{kind}', 't', 'open', '{{}}', '', '{who}', 1, 0, 0);"
        f" INSERT INTO ymgr.operation_items VALUES ('op-1', 0, '{kind}', '{name}', 'open', 'planned', '{{}}', NULL, 0)"
    )
    worked, said = team.member(who).try_sql(text)
    assert worked or "row-level security" in said or "operation_items_open" in said, said
    return worked or "operation_items_open" in said


@pytest.fixture
def told(team):
    """told(who, name…): by these Vault signs for them, as far as the database knows, until the test ends. No names: nobody told."""
    before = dict(line.split("|") for line in team.pg.sql("SELECT name, certificate_names FROM ymgr.users").splitlines())

    def tell(who, *names):
        team.pg.sql(f"UPDATE ymgr.users SET certificate_names = nullif('{' '.join(names)}', '') WHERE name = '{who}'")

    yield tell
    for who, names in before.items():
        tell(who, *names.split())


@pytest.fixture
def role_of(team):
    """role_of(who, role): in the table of users, until the test ends."""
    before = []

    def change(who, role):
        before.append((team.pg.sql(f"SELECT role FROM ymgr.users WHERE name = '{who}'"), who))
        team.pg.sql(f"UPDATE ymgr.users SET role = '{role}' WHERE name = '{who}'")

    yield change
    for role, who in reversed(before):
        team.pg.sql(f"UPDATE ymgr.users SET role = '{role}' WHERE name = '{who}'")


def test_the_script_of_a_plan_tells_the_names_of_a_person(team):
    assert team.pg.sql("SELECT certificate_names FROM ymgr.users WHERE name = 'una'") == "una una@corp.test"


@pytest.mark.parametrize("are_told", [True, False], ids=["told", "not told"])
def test_whose_a_name_is_does_not_depend_on_what_others_enter(team, enter, told, are_told):
    for who in ("una", "uma") if not are_told else ():
        told(who)
    enter("una", "own-1", "una@corp.test", "una")
    enter("oscar", "own-2", "vpn.corp.test", "oscar")
    for id, name in [("forged-2", "una@corp.test"), ("forged-3", "vpn.corp.test"), ("forged-4", "uma")]:
        enter("uma", id, name, "uma")
    assert opens(team, "una", "una@corp.test") and opens(team, "uma", "uma")
    assert not opens(team, "uma", "una@corp.test") and not opens(team, "uma", "vpn.corp.test")
    enter("una", "forged-5", "uma", "una")
    assert opens(team, "uma", "uma") and not opens(team, "una", "uma")
    enter(None, "demoted", "old.corp.test", "una", profile="tls-server")
    enter("uma", "forged-6", "old.corp.test", "uma")
    assert not opens(team, "uma", "old.corp.test")


def test_a_name_that_was_told_is_that_persons_whatever_others_enter(team, enter, told):
    mail = "una.smith@corp.test"
    enter("una", "own-1", mail, "una")
    enter("uma", "forged-1", mail, "uma")
    enter("uma", "forged-2", mail.title(), "uma")
    assert opens(team, "uma", mail)
    told("una", "una", mail)
    assert opens(team, "una", mail) and not opens(team, "uma", mail) and not opens(team, "uma", mail.title())
    assert opens(team, "una", mail, "issue") and not opens(team, "uma", mail, "issue") and opens(team, "uma", "shop.corp.test", "issue")
    told("uma", "uma", mail)  # a mailbox of both
    assert opens(team, "una", mail) and opens(team, "uma", mail)
    enter("oscar", "own-2", mail, "oscar", profile="tls-server")  # a service's certificate is no person's word
    assert not opens(team, "una", mail)


def test_a_name_that_was_told_is_not_taken_by_somebody_who_is_promoted_later(team, enter, told, role_of):
    mail = "una.smith@corp.test"
    told("una", "una", mail)
    enter("una", "own-1", mail, "una")
    enter("uma", "forged-1", mail, "uma")
    role_of("uma", "operator")
    assert opens(team, "una", mail)
    told("uma", "uma", mail)  # a mailbox of both, of which an operator's certificates count
    assert not opens(team, "una", mail)


def test_an_address_that_was_told_does_not_belong_to_the_account_before_its_at(team, enter, told):
    told("una", "una", "uma@corp.test")
    told("uma", "uma", "uma.smith@corp.test")
    enter("una", "own-1", "uma@corp.test", "una")
    enter("uma", "forged-1", "uma@corp.test", "uma")
    assert opens(team, "una", "uma@corp.test") and not opens(team, "uma", "uma@corp.test")


def test_what_a_user_holds_an_operator_gives_up_at_once(team):
    uma, oscar = team.member("uma"), team.person_box("oscar")
    forge_operation(uma, "req-held", "held.corp.test")
    lease = "lease_holder = 'elsewhere 1 1', lease_until = floor(extract(epoch FROM now()) * 1000000)::bigint + 600000000"
    uma.sql(f"UPDATE ymgr.operations SET {lease} WHERE request_id = 'req-held'")
    oscar("login", "--user", "oscar")
    assert oscar.json("issue", "held.corp.test", exit=None)["code"] == "operation-open"
    assert oscar.json("operation", "abandon", "req-held", "--yes")["state"] == "abandoned"
    oscar("issue", "held.corp.test")
    ended = json.loads(oscar("operation", "abandon", "req-held", "--yes", "--json", exit=1).stdout)
    assert ended["code"] == "operation-ended"


def test_a_renewal_that_a_user_left_is_no_operators_to_go_on_with(team, enter):
    oscar = team.person_box("oscar")
    oscar("login", "--user", "oscar")
    enter("una", "own-1", "una@corp.test", "una")
    manner = {"new_key": False, "key": None, "validity": None, "csr": None}
    for nr, inputs in enumerate(({"due": True}, {"due": True, "manner": manner})):
        forge_operation(team.member("una"), f"req-una-{nr}", "una@corp.test", "renew", json.dumps(inputs))
        refused = oscar.json("renew", "una@corp.test", "--force", exit=None)
        assert refused["code"] == "operation-open" and f"operation abandon req-una-{nr}" in json.dumps(refused), refused
        oscar("operation", "abandon", f"req-una-{nr}", "--yes")


def test_an_item_left_open_by_an_operation_that_has_ended_is_given_up(team):
    uma, oscar = team.member("uma"), team.person_box("oscar")
    forge_operation(uma, "req-done", "done.corp.test")
    assert uma.sql("UPDATE ymgr.operations SET state = 'done' WHERE request_id = 'req-done'")[0]
    oscar("login", "--user", "oscar")
    assert oscar.json("issue", "done.corp.test", exit=None)["code"] == "operation-open"
    assert oscar.json("operation", "abandon", "req-done", "--yes")["state"] == "abandoned"
    worked, said = uma.try_sql("UPDATE ymgr.operation_items SET status = 'open' WHERE request_id = 'req-done'")
    assert not worked and "does not begin again" in said
    oscar("issue", "done.corp.test")


def test_the_empty_run_of_a_user_is_nobodys_to_go_on_with(team):
    """Nor do many of them hide what a renewal left."""
    oscar, uma = team.person_box("oscar"), team.member("uma")
    oscar("login", "--user", "oscar")
    oscar("renew", "--due", "--request-id", "night-1", exit=None)
    worked, said = uma.sql(
        "INSERT INTO ymgr.operations (request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, created_at, updated_at)"
        " SELECT 'req-empty-' || i, 'renew', '0 certificates', 'open', '{}', '', 'uma', 0, 9000000000000000, 1 FROM generate_series(1, 1100) i"
    )
    assert worked, said
    forge_operation(team.member("oscar"), "req-left", "left.corp.test", "renew", data="no item")
    told = oscar.json("renew", "--due", "--request-id", "night-2", exit=None)
    assert [item["request_id"] for item in told["items"] if item.get("name") == "left.corp.test"] == ["req-left"], told
    team.pg.sql("UPDATE ymgr.operations SET state = 'abandoned' WHERE request_id LIKE 'req-empty-%'")
    oscar("operation", "abandon", "req-left", "--yes")


def test_what_people_enter_runs_no_hook_and_gets_no_files(team, enter):
    oscar, una = team.person_box("oscar"), team.person_box("una")
    ran, out = oscar.box.work / "ran", oscar.box.work / "csr-only"
    hook = oscar.box.file("hook", f'#!/bin/sh\necho "$YMGR_HOOK_NAME" >> {ran}\n')
    hook.chmod(0o700)
    oscar("login", "--user", "oscar")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", oscar.box.work / "key.pem", "-subj", "/CN=hooked.corp.test"]
    openssl("req", "-new", *key, "-addext", "subjectAltName=DNS:hooked.corp.test", "-out", oscar.box.work / "req.pem")
    made = oscar.json("issue", "--csr", oscar.box.work / "req.pem", "--out", out, "--deploy-hook", hook)
    before = (out / "cert.pem").read_text()
    host = team.pg.sql(f"SELECT host FROM ymgr.certificates WHERE cert_id = '{made['cert_id']}'")
    enter("uma", "forged-7", "../../etc/x", "uma")
    place = f"host = '{host}', installation = 'hooked.corp.test'"
    assert team.member("uma").sql(f"UPDATE ymgr.certificates SET {place}, hook_state = 'pending' WHERE cert_id LIKE 'forged-7-%'")[0]
    una("login", "--user", "una")
    real = una.json("issue", "una", "--profile", "tls-client", "--another", "--out", una.box.work / "una-2", "--force")
    assert team.member("una").sql(f"UPDATE ymgr.certificates SET {place}, hook_state = 'pending' WHERE cert_id = '{real['cert_id']}'")[0]
    team.pg.sql(f"UPDATE ymgr.certificates SET hook_state = 'pending' WHERE cert_id = '{made['cert_id']}'")
    told = oscar("renew", "--due", exit=None)
    assert ran.read_text() == "hooked.corp.test\n"
    assert "no hook is run" in told.stderr and "forged-7" in told.stderr
    for installation in ("nope", "a" * 300):
        changed = f"UPDATE ymgr.certificates SET installation = '{installation}' WHERE cert_id = '{real['cert_id']}'"
        assert team.member("una").sql(changed)[0]
        told = oscar("renew", "--due", "--json", exit=None)
        assert json.loads(told.stdout)["hooks"] == {"run": 0, "failed": 0, "messages": []} and real["cert_id"] in told.stderr, told
    assert team.member("una").sql(f"UPDATE ymgr.certificates SET {place} WHERE cert_id = '{real['cert_id']}'")[0]
    found = oscar.json("reconcile", exit=None)
    assert real["name"] in {item["subject"] for item in found["items"] if item["kind"] == "installation_differs" and item["action"] == "reported"}
    assert (out / "cert.pem").read_text() == before
    team.pg.sql("UPDATE ymgr.certificates SET host = NULL, installation = NULL, hook_state = NULL WHERE installation = 'hooked.corp.test'")


def test_what_a_user_enters_is_no_earlier_run_of_an_operator(team):
    oscar = team.person_box("oscar")
    oscar("login", "--user", "oscar")
    for _ in range(2):
        assert oscar.json("issue", "once.corp.test", "--request-id", "once-1")["success"]
    team.pg.sql("SET session_replication_role = replica; UPDATE ymgr.operations SET actor = 'uma' WHERE request_id = 'once-1'")
    refused = oscar.json("issue", "once.corp.test", "--request-id", "once-1", exit=None)
    assert (refused["code"], refused["error"]) == ("request-id-used", "the request id once-1 was used by uma"), refused


def test_a_renewal_that_a_user_keeps_from_others_is_told_of(team, enter):
    """Entered and opened before the certificate was there, when nobody else had the name."""
    uma, oscar, name = team.member("uma"), team.person_box("oscar"), "payroll.corp.test"
    uma.sql(entered("pre-1", name, "uma", "uma"))
    forge_operation(uma, "req-kept", name, "renew")
    uma.sql("UPDATE ymgr.certificates SET status = 'superseded' WHERE cert_id = 'pre-1'")
    oscar("login", "--user", "oscar")
    oscar("issue", name, "--validity", "2d")
    team.pg.sql(f"SET session_replication_role = replica; UPDATE ymgr.certificates SET renew_at = 0 WHERE name = '{name}'")
    run = ["renew", "--due", "--select", f"name={name}", "--scope", "all"]
    (kept,) = oscar.json(*run, exit=None)["items"]
    assert (kept["code"], kept["suggestion"]) == ("operation-open", "ymgr operation abandon req-kept"), kept
    oscar("operation", "abandon", "req-kept", "--yes")
    assert oscar.json(*run)["summary"]["renewed"] == 1


def beats(team, who, host):
    worked, said = team.member(who).try_sql(f"INSERT INTO ymgr.heartbeats VALUES ('{host}', '{who}', 1) RETURNING 1")
    assert worked, said
    return said == "1"


def test_a_heartbeat_that_counts_does_not_end_by_what_others_enter(team, enter):
    enter("una", "own-3", "una", "una", host="laptop")
    assert beats(team, "una", "laptop")
    assert team.member("una").sql("INSERT INTO ymgr.heartbeats VALUES ('laptop', 'una', 1)")[0]
    enter("uma", "forged-7", "uma", "uma", host="laptop")
    text = "INSERT INTO ymgr.heartbeats VALUES ('laptop', 'una', 2) ON CONFLICT (host, actor) DO UPDATE SET started_at = EXCLUDED.started_at RETURNING 1"
    assert team.member("una").try_sql(text) == (True, "1")
    assert not beats(team, "uma", "laptop")
    enter("oscar", "served", "web.corp.test", "oscar", host="laptop", profile="tls-server")
    assert team.member("una").try_sql(text) == (True, "")
    team.pg.sql("DELETE FROM ymgr.heartbeats")


def test_a_name_that_the_database_refuses_ends_no_scheduled_run(team, enter):
    team.person_box("ada")("login", "--user", "ada")
    una, how = team.person_box("una"), {"env": {"YMGR_USER": "una"}}
    una("issue", "una", "--profile", "tls-client", "--ensure", "--out", una.box.work / "una", "--force", **how)
    enter("oscar", "others", "una", "oscar", profile="tls-server")
    answer = una.json("renew", "--due", "--renew-before", "89d23h59m58s", "--force", exit=None, **how)
    assert {(item["name"], item["success"], item["code"]) for item in answer["items"]} == {("una", False, "database-denied")}
