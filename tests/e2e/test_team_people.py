"""A team's people, what Vault knows of their YubiKeys, and the schema of its database, by an admin's and an operator's commands."""

import json
import time

import pytest
from harness import wait_for
from openbao import Refused
from team import PASSWORD, Member, Team

OTHER = "quite another password"
DEVICE = (
    "INSERT INTO ymgr.devices (serial, owner, status, firmware, form_factor, fips, pin_mode, created_at, updated_at, enrolled_at)"
    " VALUES ('{}', '{}', 'enrolled', '5.7.4', '', 0, 'escrow', 0, 0, 1)"
)


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        yield team


@pytest.fixture(scope="module")
def admin(team):
    ymgr = team.person_box("ada")
    ymgr("login", "--user", "ada")
    return ymgr


@pytest.fixture(scope="module")
def operator(team):
    ymgr = team.person_box("oscar")
    ymgr("login", "--user", "oscar")
    return ymgr


def add(admin, name, *words, **how):
    return admin.json("user", "add", name, "--password-file", admin.box.secret("new.password", OTHER), *words, **how)


def logged_in(team, name, role="user", password=OTHER):
    return Member(team, name, role).log_in(password)


def entity(team, name):
    return team.bao.api("GET", f"identity/entity/name/{name}")["data"]


def trail(team, event, target):
    text = f"SELECT actor || ' ' || data FROM ymgr.audit_events WHERE event = '{event}' AND target = '{target}' ORDER BY seq"
    return team.pg.sql(text).splitlines()


def test_who_is_added_logs_in_and_has_certificates_in_the_own_name(team, admin):
    answer = add(admin, "bob", "--role", "operator", "--mail", "bob@Corp.test", "--upn", "bob@ad.corp.test")
    assert (answer["user"], answer["role"], answer["changed"]) == ("bob", "operator", True)
    shown = admin.json("user", "show", "bob")
    assert shown["role"] == "operator" and shown["vault"]["names"] == ["bob", "bob@corp.test"]
    assert shown["vault"]["upn"] == "bob@ad.corp.test" and shown["vault"]["missing"] == []
    bob = logged_in(team, "bob")
    assert bob.sql("SELECT ymgr.actor()") == (True, "bob")
    assert bob.sql("SELECT pg_has_role('ymgr_operator', 'MEMBER')") == (True, "t")
    assert team.bao.api("GET", "auth/userpass/users/bob")["data"]["token_max_ttl"] == 8 * 3600
    (line,) = trail(team, "user.added", "bob")
    assert line.startswith("ada ") and json.loads(line[4:])["role"] == "operator"
    assert OTHER not in line
    bob.close()


def test_adding_again_makes_what_is_missing_and_nothing_else(team, admin):
    add(admin, "cleo", "--mail", "cleo@corp.test")
    assert add(admin, "cleo", exit=1)["code"] == "user-exists"
    before = entity(team, "cleo")
    team.bao.api("DELETE", f"pki/roles/email-{before['id']}")
    team.bao.api("DELETE", f"database/roles/u-{before['id']}")
    team.bao.api("DELETE", "auth/userpass/users/cleo")
    missing = admin.json("user", "show", "cleo")["vault"]["missing"]
    assert missing == ["account cleo", f"role pki/roles/email-{before['id']}", f"role database/roles/u-{before['id']}"]
    assert add(admin, "cleo", "--mail", "cleo@corp.test")["changed"] is True
    assert admin.json("user", "show", "cleo")["vault"]["missing"] == []
    after = entity(team, "cleo")
    assert (after["id"], len(after["aliases"])) == (before["id"], 1)
    logged_in(team, "cleo").close()
    assert add(admin, "cleo", "--role", "auditor", exit=1)["code"] == "user-exists"


def told(team, name):
    """The names of certificates by which the database knows whose they are."""
    return team.pg.sql(f"SELECT certificate_names FROM ymgr.users WHERE name = '{name}'")


