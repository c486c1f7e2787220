"""ymgr init: the whole profile or none."""

import shutil

import pytest

from harness import ADMIN, FAILPOINT, Ymgr, openssl


def profile_mode(box):
    return {
        str(path.relative_to(box.profile)): oct(path.stat().st_mode & 0o777)
        for path in [box.profile, *box.profile.iterdir()]
    }


def left_beside(box):
    return [path.name for path in box.root.iterdir() if path.name.startswith(".profile")]


@pytest.mark.sanitized
def test_the_profile_is_complete_and_private(bare):
    answer = bare.init("--permit", "dns:example.com", "--crl-url", "http://ca.example.com/ca.crl")
    assert answer["admin"] == ADMIN and answer["policy_version"] == "v2.3"
    assert answer["root_key"] == "sealed-admin-password"
    assert {ca["kind"] for ca in answer["ca"]} == {"root", "issuing"}
    assert profile_mode(bare.box) == {".": "0o700", "ymgr.db": "0o600", "policy.yaml": "0o600", "ca": "0o700"}
    assert left_beside(bare.box) == []
    ca = bare.box.profile / "ca"
    openssl("verify", "-x509_strict", "-CAfile", ca / "root.pem", ca / "ca.pem")
    text = openssl("x509", "-in", ca / "ca.pem", "-noout", "-text").stdout
    assert "Permitted:\n                  DNS:example.com" in text
    assert "pathlen:0" in text
    openssl("crl", "-in", ca / "ca.crl", "-inform", "DER", "-noout", "-verify", "-CAfile", ca / "ca.pem")
    assert bare.login()["user"] == ADMIN
    assert bare("issue", "web1.example.com")
    assert [row["event"] for row in bare.json("audit", "list")["events"]][:3] == ["profile.created", "ca.created", "user.added"]


def test_a_dry_run_makes_nothing_and_finds_what_is_wrong(bare):
    before = sorted(bare.box.root.iterdir())
    answer = bare.init("--dry-run", "--root-key-out", "root.key")
    assert answer["success"] and "profile_id" not in answer
    assert sorted(bare.box.root.iterdir()) == before
    assert not (bare.box.work / "root.key").exists()
    short = bare.box.secret("short", "short")
    assert bare.json("init", "--admin", "bob", "--password-file", short, "--dry-run", exit=2)["code"] == "password-weak"


def test_a_profile_that_exists_is_left_alone(bare):
    bare.init()
    before = bare.box.snapshot()
    assert bare.init(exit=1)["code"] == "profile-exists"
    assert bare.json("init", exit=1)["code"] == "profile-exists"  # before anything is asked for
    assert bare.box.snapshot() == before


def test_an_empty_folder_becomes_the_profile(bare):
    bare.box.profile.mkdir(mode=0o755)
    bare.init()
    assert oct(bare.box.profile.stat().st_mode & 0o777) == "0o700"


def test_a_relative_home_is_taken_from_the_working_folder(bare):
    answer = bare.init(env={"YMGR_HOME": "mine"})
    assert answer["profile"] == str(bare.box.work / "mine")


def test_the_root_key_goes_to_a_file_and_is_not_kept(bare):
    bare.init("--root-key-out", "root.key", "--recovery-key-out", "recovery.key")
    key = bare.box.work / "root.key"
    assert oct(key.stat().st_mode & 0o777) == "0o600"
    assert oct((bare.box.work / "recovery.key").stat().st_mode & 0o777) == "0o600"
    public = openssl("pkey", "-in", key, "-pubout").stdout
    assert public == openssl("x509", "-in", bare.box.profile / "ca/root.pem", "-noout", "-pubkey").stdout


def test_files_are_not_overwritten_and_no_profile_is_made_then(bare):
    bare.box.file("root.key", "mine")
    answer = bare.init("--root-key-out", "root.key", exit=1)
    assert answer["code"] == "file-exists"
    assert not bare.box.profile.exists()
    bare.init("--root-key-out", "root.key", "--force")
    assert (bare.box.work / "root.key").read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_a_request_for_an_outside_root(bare):
    answer = bare.init("--ca-csr", "ca.csr", "--ca-name", "Example")
    assert [(ca["kind"], ca["status"]) for ca in answer["ca"]] == [("issuing", "pending")]
    text = openssl("req", "-in", bare.box.work / "ca.csr", "-noout", "-verify", "-text").stdout
    assert "Example Issuing CA 1" in text and "CA:TRUE, pathlen:0" in text
    bare.login()
    assert bare.json("issue", "web1.example.com", exit=1)["code"] == "ca-not-ready"


def test_the_policy_is_a_preset_or_a_file(bare):
    assert bare.init("--preset", "cabf", "--dry-run")["success"]
    bare.init(env={"YMGR_HOME": str(bare.box.root / "model")})
    text = (bare.box.root / "model/policy.yaml").read_text()
    bad = bare.box.file("policy.yaml", text + "profils: {}\n")
    answer = bare.init("--policy", bad, exit=2)
    assert answer["code"] == "policy-invalid" and "profiles" in answer["error"] + answer["suggestion"]
    assert f"{bad}:{text.count(chr(10)) + 1}:1" in answer["error"]
    assert not bare.box.profile.exists()
    good = bare.box.file("policy.yaml", text.replace("version: v2.3", "version: v9"))
    assert bare.init("--policy", good)["policy_version"] == "v9"
    assert (bare.box.profile / "policy.yaml").read_text() == good.read_text()


