"""The tours of the README, run to their end against real programs."""

import os
import tempfile

import pytest

from harness import PATH, RELEASE, TOP, run

# What the others source or run beside them.
PARTS = {"demo-tools.sh", "demo-yubikey.sh", "scratch.sh", "story.sh", "team-servers.sh", "with-virtual-yubikey.sh"}
TOURS = {"demo.sh", "team.sh"}
USES = ("mtls", "nginx", "offboard", "pipeline", "postgres-tls", "ssh-yubikey")
ELSEWHERE = {"agent-set-pin.sh": "test_agent_client.py", "ask-claude.sh": "test_ask.py", "license.sh": "test_license.py"}


def to_the_end(name):
    """What the example says; it leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix=f"ymgr-{name}-") as folder:  # a socket's path is short
        os.chmod(folder, 0o711)  # PostgreSQL is nobody there
        env = {"PATH": PATH, "HOME": folder, "TMPDIR": folder, "YMGR_DEMO_BIN": str(RELEASE.parent)}
        said = run([TOP / "examples" / f"{name}.sh"], env=env, timeout=240).stdout
        assert os.listdir(folder) == [], f"{name} leaves something behind"
    assert said.endswith(f"{name}: all of it worked\n")
    return said


def test_every_script_is_run():
    scripts = {path.name for path in (TOP / "examples").glob("*.sh")}
    assert scripts == PARTS | TOURS | {f"{name}.sh" for name in USES} | set(ELSEWHERE)
    for name, test in ELSEWHERE.items():
        assert name in (TOP / "tests/e2e" / test).read_text()


@pytest.mark.parametrize("name", USES)
def test_an_example_runs_to_its_end(name):
    to_the_end(name)


def test_the_demo_runs_to_its_end():
    said = to_the_end("demo")
    login, renewed, revoked = (said.index(words) for words in ("Login to a web server", "Renewed: a new", "Revoked: the"))
    for at in login, renewed:
        assert "hello CN=alice" in said[at:].split("\n==")[0], said
    assert "The SSL certificate error\ncertificate revoked\n" in said[revoked:]


def test_the_story_of_a_team_runs_to_its_end():
    said = to_the_end("team")
    assert said.count("nothing is missing") == 4
    for told in ("key:            transit:www-corp-test", "yubikey:1001:9a (new)", "PIN of the YubiKey 1001: changed", "keyCompromise"):
        assert told in said, said
    parts = dict(part.split("\n", 1) for part in said.split("\n== ")[1:])
    assert parts["Ten at once"].count(".corp.test  ") == 10, said
    assert '"code": "policy-violation"' in parts["What the policy does not allow"], said
    renewed = parts["Renewed: a new certificate for the key in the slot, and the login goes on"]
    assert "yubikey:1001:9a (reused)" in renewed and "hello CN=uma" in renewed, said
    assert "status:     enrolled" in parts["What is known of the YubiKey"], said
    # The demo's story too: a hook, a bulk, a kill, a login that outlives a renewal, and its end.
    for told in ("verified by curl: 0, HTTP 200", "killed (exit 137)", "hello CN=uma", "OCSP: revoked", "The SSL certificate error\ncertificate revoked\n"):
        assert told in said, said