def test_names_of_certificates_are_changed_and_what_is_not_named_stays(team, admin):
    add(admin, "cora", "--mail", "Cora.O'Hara@corp.test", "--upn", "cora@ad.corp.test")
    assert told(team, "cora") == "cora cora.o'hara@corp.test"
    assert admin.json("user", "set-names", "cora", "--mail", "c@corp.test")["changed"] is True
    shown = admin.json("user", "show", "cora")["vault"]
    assert (shown["names"], shown["upn"]) == (["cora", "c@corp.test"], "cora@ad.corp.test")
    assert admin.json("user", "set-names", "cora", "--mail", "c@corp.test")["changed"] is False
    assert told(team, "cora") == "cora c@corp.test"
    admin("user", "set-names", "cora", "--mail", "-", "--upn", "-")
    for role in ("piv", "email"):
        kept = team.bao.api("GET", f"pki/roles/{role}-{shown['entity_id']}")["data"]
        assert (kept["allowed_domains"], kept["allowed_other_sans"]) == (["cora"], [])
    assert told(team, "cora") == "cora"
    assert [line.split()[0] for line in trail(team, "user.names_set", "cora")] == ["ada", "ada"]


def test_the_database_is_told_the_names_of_somebody_who_was_added_before_it_could_know(team, admin):
    add(admin, "clio", "--mail", "clio.smith@corp.test")
    team.pg.sql("UPDATE ymgr.users SET certificate_names = NULL WHERE name = 'clio'")
    assert admin.json("user", "set-names", "clio")["changed"] is True
    assert told(team, "clio") == "clio clio.smith@corp.test"
    assert admin.json("user", "set-names", "clio")["changed"] is False


def sign_for(team, who, *names):
    """Vault's role of that person allows these, past ymgr."""
    role = f"pki/roles/piv-{entity(team, who)['id']}"
    team.bao.api("POST", role, {**team.bao.api("GET", role)["data"], "allowed_domains": names})


def test_somebody_without_mail_whom_the_script_added_has_the_one_name_and_is_told(team, admin):
    team.script("person.sh", "cory", "user", "cory", "-", "-")
    assert admin.json("user", "show", "cory")["vault"]["names"] == ["cory"] and told(team, "cory") == "cory"
    assert team.bao.api("GET", f"pki/roles/piv-{entity(team, 'cory')['id']}")["data"]["allowed_other_sans"] == []
    sign_for(team, "cory", "cory", "cory")  # as earlier scripts wrote it
    team.pg.sql("UPDATE ymgr.users SET certificate_names = NULL WHERE name = 'cory'")
    assert admin.json("user", "set-names", "cory")["changed"] is True
    assert told(team, "cory") == "cory" and admin.json("user", "show", "cory")["vault"]["names"] == ["cory"]


def names_repaired(ymgr, *words):
    answer = ymgr.json("reconcile", *words, exit=None)  # whatever else it finds
    return {one["subject"]: (one["action"], one["message"]) for one in answer["items"] if one["kind"] == "names_differ"}


def test_names_that_the_database_was_not_told_of_are_repaired_by_an_admin(team, admin, operator):
    for name in ("cleo", "clem", "clay"):
        add(admin, f"{name}.n", "--mail", f"{name}.Smith@corp.test")
    names_repaired(admin)
    team.pg.sql("UPDATE ymgr.users SET certificate_names = NULL WHERE name = 'cleo.n'")  # as one who moved here
    sign_for(team, "clem.n", "clem.n", "Clem@corp.test")  # as an older program changes them
    before = {name: told(team, name) for name in ("cleo.n", "clem.n")}
    assert names_repaired(operator) == {}
    planned = names_repaired(admin, "--dry-run")
    assert {name: action for name, (action, _) in planned.items()} == {"cleo.n": "planned", "clem.n": "planned"}
    assert {name: told(team, name) for name in before} == before
    assert set(names_repaired(admin)) == set(before)
    assert told(team, "cleo.n") == "cleo.n cleo.smith@corp.test"
    assert told(team, "clem.n") == "clem.n clem@corp.test"
    assert told(team, "clay.n") == "clay.n clay.smith@corp.test"
    assert "clem@corp.test" in trail(team, "reconcile.repaired", "clem.n")[0]
    assert names_repaired(admin) == {}