@pytest.mark.parametrize(
    "words, code",
    [
        (["--root-key-out", "a", "--ca-csr", "b"], "usage"),
        (["--preset", "cabf", "--policy", "x"], "usage"),
        (["--preset", "strict"], "usage"),
        (["--permit", "example.com"], "name-invalid"),
        (["--permit", "ip:10.0.0.0"], "name-invalid"),
        (["--permit", "ip:10.0.0.0/33"], "name-invalid"),
        (["--permit", "dns:exa mple.com"], "name-invalid"),
        (["--admin", "Alice"], "usage"),
        (["--ca-name", ""], "name-invalid"),
    ],
)
def test_what_is_wrong_makes_nothing(bare, words, code):
    assert bare.init(*words, exit=2)["code"] == code
    assert not bare.box.profile.exists()
    assert left_beside(bare.box) == []


@pytest.mark.parametrize("kind", ["kill", "error", "full"])
def test_a_stopped_init_leaves_the_whole_profile_or_none(empty_box, kind):
    failpoint = Ymgr(FAILPOINT, empty_box)
    for count in range(1, 20):
        stopped = failpoint.armed(f"{kind}@{count}")(
            "init", "--admin", ADMIN, "--password-file", empty_box.password_file, "--root-key-out", "root.key", "--force", exit=None
        )
        if stopped.exit == 0:
            break
        assert stopped.exit == (-9 if kind == "kill" else 8)
        if not empty_box.profile.exists():
            failpoint.init("--root-key-out", "root.key", "--force")
        assert [name for name in left_beside(empty_box) if ".new-" in name] == []
        failpoint.login()
        failpoint("issue", "web1.example.com")
        failpoint("audit", "verify")
        root = openssl("x509", "-in", empty_box.profile / "ca/root.pem", "-noout", "-pubkey").stdout
        assert openssl("pkey", "-in", empty_box.work / "root.key", "-pubout").stdout == root
        shutil.rmtree(empty_box.profile)
    assert count > 3


TEAM = """
vault: {address: ["https://vault1.corp.test:8200", "https://vault2.corp.test:8200"], kv: secrets/yubikeys, domains: [corp.test]}
contexts:
  prod:
    database: {host: db.corp.test, name: keys, roles: prod_}
"""


def test_a_plan_for_a_team_contacts_nothing_and_makes_no_profile(bare):
    config = bare.box.file("team.yaml", TEAM)
    words = ["init", "--team", "--plan", "plan", "-c", config, "--context", "prod"]
    assert "would write a plan" in bare(*words, "--dry-run").stdout
    assert not (bare.box.work / "plan").exists()
    answer = bare.json(*words)
    plan = bare.box.work / "plan"
    assert sorted(answer["files"]) == sorted(str(path.relative_to(plan)) for path in plan.rglob("*") if path.is_file())
    assert "secrets/yubikeys/data/+/pin" in (plan / "policies/ymgr-operator.hcl").read_text()
    assert '"prod_vault"' in (plan / "postgres.sql").read_text()
    assert (plan / "vault.sh").stat().st_mode & 0o777 == 0o755
    assert bare.json(*words, exit=1)["code"] == "file-exists"
    bare(*words, "--force")
    assert not bare.box.profile.exists()


def test_the_settings_of_a_plan_are_a_configuration(bare):
    config = bare.box.file("team.yaml", TEAM)
    bare("init", "--team", "--plan", "plan", "-c", config, "--context", "prod")
    settings = bare.box.work / "plan/settings.yaml"
    bare("config", "validate", "-c", settings)
    bare("init", "--team", "--plan", "again", "-c", settings)
    for name in ("postgres.sql", "vault.sh", "settings.yaml"):
        assert (bare.box.work / "again" / name).read_bytes() == (bare.box.work / "plan" / name).read_bytes()


@pytest.mark.parametrize(
    "vault, database, words",
    [
        ("address: http://vault.corp.test", "host: db", "is no address of a Vault"),
        ("address: 'https://vault.corp.test', kv: 'a/*'", "host: db", "no path of a mount"),
        ("address: 'https://vault.corp.test', pki: '../sys'", "host: db", "no path of a mount"),
        ("address: 'https://vault.corp.test', prefix: 'x\"'", "host: db", "no beginning of names"),
        ("address: 'https://vault.corp.test'", "host: db, port: 99999", "is no port"),
        ("address: 'https://vault.corp.test'", "host: db, name: 'a;b'", "no name of a database"),
        ("address: 'https://vault.corp.test'", "name: ymgr", "database.host is not set"),
        ("kv: yubikeys", "host: db", "vault.address is not set"),
    ],
)
def test_a_plan_takes_no_name_that_would_mean_more(bare, vault, database, words):
    config = bare.box.file("team.yaml", f"vault: {{{vault}}}\ndatabase: {{{database}}}\n")
    assert words in bare.json("init", "--team", "--plan", "plan", "-c", config, exit=2)["error"]


def test_the_environment_of_other_programs_disturbs_no_profile(bare):
    env = {"VAULT_ADDR": "http://127.0.0.1:8200", "PGPORT": "none"}
    bare.json("config", "show", env=env)
    config = bare.box.file("team.yaml", TEAM)
    words = ["init", "--team", "--plan", "plan", "-c", config, "--context", "prod"]
    assert "environment VAULT_ADDR" in bare.json(*words, env=env, exit=2)["error"]
    bare(*words, env={**env, "BAO_ADDR": "https://bao.corp.test:8200", "PGPORT": "5433"})
    assert "https://bao.corp.test:8200" in (bare.box.work / "plan/settings.yaml").read_text()


@pytest.mark.parametrize("words", [["--plan", "p"], ["--create-ca"], ["--team", "--plan", "p", "--demo"], ["--team"], ["--user", "x"]])
def test_options_of_a_profile_and_of_a_team_do_not_mix(bare, words):
    assert bare.json("init", *words, exit=2)["code"] == "usage"
