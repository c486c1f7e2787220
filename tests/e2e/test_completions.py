"""Completion in the real shells, by what they make of a typed line and the tabulator, with names that the profile knows."""

import contextlib
import os
import pty
import sqlite3
import subprocess
import termios

import pytest

from desk import Desk
from harness import TOP, Ymgr, wait_for

SCRIPTS = TOP / "completions"
START = {
    # ^G writes the line as it stands into a file: no escape sequences to be read.
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
SET_UP = {
    "bash": """PS1=; bind 'set enable-bracketed-paste off'; source {script}
bind -x '"\\C-g": printf %s "$READLINE_LINE" >{line}.new; mv {line}.new {line}'
echo ready >{line}.new; mv {line}.new {line}
""",
    "zsh": """PS1=; unsetopt zle_bracketed_paste prompt_cr beep; autoload -Uz compinit; fpath=({folder} $fpath); compinit -u -D
dump() {{ print -rn -- "$BUFFER" >{line}.new; mv {line}.new {line} }}; zle -N dump; bindkey '^G' dump; bindkey '^I' complete-word
echo ready >{line}.new; mv {line}.new {line}
""",
}


class Shell:
    """An interactive shell on a terminal of its own: `shell("ymgr vers")` is the line after the tabulator."""

    def __init__(self, name, ymgr):
        self.line = ymgr.box.root / f"line-{name}"
        master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        env = {**ymgr.env, "PATH": f"{ymgr.program.parent}:{ymgr.env['PATH']}", "TERM": "dumb", "HISTFILE": "/dev/null"}
        self.process = subprocess.Popen(
            START[name], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ymgr.box.work, start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )  # fmt: skip
        os.close(slave)
        self.master = master
        script = SCRIPTS / ("_ymgr" if name == "zsh" else "ymgr.bash")
        self.type(SET_UP[name].format(script=script, folder=SCRIPTS, line=self.line))
        assert self.answer() == "ready\n"

    def type(self, text):
        os.write(self.master, text.encode())

    def answer(self):
        wait_for(self.line.exists, "the shell")
        text = self.line.read_text()
        self.line.unlink()
        return text

    def __call__(self, line):
        self.type(f"{line}\t\x07")
        after = self.answer()
        self.type("\x15")  # the line is thrown away
        return after

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@contextlib.contextmanager
def shell_of(name, ymgr):
    shell = Shell(name, ymgr)
    try:
        yield shell
    finally:
        shell.close()


def in_fish(ymgr, line):
    """What fish would offer: words and their explanations."""
    env = {**ymgr.env, "PATH": f"{ymgr.program.parent}:{ymgr.env['PATH']}"}
    script = f"source {SCRIPTS / 'ymgr.fish'}; complete -C '{line}'"
    done = subprocess.run(["fish", "-N", "-c", script], capture_output=True, text=True, env=env, cwd=ymgr.box.work, check=True)
    assert done.stderr == ""
    return dict((row.split("\t") + [""])[:2] for row in done.stdout.splitlines())


# What is typed, and what it becomes: the beginning of exactly one thing.
LINES = [
    ("ymgr vers", "ymgr version "),
    ("ymgr user set-p", "ymgr user set-password "),
    ("ymgr cert show we", "ymgr cert show web1.example.com "),
    ("ymgr revoke --reason superseded ap", "ymgr revoke --reason superseded api.example.com "),
    ("ymgr user disable al", "ymgr user disable alice "),
    ("ymgr issue x --profile tls-c", "ymgr issue x --profile tls-client "),
    ("ymgr issue x --prof", "ymgr issue x --profile "),
    ("ymgr --color al", "ymgr --color always "),
    ("ymgr config validate a-f", "ymgr config validate a-file "),
    ("ymgr explain policy-vio", "ymgr explain policy-violation "),
    ("ymgr doctor --check polk", "ymgr doctor --check polkit "),
]


@pytest.fixture
def known(ymgr):
    ymgr("issue", "web1.example.com")
    ymgr("issue", "api.example.com")
    ymgr.box.file("a-file", "")
    return ymgr


@pytest.mark.parametrize("name", START)
def test_the_tabulator_completes(known, name):
    with shell_of(name, known) as shell:
        for line, after in LINES:
            assert shell(line) == after, f"{name}: {line}"
        # Joined to the option, and with characters that shells cut words at.
        assert shell("ymgr issue x --profile=tls-c").strip() == "ymgr issue x --profile=tls-client"
        assert shell("ymgr nonsense x") == "ymgr nonsense x"
        quoted = shell("ymgr cert show 'we").strip()
        assert quoted.replace("'", "") == "ymgr cert show web1.example.com"


def test_fish_offers_the_same(known):
    for line, after in LINES:
        offered = in_fish(known, line)
        assert after.split()[-1] in {word.split("=")[-1] for word in offered}, f"{line}: {offered}"
    assert in_fish(known, "ymgr user disable ") == {"alice": "admin"}
    assert "--profile=tls-client" in in_fish(known, "ymgr issue x --profile=tls-c")
    assert in_fish(known, "ymgr nonsense ") == {}


def test_serial_numbers_of_what_is_plugged_in(demo):
    with Desk(demo, "5.7.4") as desk:
        ymgr = Ymgr(desk.ymgr.program, demo, desk.ymgr.env)
        for name in START:
            with shell_of(name, ymgr) as shell:
                assert shell("ymgr device show 10") == "ymgr device show 1001 "
                assert shell("ymgr enroll --device 1") == "ymgr enroll --device 1001 "
        assert in_fish(ymgr, "ymgr enroll --device ") == {"1001": "plugged in"}


def test_a_name_that_somebody_else_wrote_is_no_part_of_the_line(known):
    """Whoever may write rows past ymgr runs nothing in the shell of whoever completes them, and begins no option."""
    pwned = known.box.work / "pwned"
    touch = "touch${IFS}" + str(pwned)
    request = f"req-20301123000000-0000$({touch})"
    with contextlib.closing(sqlite3.connect(known.box.profile / "ymgr.db")) as db, db:
        for name in (f"zz.corp.test;{touch};#", "--yes"):
            columns = [row[1] for row in db.execute("PRAGMA table_info(certificates)") if row[1] not in ("cert_id", "serial_number", "name")]
            rest = ", ".join(columns)
            text = f"INSERT INTO certificates (cert_id, serial_number, name, {rest}) SELECT 'cert-' || ?1, ?1, ?1, {rest} FROM certificates"
            db.execute(f"{text} WHERE name = 'web1.example.com'", (name,))
        columns = "request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, created_at, updated_at"
        db.execute(f"INSERT INTO operations ({columns}) VALUES (?1, 'issue', 'x', 'waiting', '{{}}', ?1, 'alice', 0, 1, 1)", (request,))
    lines = ["ymgr operation show req-2030", "ymgr cert show zz", "ymgr cert show -- -"]
    for name in START:
        with shell_of(name, known) as shell:
            for line in lines:
                assert shell(line) == line, name
            assert shell("ymgr cert show we") == "ymgr cert show web1.example.com "
    for line in lines:
        assert in_fish(known, line) == {}
    for shell in ("bash", "zsh", "fish"):
        for words in (("operation", "show", "req-2030"), ("cert", "show", "zz"), ("cert", "show", "--", "-")):
            assert known("__complete", shell, "--", *words).stdout == ""
    assert not pwned.exists()