def test_an_account_that_stands_there_keeps_its_password(team, admin):
    team.bao.api("POST", "auth/userpass/users/dora", {"password": PASSWORD})
    team.bao.api("POST", "auth/userpass/login/dora", {"password": PASSWORD})  # which makes an entity of its own
    admin("user", "add", "dora", "--no-input")
    dora = logged_in(team, "dora", password=PASSWORD)
    assert dora.entity == entity(team, "dora")["id"]
    dora.close()


def test_what_can_not_be_is_refused(team, admin):
    assert add(admin, "Bad Name", exit=2)["code"] == "user-invalid"
    assert "a name of services" in add(admin, "mail.corp.test", exit=2)["error"]
    assert add(admin, "eve", "--upn", "*@ad.corp.test", exit=2)["code"] == "name-invalid"
    assert "everybody's has the own name" in add(admin, "eve", "--login", "ada", exit=2)["error"]
    assert "no recovery key" in admin.json("user", "set-password", "una", "--recovery-key-file", "x", exit=2)["error"]
    assert "ask another admin" in admin.json("user", "disable", "ada", exit=2)["suggestion"]
    assert "ask another admin" in admin.json("user", "set-role", "ada", "user", exit=2)["suggestion"]
    with pytest.raises(Refused):
        entity(team, "eve")
    user = team.person_box("una")
    user("login", "--user", "una")
    assert add(user, "eve", exit=4)["code"] == "role-denied"
    assert user.json("user", "show", "una")["devices"] == []


def test_a_renewer_is_an_operator_to_whom_the_servers_give_less(team, admin):
    add(admin, "robot", "--role", "renewer")
    assert admin.json("user", "show", "robot")["role"] == "renewer"
    (row,) = [one for one in admin.json("user", "list")["users"] if one["name"] == "robot"]
    assert row["role"] == "renewer"
    box = team.person_box("robot")
    box("login", "--user", "robot", "--password-file", box.box.secret("password", OTHER))
    assert box.json("whoami")["role"] == "renewer" and "(renewer)" in box("whoami").stdout
    assert admin.json("whoami")["role"] == "admin"
    robot = logged_in(team, "robot")
    assert robot.sql("SELECT pg_has_role('ymgr_renewer', 'MEMBER'), pg_has_role('ymgr_operator', 'MEMBER')") == (True, "t|f")
    assert robot.vault("POST", "pki/revoke", {"serial_number": "00:11"})[0] == 403
    robot.close()


def test_a_renewer_tells_people_and_a_user_may_not(team, admin):
    add(admin, "teller", "--role", "renewer")
    robot, una = team.person_box("teller"), team.person_box("una")
    robot("login", "--user", "teller", "--password-file", robot.box.secret("password", OTHER))
    una("login", "--user", "una")
    made = robot.json("issue", "told.corp.test")
    team.pg.sql(
        "UPDATE ymgr.certificates SET renew_at = 1, expires_at = (extract(epoch FROM now()) * 1000000)::bigint + "
        f"6 * 86400000000 WHERE cert_id = '{made['cert_id']}'"
    )
    notify = "notify:\n  exec:\n    command: [/bin/sh, -c, 'cat >> told']\n"
    for ymgr in (robot, una):
        ymgr.box.file("../config/ymgr/ymgr.yaml", notify)
    assert [one["count"] for one in robot.json("notify", "send")["channels"]] == [1]
    assert robot.json("notify", "send")["channels"] == []
    assert [one["state"] for one in admin.json("notify", "list")["notices"]] == ["sent"]
    for words in (["send"], ["list"]):
        assert una.json("notify", *words, exit=4)["code"] == "role-denied"
    assert '"told.corp.test"' in (robot.box.work / "told").read_text()


