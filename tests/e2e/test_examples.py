"""The tours of the README, run to their end against real programs."""

import os
import tempfile

from harness import PATH, RELEASE, TOP, run


def test_the_demo_runs_to_its_end():
    with tempfile.TemporaryDirectory(prefix="ymgr-demo-") as folder:  # a socket's path is short
        env = {"PATH": PATH, "HOME": folder, "TMPDIR": folder, "YMGR_DEMO_BIN": str(RELEASE.parent)}
        said = run([TOP / "examples/demo.sh"], env=env, timeout=180).stdout
        assert os.listdir(folder) == [], "the demo leaves something behind"
    assert said.endswith("demo: all of it worked\n")
    login, renewed, revoked = (said.index(words) for words in ("Login to a web server", "Renewed: a new", "Revoked: the"))
    for at in login, renewed:
        assert "hello CN=alice" in said[at:].split("\n==")[0], said
    assert "The SSL certificate error\ncertificate revoked\n" in said[revoked:]


def test_the_story_of_a_team_runs_to_its_end():
    with tempfile.TemporaryDirectory(prefix="ymgr-team-") as folder:
        os.chmod(folder, 0o711)  # PostgreSQL is nobody there
        env = {"PATH": PATH, "HOME": folder, "TMPDIR": folder, "YMGR_DEMO_BIN": str(RELEASE.parent)}
        said = run([TOP / "examples/team.sh"], env=env, timeout=240).stdout
        assert os.listdir(folder) == [], "the story leaves something behind"
    assert said.endswith("team: all of it worked\n")
    assert said.count("nothing is missing") == 4
    for told in ("key:            transit:www-corp-test", "yubikey:1001:9a (new)", "PIN of the YubiKey 1001: changed", "keyCompromise"):
        assert told in said, said
