"""What end-to-end tests are written with: a box to run ymgr in, and the real tools that judge what it made."""

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time

from documents import check_document

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
RELEASE = BUILD / "release/bin/ymgr"
FAILPOINT = BUILD / "release/tests/ymgr-failpoint"
SANITIZED = BUILD / "dev/bin/ymgr"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ADMIN = "alice"
PASSWORD = "correct horse battery staple"


@dataclasses.dataclass
class Result:
    argv: list
    exit: int
    stdout: str
    stderr: str

    @property
    def json(self):
        """The one document on stdout; fails when there is none, or more than one."""
        return json.loads(self.stdout)

    def __str__(self):
        command = " ".join(str(word) for word in self.argv)
        return f"$ {command}\n[exit {self.exit}]\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def run(argv, *, exit=0, input=None, env=None, cwd=None, timeout=60, text=True):
    """Runs `argv` to its end and checks the exit status (None: any). `input` is text for stdin, which is else empty."""
    argv = [str(word) for word in argv]
    stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(
        argv, capture_output=True, text=text, env=env, cwd=cwd, timeout=timeout, start_new_session=True, **stdin
    )
    result = Result(argv, done.returncode, done.stdout, done.stderr)
    assert exit is None or result.exit == exit, f"expected exit {exit}\n{result}"
    return result


class Box:
    """A home of its own: HOME, XDG folders, profile and session folder below `root`; nothing of the caller's environment."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.profile = self.root / "profile"
        shm = pathlib.Path("/dev/shm")  # sessions live on a tmpfs
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="ymgr-test-", dir=shm if os.access(shm, os.W_OK) else None))
        self.work = self.root / "work"
        self.work.mkdir(exist_ok=True)
        self.password_file = self.secret("admin.password", PASSWORD)
        self.env = {
            "HOME": str(self.root),
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": str(self.root),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "XDG_DATA_HOME": str(self.root / "data"),
            "XDG_STATE_HOME": str(self.root / "state"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "YMGR_HOME": str(self.profile),
            "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }

    def copy_from(self, other):
        """Becomes a copy of another box: profile and open session."""
        shutil.copytree(other.profile, self.profile, symlinks=True, dirs_exist_ok=True)
        shutil.copytree(other.runtime, self.runtime, symlinks=True, dirs_exist_ok=True)

    def file(self, name, content):
        """A file in the working folder."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def secret(self, name, content):
        """The same, readable for its owner only."""
        path = self.file(name, "")
        path.chmod(0o600)
        path.write_text(content)
        return path

    def snapshot(self):
        """Path, mode and content of every file of the profile: equal before and after means that nothing changed."""
        paths = sorted(path for path in self.profile.rglob("*") if path.is_file())
        return {str(path.relative_to(self.profile)): (path.stat().st_mode, path.read_bytes()) for path in paths}

    def remove(self):
        shutil.rmtree(self.runtime, ignore_errors=True)


class Ymgr:
    """Runs one ymgr program in a box: `ymgr("issue", "web1", exit=5)`; `ymgr.json(…)` adds --json and returns the document."""

    def __init__(self, program, box, env=None):
        self.program = pathlib.Path(program)
        self.box = box
        self.env = {**box.env, **(env or {})}

    def __call__(self, *args, exit=0, input=None, env=None, timeout=60, cwd=None):
        merged = {**self.env, **(env or {})}
        return run(
            [self.program, *args], exit=exit, input=input, env=merged, timeout=timeout, cwd=cwd or self.box.work
        )

    def json(self, *args, **how):
        result = self(*args, "--json", **how)
        try:
            document = result.json
        except ValueError as error:
            raise AssertionError(f"not one JSON document: {error}\n{result}") from error
        check_document(self.program, document, partly="--fields" in args)
        return document

    def start(self, *args, **how):
        """Starts it and returns the process (subprocess.Popen, text pipes); the caller ends it."""
        argv = [str(word) for word in (self.program, *args)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        env = {**self.env, **how.pop("env", {})}
        return subprocess.Popen(argv, env=env, cwd=self.box.work, **{**pipes, **how})

    def init(self, *args, **how):
        return self.json("init", "--admin", ADMIN, "--password-file", self.box.password_file, *args, **how)

    def login(self, user=ADMIN, password_file=None, **how):
        return self.json("login", "--user", user, "--password-file", password_file or self.box.password_file, **how)

    def armed(self, failpoint=None, clock=None):
        """The same box with failpoints armed ("kill@3") or a clock that starts elsewhere ("2027-01-01T00:00:00Z"); heeded
        by the failpoint program only."""
        env = dict(self.env)
        if failpoint:
            env["YMGR_FAILPOINT"] = failpoint
        if clock:
            env["YMGR_TEST_CLOCK"] = clock
        return Ymgr(self.program, self.box, env)


def openssl(*args, **how):
    return run(["openssl", *args], env={"PATH": PATH, "HOME": "/nonexistent", "LANG": "C.UTF-8"}, **how)


def curl(*args, **how):
    return run(["curl", "-sS", "--max-time", "20", *args], env={"PATH": PATH, "LANG": "C.UTF-8"}, **how)


def pkilint(kind, path):
    """Findings of severity ERROR and above as text: empty is good. `kind`: pkix_cert, crl, ocsp_response, …"""
    tool = BUILD / "venv/bin" / f"lint_{kind}"
    return run([tool, "lint", "-s", "ERROR", path], exit=None).stdout.strip()


def free_port():
    """One that nobody has just now, and that no outgoing connection is given before it is listened on."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition, what, seconds=60):
    """Waits until `condition()` is true and returns its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return value


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
