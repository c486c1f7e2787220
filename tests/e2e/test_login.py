"""Sessions and users."""

import stat

import pytest

from harness import ADMIN, PASSWORD


def session_files(box):
    return [path for path in (box.runtime / "ymgr").glob("*") if path.is_file()]


def events(ymgr, name):
    return [row for row in ymgr.json("audit", "list", "--event", name)["events"]]


@pytest.fixture
def other(box):
    return box.secret("other.password", "another password of words")


@pytest.mark.sanitized
def test_login_whoami_logout(bare):
    bare.init()
    assert bare.json("whoami", exit=4)["code"] == "not-logged-in"
    answer = bare.login()
    assert (answer["user"], answer["role"], answer["session"]) == (ADMIN, "admin", "file")
    (file,) = session_files(bare.box)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert bare.json("whoami")["expires_at"] == answer["expires_at"]
    assert bare.json("logout")["ended"] is True
    assert session_files(bare.box) == []
    assert bare.json("logout")["ended"] is False
    assert bare.json("whoami", exit=4)["code"] == "not-logged-in"


def test_a_command_logs_in_for_itself_and_leaves_nothing_behind(ymgr):
    ymgr("logout")
    env = {"YMGR_USER": ADMIN, "YMGR_PASSWORD_FILE": str(ymgr.box.password_file)}
    assert ymgr.json("whoami", env=env)["session"] == "command"
    assert session_files(ymgr.box) == []
    assert ymgr.json("issue", "web1.example.com", env=env)["issued_by"] == ADMIN
    wrong = ymgr.box.secret("wrong", "not the right one at all")
    assert ymgr.json("whoami", env={**env, "YMGR_PASSWORD_FILE": str(wrong)}, exit=4)["code"] == "wrong-password"


def test_a_named_user_never_acts_in_the_session_of_another(ymgr):
    answer = ymgr.json("whoami", env={"YMGR_USER": "bob"}, exit=4)
    assert answer["code"] == "not-logged-in" and "that of alice" in answer["error"]
    assert ymgr.json("whoami", env={"YMGR_USER": ADMIN})["user"] == ADMIN


def test_half_of_an_unattended_login_says_what_is_missing(ymgr):
    ymgr("logout")
    for there, missing in (("YMGR_USER", "YMGR_PASSWORD_FILE"), ("YMGR_PASSWORD_FILE", "YMGR_USER")):
        answer = ymgr.json("whoami", env={there: str(ymgr.box.password_file)}, exit=4)
        assert answer["code"] == "not-logged-in" and f"{there} is set, but {missing} is not" in answer["suggestion"]


def test_a_user_resumes_what_the_user_began(ymgr, failpoint, other):
    mine = {}
    for name in ("bob", "eve"):
        ymgr("user", "add", name, "--role", "user", "--password-file", other)
        env = {"YMGR_USER": name, "YMGR_PASSWORD_FILE": str(other)}
        failpoint.armed("kill@6")("issue", name, "--profile", "tls-client", env=env, exit=-9)
        (mine[name],) = [op["request_id"] for op in ymgr.json("operation", "list", env=env)["operations"]]
    env = {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(other)}
    for more in ([], ["--dry-run"]):
        assert ymgr.json("resume", mine["eve"], *more, env=env, exit=4)["code"] == "role-denied"
    done = ymgr.json("resume", "--all", env=env)["operations"]
    assert [(op["request_id"], op["state"]) for op in done] == [(mine["bob"], "done")]
    assert [op["request_id"] for op in ymgr.json("operation", "list")["operations"]] == [mine["eve"]]


def test_a_wrong_password_is_audited(ymgr):
    wrong = ymgr.box.secret("wrong", "not the right one at all")
    assert ymgr.login(password_file=wrong, exit=4)["code"] == "wrong-password"
    assert ymgr.login(user="nobody", password_file=wrong, exit=4)["code"] == "wrong-password"
    assert [row["target"] for row in events(ymgr, "login.refused")] == [ADMIN, "nobody"]
    ymgr("audit", "verify")


def test_the_password_comes_from_standard_input(ymgr):
    assert ymgr.json("login", "--user", ADMIN, "--password-file", "-", input=PASSWORD + "\n")["user"] == ADMIN


def test_session_files_go_where_the_configuration_says(ymgr):
    place = ymgr.box.root / "sessions"
    env = {"YMGR_CONFIG": str(ymgr.box.file("c.yaml", f"session: {{folder: {place}}}\n"))}
    ymgr.login(env=env)
    assert len(list(place.iterdir())) == 1
    place.chmod(0o755)
    answer = ymgr.json("whoami", env=env, exit=2)
    assert answer["code"] == "file-unsafe" and "chmod" in answer["suggestion"]


@pytest.mark.sanitized
def test_users_come_and_go(ymgr, other):
    assert ymgr.json("user", "add", "bob", "--role", "operator", "--password-file", other)["changed"] is True
    assert ymgr.json("user", "add", "bob", "--password-file", other, exit=1)["code"] == "user-exists"
    assert [(user["name"], user["role"], user["enabled"]) for user in ymgr.json("user", "list")["users"]] == [
        ("alice", "admin", True),
        ("bob", "operator", True),
    ]
    assert ymgr.json("user", "disable", "bob")["changed"] is True
    assert ymgr.json("user", "disable", "bob")["changed"] is False
    env = {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(other)}
    assert ymgr.json("whoami", env=env, exit=4)["code"] == "user-disabled"
    assert ymgr.json("user", "enable", "bob")["changed"] is True
    assert ymgr.json("whoami", env=env)["role"] == "operator"
    assert ymgr.json("user", "set-role", "bob", "auditor")["role"] == "auditor"
    assert ymgr.json("issue", "web1.example.com", env=env, exit=4)["code"] == "role-denied"
    ymgr("cert", "list", env=env)
    assert {row["event"] for row in events(ymgr, "user.*")} >= {"user.added", "user.disabled", "user.enabled", "user.role_set"}
    ymgr("audit", "verify")


