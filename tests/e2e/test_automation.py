"""examples/ for containers, clusters, pipelines and Ansible: each is read by the tool that judges it, the play is played."""

import http.server
import json
import os
import re
import ssl
import stat
import sys
import threading

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


def scripts(name):
    """What the steps of a pipeline's job run, one after the other."""
    job = yaml.safe_load((EXAMPLES / name).read_text())
    if name.startswith("gitlab"):
        return ["\n".join(job["deploy"]["script"])]
    assert job["defaults"]["run"]["shell"] == "bash"
    return [step["run"] for step in job["jobs"]["deploy"]["steps"] if "run" in step]


class Runner(http.server.BaseHTTPRequestHandler):
    """GitHub, who signs a token for the job that shows its own, and where the shop is deployed to."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers["Authorization"], self.connection.getpeercert()))
        self.send_response(server.status)
        self.end_headers()
        self.wfile.write(b'{"count": 1, "value": "head.claims.signature"}' if server.status == 200 else b"no")

    def log_message(self, *_):
        pass


@pytest.fixture
def runner(ymgr, tmp_path):
    ymgr("issue", "localhost", "--out", tmp_path / "server")
    (tmp_path / "root.pem").write_text(ymgr("ca", "export", "--what", "root").stdout)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server/fullchain.pem", tmp_path / "server/privkey.pem")
    context.load_verify_locations(tmp_path / "root.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Runner)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.asked, server.status = [], 200
    server.url = f"https://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_the_steps_of_a_pipeline_run_to_their_end(name, ymgr, runner, tmp_path):
    """As the runner runs them; a step that fails half-way ends the job."""
    place = tmp_path / "run"
    place.mkdir()
    box = ymgr.box
    box.file("deploy/ymgr.yaml", "timeout: 30s\n")
    env = dict(box.env)
    env |= {"PATH": f"{RELEASE.parent}:{box.env['PATH']}", "CURL_CA_BUNDLE": str(tmp_path / "root.pem"), "VAULT_JWT": "head.claims.signature"}
    env |= {"YMGR_CONFIG": str(place / "ymgr.yaml") if "github" in name else "deploy/ymgr.yaml"}
    env |= {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner", "ACTIONS_ID_TOKEN_REQUEST_URL": f"{runner.url}/token?version=2"}

    def play(exit=0):
        for text in scripts(name):
            text = text.replace("/run/ymgr", str(place)).replace("https://deploy.internal.example.com", runner.url)
            done = run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text], env=env, cwd=box.work, exit=None)
            if done.exit:
                break
        assert (done.exit != 0) == bool(exit), done.stdout + done.stderr

    play()
    if "github" in name:
        assert runner.asked[0][:2] == ("/token?version=2&audience=vault", "bearer runner")
    path, _, shown = runner.asked[-1]
    assert path == "/shop" and shown["subject"] == ((("commonName", "shop.internal.example.com"),),)
    assert (place / "jwt").read_text().strip() == "head.claims.signature"
    assert stat.S_IMODE((place / "jwt").stat().st_mode) == 0o600
    runner.asked.clear()
    runner.status = 500
    play(exit=1)
    assert len(runner.asked) == 1


def test_the_cronjob_runs_a_command_of_ours(ymgr):
    documents = list(yaml.safe_load_all((EXAMPLES / "kubernetes-cronjob.yaml").read_text()))
    (job,) = [one for one in documents if one["kind"] == "CronJob"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert ymgr(*container["args"]).json["success"] is True
    assert pod["hostname"], "a pod's own name is another host each night"
    state = {one["name"]: one["value"] for one in container["env"]}["XDG_STATE_HOME"]
    assert state in {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}


def recap(played):
    """Counts of Ansible's last line: {"ok": 4, "changed": 0, "failed": 0, …}."""
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", played.stdout.splitlines()[-2])}


SYSTEMCTL = """#!/bin/sh
case $* in
*is-enabled*) test -e {0}.enable ;;
*show*) test -e {0}.start && state=active || state=inactive; printf 'LoadState=loaded\\nActiveState=%s\\n' $state ;;
enable* | start*) test "$2" = ymgr-renew.timer && : >{0}.$1 ;;
esac
"""


def test_the_play_issues_once_and_is_then_quiet(ymgr, tmp_path):
    """It also gives the nightly renewal who logs in: without that the timer's service does nothing."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text(SYSTEMCTL.format(tmp_path / "timer"))
    (programs / "systemctl").chmod(0o755)
    settings = {
        "ymgr_hosts": "localhost",
        "ymgr_become": False,
        "ymgr_package": "",
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
    env = dict(ymgr.env, PATH=f"{programs}:{ymgr.env['PATH']}", ANSIBLE_LOCALHOST_WARNING="False", ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(tmp_path / "ansible"), ANSIBLE_REMOTE_TMP=str(tmp_path / "ansible/remote"))
    play = ["-i", "localhost,", "-c", "local", EXAMPLES / "ansible/ymgr.yml", "-e", f"@{tmp_path}/team.yml"]
    play += ["-e", f"ansible_python_interpreter={sys.executable}"]
    first = recap(tool("ansible-playbook", *play, env=env, timeout=120))
    assert first["failed"] == 0 and first["changed"] > 0
    assert (tmp_path / "tls/www.example.com/privkey.pem").exists()
    assert (tmp_path / "timer.enable").exists() and (tmp_path / "timer.start").exists()
    night = tmp_path / "etc/renew.env"
    assert stat.S_IMODE(night.stat().st_mode) == 0o600
    assert dict(line.split("=", 1) for line in night.read_text().splitlines()[1:]) == settings["ymgr_environment"]
    service = (TOP / "cli/systemd/system/ymgr-renew.service").read_text()
    assert f"EnvironmentFile=/etc/ymgr/{night.name}\n" in service and f"ConditionPathExists=/etc/ymgr/{night.name}\n" in service
    second = recap(tool("ansible-playbook", *play, env=env, timeout=120))
    assert (second["failed"], second["changed"]) == (0, 0)
    assert [item["name"] for item in ymgr.json("cert", "list")["certificates"]] == ["www.example.com"]
