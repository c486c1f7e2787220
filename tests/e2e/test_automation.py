"""examples/ for containers, clusters, pipelines and Ansible: each is read by the tool that judges it, the play is played."""

import json
import os
import re
import sys

import pytest
import yaml

from harness import PASSWORD, RELEASE, TOP, run

EXAMPLES = TOP / "examples"
TOOLS = os.path.dirname(sys.executable)
FILES = sorted(EXAMPLES.glob("*.y*ml")) + [EXAMPLES / "ansible/ymgr.yml"]
YAML_STYLE = (
    "{extends: default, rules: {line-length: {max: 220}, document-start: disable, truthy: {check-keys: false},"
    " braces: {max-spaces-inside: 1}}}"
)


def tool(name, *args, **how):
    return run([f"{TOOLS}/{name}", *args], **how)


def test_the_dockerfile_is_clean():
    tool("hadolint", EXAMPLES / "Dockerfile")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_yaml_is_clean(path):
    tool("yamllint", "--strict", "-d", YAML_STYLE, path)


@pytest.mark.parametrize("schema, name", [("github-workflows", "github-actions.yml"), ("gitlab-ci", "gitlab-ci.yml")])
def test_pipelines_fit_their_schema(schema, name):
    tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", EXAMPLES / name)


def test_the_cronjob_fits_its_schema():
    tool("kubernetes-validate", "--strict", EXAMPLES / "kubernetes-cronjob.yaml")


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_pipelines_issue_with_options_that_there_are(name, ymgr, tmp_path):
    (line,) = re.findall(r"\bymgr (issue .*)", (EXAMPLES / name).read_text())
    words = line.replace("/run/ymgr/tls", str(tmp_path / "tls")).split()
    assert ymgr(*words, "--dry-run").json["success"] is True


def test_the_cronjob_runs_a_command_of_ours(ymgr):
    documents = list(yaml.safe_load_all((EXAMPLES / "kubernetes-cronjob.yaml").read_text()))
    args = documents[1]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert ymgr(*args).json["success"] is True


def recap(played):
    """Counts of Ansible's last line: {"ok": 4, "changed": 0, "failed": 0, …}."""
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", played.stdout.splitlines()[-2])}


def test_the_play_issues_once_and_is_then_quiet(ymgr, tmp_path):
    ymgr.box.secret("renewer", PASSWORD)
    settings = {
        "ymgr_hosts": "localhost",
        "ymgr_become": False,
        "ymgr_package": "",
        "ymgr_timer": False,
        "ymgr_program": str(RELEASE),
        "ymgr_etc": str(tmp_path / "etc"),
        "ymgr_tls": str(tmp_path / "tls"),
        "ymgr_names": ["www.example.com"],
        "ymgr_deploy_hook": "true",
        "ymgr_configuration": {"home": str(ymgr.box.profile)},
        "ymgr_credentials": {"password": PASSWORD},
        "ymgr_environment": {"YMGR_USER": "alice", "YMGR_PASSWORD_FILE": str(tmp_path / "etc/password")},
    }
    (tmp_path / "team.yml").write_text(json.dumps(settings))
    env = dict(ymgr.env, ANSIBLE_LOCALHOST_WARNING="False", ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(tmp_path / "ansible"), ANSIBLE_REMOTE_TMP=str(tmp_path / "ansible/remote"))
    play = ["-i", "localhost,", "-c", "local", EXAMPLES / "ansible/ymgr.yml", "-e", f"@{tmp_path}/team.yml"]
    play += ["-e", f"ansible_python_interpreter={sys.executable}"]
    first = recap(tool("ansible-playbook", *play, env=env, timeout=120))
    assert first["failed"] == 0 and first["changed"] > 0
    assert (tmp_path / "tls/www.example.com/privkey.pem").exists()
    second = recap(tool("ansible-playbook", *play, env=env, timeout=120))
    assert (second["failed"], second["changed"]) == (0, 0)
    assert [item["name"] for item in ymgr.json("cert", "list")["certificates"]] == ["www.example.com"]