def ends(team, member, change):
    """`change` ends the member's open connection, database role and token."""
    login = member.database["username"]
    open_one = member.connection("SELECT pg_sleep(60)")
    wait_for(lambda: login in team.pg.sql("SELECT usename FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"), "the connection")
    change()
    began = time.monotonic()
    assert "terminating connection" in open_one.communicate(timeout=5)[0]
    wait_for(lambda: team.pg.sql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{login}'") == "0", "the role to be gone", seconds=5)
    assert member.vault("GET", "auth/token/lookup-self")[0] == 403
    assert time.monotonic() - began < 5


def test_who_is_disabled_is_out_at_once_and_comes_in_again_when_enabled(team, admin):
    add(admin, "finn")
    finn = logged_in(team, "finn")
    done, text = finn.sql(
        "INSERT INTO ymgr.user_sessions (session_id, user_name, created_at, expires_at)"
        " VALUES ('s-finn', 'finn', 0, floor(extract(epoch FROM now()) * 1000000) + 3600000000)"
    )
    assert done, text
    ends(team, finn, lambda: admin("user", "disable", "finn"))
    assert team.pg.sql("SELECT count(*) FROM ymgr.user_sessions WHERE user_name = 'finn' AND ended_at IS NULL") == "0"
    assert admin.json("user", "disable", "finn")["changed"] is False
    with pytest.raises(Refused):
        team.bao.api("POST", "auth/userpass/login/finn", {"password": OTHER}, token="")
    assert admin.json("user", "enable", "finn")["changed"] is True
    logged_in(team, "finn").close()
    assert finn.vault("GET", "auth/token/lookup-self")[0] == 403  # the former token
    assert [line.split()[0] for line in trail(team, "user.disabled", "finn")] == ["ada"]
    finn.close()


def test_a_disabling_that_stopped_half_way_is_finished_by_doing_it_again(team, admin):
    add(admin, "gail")
    team.bao.api("POST", "identity/entity/name/gail", {"disabled": True})
    assert admin.json("user", "disable", "gail")["changed"] is True
    assert team.pg.sql("SELECT status FROM ymgr.users WHERE name = 'gail'") == "disabled"
    team.bao.api("POST", "identity/entity/name/gail", {"disabled": False})
    assert admin.json("user", "disable", "gail")["changed"] is True
    assert entity(team, "gail")["disabled"] is True


def test_whom_vault_lets_in_and_ymgr_does_not_know_is_told_what_to_ask_for(team, admin):
    team.bao.api("POST", "auth/userpass/users/stray", {"password": PASSWORD, "token_ttl": "1h"})
    refused = team.person_box("stray").json("login", "--user", "stray", exit=4)
    assert refused["code"] == "login-refused" and "userpass-stray" in refused["error"]
    assert refused["suggestion"] == "An admin can run: ymgr user add NAME --login stray"


def test_who_is_offboarded_has_neither_login_nor_certificate_left(team, admin):
    add(admin, "olga")
    team.pg.sql(DEVICE.format("7001", "olga"))
    box = team.person_box("olga")
    box("login", "--user", "olga", "--password-file", box.box.secret("own", OTHER))
    box.json("issue", "olga", "--profile", "tls-client", "--key-store", "file", "--out", box.box.root / "tls")
    box.json("renew", "olga", "--force")
    olga = logged_in(team, "olga")
    told = []
    ends(team, olga, lambda: told.append(admin.json("user", "offboard", "olga", "--yes")))
    (answer,) = told
    assert (answer["disabled"], answer["state"], answer["crl_confirmed"]) == (True, "done", True)
    assert [device["serial"] for device in answer["devices"]] == ["7001"] and "7001" in answer["devices"][0]["next"]
    assert len(answer["items"]) == 2 and all(item["success"] for item in answer["items"])
    for item in answer["items"]:
        serial = item["serial_number"].lower()
        assert team.bao.api("GET", f"pki/cert/{serial}")["data"]["revocation_time"] > 0, serial
    assert team.pg.sql("SELECT DISTINCT status FROM ymgr.certificates WHERE owner = 'olga'") == "revoked"
    assert team.pg.sql("SELECT count(*) FROM ymgr.user_sessions WHERE user_name = 'olga' AND ended_at IS NULL") == "0"
    assert team.pg.sql(f"SELECT count(*) FROM pg_roles WHERE rolname LIKE 'u-{olga.entity}.%'") == "0"
    assert box.json("whoami", exit=4)["code"] in ("not-logged-in", "vault-token-dead", "session-expired")
    olga.close()


def test_another_role_ends_the_logins_of_the_former_one(team, admin):
    add(admin, "hugo", "--role", "operator")
    team.bao.api("POST", "identity/entity/name/hugo", {"policies": ["ymgr-operator", "theirs"]})
    hugo = logged_in(team, "hugo")
    assert admin.json("user", "set-role", "hugo", "auditor", "--dry-run")["changed"] is False
    ends(team, hugo, lambda: admin("user", "set-role", "hugo", "auditor"))
    assert sorted(entity(team, "hugo")["policies"]) == ["theirs", "ymgr-auditor"]
    assert team.pg.sql("SELECT role FROM ymgr.users WHERE name = 'hugo'") == "auditor"
    again = logged_in(team, "hugo")
    assert again.sql("SELECT pg_has_role('ymgr_auditor', 'MEMBER'), pg_has_role('ymgr_operator', 'MEMBER')") == (True, "t|f")
    assert admin.json("user", "set-role", "hugo", "auditor")["changed"] is False
    assert admin.json("user", "set-role", "hugo", "admin")["changed"] is True
    assert team.bao.api("GET", "auth/userpass/users/hugo")["data"]["token_max_ttl"] == 3600
    assert json.loads(trail(team, "user.role_set", "hugo")[-1][4:]) == {"role": "admin", "previous_role": "auditor"}
    hugo.close()
    again.close()


def test_passwords_are_set_by_their_owners_and_by_admins(team, admin):
    add(admin, "iris")
    iris = team.person_box("iris")
    old, new = iris.box.secret("old", OTHER), iris.box.secret("new", "iris has a third one")
    iris("login", "--user", "iris", "--password-file", old)
    words = ["user", "set-password", "iris", "--password-file", new]
    assert iris.json(*words, "--present-password-file", new, exit=4)["code"] == "wrong-password"
    assert iris.json(*words, "--present-password-file", old)["changed"] is True
    assert iris.json("whoami", exit=4)["code"] in ("not-logged-in", "vault-token-dead", "session-expired")
    iris("login", "--user", "iris", "--password-file", new)
    third = logged_in(team, "iris", password="iris has a third one")
    set_it = ["user", "set-password", "iris", "--password-file", admin.box.secret("back", OTHER)]
    ends(team, third, lambda: admin(*set_it))
    iris("login", "--user", "iris", "--password-file", old)
    assert [line.split()[0] for line in trail(team, "user.password_set", "iris")] == ["iris", "ada"]
    third.close()


def test_an_admins_new_password_ends_all_logins_of_the_old_one(team, admin):
    add(admin, "jack", "--role", "admin")
    jack = team.person_box("jack")
    old, new = jack.box.secret("old", OTHER), jack.box.secret("new", "jack has another one")
    jack("login", "--user", "jack", "--password-file", old)
    words = ["user", "set-password", "jack", "--password-file", new, "--present-password-file", old]
    elsewhere = logged_in(team, "jack", "admin")
    told = []
    ends(team, elsewhere, lambda: told.append(jack(*words).stdout))
    assert "whose sessions, tokens and database logins are ended" in told[0]
    assert jack.json("whoami", exit=4)["code"] in ("not-logged-in", "vault-token-dead", "session-expired")
    assert team.pg.sql(f"SELECT count(*) FROM pg_roles WHERE rolname LIKE 'u-{elsewhere.entity}.%'") == "0"
    jack("login", "--user", "jack", "--password-file", new)
    elsewhere.close()


def test_a_login_by_ldap_is_asked_for_as_vault_documents_it(team, admin):
    """The pinned OpenBao has no LDAP method. userpass, which takes the same request, stands in its place."""
    add(admin, "lucy")
    team.bao.api("POST", "sys/auth/ldap", {"type": "userpass"})
    team.bao.api("POST", "auth/ldap/users/lucy", {"password": PASSWORD, "token_ttl": "1h"})
    mount = team.bao.api("GET", "sys/auth")["data"]["ldap/"]["accessor"]
    alias = {"name": "lucy", "canonical_id": entity(team, "lucy")["id"], "mount_accessor": mount}
    team.bao.api("POST", "identity/entity-alias", alias)
    lucy = team.person_box("lucy")
    wrong = lucy.box.secret("wrong", OTHER)  # that of userpass
    refused = lucy.json("login", "--method", "ldap", "--user", "lucy", "--password-file", wrong, exit=4)
    assert refused["code"] == "wrong-password"
    lucy("login", "--method", "ldap", "--user", "lucy")
    assert lucy.json("whoami")["user"] == "lucy"
    lucy("logout")


def serials(team, name):
    metadata = entity(team, name)["metadata"]
    assert metadata["user"] == name
    return sorted(value for key, value in metadata.items() if key.startswith("serial"))


def test_vault_is_told_whose_a_yubikey_is(team, admin, operator):
    for name in ("jane", "kurt"):
        add(admin, name)
    for serial in ("5001", "5002"):
        team.pg.sql(DEVICE.format(serial, "jane"))
    operator("device", "assign", "5001", "kurt")
    assert (serials(team, "jane"), serials(team, "kurt")) == (["5002"], ["5001"])
    kurt = logged_in(team, "kurt")
    assert kurt.vault("GET", "yubikeys/data/5001/pin")[0] == 404  # allowed; nothing is there
    assert kurt.vault("GET", "yubikeys/data/5002/pin")[0] == 403
    kurt.close()
    operator("device", "lost", "5001", "--yes")
    assert serials(team, "kurt") == []
    operator("device", "found", "5001")
    assert serials(team, "kurt") == ["5001"]
    operator("device", "retire", "5001", "--yes")
    assert serials(team, "kurt") == []


def test_told_again_it_is_repaired(team, admin, operator):
    add(admin, "lena")
    team.pg.sql(DEVICE.format("5101", "lena"))
    assert operator.json("device", "assign", "5101", "lena")["changed"] is False  # the row was written, Vault was not told
    assert serials(team, "lena") == ["5101"]
    team.pg.sql(DEVICE.format("5102", "oscar"))
    told = {"user": "lena", "site": "hq", "serial3": "5102", "serial4": "9999"}
    team.bao.api("POST", "identity/entity/name/lena", {"metadata": told})
    planned = [one for one in operator.json("reconcile", "--dry-run", exit=1)["items"] if one["kind"] == "owner_differs"]
    assert [(one["subject"], one["action"]) for one in planned if one["subject"] == "lena"] == [("lena", "planned")]
    assert serials(team, "lena") == ["5102", "9999"]
    operator("reconcile", exit=None)  # whatever else it finds
    assert serials(team, "lena") == ["5101", "9999"]  # the last one has no row: nobody knows who wrote it
    assert entity(team, "lena")["metadata"]["site"] == "hq"


def test_an_eleventh_yubikey_is_refused_before_anything_is_changed(team, admin, operator):
    add(admin, "mona")
    for serial in range(5201, 5211):
        team.pg.sql(DEVICE.format(serial, "mona"))
    team.pg.sql(DEVICE.format("5220", "oscar"))
    answer = operator.json("device", "assign", "5220", "mona", exit=1)
    assert answer["code"] == "device-state" and "10 YubiKeys" in answer["error"]
    assert team.pg.sql("SELECT owner FROM ymgr.devices WHERE serial = '5220'") == "oscar"


def as_installer(team):
    team.pg.sql("ALTER ROLE installer PASSWORD 'install'")
    return ["--database-user", "installer", "--database-password-file", team.ymgr.box.secret("install.password", "install")]


def test_the_schema_is_told_and_upgraded_and_an_older_client_goes_on(team, admin):
    status = admin.json("db", "status")
    known = status["known_version"]
    assert (status["database"], status["version"], status["usable"], status["pending"], status["missing"]) == ("postgresql", known, True, [], [])
    later = (
        "SET ROLE ymgr_owner; ALTER TABLE ymgr.devices ADD COLUMN later TEXT; CREATE TABLE ymgr.later (x BIGINT);"
        " INSERT INTO ymgr.schema_migrations (number, name, sha256, min_client, applied_at) VALUES ({0}, '{0}_later', '', {1}, 0)"
    )
    team.pg.sql(later.format(known + 1, known))
    status = admin.json("db", "status")
    assert (status["version"], status["min_client"], status["usable"]) == (known + 1, known, True)
    add(admin, "nora")
    assert admin.json("user", "show", "nora")["enabled"] is True
    admin("device", "list")
    installer = as_installer(team)
    refused = admin.json("db", "upgrade", "--yes", *installer, exit=2)  # it does not know what the newer one granted
    assert refused["code"] == "database-newer"
    team.pg.sql(f"UPDATE ymgr.schema_migrations SET min_client = {known + 1} WHERE number = {known + 1}")
    assert admin.json("db", "status")["usable"] is False
    assert admin.json("user", "list", exit=2)["code"] == "database-newer"
    team.pg.sql(f"DROP TABLE ymgr.later; ALTER TABLE ymgr.devices DROP COLUMN later; DELETE FROM ymgr.schema_migrations WHERE number = {known + 1}")
    team.pg.sql("REVOKE SELECT ON ymgr.devices FROM ymgr_admin")
    (missing,) = admin.json("db", "status")["missing"]
    assert missing["what"] == "SELECT on ymgr.devices"
    planned = admin.json("db", "upgrade", "--dry-run", *installer)
    assert (planned["from_version"], planned["applied"]) == (known, [])
    assert admin.json("db", "upgrade", "--yes", *installer)["version"] == known
    assert admin.json("db", "status")["missing"] == []


def test_a_database_that_was_left_behind_is_upgraded_by_its_installer(team):
    last = team.pg.sql("SELECT max(number) FROM ymgr.schema_migrations")
    team.pg.sql("CREATE DATABASE older OWNER installer")
    config = team.folder / "older.yaml"
    config.write_text(team.config.read_text().replace("name: ymgr", "name: older"))
    ymgr, words = team.ymgr, [*as_installer(team), "-c", config]
    planned = ymgr.json("db", "upgrade", "--dry-run", *words, env={"YMGR_HOME": ""})
    assert (planned["from_version"], len(planned["applied"])) == (0, int(last))
    done = ymgr.json("db", "upgrade", "--yes", *words, env={"YMGR_HOME": ""})
    assert (done["from_version"], done["version"]) == (0, int(last))
    assert ymgr.json("db", "upgrade", "--yes", *words, env={"YMGR_HOME": ""})["applied"] == []
    assert ymgr.json("db", "status", *words, env={"YMGR_HOME": ""})["missing"] == []


def test_a_role_that_is_none_changes_nothing(team):
    ada = team.person_box("ada")
    before = team.bao.api("GET", "identity/entity/name/uma")["data"]["policies"]
    refused = ada.json("user", "set-role", "uma", "oprator", exit=2, env={"YMGR_USER": "ada"})
    assert "no such role" in refused["error"]
    assert team.bao.api("GET", "identity/entity/name/uma")["data"]["policies"] == before
