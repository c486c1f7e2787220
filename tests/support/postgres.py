"""A real PostgreSQL server on a Unix socket, of its own; it dies with the test, also when that is killed.

    with Postgres().start() as pg:
        pg.sql("CREATE DATABASE ymgr", database="postgres")   # as a superuser; what psql prints
        pg.psql("-f", "file.sql")                             # PGHOST, PGPORT and the like in pg.env
"""

import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from harness import PATH, run, wait_for

PROGRAMS = pathlib.Path(max(glob.glob("/usr/lib/postgresql/*/bin"), default="/PostgreSQL is not installed"))
QUICK = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "32MB",
}


class Postgres:
    def __init__(self, database="ymgr"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ymgr-pg-"))  # a socket's path is short
        self.env = {"PATH": PATH, "LANG": "C.UTF-8", "PGHOST": str(self.folder), "PGPORT": "5432"}
        self.env |= {"PGUSER": "postgres", "PGDATABASE": database}
        self.process = None
        self.owner = {}
        if os.getuid() == 0:  # PostgreSQL refuses root
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self.owner = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        words = ["-D", "data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
        subprocess.run([PROGRAMS / "initdb", *words], check=True, capture_output=True, cwd=self.folder, **self.owner)
        # Everybody but the superuser shows a password.
        (self.folder / "data/pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        options = [word for name, value in QUICK.items() for word in ("-c", f"{name}={value}")]
        user = ["--reuid", str(self.owner["user"]), "--regid", str(self.owner["group"]), "--clear-groups"] if self.owner else []
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "QUIT", *user, PROGRAMS / "postgres", "-D", "data", "-k", self.folder, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        wait_for(self._ready, f"PostgreSQL: {self.folder}/log")
        return self

    def _ready(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        state = self.folder / "data/postmaster.pid"
        return state.exists() and "ready" in state.read_text()

    def psql(self, *words, database=None, **how):
        env = {**self.env, **({"PGDATABASE": database} if database else {})}
        return run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words], env=env, **how).stdout.strip()

    def sql(self, text, **how):
        return self.psql("-c", text, **how)

    def kill(self):
        if self.process:
            self.process.send_signal(3)  # PostgreSQL's "at once"
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
