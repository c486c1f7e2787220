"""README's first steps, typed as they stand there: what they say is what README says they say."""

import re

import pytest

from harness import RELEASE, TOP, run

CHANGES = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"cert-\d{14}-[0-9a-f]{12}", "CERT-ID"),
    (r"(?:[0-9A-F]{2}:){15}[0-9A-F]{2}", "SERIAL"),
    (r"(?<=[ :])/\S*/(?=\.local/share/ymgr|tls/)|/srv/(?=tls/)", "HOME/"),
    (r"/srv/(?=privkey|cert|chain|fullchain)", "HOME/tls/"),
    (r"HOME/\S*tls/", "HOME/tls/"),
    (r"\b\d+ (minutes|days|rows|signed)", r"N \1"),
    (r" +", " "),
]


def steps(title):
    """(command, what README says it prints) of the console below that heading."""
    text = (TOP / "README.md").read_text().partition(f"\n## {title}\n")[2].partition("```console\n")[2].partition("```")[0]
    parts = re.split(r"^\$ (.*)\n", text, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def plain(text):
    for pattern, word in CHANGES:
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("title", ["Two minutes", "In plain English"])
def test_the_first_steps_say_what_readme_says(title, empty_box):
    box = empty_box
    (box.work / "bin").mkdir()
    (box.work / "bin/systemctl").write_text("#!/bin/sh\n")
    (box.work / "bin/systemctl").chmod(0o755)
    env = dict(box.env, YMGR_HOME=str(box.root / ".local/share/ymgr"), PATH=f"{box.work}/bin:{RELEASE.parent}:{box.env['PATH']}")
    told = steps(title)
    assert len(told) >= 3
    for command, said in told:
        if "--run" in command:
            continue  # asks at a terminal
        done = run(["bash", "-c", command], env=env, cwd=box.work, exit=None)
        said = "" if command == "ymgr renew --due" else said  # it tells that nothing is due at a terminal
        assert plain(done.stdout + done.stderr) == plain(said), command
        assert (done.exit == 0) == (not said.startswith("ymgr: error:")), command
