"""Configuration: where each value comes from, and what is wrong with a file."""

import pytest


def settings(ymgr, *words, **how):
    shown = ymgr.json(*words, "config", "show", **how)["settings"]
    return {setting["key"]: (setting["value"], setting["origin"]) for setting in shown}


def user_file(box, text):
    folder = box.root / "config/ymgr"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ymgr.yaml"
    path.write_text(text)
    return path


@pytest.mark.sanitized
def test_layers_stand_above_each_other(bare):
    mine = user_file(bare.box, "timeout: 10s\njobs: 3\ncontexts:\n  prod:\n    home: /srv/prod\n    timeout: 20s\n")
    named = bare.box.file("named.yaml", "timeout: 30s\n")
    assert settings(bare)["timeout"] == ("10s", f"{mine}:1")
    assert settings(bare, "-c", named)["timeout"] == ("30s", f"{named}:1")
    assert settings(bare, env={"YMGR_CONFIG": str(named)})["timeout"] == ("30s", f"{named}:1")
    assert settings(bare, "-c", named)["jobs"] == ("3", f"{mine}:2")
    assert settings(bare, "--context", "prod")["timeout"] == ("20s", f"{mine}:6")
    assert settings(bare, env={"YMGR_TIMEOUT": "40s"})["timeout"] == ("40s", "environment YMGR_TIMEOUT")
    assert settings(bare, "--timeout", "50s", env={"YMGR_TIMEOUT": "40s"})["timeout"] == ("50s", "flag --timeout")
    assert settings(bare)["home"] == (str(bare.box.profile), "environment YMGR_HOME")
    assert settings(bare)["output"][1] == "flag --json"
    assert settings(bare)["renew_before"] == ("", "default")


def test_a_context_moves_the_profile(bare):
    path = bare.box.root / "other"
    user_file(bare.box, f"contexts: {{other: {{home: {path}}}}}\n")
    bare.env.pop("YMGR_HOME")
    assert bare.init("--context", "other")["profile"] == str(path)
    assert (path / "ymgr.db").exists()
    assert bare.json("whoami", exit=3)["code"] == "profile-missing"
    assert bare.json("whoami", "--context", "othr", exit=2)["suggestion"] == "Did you mean 'other'?"


def test_nothing_is_read_from_the_working_folder(bare):
    for name in ("ymgr.yaml", ".ymgr.yaml", "ymgr/ymgr.yaml"):
        bare.box.file(name, "nonsense: true\n")
    bare("config", "show")


def test_the_origin_is_shown_when_asked_for(bare):
    assert "ORIGIN" not in bare("config", "show").stdout
    table = bare("config", "show", "--origin").stdout
    assert "environment YMGR_HOME" in table


@pytest.mark.parametrize(
    "text, place, words",
    [
        ("timeot: 5s\n", ":1:1", "did you mean"),
        ("jobs: 4\ntimeout: soon\n", ":2:10", "timeout"),
        ("session:\n  foldr: /x\n", ":2:3", "foldr"),
        ("contexts:\n  a:\n    hom: /x\n", ":3:5", "hom"),
        ("jobs: 4\njobs: 5\n", ":2:1", "jobs"),
        ("home: [\n", ":2:1", ""),
        ("home: relative\n", ":1:7", "absolute"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(bare, text, place, words):
    path = bare.box.file("c.yaml", text)
    answer = bare.json("config", "validate", path, exit=2)
    assert answer["code"] in ("config-invalid", "yaml-invalid")
    assert f"{path}{place}" in answer["error"]
    assert words.lower() in (answer["error"] + answer["suggestion"]).lower()
    assert bare.json("config", "show", "-c", path, exit=2)["error"] == answer["error"]


def test_right_files_are_named(bare):
    assert bare.json("config", "validate")["files"] == []
    mine = user_file(bare.box, "jobs: 2\n")
    assert bare.json("config", "validate")["files"] == [str(mine)]
    assert bare.json("config", "validate", bare.box.work / "none.yaml", exit=3)["code"] == "file-not-found"


def test_the_default_of_renew_before_is_given_to_new_certificates(ymgr):
    env = {"YMGR_CONFIG": str(ymgr.box.file("c.yaml", "renew_before: 10d\n"))}
    assert ymgr.json("issue", "a.example.com", env=env)["renew_before"] == "10d"
    assert ymgr.json("issue", "b.example.com", "--renew-before", "25%", env=env)["renew_before"] == "25%"
    assert not ymgr.json("issue", "c.example.com").get("renew_before")


TEAM = "vault: {address: 'https://vault.corp.test:8200'}\ndatabase: {host: db.corp.test}\n"


@pytest.mark.parametrize("variable, value", [("PGHOST", "other.corp.test"), ("VAULT_ADDR", "https://other.corp.test:8200")])
def test_servers_of_a_file_are_not_mixed_with_those_of_the_environment(bare, variable, value):
    """Else a variable that is meant for psql would send the team's logins somewhere else."""
    user_file(bare.box, TEAM)
    bare.env.pop("YMGR_HOME")
    refused = bare.json("whoami", env={variable: value}, exit=2)
    assert refused["code"] == "config-invalid" and f"environment {variable}" in refused["error"], refused
    assert f"unset {variable}" in refused["suggestion"]
    same = {"PGHOST": "db.corp.test", "VAULT_ADDR": "https://vault.corp.test:8200"}
    assert bare.json("whoami", env={variable: same[variable]}, exit=4)["code"] == "not-logged-in"
    both = {"PGHOST": "other.corp.test", "VAULT_ADDR": "https://other.corp.test:8200"}
    assert bare.json("whoami", env=both, exit=4)["code"] == "not-logged-in"
    user_file(bare.box, "database: {host: db.corp.test}\n")
    assert bare.json("whoami", env={"VAULT_ADDR": same["VAULT_ADDR"]}, exit=2)["code"] == "config-invalid"


def test_no_profile_is_made_that_a_team_would_hide(bare):
    user_file(bare.box, TEAM)
    refused = bare.json("init", "--admin", "alice", "--password-file", bare.box.password_file, exit=2, env={"YMGR_HOME": ""})
    assert "team" in refused["error"] and "YMGR_HOME" in refused["suggestion"], refused
    assert bare.init()["profile"] == str(bare.box.profile)  # which YMGR_HOME names