def test_only_admins_change_users(ymgr, other):
    ymgr("user", "add", "bob", "--role", "operator", "--password-file", other)
    env = {"YMGR_USER": "bob", "YMGR_PASSWORD_FILE": str(other)}
    before = ymgr.json("user", "list")
    for words in (["add", "eve", "--password-file", other], ["disable", "alice"], ["set-role", "bob", "admin"], ["list"]):
        assert ymgr.json("user", *words, env=env, exit=4)["code"] == "role-denied"
        if words != ["list"]:
            assert ymgr.json("user", *words, "--dry-run", env=env, exit=4)["code"] == "role-denied"
    assert ymgr.json("user", "set-password", "alice", "--password-file", other, env=env, exit=4)["code"] == "role-denied"
    after = ymgr.json("user", "list")
    assert [(user["name"], user["role"]) for user in after["users"]] == [(user["name"], user["role"]) for user in before["users"]]
    mine = ymgr.box.secret("mine", "my own new password")
    assert ymgr.json("user", "set-password", "bob", "--password-file", mine, env=env)["changed"] is True
    assert ymgr.json("whoami", env=env, exit=4)["code"] == "wrong-password"
    assert ymgr.json("whoami", env={**env, "YMGR_PASSWORD_FILE": str(mine)})["user"] == "bob"


def test_an_open_session_must_prove_the_present_password_to_change_it(ymgr, other):
    mine = ymgr.box.secret("mine", "my own new password")
    change = ("user", "set-password", ADMIN, "--password-file", mine)
    assert ymgr.json(*change, exit=2)["code"] == "input-needed"
    assert ymgr.json(*change, "--present-password-file", other, exit=4)["code"] == "wrong-password"
    assert ymgr.json(*change, "--present-password-file", ymgr.box.password_file)["changed"] is True
    assert ymgr.json("whoami", exit=4)["code"] == "not-logged-in"
    assert ymgr.login(password_file=mine)["user"] == ADMIN


def test_an_auditor_sets_the_own_password(ymgr, other):
    ymgr("user", "add", "dora", "--role", "auditor", "--password-file", other)
    mine = ymgr.box.secret("mine", "my own new password")
    env = {"YMGR_USER": "dora", "YMGR_PASSWORD_FILE": str(other)}
    assert ymgr.json("user", "set-password", "dora", "--password-file", mine, env=env)["changed"] is True
    assert ymgr.json("whoami", env={**env, "YMGR_PASSWORD_FILE": str(mine)})["user"] == "dora"


def test_logging_out_is_audited(ymgr):
    ymgr("logout")
    ymgr("logout")
    ymgr.login()
    assert [row["actor"] for row in events(ymgr, "logout")] == [ADMIN]


def test_the_last_admin_stays(ymgr):
    assert ymgr.json("user", "disable", "alice", exit=1)["code"] == "last-admin"
    assert ymgr.json("user", "set-role", "alice", "user", exit=1)["code"] == "last-admin"


def test_a_dry_run_changes_no_user(ymgr, other):
    before = ymgr.json("user", "list")
    for words in (
        ["add", "bob", "--password-file", other],
        ["set-password", "alice", "--password-file", other, "--present-password-file", ymgr.box.password_file],
    ):
        assert ymgr.json("user", *words, "--dry-run")["changed"] is False
    assert ymgr.json("user", "list") == before


def test_detailed_exit_codes(ymgr, other):
    ymgr("user", "add", "bob", "--password-file", other, "--detailed-exitcode", exit=20)
    ymgr("user", "enable", "bob", "--detailed-exitcode")


@pytest.mark.parametrize(
    "words, code, exit",
    [
        (["disable", "bop"], "user-not-found", 3),
        (["set-role", "alice", "root"], "usage", 2),
        (["add", "Bob Smith", "--password-file", "x"], "user-invalid", 2),
        (["set-password", "bop", "--password-file", "x"], "user-not-found", 3),
    ],
)
def test_wrong_users_are_told(ymgr, words, code, exit):
    assert ymgr.json("user", *words, exit=exit)["code"] == code


def test_a_forgotten_password_is_replaced_by_the_recovery_key(bare, empty_box):
    bare.init("--recovery-key-out", "recovery.key")
    bare.login()
    new = empty_box.secret("new", "a password made later")
    wrong = empty_box.secret("wrong.key", "ymgr-recovery-AAAA-BBBB\n")
    words = ["user", "set-password", "alice", "--password-file", new]
    assert bare.json(*words, "--recovery-key-file", wrong, exit=1)["code"] == "box-invalid"
    assert bare.json("whoami")["user"] == ADMIN
    assert bare.json(*words, "--recovery-key-file", "recovery.key")["changed"] is True
    assert bare.json("whoami", exit=4)["code"] == "not-logged-in"  # its sessions are ended
    assert bare.login(password_file=new)["user"] == ADMIN
    assert [row["actor"] for row in events(bare, "user.password_set")] == ["recovery-key"]
    assert bare.json("issue", "web1.example.com")["success"]
