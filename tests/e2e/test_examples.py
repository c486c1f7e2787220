"""The tours of the README, run to their end against real programs."""

import os

from harness import PATH, RELEASE, TOP, run


def test_the_demo_runs_to_its_end(tmp_path):
    env = {"PATH": PATH, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "YMGR_DEMO_BIN": str(RELEASE.parent)}
    said = run([TOP / "examples/demo.sh"], env=env, timeout=180).stdout
    assert said.endswith("demo: all of it worked\n")
    login, renewed, revoked = (said.index(words) for words in ("Login to a web server", "Renewed: a new", "Revoked: the"))
    for at in login, renewed:
        assert "hello CN=alice" in said[at:].split("\n==")[0], said
    assert "The SSL certificate error\ncertificate revoked\n" in said[revoked:]
    assert os.listdir(tmp_path) == [], "the demo leaves something behind"
